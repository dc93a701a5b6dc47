"""The grid of experiments by folds. One widget that holds a page of them and draws only the lines in view."""

from __future__ import annotations

from collections.abc import Iterable

from textual.events import Click
from textual.geometry import Region, Size
from textual.strip import Strip

from timnet.records import Run, RunState
from timnet_tui.looks.grid import ExperimentRow, GridPage
from timnet_tui.messages import CellChosen, CellOpened, WindowMoved
from timnet_tui.palette import palette_of
from timnet_tui.widgets.drawn import DrawnLines
from timnet_tui.widgets.grid_layout import STRIDE, GridLayout, Widths, layout
from timnet_tui.widgets.grid_lines import Look, experiment, header
from timnet_tui.widgets.paged import at_place
from timnet_tui.widgets.scrolled import Scrolled


class FoldGrid(Scrolled, can_focus=True, inherit_bindings=False):
    """The selection is an experiment and a fold, not a place: rows that appear above do not move it.

    Experiments are counted by their place, 0 for the newest. Only a page of them is here; a place outside it
    that is wanted is chosen as soon as its page comes.
    """

    DEFAULT_CSS = "FoldGrid { width: 1fr; height: 1fr; }"
    ALLOW_SELECT = False

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name for it
        super().__init__(id=id)
        self._page = GridPage()
        self._place = 0
        self._wanted: int | None = None
        self._row: ExperimentRow | None = None
        self._fold = self._back_to = 1
        self._widths = Widths()
        self._layout: GridLayout = layout(self._widths, 80)
        self._marks: frozenset[int] = frozenset()
        self._drawn = DrawnLines()
        self._look: Look | None = None
        self._look_of: tuple[object, ...] = ()

    # what is shown

    def show_marks(self, marks: Iterable[int]) -> None:
        """Show which runs are marked, by their row ids."""
        self._marks = frozenset(marks)
        self.refresh()

    def show(self, page: GridPage) -> None:
        """Show another page; the selection stays on its run while that is there."""
        if page is self._page:
            return
        before, self._page = self._page, page
        known = set(map(id, before.rows))
        self._widths = self._widths.grown([row for row in page.rows if id(row) not in known])
        self._lay_out()
        for place in self._in_view():
            if at_place(before.rows, before.first, place) is not self._row_at(place):
                self._refresh_place(place)
        if page.total:
            self._choose_again()
        elif not page.problem:
            self._row = self._wanted = None

    def _in_view(self) -> range:
        """The places of which a line is in view."""
        lines = self._layout.lines
        return range(self.scroll_offset.y // lines, (self.scroll_offset.y + self.size.height) // lines + 1)

    def _refresh_place(self, place: int) -> None:
        """Draw the lines of one experiment anew; the header hides those above it."""
        lines = self._layout.lines
        y = max(lines, (place + 1) * lines - self.scroll_offset.y)
        end = min(self.size.height, (place + 2) * lines - self.scroll_offset.y)
        if y < end:
            self.refresh(Region(0, y, self.size.width, end - y))

    def _choose_again(self) -> None:
        """Find the selection in a new page."""
        if self._row is None:
            self._choose(*_first_choice(self._page))
        elif self._wanted is not None:
            self._go_to(self._wanted)
        elif (row := self._row_of(self._row.id)) is not None:
            self._moved_to(row[0])
            self._row = row[1]
        elif self._page.place is not None:  # out of sight, but there
            self._moved_to(self._page.place)
        elif self._page.asked == self._row.id:  # gone, or filtered away
            self._go_to(min(self._place, self._page.total - 1))

    def _moved_to(self, place: int) -> None:
        """What lies above has changed: what is in view stays in view."""
        if place != self._place:
            delta, self._place = place - self._place, place
            y = max(0, self.scroll_offset.y + delta * self._layout.lines)
            self.scroll_to(y=y, animate=False, force=True, immediate=True)

    def window(self) -> tuple[int, int]:
        """The first place and the number of experiments that shall be at hand: those in view and some around."""
        half = max(1, self.page // 2)
        top = self.scroll_offset.y // self._layout.lines if self._wanted is None else self._wanted - half
        return max(0, (top // half - 1) * half), self.page + 3 * half

    def seen(self) -> tuple[int, int]:
        """The first place in view, and how many are; about a place that is wanted, twice as many."""
        if self._wanted is None:
            return self.scroll_offset.y // self._layout.lines, self.page + 1
        return max(0, self._wanted - self.page), 2 * self.page

    def natural_width(self) -> int:
        """The width at which every experiment fits on one line."""
        return self._layout.natural

    def two_lines_width(self) -> int:
        """The width at which nothing is cut where the folds are below."""
        return self._layout.two_lines

    @property
    def row(self) -> ExperimentRow | None:
        """The selected experiment."""
        return self._row

    @property
    def fold(self) -> int:
        """The selected fold; 0 stands for the whole experiment."""
        return self._fold

    @property
    def run(self) -> Run | None:
        """The selected run, None where a whole experiment or a fold without a run is selected."""
        row = self._row
        return row.cells[self._fold - 1] if row and 0 < self._fold <= len(row.cells) else None

    @property
    def chosen(self) -> tuple[Run, ...]:
        """The runs that an action applies to: one, or all of the experiment."""
        if self._fold == 0:
            return self._row.runs if self._row else ()
        return (self.run,) if self.run else ()

    # moving

    def move(self, rows: int = 0, folds: int = 0) -> None:
        """Move the selection, as far as there is something."""
        if self._row is None:
            return
        self._fold = min(max(0, self._fold), len(self._row.cells))
        before = self._place if self._wanted is None else self._wanted
        self._go_to(min(max(0, before + rows), self._page.total - 1), self._fold + folds)

    def seek(self, place: int, fold: int) -> None:
        """Select a place, at once or when its page comes."""
        self._go_to(place, fold)

    @property
    def total(self) -> int:
        """How many experiments there are."""
        return self._page.total

    def move_to(self, experiment_id: int, fold: int) -> None:
        """Select one fold of one experiment, if it is at hand."""
        found = self._row_of(experiment_id)
        if found is not None:
            self._choose(*found, fold)

    def toggle_whole(self) -> None:
        """From a fold to the whole experiment, and from there back to the fold."""
        if self._row is not None:
            self._choose(self._place, self._row, 0 if self._fold else self._back_to)

    @property
    def page(self) -> int:
        """Experiments that are in view at once."""
        return max(1, self.size.height // self._layout.lines - 1)

    def _go_to(self, place: int, fold: int | None = None) -> None:
        fold = self._fold if fold is None else fold
        row = self._row_at(place)
        if row is not None:
            self._choose(place, row, fold)
        else:
            self._wanted, self._fold = place, fold
            self.post_message(WindowMoved())

    def _choose(self, place: int, row: ExperimentRow, fold: int) -> None:
        before, place_before = (self._row.id if self._row else None, self._fold), self._place
        self._back_to = self._fold or self._back_to
        self._wanted, self._place, self._row = None, place, row
        self._fold = min(max(0, fold), len(row.cells))
        self._into_view()
        if before != (row.id, self._fold):
            self._refresh_place(place_before)
            self._refresh_place(place)
            self.post_message(CellChosen(row.id, self._fold))

    def _into_view(self) -> None:
        lines, height = self._layout.lines, self.size.height - self._layout.lines
        top = self._place * lines
        y = min(max(self.scroll_offset.y, top + lines - height), top)
        left = max(0, self._fold - 1) * STRIDE
        x = min(max(self.scroll_offset.x, left + STRIDE + 1 - self._layout.cells_width), left)
        self.scroll_to(x, y, animate=False, force=True)

    def _row_at(self, place: int) -> ExperimentRow | None:
        return at_place(self._page.rows, self._page.first, place)

    def _row_of(self, experiment_id: int) -> tuple[int, ExperimentRow] | None:
        found = (
            (self._page.first + index, row) for index, row in enumerate(self._page.rows) if row.id == experiment_id
        )
        return next(found, None)

    # the mouse

    def on_click(self, event: Click) -> None:
        """A click selects, a double click opens."""
        y = event.y - self._layout.lines
        place, line = divmod(y + self.scroll_offset.y, self._layout.lines)
        row = self._row_at(place)
        if y < 0 or row is None:
            return
        shows_folds = line == self._layout.lines - 1
        self._choose(place, row, self._layout.fold_at(event.x, self.scroll_offset.x) if shows_folds else 0)
        if event.chain == 2:
            self.post_message(CellOpened())

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Other experiments come into view."""
        super().watch_scroll_y(old_value, new_value)
        if round(old_value) != round(new_value):
            self.post_message(WindowMoved())

    # drawing

    def on_resize(self) -> None:
        """Another width may need another layout, another height another page."""
        self._lay_out()
        if self._row is not None:
            self._into_view()
        self.post_message(WindowMoved())

    def _lay_out(self) -> None:
        width = self.scrollable_content_region.width or self.size.width
        before, self._layout = self._layout, layout(self._widths, max(1, width))
        if before != self._layout:
            self.refresh()
        height = (1 + self._page.total) * self._layout.lines  # the header takes as many lines as an experiment
        self.virtual_size = Size(width + self._layout.overflow, height)

    def render_line(self, y: int) -> Strip:
        """The header stays, the experiments scroll below it."""
        look = self._look_now()
        if y < self._layout.lines:
            return header(y, look)
        place, line = divmod(y - self._layout.lines + self.scroll_offset.y, self._layout.lines)
        row = self._row_at(place)
        if row is None:
            return Strip.blank(self.size.width, self.visual_style.rich_style)
        selected = self._fold if self._row is not None and row.id == self._row.id else None
        key = (row.id, line, selected)
        return self._drawn.line(look, key, row, lambda: experiment(row, line, look, selected))

    def _look_now(self) -> Look:
        """How lines are drawn now: the same object for as long as it says the same."""
        base, scrolled = self.visual_style.rich_style, self.scroll_offset.x
        of = (self._layout, self.app.theme, base, scrolled, self.has_focus, self._marks)
        if self._look is None or of != self._look_of:
            colours = palette_of(self.app.current_theme)
            self._look = Look(self._layout, colours, base, scrolled, self.has_focus, self._marks)
            self._look_of = of
        return self._look

    def region_of(self, experiment_id: int, fold: int) -> Region:
        """Where a cell is inside the widget, for whoever wants to point at it."""
        found = self._row_of(experiment_id)
        place = found[0] if found else 0
        y = (place + 2) * self._layout.lines - 1 - self.scroll_offset.y
        x = self._layout.cells_x + (fold - 1) * STRIDE - self.scroll_offset.x
        return Region(x, y, STRIDE + 1, 1)


def _first_choice(page: GridPage) -> tuple[int, ExperimentRow, int]:
    """What to look at first: a run that trains, else the first fold of the newest experiment."""
    rows = list(enumerate(page.rows, page.first))
    begun = [(place, row, run) for place, row in rows for run in row.runs if run.state is RunState.RUNNING]
    training = ((place, row, run.fold) for place, row, run in begun if not run.submitted)
    return next(training, (*rows[0], 1))
