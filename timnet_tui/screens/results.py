"""All results in one table: ours, imported and published, each with its label; and what a result is made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widgets import Static

from timnet.export.tables import AXES
from timnet.records import Run, RunState
from timnet.text import clean
from timnet_tui import result_text, wording
from timnet_tui.actions import Place, bindings
from timnet_tui.looks.results import ResultsPage, ResultsWatch
from timnet_tui.messages import CommandEnded
from timnet_tui.palette import Palette, colour_of, glyph_of, palette_of
from timnet_tui.render import style
from timnet_tui.screens.base import RegistryScreen
from timnet_tui.screens.choose import Choice, Choose
from timnet_tui.screens.export import Subject
from timnet_tui.snapshot import Health, Snapshot
from timnet_tui.widgets.filter_bar import FilterBar
from timnet_tui.widgets.result_grid import ResultGrid
from timnet_tui.widgets.table import Cell, Column, Page, RowTable

#: from this width on, table and details stand beside each other
WIDE = 150
METRICS: tuple[tuple[str, ...], ...] = (("uar", "war"), ("uar",), ("war",))
MEANING = {
    "corpus": "which recordings",
    "source": "mine, imported, and who published",
    "protocol": "how the folds were made",
    "selection": "which epoch is scored",
    "preset": "whose settings",
    "seed": "each seed for itself",
    "experiment": "each experiment for itself",
}
RUNS = (
    Column("run", "run", kept=True),
    Column("state", "state", most=10),
    Column("uar", "UAR", right=True),
    Column("war", "WAR", right=True),
    Column("seed", "seed", right=True),
    Column("preset", "preset"),
)


class ResultsScreen(RegistryScreen):
    """The table, and beside or below it the selected cell with its runs."""

    PLACE = Place.RESULTS
    CSS_PATH = "results.tcss"
    AUTO_FOCUS = "#table"
    BINDINGS: ClassVar[list[BindingType]] = bindings(Place.RESULTS)

    def __init__(self) -> None:
        super().__init__()
        self._rows, self._cols, self._metrics = "corpus", "source", METRICS[0]
        self._page: ResultsPage | None = None

    def body(self) -> ComposeResult:
        """What is shown, the filter, the table, and the selected cell."""
        yield Static(id="what", markup=False)
        yield FilterBar(self.timnet.filters, id="filter")
        with Horizontal(id="body"):
            yield ResultGrid(id="table")
            with Vertical(id="made"):
                with VerticalScroll(id="about", can_focus=False):
                    yield Static(id="details", markup=False)
                yield RowTable[Run](_run_cell, RUNS, id="runs")
        yield Static(id="nothing", markup=False)

    # the parts

    @property
    def table(self) -> ResultGrid:
        """The table."""
        return self.query_one(ResultGrid)

    @property
    def runs(self) -> RowTable[Run]:
        """The runs behind the selected cell."""
        return self.query_one("#runs", RowTable)

    @property
    def bar(self) -> FilterBar:
        """Where the filter is typed."""
        return self.query_one(FilterBar)

    def _behind(self) -> tuple[int, ...]:
        selected = self.table.selected
        return tuple(one for entry in selected[2].entries for one in entry.experiments) if selected else ()

    # what is shown

    def watching(self) -> ResultsWatch:
        """The table that is wanted, and the runs of the selected cell."""
        return ResultsWatch(self._rows, self._cols, self._metrics, self.bar.text, self._behind())

    def show(self, snapshot: Snapshot) -> None:
        """Bring everything up to date."""
        page = self.answer(ResultsPage)
        if page is not None and page is not self._page:
            self._show_page(page)
        elif page is None and self._page is None and snapshot.health is not Health.OK:
            self._show_page(ResultsPage(problem="no registry is there yet; results appear as runs finish"))

    def _show_page(self, page: ResultsPage) -> None:
        self._page = page
        colours = palette_of(self.app.current_theme)
        what = result_text.header(page, self._rows, self._cols, self._metrics, colours)
        self.query_one("#what", Static).update(what)
        self.query_one("#body").display = page.table is not None
        nothing = self.query_one("#nothing", Static)
        nothing.display = page.table is None
        nothing.update(Text(clean(page.problem), style(colours.faint)))
        self.table.show(page.table)
        if self.focused is None and page.table is not None:
            self.set_focus(self.table)
        self._show_cell()

    def _show_cell(self) -> None:
        page, selected = self._page, self.table.selected
        if page is None or page.table is None or selected is None:
            return
        row, col, cell = selected
        colours = palette_of(self.app.current_theme)
        self.query_one("#details", Static).update(result_text.about(page.table, row, col, cell, colours))
        behind = self._behind()
        self.runs.display = bool(behind)
        if page.behind == behind:
            self.runs.show(Page(page.runs, 0, len(page.runs)))
        if not behind and self.runs.has_focus:
            self.table.focus()
        self.rewatch()

    def repaint(self) -> None:
        """Everything again, in the colours of another theme."""
        self._page = None
        self.table.repaint()
        super().repaint()

    def on_resize(self) -> None:
        """Beside each other where there is room, else one above the other."""
        self.query_one("#body").set_class(self.app.size.width >= WIDE, "wide")

    # messages

    def on_result_grid_chosen(self) -> None:
        """Another cell is selected."""
        self._show_cell()

    def on_result_grid_opened(self) -> None:
        """A double click on a cell."""
        self.action_open()

    def on_row_table_opened(self) -> None:
        """A double click on a run."""
        self._open_run()

    def on_filter_bar_changed(self) -> None:
        """Another filter."""
        self.rewatch()

    def on_filter_bar_left(self) -> None:
        """Back to the table."""
        self.table.focus()

    # actions

    def action_open(self) -> None:
        """From the table to the runs of the cell, from there to the run."""
        if self.runs.has_focus:
            self._open_run()
        elif self._behind():
            self.runs.focus()
        else:
            self.timnet.toast(CommandEnded("there is no run of ours behind this cell", failed=True))

    def _open_run(self) -> None:
        if self.runs.row is not None:
            self.timnet.open_run(self.runs.row.id)

    def action_leave(self) -> None:
        """Back to the table."""
        self.table.focus()

    def action_rows(self) -> None:
        """Choose what stands down the side."""
        self._choose_axis("Rows", self._rows, self._set_rows)

    def action_cols(self) -> None:
        """Choose what stands across."""
        self._choose_axis("Columns", self._cols, self._set_cols)

    def _choose_axis(self, title: str, now: str, then: Callable[[str], None]) -> None:
        choices = [Choice(axis, axis, MEANING[axis]) for axis in AXES]
        self.app.push_screen(Choose(title, choices, now), lambda axis: then(axis) if axis else None)

    def _set_rows(self, axis: str) -> None:
        self._set(axis, self._rows if axis == self._cols else self._cols)

    def _set_cols(self, axis: str) -> None:
        self._set(self._cols if axis == self._rows else self._rows, axis)

    def _set(self, rows: str, cols: str) -> None:
        self._rows, self._cols = rows, cols
        self.rewatch()

    def action_swap(self) -> None:
        """Rows become columns."""
        self._set(self._cols, self._rows)

    def action_metric(self) -> None:
        """The next choice of metrics."""
        self._metrics = METRICS[(METRICS.index(self._metrics) + 1) % len(METRICS)]
        self.rewatch()

    def action_filter(self) -> None:
        """Type a filter."""
        self.bar.open()

    def exporting(self) -> Subject:
        """The table as it is shown."""
        chosen = self._page.experiments if self._page and self.bar.text else ()
        title = f"the results that pass {self.bar.text}" if self.bar.text else "results"
        return Subject(title, chosen, rows=self._rows, cols=self._cols, metrics=self._metrics)

    def action_left(self) -> None:
        """One cell to the left."""
        self.table.move(cols=-1)

    def action_right(self) -> None:
        """One cell to the right."""
        self.table.move(cols=1)

    def action_up(self) -> None:
        """One up."""
        self._move(-1)

    def action_down(self) -> None:
        """One down."""
        self._move(1)

    def action_first(self) -> None:
        """To the first."""
        self._move(-self.table.rows - self.runs.total)

    def action_last(self) -> None:
        """To the last."""
        self._move(self.table.rows + self.runs.total)

    def _move(self, step: int) -> None:
        if self.runs.has_focus:
            self.runs.move(step)
        else:
            self.table.move(rows=step)


def _run_cell(run: Run, column: Column, colours: Palette) -> Cell:
    match column.key:
        case "run":
            return Cell(run.key, bold=True)
        case "state":
            return Cell(f"{glyph_of(run)} {wording.standing_of(run)}", colour_of(run, colours))
        case "uar":
            return Cell(wording.percent(run.uar), None if run.state is RunState.DONE else colours.faint)
        case "war":
            return Cell(wording.percent(run.war), None if run.state is RunState.DONE else colours.faint)
        case "seed":
            return Cell(str(run.seed), colours.faint)
        case _:
            return Cell(clean(run.preset), colours.faint)
