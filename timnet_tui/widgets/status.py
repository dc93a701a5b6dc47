"""The strip at the top of every screen: which registry, who works, what waits and how long it will take."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from rich.text import Text
from textual.strip import Strip
from textual.widget import Widget

from timnet.queue.forecast import duration
from timnet.records import RunState
from timnet.text import clean
from timnet_tui import wording
from timnet_tui.machine import Machine
from timnet_tui.palette import GLYPHS, SUBMITTED, Palette, palette_of
from timnet_tui.render import fit, line_of, style
from timnet_tui.snapshot import Health, Snapshot

#: without news for that long, the strip says so: the disk hangs or another process keeps the registry locked
SILENCE_SECONDS = 5.0
WIDE = 120
#: states that are named even when no run is in them
ALWAYS = frozenset({RunState.RUNNING, RunState.QUEUED})


class StatusStrip(Widget):
    """One line. ``clock`` is the clock that snapshots are stamped with."""

    DEFAULT_CSS = "StatusStrip { height: 1; background: $panel; }"

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__()
        self._clock = clock
        self._snapshot: Snapshot | None = None
        self._silent = 0

    def show(self, snapshot: Snapshot) -> None:
        """Show other news."""
        before, self._snapshot = self._snapshot, snapshot
        if before is None or _told(before) != _told(snapshot):
            self.refresh()

    def on_mount(self) -> None:
        """Look at the clock once a second, for the case that no news comes."""
        self.set_interval(1.0, self._listen)

    def _listen(self) -> None:
        silent = 0 if self._snapshot is None else int(self._clock() - self._snapshot.taken)
        silent = silent if silent >= SILENCE_SECONDS else 0
        if silent != self._silent:
            self._silent = silent
            self.refresh()

    def render_line(self, y: int) -> Strip:  # noqa: ARG002 - there is one line
        """The strip."""
        colours, width = palette_of(self.app.current_theme), self.size.width
        return line_of(status(self._snapshot, width, colours, self._silent), width, self.visual_style.rich_style)


def _told(snapshot: Snapshot) -> tuple[object, ...]:
    """What of a snapshot the strip tells."""
    one = snapshot
    told = (one.db, one.problem, one.health, one.writable, one.workers, one.standings, one.alone)
    return *told, one.forecast, one.machine


def status(snapshot: Snapshot | None, width: int, colours: Palette, silent: int = 0) -> Text:
    """The strip's text for a width."""
    text = Text(no_wrap=True)
    if snapshot is None:
        return text.append(" looking for the registry", style(colours.faint))
    name = clean(short(snapshot.db) if width >= WIDE else snapshot.db.name)
    text.append(" " + fit(name, min(len(name), width // 3)), style(colours.text))
    if snapshot.problem:
        told = snapshot.problem.removeprefix(f"{snapshot.db} ")  # its name stands there already
        return text.append(f"  {told}", style(colours.error, bold=True))
    if silent:
        return text.append(f"  no news for {silent} s: the registry or its disk is busy", style(colours.warning))
    if snapshot.health is Health.ABSENT:
        return text.append("  not there yet", style(colours.faint))
    if not snapshot.writable:
        text.append("  read-only", style(colours.warning, bold=True))
    _workers(text, snapshot, colours)
    _depth(text, snapshot, colours, words=width >= WIDE)
    _forecast(text, snapshot, colours)
    _machine(text, snapshot.machine, width, colours)
    return text


def _workers(text: Text, snapshot: Snapshot, colours: Palette) -> None:
    count = len(snapshot.workers)
    taking = any(worker.want is None for worker in snapshot.workers)
    waits = snapshot.writable and snapshot.count(RunState.QUEUED) and not taking
    if waits:
        text.append("  no worker: w starts one" if not count else "  the worker is ending", style(colours.warning))
    else:
        text.append(f"  {count} worker{'' if count == 1 else 's'}", style(colours.text if count else colours.faint))
    for engine in snapshot.alone:
        text.append(f"  no head for {clean(engine)}", style(colours.warning, bold=True))


def _depth(text: Text, snapshot: Snapshot, colours: Palette, *, words: bool) -> None:
    text.append(" ")
    for state, count in snapshot.standings:
        if count or state in ALWAYS:
            glyph, word = (SUBMITTED, wording.SUBMITTED) if state is None else (GLYPHS[state], state.value)
            named = f" {glyph} {count} {word}" if words else f" {glyph}{count}"
            text.append(named, style(colours.states[state or RunState.QUEUED] if count else colours.faint))
            text.append(" " if words else "")


def _forecast(text: Text, snapshot: Snapshot, colours: Palette) -> None:
    if not snapshot.count(RunState.RUNNING) and not snapshot.count(RunState.QUEUED):
        return
    forecast = snapshot.forecast
    if forecast.seconds is None:
        text.append("  ETA –", style(colours.faint))
    else:
        sign = ">" if forecast.unmeasured else "~"
        text.append(f"  ETA {sign}{duration(forecast.seconds)}", style(colours.text))


def _machine(text: Text, machine: Machine, width: int, colours: Palette) -> None:
    """How busy the machine is, at the right end; as much of it as there is room for."""
    named = (("cpu", machine.cpu), ("mem", machine.memory), ("gpu", machine.gpu), ("vram", machine.gpu_memory))
    parts = [f"{name} {100 * share:.0f}%" for name, share in named if share is not None]
    while parts and text.cell_len + len("  ".join(parts)) + 3 > width:
        parts.pop()
    if parts:
        shown = "  ".join(parts)
        text.append(shown.rjust(width - text.cell_len - 1), style(colours.faint))


def short(path: Path) -> str:
    """A path as a user would say it: from the working directory, else from home, else in full."""
    for start, sign in ((Path.cwd(), ""), (Path.home(), "~/")):
        if path.is_relative_to(start):
            return sign + str(path.relative_to(start))
    return str(path)
