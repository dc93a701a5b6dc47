"""The widget that shows a scatter of classes: a caption that reads the point under the pointer, the points, a note."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.events import Click, Leave, MouseMove
from textual.strip import Strip

from timnet.text import clean
from timnet_tui.charts.inks import Ink
from timnet_tui.charts.messages import PointRead
from timnet_tui.charts.pictured import Pictured
from timnet_tui.charts.scatter import Choice, Placed, Scatter, class_colours, draw_scatter
from timnet_tui.render import line_of, style

#: rows above the points
ABOVE = 1


@dataclass(frozen=True, slots=True)
class Wanted:
    """What one picture of a scatter depends on."""

    scatter: Scatter
    choice: Choice
    size: tuple[int, int]
    ink: Ink

    def may_show(self, wanted: Wanted) -> bool:
        """See :class:`timnet_tui.charts.pictured.Request`."""
        return (self.scatter.key, self.size) == (wanted.scatter.key, wanted.size)

    def fits(self, wanted: Wanted) -> bool:
        """See :class:`timnet_tui.charts.pictured.Request`."""
        return self.may_show(wanted) and replace(self, scatter=wanted.scatter) == wanted


class ScatterChart(Pictured[Wanted, Placed]):
    """Shows a :class:`Scatter`. Hovering reads a point; a click on a class in the legend lets it stand out.

    The methods below do the same for keys. Which point is read is told by :class:`PointRead`.
    """

    DEFAULT_CSS = "ScatterChart { height: 1fr; width: 1fr; }"
    ALLOW_SELECT = False

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name for it
        super().__init__(id=id)
        self._scatter: Scatter | None = None
        self._empty = ""
        self._choice = Choice()
        self._point: int | None = None

    # what is shown

    def show(self, scatter: Scatter | None, empty: str = "") -> None:
        """Show other points; ``empty`` is said where there are none."""
        if scatter == self._scatter and empty == self._empty:
            return
        if scatter is None or self._scatter is None or scatter.key != self._scatter.key:
            self.forget()
            self._choice = Choice(wrong=self._choice.wrong)
        self._scatter, self._empty, self._point = scatter, empty, None
        self.redraw()

    @property
    def choice(self) -> Choice:
        """Which class stands out, and whether errors are marked."""
        return self._choice

    @property
    def point(self) -> int | None:
        """The place of the point that is read."""
        return self._point

    # keys

    def highlight(self, place: int | None) -> None:
        """Let one class stand out, by its place; None for all alike."""
        self._choice = replace(self._choice, highlight=place)
        self._read(None)
        self.redraw()

    def next_class(self, step: int = 1) -> None:
        """Let the next class stand out; after the last come all alike again."""
        if self._scatter is not None:
            now = -1 if self._choice.highlight is None else self._choice.highlight
            there = (now + 1 + step) % (len(self._scatter.classes) + 1) - 1
            self.highlight(None if there < 0 else there)

    def toggle_wrong(self) -> None:
        """Mark wrong predictions, or no longer."""
        self._choice = replace(self._choice, wrong=not self._choice.wrong)
        self.redraw()

    def step_point(self, step: int = 1) -> None:
        """Read the next point from left to right: of the class that stands out, and of errors where they are marked."""
        order = self._readable()
        if order:
            here = order.index(self._point) + step if self._point in order else (0 if step > 0 else -1)
            self._read(order[here % len(order)])

    def _readable(self) -> Sequence[int]:
        if self._scatter is None or self.drawn is None or not self.drawn.cells:
            return ()
        cells, wanted = self.drawn.cells, self._choice
        shown = [
            (cell, place)
            for place, (cell, point) in enumerate(zip(cells, self._scatter.points, strict=True))
            if cell is not None and wanted.highlight in (None, point.truth) and (point.wrong or not wanted.wrong)
        ]
        return [place for _, place in sorted(shown)]

    def _read(self, point: int | None) -> None:
        if point != self._point:
            self._point = point
            self.post_message(PointRead(self, point))
            self.refresh()

    # the mouse

    def on_mouse_move(self, event: MouseMove) -> None:
        """Read the point under the pointer."""
        if self.drawn is not None and self._scatter is not None and self._current():
            self._read(self.drawn.nearest(event.x, event.y - ABOVE, self._scatter, self._choice.highlight))

    def on_leave(self, _event: Leave) -> None:
        """No point is read once the pointer is gone."""
        self._read(None)

    def on_click(self, event: Click) -> None:
        """On a class in the legend: let it stand out, or all alike again."""
        place = None if self.drawn is None else self.drawn.class_at(event.x, event.y - ABOVE)
        if place is not None:
            self.highlight(None if place == self._choice.highlight else place)

    # drawing

    def request(self) -> Wanted | None:
        """What is to be drawn."""
        if self._scatter is None or not self._scatter.points:
            return None
        height = self.size.height - ABOVE - bool(self._note())
        return Wanted(self._scatter, self._choice, (self.size.width, height), self.ink)

    def picture(self, request: Wanted) -> Placed:
        """In the thread."""
        return draw_scatter(request.scatter, *request.size, request.ink, request.choice)

    def render_line(self, y: int) -> Strip:
        """The caption, the points, the note."""
        width, base = self.size.width, self.visual_style.rich_style
        if y == 0:
            return line_of(self.caption(), width, base)
        if y == self.size.height - 1 and self._note():
            return line_of(Text(self._note(), style(self.ink.palette.faint)), width, base)
        if self.drawn is not None and self._current() and y - ABOVE < len(self.drawn.strips):
            strip = self._with_point(self.drawn.strips[y - ABOVE], self.drawn, y - ABOVE)
            return strip.apply_style(base).adjust_cell_length(width, base)
        if y == self.size.height // 2 and self.drawn is None:
            return line_of(Text(self.instead(self._empty).center(width), style(self.ink.palette.faint)), width, base)
        return Strip.blank(width, base)

    def caption(self) -> Text:
        """The title, or the point that is read: its name, its class, and for what it was taken."""
        if self._scatter is None:
            return Text()
        palette = self.ink.palette
        if self._point is None or self._point >= len(self._scatter.points):
            text = Text(no_wrap=True).append(self._scatter.title, style(palette.text, bold=True))
            if self._choice.wrong:
                wrong = sum(point.wrong for point in self._scatter.points)
                text.append(f"  × {wrong} wrong", style(palette.warning))
            return text
        point, names = self._scatter.points[self._point], self._scatter.classes
        colours = class_colours(names, self.ink)
        text = Text(no_wrap=True).append(f"{clean(point.name)}  ", style(palette.text, bold=True))
        text.append(clean(names[point.truth]), style(colours[point.truth], bold=True))
        if point.wrong and point.predicted is not None:
            text.append("  taken for ", style(palette.warning))
            text.append(clean(names[point.predicted]), style(colours[point.predicted], bold=True))
        elif point.predicted is not None:
            text.append("  recognised", style(palette.faint))
        return text

    def _note(self) -> str:
        """What stands below, where it fits."""
        note = "" if self._scatter is None else self._scatter.note
        return note if len(note) <= self.size.width else ""

    def _current(self) -> bool:
        wanted = self.request()
        return wanted is not None and self._shown is not None and self._shown.may_show(wanted)

    def _with_point(self, strip: Strip, drawn: Placed, row: int) -> Strip:
        cell = None if self._point is None or self._point >= len(drawn.cells) else drawn.cells[self._point]
        if cell is None or cell[1] != row:
            return strip
        left, middle, right = strip.divide([cell[0], cell[0] + 1, strip.cell_length])
        turned = [Segment(part.text, (part.style or Style()) + Style(reverse=True)) for part in middle]
        return Strip.join([left, Strip(turned, 1), right])
