"""The widget that shows curves: a caption, the picture, a note; zoomed, panned and read by keys and by mouse."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.events import Click, Leave, MouseDown, MouseMove, MouseScrollDown, MouseScrollUp, MouseUp
from textual.strip import Strip

from timnet_tui.charts import glyphs, readout, view
from timnet_tui.charts.curves import SHAPES, Curves, Look
from timnet_tui.charts.draw import Picture, draw
from timnet_tui.charts.inks import Ink
from timnet_tui.charts.messages import ViewChanged
from timnet_tui.charts.model import Plot
from timnet_tui.charts.pictured import Pictured
from timnet_tui.charts.readout import Reading
from timnet_tui.charts.view import Extent, View
from timnet_tui.render import line_of, style

#: points that a big step of the cursor goes
BIG_STEP = 10
#: the weights that keys go through
SMOOTHINGS = (0.0, 0.6, 0.8, 0.9, 0.95, 0.98, 0.99)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What one picture of a chart depends on. The cursor is not in it: that is laid over the picture."""

    what: Plot | Curves
    look: Look
    size: tuple[int, int]
    ink: Ink
    width: float | None
    end: float | None

    def may_show(self, wanted: Wanted) -> bool:
        """See :class:`timnet_tui.charts.pictured.Request`."""
        return (self.what.key, self.size) == (wanted.what.key, wanted.size)

    def fits(self, wanted: Wanted) -> bool:
        """See :class:`timnet_tui.charts.pictured.Request`."""
        return self.may_show(wanted) and replace(self, what=wanted.what) == wanted


@dataclass(frozen=True, slots=True)
class Drawing:
    """A picture with the plot it is of. ``above`` lines are the caption's, ``below`` is the note."""

    plot: Plot
    xs: tuple[float, ...]
    picture: Picture
    above: int
    below: str


def drawing(wanted: Wanted, plot: Plot) -> Drawing:
    """Draw ``plot`` with its caption and note in the room there is."""
    width, height = wanted.size
    above, below = readout.lines_for(plot, width, height), readout.note(plot, width)
    seen = View(wanted.width, wanted.end)
    picture = draw(plot, width, height - above - bool(below), wanted.ink, seen)
    return Drawing(plot, plot.xs, picture, above, below)


class Chart(Pictured[Wanted, Drawing]):
    """Shows a :class:`Plot`, or :class:`Curves` as the look of the moment wants them.

    The wheel zooms at the pointer, dragging pans, hovering reads, a click pins the cursor and another frees it, a
    double click shows everything again. The methods below do the same for keys, and tell by :class:`ViewChanged`.
    """

    DEFAULT_CSS = "Chart { height: 1fr; width: 1fr; }"
    ALLOW_SELECT = False

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name for it
        super().__init__(id=id)
        self._what: Plot | Curves | None = None
        self._empty = ""
        self._look = Look()
        self._view = View()
        self._built: tuple[Curves, Look, Plot] | None = None
        self._pinned = False
        self._dragged_from: tuple[int, View] | None = None
        self._dragged = False

    # what is shown

    def show(self, what: Plot | Curves | None, empty: str = "") -> None:
        """Show other data; ``empty`` is said where there is nothing to draw yet. View, look and cursor stay."""
        if what == self._what and empty == self._empty:
            return
        if what is None or self._what is None or what.key != self._what.key:
            self.forget()
        self._what, self._empty = what, empty
        self.redraw()

    @property
    def plot(self) -> Plot | None:
        """The plot of the picture that is shown."""
        return None if self.drawn is None else self.drawn.plot

    @property
    def look(self) -> Look:
        """How curves are shown."""
        return self._look

    def set_look(self, look: Look) -> None:
        """Show curves otherwise. Over another axis the view begins anew, for its numbers would mean other places."""
        if look != self._look:
            if look.x_axis is not self._look.x_axis:
                self._view = View()
            self._look = look
            self.redraw()

    def toggle_log(self) -> None:
        """A logarithmic vertical axis, or a linear one again."""
        self.set_look(replace(self._look, log=not self._look.log))

    def set_smoothing(self, weight: float) -> None:
        """Smooth with this weight, 0 to 0.99; what was measured stays behind, faintly."""
        self.set_look(replace(self._look, smoothing=weight))

    @property
    def view(self) -> View:
        """What is in view, and where the cursor is."""
        return self._view

    def set_view(self, wanted: View) -> None:
        """Show this part; other charts are not told."""
        if wanted != self._view:
            self._view = wanted
            self.redraw()

    def readings(self) -> tuple[Reading, ...]:
        """Every line's value at the cursor, or its newest."""
        return () if self.plot is None else readout.readings(self.plot, self._cursor())

    # keys

    def zoom_in(self) -> None:
        """Show less, round the cursor, or at the end where the view follows it."""
        self._zoom(view.ZOOM)

    def zoom_out(self) -> None:
        """Show more, at last everything."""
        self._zoom(1 / view.ZOOM)

    def pan_left(self) -> None:
        """Earlier points."""
        self._move(lambda extent: view.pan_share(self._view, extent, -view.PAN))

    def pan_right(self) -> None:
        """Later points; from the end on the view follows again."""
        self._move(lambda extent: view.pan_share(self._view, extent, view.PAN))

    def cursor_left(self, *, big: bool = False) -> None:
        """Read the point before, or the tenth before."""
        self._step(-BIG_STEP if big else -1)

    def cursor_right(self, *, big: bool = False) -> None:
        """Read the point after, or the tenth after."""
        self._step(BIG_STEP if big else 1)

    def reset(self) -> None:
        """Everything in view, the tail followed, no cursor."""
        self._pinned = False
        self._change(View())

    def _zoom(self, factor: float, at: float | None = None) -> None:
        self._move(lambda extent: view.zoom(self._view, extent, factor, at))

    def _step(self, steps: int) -> None:
        if self.drawn is not None and self.drawn.xs:
            self._pinned = True
            self._change(view.step(self._view, self.drawn.xs, steps))

    def _move(self, moved: Callable[[Extent], View]) -> None:
        extent = self._extent()
        if extent is not None:
            self._change(moved(extent))

    def _change(self, wanted: View) -> None:
        if wanted != self._view:
            self.set_view(wanted)
            self.post_message(ViewChanged(self, wanted))

    def _extent(self) -> Extent | None:
        return view.extent_of(self.drawn.xs) if self.drawn is not None and self.drawn.xs else None

    # the mouse

    def on_mouse_scroll_up(self, event: MouseScrollUp) -> None:
        """Zoom in at the pointer."""
        event.stop()
        self._zoom(view.ZOOM, self._x_at(event.x))

    def on_mouse_scroll_down(self, event: MouseScrollDown) -> None:
        """Zoom out at the pointer."""
        event.stop()
        self._zoom(1 / view.ZOOM, self._x_at(event.x))

    def on_mouse_down(self, event: MouseDown) -> None:
        """A drag may begin."""
        if event.button == 1 and self._x_at(event.x) is not None:
            self._dragged_from, self._dragged = (event.x, self._view), False
            self.capture_mouse()

    def on_mouse_move(self, event: MouseMove) -> None:
        """Pan while a button is held, read otherwise."""
        if self._dragged_from is not None:
            self._drag(event.x - self._dragged_from[0], self._dragged_from[1])
        elif not self._pinned:
            self._point_at(event.x)

    def on_mouse_up(self, event: MouseUp) -> None:
        """Where nothing was dragged it is a click: it pins the cursor, or frees it where it is pinned already."""
        if self._dragged_from is None:
            return
        self._dragged_from = None
        self.release_mouse()
        if not self._dragged:
            before = self._view.cursor
            self._point_at(event.x)
            self._pinned = not (self._pinned and before == self._view.cursor)

    def on_click(self, event: Click) -> None:
        """A double click shows everything again."""
        if event.chain == 2:
            self.reset()

    def on_leave(self, _event: Leave) -> None:
        """A cursor that only followed the pointer goes with it."""
        if not self._pinned and self._dragged_from is None:
            self._change(view.without_cursor(self._view))

    def _drag(self, columns: int, begun: View) -> None:
        extent, picture = self._extent(), self.drawn.picture if self.drawn is not None else None
        if columns and extent is not None and picture is not None and picture.columns:
            self._dragged = True
            low, high = begun.range(extent)
            self._change(view.pan(begun, extent, -columns * (high - low) / picture.columns))

    def _point_at(self, column: int) -> None:
        x = self._x_at(column)
        if self.drawn is not None and x is not None:
            self._change(view.point_at(self._view, self.drawn.xs, x))

    def _x_at(self, column: int) -> float | None:
        return None if self.drawn is None else self.drawn.picture.x_at(column)

    # drawing

    def request(self) -> Wanted | None:
        """What is to be drawn."""
        if self._what is None or _is_empty(self._what):
            return None
        size = (self.size.width, self.size.height)
        return Wanted(self._what, self._look, size, self.ink, self._view.width, self._view.end)

    def picture(self, request: Wanted) -> Drawing:
        """In the thread: from epochs to a plot, unless that is known, and to a picture."""
        if isinstance(request.what, Plot):
            plot = replace(request.what, log=request.what.log or request.look.log)
            return drawing(request, plot)
        built = self._built
        if built is None or built[0] is not request.what or built[1] != request.look:
            built = self._built = (request.what, request.look, request.what.plot(request.look))
        return drawing(request, built[2])

    def render_line(self, y: int) -> Strip:
        """The caption, then the picture with the cursor over it, then the note."""
        width, base, drawn = self.size.width, self.visual_style.rich_style, self.drawn
        above = 1 if drawn is None else drawn.above
        if y < above:
            lines = self.caption(width)
            return line_of(lines[y], width, base) if y < len(lines) else Strip.blank(width, base)
        if drawn is not None and drawn.below and y == self.size.height - 1:
            return line_of(Text(drawn.below, style(self.ink.palette.faint)), width, base)
        if drawn is not None and y - above < len(drawn.picture.strips) and self._fits():
            strip = self._with_cursor(drawn.picture.strips[y - above], drawn.picture, y - above)
            return strip.apply_style(base).adjust_cell_length(width, base)
        if y == self.size.height // 2 and drawn is None:
            return line_of(Text(self.instead(self._empty).center(width), style(self.ink.palette.faint)), width, base)
        return Strip.blank(width, base)

    def caption(self, width: int) -> list[Text]:
        """What the colours mean, with the newest values or those at the cursor."""
        if self._what is None:
            return [Text()]
        if self.drawn is None:
            title = self._what.title if isinstance(self._what, Plot) else SHAPES[self._what.metric].title
            return [Text(title, style(self.ink.palette.text, bold=True), no_wrap=True)]
        return readout.caption(self.drawn.plot, self.ink, width, self.drawn.above, self._cursor())

    def _cursor(self) -> float | None:
        """The x that is read: the point of this chart nearest to the cursor, which another chart may have set."""
        if self._view.cursor is None or self.drawn is None:
            return None
        return view.nearest(self.drawn.xs, self._view.cursor)

    def _fits(self) -> bool:
        return self._shown is not None and self._shown.size == (self.size.width, self.size.height)

    def _with_cursor(self, strip: Strip, picture: Picture, row: int) -> Strip:
        cursor = self._cursor()
        column = None if cursor is None else picture.column_of(cursor)
        if column is None or row >= picture.rows:
            return strip
        left, cell, right = strip.divide([column, column + 1, strip.cell_length])
        ink = self.ink
        sign = glyphs.CURSOR_ASCII if ink.ascii_only else glyphs.CURSOR
        behind = Style(bgcolor=style(None, ink.palette.raised).bgcolor)
        lit = [
            Segment(sign, style(ink.palette.accent) + behind)
            if part.text == " "
            else Segment(part.text, (part.style or Style()) + behind)
            for part in cell
        ]
        return Strip.join([left, Strip(lit, 1), right])


def _is_empty(what: Plot | Curves) -> bool:
    if isinstance(what, Plot):
        return what.empty
    return not any(fold.epochs for group in what.groups for fold in group.folds)
