"""A table of results with one selected cell; a cell is as many lines high as its row needs."""

from __future__ import annotations

from rich.cells import cell_len
from rich.text import Text
from textual.events import Click
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip

from timnet.export.tables import Cell, Table
from timnet.text import clean
from timnet_tui.palette import Palette, palette_of
from timnet_tui.render import fit, line_of, style, wrapped
from timnet_tui.result_text import cell_lines
from timnet_tui.widgets.scrolled import Scrolled

#: columns with two scores (or one) in a cell, the widest columns, and names of rows
NARROWEST, WIDEST, LABEL = {2: 23, 1: 18}, 44, 24


class ResultGrid(Scrolled, can_focus=True, inherit_bindings=False):
    """The selection is a row and a column by their names, so it stays where new ones appear."""

    DEFAULT_CSS = "ResultGrid { width: 1fr; height: 1fr; overflow-x: hidden; }"
    ALLOW_SELECT = False

    class Chosen(Message):
        """Another cell is selected."""

    class Opened(Message):
        """The selected cell shall be looked at closely."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name for it
        super().__init__(id=id)
        self._table: Table | None = None
        self._row = self._col = 0
        self._names: tuple[str, str] | None = None
        self._from = 0
        self._lines: list[list[list[Text]]] = []
        self._tops: list[int] = []

    # what is shown

    def show(self, table: Table | None) -> None:
        """Show another table; the selection stays on its cell while that is there."""
        if table is self._table:
            return
        self._table = table
        self._find()
        self._lay_out()
        self.post_message(self.Chosen())

    def repaint(self) -> None:
        """The colours have changed."""
        self._lay_out()

    def _find(self) -> None:
        table = self._table
        if table is None or not table.rows or not table.cols:
            self._row = self._col = 0
            return
        row, col = self._names or ("", "")
        self._row = table.rows.index(row) if row in table.rows else min(self._row, len(table.rows) - 1)
        self._col = table.cols.index(col) if col in table.cols else min(self._col, len(table.cols) - 1)
        self._names = (table.rows[self._row], table.cols[self._col])

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self._tops)

    @property
    def selected(self) -> tuple[str, str, Cell] | None:
        """Row, column and cell that are selected."""
        table = self._table
        if table is None or self._names is None or not table.cells or not table.cols:
            return None
        return (*self._names, table.cells[self._row][self._col])

    def _lay_out(self) -> None:
        colours, table = palette_of(self.app.current_theme), self._table
        self._lines, self._tops = [], []
        top, room = 0, self._width() - 2
        for row in table.cells if table else ():
            made = [_broken(cell_lines(cell, table.metrics, colours), room) for cell in row] if table else []
            self._lines.append(made)
            self._tops.append(top)
            top += max(map(len, made), default=1) + 1
        self.virtual_size = Size(self.size.width, top + 1)
        self._into_view()
        self.refresh()

    # moving

    def move(self, rows: int = 0, cols: int = 0) -> None:
        """Move the selection as far as there are cells."""
        table = self._table
        if table is None or not table.rows or not table.cols:
            return
        self._choose(
            min(max(0, self._row + rows), len(table.rows) - 1), min(max(0, self._col + cols), len(table.cols) - 1)
        )

    def _choose(self, row: int, col: int) -> None:
        assert self._table is not None
        if (row, col) != (self._row, self._col):
            self._row, self._col = row, col
            self._names = (self._table.rows[row], self._table.cols[col])
            self._into_view()
            self.refresh()
            self.post_message(self.Chosen())

    def _into_view(self) -> None:
        if not self._tops or not self.size.width:
            return
        shown = self._shown_cols()
        self._from = min(self._from, self._col)
        if self._col >= self._from + shown:
            self._from = self._col - shown + 1
        top, height = self._tops[self._row], self._height(self._row)
        room = max(1, self.size.height - 1)
        y = min(max(self.scroll_offset.y, top + height - room), top)
        if y != self.scroll_offset.y:
            self.scroll_to(y=y, animate=False, force=True, immediate=True)

    def _height(self, row: int) -> int:
        return max(map(len, self._lines[row]), default=1) + 1

    # room

    def on_resize(self) -> None:
        """Another width has room for other columns."""
        self._lay_out()

    @property
    def _label(self) -> int:
        names = self._table.rows if self._table else ()
        axis = cell_len(self._table.row_axis) if self._table else 0
        return min(LABEL, max([axis, *(cell_len(clean(name)) for name in names)])) + 2

    def _width(self) -> int:
        """How wide each column is."""
        count = len(self._table.cols) if self._table else 1
        narrowest = NARROWEST[len(self._table.metrics)] if self._table else WIDEST
        return min(WIDEST, max(narrowest, (self.size.width - self._label - 1) // max(1, count)))

    def _shown_cols(self) -> int:
        return max(1, (self.size.width - self._label - 1) // self._width())

    # the mouse

    def on_click(self, event: Click) -> None:
        """A click selects, two open."""
        table = self._table
        y = event.y - 1 + self.scroll_offset.y
        col = self._from + (event.x - self._label) // self._width()
        if table is None or event.y == 0 or event.x < self._label or col >= len(table.cols):
            return
        row = max((place for place, top in enumerate(self._tops) if top <= y), default=None)
        if row is not None:
            self._choose(row, col)
            if event.chain == 2:
                self.post_message(self.Opened())

    # drawing

    def render_line(self, y: int) -> Strip:
        """The columns' names stay, the rows scroll below them."""
        base, colours, table = self.visual_style.rich_style, palette_of(self.app.current_theme), self._table
        if table is None:
            return Strip.blank(self.size.width, base)
        if y == 0:
            return line_of(self._titles(table, colours), self.size.width, base)
        at = y - 1 + self.scroll_offset.y
        row = max((place for place, top in enumerate(self._tops) if top <= at), default=None)
        if row is None or at - self._tops[row] >= self._height(row) - 1:
            return Strip.blank(self.size.width, base)
        return self._line(table, row, at - self._tops[row], colours, named=y == 1 or at == self._tops[row])

    def _titles(self, table: Table, colours: Palette) -> Text:
        text = Text(no_wrap=True).append(fit(f" {table.row_axis}", self._label), style(colours.faint))
        shown = table.cols[self._from : self._from + self._shown_cols()]
        for place, name in enumerate(shown, self._from):
            here = style(colours.accent if place == self._col else colours.faint, bold=place == self._col)
            text.append(fit(clean(name), self._width()), here)
        if self._from + len(shown) < len(table.cols):
            text.append("›", style(colours.accent, bold=True))
        return text

    def _line(self, table: Table, row: int, line: int, colours: Palette, *, named: bool) -> Strip:
        """One line of a row; its name stands on the first that is in view."""
        width, base = self._width(), self.visual_style.rich_style
        here = row == self._row
        label = fit(f" {clean(table.rows[row])}", self._label) if named else " " * self._label
        strips = [line_of(Text(label, style(colours.accent if here else colours.text, bold=True)), self._label, base)]
        for col in range(self._from, min(len(table.cols), self._from + self._shown_cols())):
            lines = self._lines[row][col]
            text = lines[line] if line < len(lines) else Text()
            selected = here and col == self._col
            ground = base + style(None, colours.raised) if selected else base
            mark = Text("▌" if selected else " ", style(colours.accent if self.has_focus else colours.faint))
            strips += [line_of(mark, 1, ground), line_of(_fitted(text, width - 2), width - 1, ground)]
        return Strip.join(strips).adjust_cell_length(self.size.width, base)


def _broken(lines: list[Text], room: int) -> list[Text]:
    """The same lines, what is too long for ``room`` cells broken between words: no score may lose its labels."""
    return [part for line in lines for part in wrapped(line, room)]


def _fitted(text: Text, width: int) -> Text:
    """``text`` cut with an ellipsis where it is longer."""
    if text.cell_len > width:
        text = text.copy()
        text.truncate(width, overflow="ellipsis")
    return text
