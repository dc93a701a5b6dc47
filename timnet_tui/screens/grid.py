"""Home: experiments down, folds across, and where there is room the selected run's curves beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Static

from timnet.records import Run
from timnet_tui.actions import Place, bindings
from timnet_tui.charts.plot import accuracy_plot, loss_plot
from timnet_tui.charts.widget import Chart
from timnet_tui.looks.grid import GridPage, GridWatch
from timnet_tui.looks.run import Detail
from timnet_tui.palette import palette_of
from timnet_tui.screens.listing import ListingScreen
from timnet_tui.snapshot import Health, Snapshot
from timnet_tui.widgets.filter_bar import FilterBar
from timnet_tui.widgets.first_run import FirstRun
from timnet_tui.widgets.grid import FoldGrid
from timnet_tui.widgets.title import experiment_title, run_title

#: the curves beside the grid want this much, and appear when the terminal is this wide
CURVES_WIDTH, CURVES_FROM = 56, 130
#: seconds that the selection rests on a run before its curves are read: who passes over it does not want them
REST = 0.12


class GridScreen(ListingScreen):
    """The registry at a glance."""

    PLACE = Place.GRID
    CSS_PATH = "grid.tcss"
    BINDINGS: ClassVar[list[BindingType]] = bindings(Place.GRID)

    def __init__(self) -> None:
        super().__init__()
        self._log_scale = False
        self._filter_text = ""
        self._curves_width = 0
        self._rested = True
        self._detail: Detail | None = None

    def body(self) -> ComposeResult:
        """The grid or the first-run text, and the curves."""
        with Horizontal(id="body"):
            yield FoldGrid(id="grid")
            with Vertical(id="curves"):
                yield Static(id="about", markup=False)
                yield Chart(id="accuracy")
                yield Chart(id="loss")
        yield FirstRun(id="first")
        yield FilterBar(self.timnet.filters, id="filter")

    @property
    def grid(self) -> FoldGrid:
        """The grid."""
        return self.query_one(FoldGrid)

    def show(self, snapshot: Snapshot) -> None:
        """Bring everything up to date."""
        page = self.answer(GridPage)
        if page is not None:
            self._show_page(page)
        elif snapshot.health is not Health.OK and self.grid.row is None:
            self._show_nothing(snapshot)

    def _show_page(self, page: GridPage) -> None:
        counted = f"{page.total:,} experiment{'s'[: page.total != 1]}"
        more = "searching; so far " if page.searching else ""
        self.bar.tell(page.problem or f"{more}{counted}", problem=bool(page.problem))
        if page.searching and not page.total:  # what was selected may still be found
            return
        if not (page.total or page.problem or self._filter_text) and self.timnet.snapshot is not None:
            self._show_nothing(self.timnet.snapshot)
            return
        self.query_one("#body").display = True
        self.query_one("#first").display = False
        if not self.grid.has_focus and self.focused is None:
            self.set_focus(self.grid)  # now: later might be after a key that opens the filter
        self.grid.show(page)
        self._go_where_wanted(page)
        self._share_width()
        self._show_curves(page.detail)
        self.rewatch()

    def _show_nothing(self, snapshot: Snapshot) -> None:
        self.query_one("#body").display = False
        first = self.query_one("#first", FirstRun)
        first.display = True
        first.show(snapshot)

    def _go_where_wanted(self, page: GridPage) -> None:
        """Select what another screen, or the command line, wants selected."""
        wanted = self.timnet.wanted_cell
        if wanted is None or page.asked != wanted[0]:
            return
        self.timnet.wanted_cell = None
        if page.place is not None:
            self.grid.seek(page.place, wanted[1])

    def on_mount(self) -> None:
        """Select what was selected the last time, unless something else is wanted."""
        super().on_mount()
        self._rest = self.set_interval(REST, self._look_closely, pause=True)
        memory = self.timnet.memory
        experiment, fold = memory.get(self.PLACE, "experiment", int), memory.get(self.PLACE, "fold", int)
        if self.timnet.wanted_cell is None and experiment and fold is not None and 0 < experiment < 2**31:
            self.timnet.wanted_cell = (experiment, max(0, fold))

    def remembered(self) -> Mapping[str, object]:
        """What is selected."""
        row = self.grid.row
        return {} if row is None else {"experiment": row.id, "fold": self.grid.fold}

    def selected(self) -> Sequence[Run]:
        """The selected run, or all of the selected experiment."""
        return self.grid.chosen

    def filtered(self, text: str) -> None:
        """Show the experiments with a run that passes ``text``."""
        self._filter_text = text
        self.rewatch()

    def show_marks(self) -> None:
        """Show which runs are marked."""
        self.grid.show_marks(self.marks)

    def focus_list(self) -> None:
        """Keys go to the grid."""
        self.grid.focus()

    def watching(self) -> GridWatch:
        """The page in view and, while its curves are shown, the selected run."""
        first, count = self.grid.window()
        run = self.grid.run if self.query_one("#curves").display and self._rested else None
        wanted = self.timnet.wanted_cell
        experiment = wanted[0] if wanted else (self.grid.row.id if self.grid.row else None)
        return GridWatch(first, count, self.grid.seen(), experiment, run.id if run else None, self._filter_text)

    def repaint(self) -> None:
        """The curves as well, in the colours of another theme."""
        self._detail = None
        super().repaint()

    # the curves beside the grid

    def on_resize(self) -> None:
        """Another width has room for curves, or has none."""
        if self.ready:
            self._share_width()
            self.rewatch()

    def on_window_moved(self) -> None:
        """Other experiments have come into view."""
        self.rewatch()

    def _share_width(self) -> None:
        width = self.app.size.width
        curves = self.query_one("#curves")
        shown = width >= CURVES_FROM and not self.query_one("#first").display
        spare = width - self.grid.natural_width() - 2
        if spare < CURVES_WIDTH:  # half and half, but for what keeps the grid's words whole
            spare = min(width // 2, max(CURVES_WIDTH, width - self.grid.two_lines_width() - 1))
        if curves.display != shown or (shown and self._curves_width != spare):
            curves.display = shown
            curves.styles.width = self._curves_width = spare
            self.rewatch()

    def _show_curves(self, detail: Detail | None) -> None:
        run, row = self.grid.run, self.grid.row
        about = self.query_one("#about", Static)
        colours = palette_of(self.app.current_theme)
        accuracy, loss = self.query_one("#accuracy", Chart), self.query_one("#loss", Chart)
        if run is None:
            self._detail = None
            about.update(experiment_title(row, colours) if row and not self.grid.fold else "", layout=False)
            accuracy.show(None, "select a fold to see its curves")
            loss.show(None)
            return
        if detail is None or detail.run.id != run.id:
            return  # it will come in a moment; until then the curves of before stay
        if detail == self._detail:
            return
        self._detail = detail
        about.update(run_title(detail.run, colours), layout=False)
        accuracy.show(accuracy_plot(detail), "no epoch is finished yet")
        loss.show(loss_plot(detail, log=self._log_scale), "no epoch is finished yet")

    # messages and actions

    def on_cell_chosen(self) -> None:
        """Another run's curves are wanted."""
        self._detail = None
        self._rested = False
        self.rewatch()
        self._show_curves(None)
        self._rest.reset()
        self._rest.resume()

    def _look_closely(self) -> None:
        """The selection has come to rest: its curves are wanted."""
        self._rested = True
        self._rest.pause()
        self.rewatch()

    def on_cell_opened(self) -> None:
        """A double click."""
        self.action_open()

    def action_open(self) -> None:
        """Open the selected run, or the whole experiment."""
        run = self.grid.run or next(iter(self.grid.chosen), None)
        if run is not None:
            self.timnet.open_run(run.id, whole=self.grid.fold == 0)

    def action_log_scale(self) -> None:
        """Switch the loss curve's axis."""
        self._log_scale = not self._log_scale
        detail, self._detail = self._detail, None
        self._show_curves(detail)

    def action_left(self) -> None:
        """One fold to the left."""
        self.grid.move(folds=-1)

    def action_right(self) -> None:
        """One fold to the right."""
        self.grid.move(folds=1)

    def action_up(self) -> None:
        """One experiment up."""
        self.grid.move(rows=-1)

    def action_down(self) -> None:
        """One experiment down."""
        self.grid.move(rows=1)

    def action_page_up(self) -> None:
        """A page up."""
        self.grid.move(rows=-self.grid.page)

    def action_page_down(self) -> None:
        """A page down."""
        self.grid.move(rows=self.grid.page)

    def action_first(self) -> None:
        """To the newest experiment."""
        self.grid.move(rows=-self.grid.total)

    def action_last(self) -> None:
        """To the oldest experiment."""
        self.grid.move(rows=self.grid.total)

    def action_whole(self) -> None:
        """From a fold to its experiment and back."""
        self.grid.toggle_whole()

    def action_demo(self) -> None:
        """Train the demo here; where there are experiments already, after a question."""
        first = self.query_one("#first", FirstRun)
        asked = ("Train the demo here?", "Its corpus and its experiment are added to this registry.")
        self.ask(None if first.display or first.jobs.all else asked, "Train it", first.demo)
