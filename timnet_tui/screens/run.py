"""One run, watched closely: its curves, its events as they happen, its log and what is known of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Static

from timnet.records import Event, EventKind, Run
from timnet.text import clean
from timnet_tui.actions import Place, bindings
from timnet_tui.charts.plot import accuracy_plot, loss_plot
from timnet_tui.charts.widget import Chart
from timnet_tui.looks.run import Detail, RunWatch
from timnet_tui.palette import RGB, Palette, palette_of
from timnet_tui.render import style
from timnet_tui.screens.base import RegistryScreen
from timnet_tui.snapshot import Snapshot
from timnet_tui.widgets.facts import Facts
from timnet_tui.widgets.lines import Lines
from timnet_tui.widgets.title import run_title

#: from this width on, the panes stand beside the curves instead of below them
WIDE = 120
NO_EPOCH = "no epoch is finished yet"


class RunScreen(RegistryScreen):
    """Follows one run; the fold keys change which."""

    PLACE = Place.RUN
    CSS_PATH = "run.tcss"
    BINDINGS: ClassVar[list[BindingType]] = bindings(Place.RUN)

    def __init__(self, run_id: int) -> None:
        super().__init__()
        self._run_id = run_id
        self._detail: Detail | None = None
        self._all_events = False
        self._log_scale = False
        #: None until a user chooses: then the log shows where there is room
        self._log_wanted: bool | None = None

    def body(self) -> ComposeResult:
        """A title, two charts, three panes."""
        yield Static(id="title", markup=False)
        with Vertical(id="body"):
            with Horizontal(id="charts"):
                yield Chart(id="accuracy")
                yield Chart(id="loss")
            with Horizontal(id="panes"):
                yield Lines("events", event_line, "nothing has happened yet", id="events")
                yield Lines("log", log_line, "no log yet", id="log")
                yield Facts(id="facts")

    def on_mount(self) -> None:
        """Lay out for the width there is."""
        super().on_mount()
        self._arrange()
        self.query_one("#events").focus()

    def on_resize(self) -> None:
        """Another width may want another arrangement."""
        if self.ready:
            self._arrange()
            self.rewatch()

    # what is shown

    def show(self, snapshot: Snapshot) -> None:
        """Bring everything up to date."""
        if snapshot.watch != self.watching():
            return
        detail = self.answer(Detail)
        if detail is None:
            self.query_one("#title", Static).update(Text("this run is not in the registry any more"))
        elif detail != self._detail:
            self._detail = detail
            self._show_detail()

    def repaint(self) -> None:
        """Everything again, in the colours of another theme."""
        self._detail = None
        super().repaint()

    def watching(self) -> RunWatch:
        """The run, and its log while that is shown."""
        return RunWatch(self._run_id, log=self._log_shown)

    def targets(self) -> Sequence[Run]:
        """The one run."""
        return () if self._detail is None else (self._detail.run,)

    @property
    def _wide(self) -> bool:
        return self.app.size.width >= WIDE

    @property
    def _log_shown(self) -> bool:
        return self._wide if self._log_wanted is None else self._log_wanted

    def _arrange(self) -> None:
        self.set_class(self._wide, "wide")
        self.query_one("#log").display = self._log_shown
        self.query_one("#events").display = self._wide or not self._log_shown

    def _show_detail(self) -> None:
        detail = self._detail
        if detail is None:
            return
        self.query_one("#title", Static).update(run_title(detail.run, palette_of(self.app.current_theme)))
        self.query_one("#accuracy", Chart).show(accuracy_plot(detail), NO_EPOCH)
        self.query_one("#loss", Chart).show(loss_plot(detail, log=self._log_scale), NO_EPOCH)
        self.query_one(Facts).show(detail)
        self._show_events(detail)
        self.query_one("#log", Lines).show(detail.log or ())

    def _show_events(self, detail: Detail) -> None:
        hidden = 0
        events: Sequence[Event] = detail.events
        if not self._all_events:
            events = tuple(event for event in events if event.kind != EventKind.CHECK_SKIPPED)
            hidden = len(detail.events) - len(events)
        self.query_one("#events", Lines).show(events, f"{hidden} not checked hidden, e shows" if hidden else "")

    # actions

    def action_back(self) -> None:
        """To the screen before; the grid selects this run."""
        if self._detail is not None and self.app.current_mode == Place.GRID:
            self.timnet.wanted_cell = (self._detail.run.experiment_id, self._detail.run.fold)
        self.app.pop_screen()

    def action_next_fold(self) -> None:
        """The next fold of this experiment."""
        self._turn(1)

    def action_previous_fold(self) -> None:
        """The previous fold of this experiment."""
        self._turn(-1)

    def _turn(self, step: int) -> None:
        if self._detail is None or len(self._detail.folds) < 2:
            return
        ids = [fold.id for fold in self._detail.folds]
        self._run_id = ids[(ids.index(self._run_id) + step) % len(ids)]
        self._detail = None
        self.query_one("#log", Lines).show(())
        self.rewatch()

    def action_events(self) -> None:
        """Show or hide what was not checked."""
        self._all_events = not self._all_events
        if self._detail is not None:
            self._show_events(self._detail)

    def action_log(self) -> None:
        """Show or hide the log; where there is little room, it takes the place of the events."""
        self._log_wanted = not self._log_shown
        self._arrange()
        self.query_one("#log" if self._log_shown else "#events").focus()
        self.rewatch()

    def action_log_scale(self) -> None:
        """Switch the loss curve's axis."""
        self._log_scale = not self._log_scale
        self._show_detail()

    def action_next_pane(self) -> None:
        """The pane after the one that has the focus."""
        self.focus_next()

    def action_previous_pane(self) -> None:
        """The pane before."""
        self.focus_previous()


def event_line(event: Event, colours: Palette) -> Text:
    """``12:03:41  12  val_loss improved …``: local to the run, so the date is left out."""
    epoch = "" if event.epoch is None else str(event.epoch)
    text = Text(no_wrap=True).append(f"{clean(event.time[11:19])} ", style(colours.faint))
    text.append(f"{epoch:>4} ", style(colours.faint))
    text.append(clean(event.text), style(_event_colour(event.kind, colours)))
    return text


def log_line(line: str, colours: Palette) -> Text:
    """A line of the log, which :mod:`timnet_tui.logs` has cleaned."""
    return Text(line, style(colours.text), no_wrap=True)


def _event_colour(kind: str, colours: Palette) -> RGB:
    if kind in (EventKind.CHECK_SKIPPED, EventKind.CHECK_NOT_IMPROVED):
        return colours.faint
    if kind in (EventKind.FAILED, EventKind.CRASHED):
        return colours.error
    if kind in (EventKind.INTENT, EventKind.PAUSED, EventKind.CANCELLED, EventKind.REQUEUED):
        return colours.warning
    return colours.text
