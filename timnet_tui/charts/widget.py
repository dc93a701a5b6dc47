"""The widget that shows a plot. It asks a thread for the picture and never draws on the event loop."""

from __future__ import annotations

from functools import partial

from rich.text import Text
from textual.geometry import Size
from textual.strip import Strip
from textual.widget import Widget

from timnet_tui.charts.draw import BEST, colour_of, draw
from timnet_tui.charts.plot import Plot, Role
from timnet_tui.messages import ChartDrawn
from timnet_tui.palette import Palette, palette
from timnet_tui.render import line_of, style

#: seconds between two pictures of a chart while it changes all the time; the eye needs no more
REST = 0.25
NAMES = {Role.TRAIN: ("train", "train"), Role.VALIDATION: ("validation", "val")}


class Chart(Widget):
    """A caption, the picture, and a note. While a picture is drawn, only the newest request waits."""

    DEFAULT_CSS = "Chart { height: 1fr; width: 1fr; }"

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name for it
        super().__init__(id=id)
        self._plot: Plot | None = None
        self._empty = ""
        self._strips: list[Strip] = []
        self._drawn: tuple[object, tuple[int, int]] | None = None
        self._drawing = False
        self._outdated = False
        self._resting = False

    def show(self, plot: Plot | None, empty: str = "") -> None:
        """Show ``plot``; ``empty`` is said where there is nothing to draw yet."""
        if plot == self._plot and empty == self._empty:
            return
        if plot is None or self._plot is None or plot.key != self._plot.key:
            self._strips, self._drawn = [], None
        self._plot, self._empty = plot, empty
        self.redraw()

    def redraw(self) -> None:
        """Ask for a new picture, or for one more after the one that is being drawn."""
        self.refresh()
        fits = self._plot is not None and self._drawn == (self._plot.key, self._room())
        if self._drawing or (self._resting and fits):
            self._outdated = True
            return
        if self._plot is None or not self._plot.last_epoch or not self.is_attached:
            return
        self._drawing, self._outdated = True, False
        job = partial(self._draw, self._plot, *self._room(), self._colours(), self.app.no_color)
        self.run_worker(job, thread=True, group="charts", exit_on_error=False)

    def _draw(self, plot: Plot, width: int, height: int, colours: Palette, monochrome: bool) -> None:
        """In the thread: draw, and post the result whatever it is, so that the next may begin."""
        strips: list[Strip] = []
        try:
            strips = draw(plot, width, height, colours, monochrome=monochrome)
        finally:
            self.post_message(ChartDrawn(plot.key, (width, height), strips))

    def on_chart_drawn(self, message: ChartDrawn) -> None:
        """Take the picture unless the run or the room has changed meanwhile."""
        message.stop()
        self._drawing = False
        wanted = self._plot is not None and (message.key, message.size) == (self._plot.key, self._room())
        if wanted:
            self._strips, self._drawn = message.strips, (message.key, message.size)
            self.refresh()
        if not wanted:
            self.redraw()
        else:
            self._resting = True
            self.set_timer(REST, self._rested)

    def _rested(self) -> None:
        self._resting = False
        if self._outdated:
            self.redraw()

    def on_resize(self) -> None:
        """Another room needs another picture."""
        self.redraw()

    def on_mount(self) -> None:
        """Colours change with the theme."""
        self.app.theme_changed_signal.subscribe(self, lambda _theme: self.redraw())

    def render_line(self, y: int) -> Strip:
        """The caption, then the picture, then the note."""
        width, base = self.size.width, self.visual_style.rich_style
        if y == 0:
            return line_of(self.caption(width), width, base)
        if y == self.size.height - 1 and self._note(width):
            return line_of(Text(self._note(width), style(self._colours().faint)), width, base)
        if self._strips and self._drawn is not None and self._drawn[1] == self._room():
            if y <= len(self._strips):
                return self._strips[y - 1].apply_style(base).adjust_cell_length(width, base)
        elif y == self.size.height // 2 and not self._strips and self._empty:
            return line_of(Text(self._empty.center(width), style(self._colours().faint)), width, base)
        return Strip.blank(width, base)

    def caption(self, width: int) -> Text:
        """What the colours mean and the newest values."""
        colours = self._colours()
        if self._plot is None:
            return Text()
        text = Text().append(self._plot.title, style(colours.text, bold=True))
        short = width < 56
        for curve in self._plot.curves:
            name = NAMES[curve.role][short]
            sign = "•" if self.app.no_color and curve.role is Role.VALIDATION else "━"
            value = "" if curve.last is None else f" {curve.last:.{self._plot.digits}f}"
            text.append(f"  {sign} {name}{value}", style(colour_of(curve.role, colours)))
        if self._plot.best is not None and not short:
            text.append(f"  {BEST} best: epoch {self._plot.best}", style(colours.text))
        return text

    def _note(self, width: int) -> str:
        if self._plot is None:
            return ""
        return self._plot.note if len(self._plot.note) <= width else self._plot.short_note

    def _room(self) -> tuple[int, int]:
        size: Size = self.size
        return size.width, size.height - 1 - bool(self._note(size.width))

    def _colours(self) -> Palette:
        return palette(dark=self.app.current_theme.dark)
