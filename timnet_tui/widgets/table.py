"""A table of any length. It holds a page of rows and draws only those in view; Textual's own holds them all."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.events import Click
from textual.geometry import Region, Size
from textual.message import Message
from textual.strip import Strip

from timnet_tui.palette import RGB, Palette, palette_of
from timnet_tui.render import fit, style
from timnet_tui.widgets.drawn import DrawnLines
from timnet_tui.widgets.paged import at_place
from timnet_tui.widgets.scrolled import Scrolled

#: before the first column: where the selection and marks are shown
GUTTER = 2
NARROWEST = 4
ORDER = {True: "↓", False: "↑"}


@dataclass(frozen=True, slots=True)
class Column:
    """``sort`` is what a click on the title sorts by; empty where that is not possible.

    A column is at least as wide as its title and at most ``most``. The first ``kept`` columns stay in view.
    """

    key: str
    title: str
    help: str = ""
    most: int = 14
    right: bool = False
    sort: str = ""
    kept: bool = False


@dataclass(frozen=True, slots=True)
class Cell:
    """What stands in one place of the table; the text is clean."""

    text: str
    colour: RGB | None = None
    background: RGB | None = None
    bold: bool = False


class Named(Protocol):
    """A row is told from others by its ``id``."""

    @property
    def id(self) -> Hashable:
        """What stays the same while everything else of the row changes."""


Row = TypeVar("Row", bound=Named)
Row_co = TypeVar("Row_co", bound=Named, covariant=True)


@dataclass(frozen=True, slots=True)
class Page(Generic[Row_co]):
    """The rows from place ``first`` on, out of ``total``.

    ``place`` tells where the row ``asked`` for stands, None where it is not in the table.
    """

    rows: Sequence[Row_co] = ()
    first: int = 0
    total: int = 0
    asked: Hashable = None
    place: int | None = None


@dataclass(frozen=True, slots=True)
class _Widths:
    """What each column has wanted so far, by its key: columns never shrink while a user scrolls."""

    wanted: Mapping[str, int] = field(default_factory=dict)

    def grown(self, columns: Sequence[Column], texts: Mapping[str, Iterable[str]]) -> _Widths:
        found = dict(self.wanted)
        for column in columns:
            widest = max((cell_len(text) for text in texts.get(column.key, ())), default=0)
            # one more than the title needs, for the arrow of the order
            found[column.key] = max(found.get(column.key, cell_len(column.title) + 1), min(widest, column.most))
        return _Widths(found)


class RowTable(Scrolled, Generic[Row], can_focus=True, inherit_bindings=False):
    """The selection is a row, not a place: rows that appear above do not move it.

    Places count from 0. A place outside the page that is wanted is selected as soon as its page comes. Columns
    that do not fit are reached by :meth:`scroll_columns`.
    """

    DEFAULT_CSS = "RowTable { width: 1fr; height: 1fr; scrollbar-size-horizontal: 0; }"
    ALLOW_SELECT = False

    class Chosen(Message):
        """Another row is selected."""

    class Opened(Message):
        """The selected row shall be looked at closely."""

    class Marked(Message):
        """The pointer marks the selected row, or takes its mark away."""

    class Moved(Message):
        """Other rows than before shall be at hand."""

    class Titled(Message):
        """A title was clicked."""

        def __init__(self, column: Column) -> None:
            super().__init__()
            self.column = column

    def __init__(
        self,
        draw: Callable[[Row, Column, Palette], Cell],
        columns: Sequence[Column],
        *,
        id: str | None = None,  # noqa: A002 - Textual's own name for it
    ) -> None:
        super().__init__(id=id)
        self._draw = draw
        self._columns = tuple(columns)
        self._page: Page[Row] = Page()
        self._row: Row | None = None
        self._before_none: Row | None = None
        self._place = 0
        self._wanted: int | None = None
        self._widths = _Widths()
        self._from = 0
        self._sort, self._descending = "", False
        self._marks: frozenset[Hashable] = frozenset()
        #: lines that were drawn with these columns and marks
        self._lines = DrawnLines()

    # what is shown

    def show(self, page: Page[Row]) -> None:
        """Show another page; the selection stays on its row while that is there."""
        if page is self._page:
            return
        before, self._page = self._page, page
        known = set(map(id, before.rows))
        self._grow([row for row in page.rows if id(row) not in known])
        top = self.scroll_offset.y
        for place in range(top, top + self.size.height):
            if at_place(before.rows, before.first, place) is not self.at_hand(place):
                self._refresh_line(place)
        if page.total:
            self._choose_again()
        else:
            self._before_none = self._row or self._before_none
            self._row = self._wanted = None
            self._place = 0

    def show_columns(self, columns: Sequence[Column]) -> None:
        """Show other columns."""
        columns = tuple(columns)
        if columns != self._columns:
            if [column.key for column in columns] != [column.key for column in self._columns]:
                self._from = 0
            self._columns = columns
            self._grow(self._page.rows)
            self.redraw()

    def show_column(self, key: str) -> None:
        """Bring a column into view."""
        others = [column.key for column in self._columns if not column.kept]
        if key not in others:
            return
        self._from = min(self._from, others.index(key))
        while key not in [column.key for column, _ in self._visible()] and self._more_right():
            self._from += 1
        self.refresh()

    def show_order(self, sort: str, *, descending: bool) -> None:
        """Say in the titles what the rows are sorted by."""
        if (sort, descending) != (self._sort, self._descending):
            self._sort, self._descending = sort, descending
            self.refresh()

    def show_marks(self, marks: Iterable[Hashable]) -> None:
        """Show which rows are marked, by their ids."""
        marks = frozenset(marks)
        if marks != self._marks:
            self._marks = marks
            self.redraw()

    def _grow(self, rows: Iterable[Row]) -> None:
        """Widen the columns for these rows where they need it."""
        colours = palette_of(self.app.current_theme)  # for the width, the colours do not matter
        rows = list(rows)
        texts = {column.key: [self._draw(row, column, colours).text for row in rows] for column in self._columns}
        before, self._widths = self._widths, self._widths.grown(self._columns, texts)
        if self._widths != before:
            self.redraw()
        self._lay_out()

    def _choose_again(self) -> None:
        """Find the selection in a new page."""
        page = self._page
        if self._wanted is not None:
            self._go_to(min(self._wanted, page.total - 1))
        elif self._row is None:  # a filter that nothing passed, on the way to another one, forgets no selection
            found = self._find(self._before_none.id) if self._before_none else None
            self._go_to(found[0] if found else 0)
            self._before_none = None
        elif (found := self._find(self._row.id)) is not None:
            self._moved_to(found[0])
            self._row = found[1]
        elif page.asked == self._row.id:
            if page.place is not None:  # out of sight, but there
                self._moved_to(page.place)
            else:  # gone, or filtered away
                self._go_to(min(self._place, page.total - 1))

    def _moved_to(self, place: int) -> None:
        """What lies above has changed: the selection stays where it is on the screen."""
        if place != self._place:
            y = max(0, self.scroll_offset.y + place - self._place)
            self._place = place
            self.scroll_to(y=y, animate=False, force=True, immediate=True)

    # what is selected

    @property
    def row(self) -> Row | None:
        """The selected row."""
        return self._row

    @property
    def place(self) -> int:
        """Where the selection stands or will stand."""
        return self._place if self._wanted is None else self._wanted

    @property
    def unsure(self) -> bool:
        """Whether the selected row is not at hand, so that it has to be asked where it stands."""
        return self._row is not None and self._wanted is None and self._find(self._row.id) is None

    @property
    def total(self) -> int:
        """How many rows there are."""
        return self._page.total

    @property
    def page(self) -> int:
        """How many rows are in view at once."""
        return max(1, self.size.height - 1)

    def window(self) -> tuple[int, int]:
        """The places that shall be at hand: the first, and how many. Changes only every few lines."""
        page = self.page
        if self._wanted is not None:  # after a jump first what comes into view, whichever way it scrolls
            return max(0, self._wanted - page), 2 * page
        return max(0, (self.scroll_offset.y // page - 1) * page), 4 * page

    def at_hand(self, place: int) -> Row | None:
        """The row at a place, where the page holds it."""
        return at_place(self._page.rows, self._page.first, place)

    def move(self, rows: int) -> None:
        """Move the selection, as far as there are rows."""
        if self._page.total:
            self._go_to(min(max(0, self.place + rows), self._page.total - 1))

    def to_top(self) -> None:
        """Show the first rows; the selection stays where it is."""
        self.scroll_to(y=0, animate=False, force=True, immediate=True)

    def start_over(self) -> None:
        """Forget all rows: others come, and the first of them is selected."""
        self._page, self._row, self._wanted, self._place = Page(), None, None, 0
        self._before_none = None
        self._widths = _Widths()
        self._lay_out()
        self.redraw()

    def scroll_columns(self, step: int) -> None:
        """Bring a column into view that did not fit."""
        kept = sum(column.kept for column in self._columns)
        most = len(self._columns) - kept - 1
        start = min(max(0, self._from + step), max(0, most))
        if step > 0 and not self._more_right():
            return
        if start != self._from:
            self._from = start
            self.refresh()

    def _go_to(self, place: int) -> None:
        row = self.at_hand(place)
        if row is None:
            self._wanted = place
            self.post_message(self.Moved())
        else:
            self._choose(place, row)

    def _choose(self, place: int, row: Row) -> None:
        before, place_before = self._row, self._place
        self._wanted, self._place, self._row = None, place, row
        self._into_view()
        if before is None or before.id != row.id:
            self._refresh_line(place_before)
            self._refresh_line(place)
            self.post_message(self.Chosen())

    def _refresh_line(self, place: int) -> None:
        y = place + 1 - self.scroll_offset.y
        if 0 < y < self.size.height:
            self.refresh(Region(0, y, self.size.width, 1))

    def _into_view(self) -> None:
        y = min(max(self.scroll_offset.y, self._place + 1 - self.page), self._place)
        if y != self.scroll_offset.y:
            self.scroll_to(y=y, animate=False, force=True, immediate=True)

    def _find(self, row_id: Hashable) -> tuple[int, Row] | None:
        found = ((place, row) for place, row in enumerate(self._page.rows, self._page.first) if row.id == row_id)
        return next(found, None)

    # the mouse

    def on_click(self, event: Click) -> None:
        """A click selects, with ctrl it marks, a double click opens; a click on a title sorts."""
        if event.y == 0:
            self._click_title(event.x)
            return
        place = event.y - 1 + self.scroll_offset.y
        row = self.at_hand(place)
        if row is None:
            return
        self._choose(place, row)
        if event.ctrl:
            self.post_message(self.Marked())
        elif event.chain == 2:
            self.post_message(self.Opened())

    def _click_title(self, x: int) -> None:
        start = GUTTER
        for column, width in self._visible():
            if start <= x < start + width + 1:
                self.post_message(self.Titled(column))
            start += width + 1

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Other rows come into view."""
        super().watch_scroll_y(old_value, new_value)
        if round(old_value) != round(new_value):
            self.post_message(self.Moved())

    # drawing

    def on_resize(self) -> None:
        """Another width has room for other columns, another height for other rows."""
        self._lay_out()
        self.redraw()
        if self._row is not None:
            self._into_view()
        self.post_message(self.Moved())

    def redraw(self) -> None:
        """Draw every row again, as what is drawn in it has changed."""
        self._lines.clear()
        self.refresh()

    def _lay_out(self) -> None:
        width = self.scrollable_content_region.width or self.size.width
        self.virtual_size = Size(width, 1 + self._page.total)

    def _visible(self) -> list[tuple[Column, int]]:
        """The columns in view with their widths; the last takes the room that is left."""
        room = (self.scrollable_content_region.width or self.size.width) - GUTTER
        kept = [column for column in self._columns if column.kept]
        others = [column for column in self._columns if not column.kept][self._from :]
        found: list[tuple[Column, int]] = []
        for column in (*kept, *others):
            width = self._widths.wanted.get(column.key, len(column.title))
            if width > room:
                if room >= NARROWEST and not column.right:
                    found.append((column, room))
                return found
            found.append((column, width))
            room -= width + 1
        if found and room > 0 and not found[-1][0].right and found[-1][0] is self._columns[-1]:
            column, width = found[-1]
            found[-1] = (column, width + room + 1)
        return found

    def _more_right(self) -> bool:
        visible = self._visible()
        return bool(self._columns) and (not visible or visible[-1][0] is not self._columns[-1])

    def render_line(self, y: int) -> Strip:
        """The titles stay, the rows scroll below them."""
        base = self.visual_style.rich_style
        if y == 0:
            return self._whole(self._titles(palette_of(self.app.current_theme)), base)
        place = y - 1 + self.scroll_offset.y
        row = self.at_hand(place)
        if row is None:
            return Strip.blank(self.size.width, base)
        selected = self._row is not None and row.id == self._row.id
        look = (self._from, self._width, self.size.width, self.app.theme, base)
        key = (row.id, selected, selected and self.has_focus)
        return self._lines.line(look, key, row, lambda: self._drawn(row, base, selected=selected))

    def _drawn(self, row: Row, base: Style, *, selected: bool) -> Strip:
        colours = palette_of(self.app.current_theme)
        return self._whole(self._line(row, selected, colours), base + style(None, colours.raised) if selected else base)

    def _titles(self, colours: Palette) -> list[Segment]:
        faint, ordered = style(colours.faint), style(colours.accent, bold=True)
        segments = [Segment("‹ " if self._from else "  ", ordered)]
        for column, width in self._visible():
            here = bool(column.sort) and column.sort == self._sort
            title = column.title + (ORDER[self._descending] if here else "")
            segments.append(Segment(_aligned(title, width, column) + " ", ordered if here else faint))
        if self._more_right():
            used = sum(segment.cell_length for segment in segments)
            room = self._width - used
            segments = list(Strip(segments).adjust_cell_length(self._width - 1)) if room < 1 else segments
            segments.append(Segment(" " * max(0, room - 1) + "›", ordered))
        return segments

    def _line(self, row: Row, selected: bool, colours: Palette) -> list[Segment]:
        mark = style(colours.accent if self.has_focus else colours.faint)
        segments = [
            Segment("▌" if selected else " ", mark),
            Segment("●" if row.id in self._marks else " ", style(colours.accent)),
        ]
        for column, width in self._visible():
            cell = self._draw(row, column, colours)
            shown = style(cell.colour or colours.text, cell.background, bold=cell.bold)
            segments += [Segment(_aligned(cell.text, width, column), shown), Segment(" ")]
        return segments

    @property
    def _width(self) -> int:
        return self.scrollable_content_region.width or self.size.width

    def _whole(self, segments: list[Segment], base: Style) -> Strip:
        width = self.size.width
        return Strip(segments).adjust_cell_length(width, base).crop(0, width).apply_style(base)


def _aligned(text: str, width: int, column: Column) -> str:
    shown = fit(text, width) if cell_len(text) > width else text
    spaces = " " * (width - cell_len(shown))
    return spaces + shown if column.right else shown + spaces
