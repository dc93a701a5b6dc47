"""One line for each piece of long work: what it is, a bar, how far, and how to stop it."""

from __future__ import annotations

from rich.cells import cell_len
from rich.text import Text
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from timnet.text import clean
from timnet_tui.jobs import Job, Jobs
from timnet_tui.palette import Palette, palette_of
from timnet_tui.render import fit, line_of, style

REDRAW_SECONDS = 0.1
AT_MOST = 4
BAR = 24


class JobEnded(Message):
    """A job has ended, one way or another."""

    def __init__(self, job: Job) -> None:
        super().__init__()
        self.job = job


class JobLines(Widget):
    """Takes no room while nothing is at work, unless it ``keeps_room`` for one line."""

    DEFAULT_CSS = "JobLines { height: auto; background: $panel; display: none; }"

    def __init__(
        self,
        jobs: Jobs,
        stop_key: str = "c",
        *,
        keeps_room: bool = False,
        id: str | None = None,  # noqa: A002 - Textual's own name for it
    ) -> None:
        super().__init__(id=id)
        self._keeps_room = keeps_room
        self._jobs = jobs
        self._stop_key = stop_key
        self._shown: tuple[Job, ...] = ()

    def on_mount(self) -> None:
        """Look again and again, as jobs tell nobody how far they are."""
        if self._keeps_room:
            self.styles.height = 1
            self.display = True
        self.set_interval(REDRAW_SECONDS, self.look)

    def look(self) -> None:
        """Show how things stand now."""
        jobs = self._jobs.all[:AT_MOST]
        if not jobs and not self._shown:
            return
        if len(jobs) != len(self._shown):
            self.display = bool(jobs) or self._keeps_room
            self.styles.height = max(1, len(jobs))
        self._shown = jobs
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """One job."""
        base, width = self.visual_style.rich_style, self.size.width
        if y >= len(self._shown):
            return Strip.blank(width, base)
        text = job_line(self._shown[y], width, palette_of(self.app.current_theme), self._stop_key)
        return line_of(text, width, base)


def job_line(job: Job, width: int, colours: Palette, stop_key: str) -> Text:
    """``features of EMODB  ████░░░░  214/535  03a01Fa.wav  c stops it``, for a width."""
    text = Text(no_wrap=True).append(f" {clean(job.title)}  ", style(colours.text, bold=True))
    if job.stopped:
        return text.append("stopping", style(colours.warning))
    if not job.begun:
        return text.append("waits for the one before", style(colours.faint))
    if job.progress is None:
        return text.append("begins", style(colours.faint)).append(f"  {stop_key} stops it", style(colours.faint))
    done, total = job.progress.done, max(1, job.progress.total)
    filled = BAR * min(done, total) // total
    text.append("█" * filled, style(colours.accent)).append("░" * (BAR - filled), style(colours.faint))
    text.append(f"  {done}/{job.progress.total}", style(colours.text))
    hint = f"  {stop_key} stops it"
    room = width - text.cell_len - cell_len(hint) - 3
    if job.progress.text and room > 4:
        text.append("  " + fit(clean(job.progress.text), min(room, cell_len(job.progress.text))), style(colours.faint))
    return text.append(hint, style(colours.faint))
