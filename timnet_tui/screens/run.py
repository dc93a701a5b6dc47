"""One run, or a whole experiment, watched closely: its curves, and in panes everything else that is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container
from textual.events import DescendantFocus
from textual.widgets import Static

from timnet.records import Run
from timnet.text import clean
from timnet_tui import whole_picture
from timnet_tui.actions import Place, bindings
from timnet_tui.actions.run import ACTIONS, PANES
from timnet_tui.charts.curves import Metric
from timnet_tui.looks.curves import curves
from timnet_tui.looks.experiment import ExperimentWatch, Whole
from timnet_tui.looks.run import Detail, RunWatch
from timnet_tui.messages import CommandEnded
from timnet_tui.palette import Palette, palette_of
from timnet_tui.screens.base import RegistryScreen
from timnet_tui.screens.curve_actions import CurveActions
from timnet_tui.snapshot import Snapshot
from timnet_tui.watch import Watch
from timnet_tui.widgets.linked import LinkedCharts
from timnet_tui.widgets.pane_tabs import PaneTabs
from timnet_tui.widgets.panes import Panes
from timnet_tui.widgets.title import run_title, whole_title

#: from this width on, the panes stand beside the curves instead of below them
WIDE = 120


def _title(shown: Detail | Whole, colours: Palette) -> Text:
    if isinstance(shown, Whole):
        return whole_title(shown, colours)
    return run_title(shown.run, colours, shown.background.fold_name(shown.run))


class RunScreen(CurveActions, RegistryScreen):
    """Follows the run with the row id ``run_id``, or with ``whole`` all folds of its experiment."""

    PLACE = Place.RUN
    CSS_PATH = "run.tcss"
    BINDINGS: ClassVar[list[BindingType]] = bindings(Place.RUN)

    def __init__(self, run_id: int, *, whole: bool = False) -> None:
        super().__init__()
        self._run_id = run_id
        self._whole = whole
        self._shown: Detail | Whole | None = None
        #: the folds of the experiment, also while another of them is being read
        self._folds: tuple[int, ...] = ()

    def body(self) -> ComposeResult:
        """A title, two charts, the panes."""
        yield Static(id="title", markup=False)
        keys = {
            pane: self.timnet.keymap.shown(action, Place.RUN).split(" ")[0]
            for pane, of in PANES.items()
            for action in ACTIONS
            if action.id == of
        }
        with Container(id="body"):
            yield LinkedCharts(id="charts")
            yield Panes(keys, self.timnet.db, id="panes")

    def on_mount(self) -> None:
        """Lay out for the width there is."""
        super().on_mount()
        self.charts.recall(self.timnet.memory.of(self.PLACE))
        self._arrange()
        self.panes.pane.focus()

    def remembered(self) -> Mapping[str, object]:
        """How the curves are shown; what is zoomed into is of this run alone."""
        return self.charts.remembered()

    def on_resize(self) -> None:
        """Another width may want another arrangement."""
        if self.ready:
            self._arrange()
            self.rewatch()

    @property
    def charts(self) -> LinkedCharts:
        """The curves."""
        return self.query_one(LinkedCharts)

    @property
    def panes(self) -> Panes:
        """Everything else."""
        return self.query_one(Panes)

    def _arrange(self) -> None:
        wide = self.app.size.width >= WIDE
        self.set_class(wide, "wide")
        self.set_class(self.charts.enlarged is not None, "enlarged")
        self.panes.set_wide(wide)

    # what is shown

    def show(self, snapshot: Snapshot) -> None:
        """Bring everything up to date."""
        if snapshot.watch != self.watching():
            return
        shown = self.answer(Whole) if self._whole else self.answer(Detail)
        if shown is None:
            self.query_one("#title", Static).update(Text("this run is not in the registry any more"))
        elif shown != self._shown:
            self._shown = shown
            self._folds = tuple(fold.id for fold in shown.folds)
            self._show_all(shown)

    def _show_all(self, shown: Detail | Whole) -> None:
        colours = palette_of(self.app.current_theme)
        self.query_one("#title", Static).update(_title(shown, colours))
        self.show_curves()
        self.panes.show(shown)

    def show_curves(self) -> None:
        """The curves of what is shown."""
        if self._shown is not None:
            charts = self.charts
            charts.show(curves(self._shown, charts.metric), curves(self._shown, Metric.LOSS))

    def repaint(self) -> None:
        """Everything again, in the colours of another theme."""
        self._shown = None
        super().repaint()

    def watching(self) -> Watch:
        """The run or its experiment, and what the open pane needs beside."""
        if self._whole:
            return ExperimentWatch(self._run_id, tested=self.panes.wants_answers)
        return RunWatch(self._run_id, log=self.panes.wants_log, tested=self.panes.wants_answers)

    def targets(self) -> Sequence[Run]:
        """The one run, or all of the experiment."""
        if self._shown is None:
            return ()
        return self._shown.folds if isinstance(self._shown, Whole) else (self._shown.run,)

    # folds

    def action_back(self) -> None:
        """Out of the search, then out of an enlarged chart, then to the screen before."""
        if self.panes.searching:
            self.panes.end_search()
        elif self.charts.enlarged is not None:
            self._enlarge(None)
        else:
            if self._shown is not None and self.app.current_mode == Place.GRID:
                fold = 0 if isinstance(self._shown, Whole) else self._shown.run.fold
                self.timnet.wanted_cell = (self._shown.experiment.id, fold)
            self.timnet.remember()  # the next run is shown in the same way, however soon it is opened
            self.app.pop_screen()

    def action_next_fold(self) -> None:
        """The next fold of this experiment."""
        self._turn(1)

    def action_previous_fold(self) -> None:
        """The previous fold of this experiment."""
        self._turn(-1)

    def _turn(self, step: int) -> None:
        if self._whole:  # from all folds to the one that was looked at, so that no key does nothing
            self._look_at(self._run_id, whole=False)
        elif self._run_id in self._folds and len(self._folds) > 1:
            place = self._folds.index(self._run_id) + step
            self._look_at(self._folds[place % len(self._folds)], whole=False)

    def action_whole(self) -> None:
        """From a fold to all of them, and back."""
        self._look_at(self._run_id, whole=not self._whole)

    def _look_at(self, run_id: int, *, whole: bool) -> None:
        self._run_id, self._whole, self._shown = run_id, whole, None
        self.rewatch()
        self.catch_up()  # there and back again: the answer is there already

    # curves

    def action_enlarge(self) -> None:
        """One chart, the other, both."""
        after = {None: "accuracy", "accuracy": "loss", "loss": None}
        self._enlarge(after[self.charts.enlarged])

    def _enlarge(self, chart: str | None) -> None:
        self.charts.enlarge(chart)
        self._arrange()

    def action_cursor_left(self) -> None:
        """The epoch before, or the point before where the t-SNE has the focus."""
        if self.panes.plane.has_focus:
            self.panes.plane.step_point(-1)
        else:
            super().action_cursor_left()

    def action_cursor_right(self) -> None:
        """The epoch after, or the next point where the t-SNE has the focus."""
        if self.panes.plane.has_focus:
            self.panes.plane.step_point(1)
        else:
            super().action_cursor_right()

    # panes

    def _open(self, pane: str) -> bool:
        """Open a pane; whether it was open already, so that its key does what it does there."""
        was_open = self.panes.open == pane and self.charts.enlarged is None
        if self.charts.enlarged is not None:
            self._enlarge(None)
        self.panes.open_pane(pane)
        self.rewatch()
        return was_open

    def on_descendant_focus(self, _event: DescendantFocus) -> None:
        """Another pane may be open: what is watched follows."""
        if self.ready:
            self.rewatch()

    def on_pane_tabs_chosen(self, _message: PaneTabs.Chosen) -> None:
        """A tab was clicked."""
        self.rewatch()

    def action_next_pane(self) -> None:
        """The pane after the one that is open."""
        self.panes.turn(1)
        self.rewatch()

    def action_previous_pane(self) -> None:
        """The pane before."""
        self.panes.turn(-1)
        self.rewatch()

    def action_facts(self) -> None:
        """What is known of the run."""
        self._open("facts")

    def action_events(self) -> None:
        """The events; where they are open, those of other kinds."""
        if self._open("events"):
            self.panes.next_kinds()

    def action_log(self) -> None:
        """The log."""
        self._open("log")

    def action_search(self) -> None:
        """Type what shall be found in the log."""
        self._open("log")
        self.panes.search()

    def action_find_next(self) -> None:
        """The next match."""
        self.panes.find(1)

    def action_find_before(self) -> None:
        """The match before."""
        self.panes.find(-1)

    def action_confusion(self) -> None:
        """The confusion matrix; where it is open, in per cent or in counts."""
        if self._open("confusion"):
            self.panes.toggle_share()

    def action_recall(self) -> None:
        """Each class's recall."""
        self._open("recall")

    def action_plane(self) -> None:
        """The t-SNE; where it is open, another class stands out."""
        if self._open("plane"):
            self.panes.plane.next_class()

    def action_wrong(self) -> None:
        """Mark what was not recognised."""
        self._open("plane")
        self.panes.plane.toggle_wrong()

    def action_picture(self) -> None:
        """The exported t-SNE in place of the points, or on the whole terminal, as it can show it."""
        self._open("plane")
        if not self.panes.toggle_picture():
            whole_picture.order(self.timnet, self.panes.plane_key)

    def action_settings(self) -> None:
        """All settings."""
        self._open("settings")

    def action_files(self) -> None:
        """What is on disk."""
        self._open("files")

    def action_copy(self) -> None:
        """Copy the selected file's path, or the id of what is shown."""
        if self._shown is None:
            return
        kept = self.panes.selected_file
        if kept is not None:
            text = str(self.timnet.db.absolute().parent / kept.path)
        else:
            text = str(self._shown.experiment.id) if isinstance(self._shown, Whole) else self._shown.run.key
        self.app.copy_to_clipboard(text)
        self.timnet.toast(CommandEnded(f"copied: {clean(text)}"))
