"""The queue: what trains, what waits and why, in the order of claims; and the workers below it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.widgets import Static

from timnet.errors import BadInput
from timnet.queue.forecast import duration
from timnet.queue.plan import parse_numbers
from timnet.queue.waiting import alone, whereabouts
from timnet.records import Run, RunState
from timnet.registry.lineup import Move
from timnet.settings import AUTO, MOST_JOBS, Jobs
from timnet.text import clean
from timnet_tui import commands, queueing, wording
from timnet_tui.actions import Place, bindings
from timnet_tui.looks.queue import QueuePage, QueueRow, QueueWatch, WorkerRow
from timnet_tui.messages import CommandEnded
from timnet_tui.palette import GLYPHS, SUBMITTED, palette_of
from timnet_tui.render import style
from timnet_tui.screens.listing import ListingScreen
from timnet_tui.screens.type import TypeLine
from timnet_tui.screens.worker_log import WorkerLog
from timnet_tui.snapshot import Snapshot
from timnet_tui.widgets import queue_columns
from timnet_tui.widgets.filter_bar import FilterBar
from timnet_tui.widgets.table import Page, RowTable

#: from this height on there is room for more workers
TALL = 36
EMPTY = "Nothing waits and nothing trains. n queues experiments; A queues the selected one again with other settings."
NOTHING = "Nothing in the queue passes this filter. esc clears it."
NO_WORKER = "No worker lives here, so nothing trains. w starts one; in another terminal: timnet work --detach"


class QueueScreen(ListingScreen):
    """Two panes; ``tab`` changes between them."""

    PLACE = Place.QUEUE
    CSS_PATH = "queue.tcss"
    BINDINGS: ClassVar[list[BindingType]] = bindings(Place.QUEUE)
    AUTO_FOCUS = "#runs"

    def __init__(self) -> None:
        super().__init__()
        self._page = QueuePage()
        self._filter = ""
        self._asked: int | None = None
        self._log_of = ""

    def body(self) -> ComposeResult:
        """How much there is, the runs, the filter, and the workers."""
        yield Static(id="about", markup=False)
        yield RowTable[QueueRow](queue_columns.run_cell, queue_columns.RUNS, id="runs")
        yield Static(id="none", markup=False)
        yield Static(id="why", markup=False)
        yield FilterBar(id="filter")
        with Vertical(id="workers-pane"):
            yield RowTable[WorkerRow](queue_columns.worker_cell, queue_columns.WORKERS, id="workers")
            yield Static(NO_WORKER, id="no-worker", markup=False)

    def on_mount(self) -> None:
        """With the filter of the last time."""
        super().on_mount()
        self._arrange()
        self._filter = str(self.timnet.memory.get(self.PLACE, "filter", str) or "")
        self.bar.set(self._filter)
        self.rewatch()

    def on_resize(self) -> None:
        """Another height has room for other workers."""
        if self.ready:
            self._arrange()

    def _arrange(self) -> None:
        self.set_class(self.app.size.height >= TALL, "tall")

    def remembered(self) -> dict[str, object]:
        """The filter."""
        return {"filter": self._filter}

    @property
    def run_table(self) -> RowTable[QueueRow]:
        """The upper pane."""
        return self.query_one("#runs", RowTable)

    @property
    def worker_table(self) -> RowTable[WorkerRow]:
        """The lower pane."""
        return self.query_one("#workers", RowTable)

    # what is shown

    def watching(self) -> QueueWatch:
        """The runs in view and some around them."""
        first, count = self.run_table.window()
        return QueueWatch(first, count, self._filter, self._asked, self._log_of)

    def show(self, snapshot: Snapshot) -> None:
        """Bring both panes up to date, unless the answer is to an earlier question."""
        page, watch = self.answer(QueuePage), snapshot.watch
        if page is None or not isinstance(watch, QueueWatch) or watch.filter_text != self._filter:
            return
        self._hand_on(watch, page)
        self.bar.tell(page.problem, problem=True) if page.problem else self.bar.tell(_counted(page.total))
        if page.problem:
            return
        self._page = page
        self.renew_marks(row.run for row in page.rows)
        self.run_table.show(Page(page.rows, page.first, page.total, page.asked, page.place))
        if self.run_table.unsure and self.run_table.row is not None:
            self._asked = self.run_table.row.id
        self.run_table.display = bool(page.total)
        none = self.query_one("#none", Static)
        none.display = not page.total
        none.update(NOTHING if self._filter else EMPTY)
        self.worker_table.show(Page(page.workers, 0, len(page.workers)))
        self.worker_table.display = bool(page.workers)
        self.query_one("#no-worker").display = not page.workers
        self._tell()
        self.rewatch()

    def repaint(self) -> None:
        """Both panes as well, in the colours of another theme."""
        self.run_table.refresh()
        self.worker_table.refresh()
        super().repaint()
        self._tell()

    def _hand_on(self, watch: QueueWatch, page: QueuePage) -> None:
        if isinstance(self.app.screen, WorkerLog) and watch.log_of == self._log_of:
            self.app.screen.show(page.log)

    def _tell(self) -> None:
        """The line above the runs, and the one below that says what the selected run waits for."""
        colours = palette_of(self.app.current_theme)
        text = Text(no_wrap=True, overflow="ellipsis")
        if self.marks:
            text.append(f"● {len(self.marks):,} marked  ", style(colours.accent, bold=True))
        snapshot = self.timnet.snapshot
        submitted = snapshot.submitted if snapshot is not None and not self._filter else 0
        for state, count in self._page.counts.items():
            training = count - submitted if state is RunState.RUNNING else count
            if training > 0:
                text.append(f"{GLYPHS[state]} {training:,} {state}  ", style(colours.states[state], bold=True))
            if state is RunState.RUNNING and submitted:
                waits = style(colours.states[RunState.QUEUED], bold=True)
                text.append(f"{SUBMITTED} {submitted:,} {wording.SUBMITTED}  ", waits)
        if snapshot is not None and snapshot.forecast.seconds is not None:
            unmeasured = snapshot.forecast.unmeasured
            text.append(f"all done in {'over' if unmeasured else 'about'} {duration(snapshot.forecast.seconds)}")
            text.append(f" ({unmeasured:,} not measured)" if unmeasured else "", style(colours.faint))
        elif self._page.counts.get(RunState.QUEUED):
            text.append("how long it takes is not measured yet", style(colours.faint))
        self.query_one("#about", Static).update(text)
        row = self.run_table.row
        said = "" if row is None else f"{row.run.key} {_told(row.run)}{self._unattended(row.run)}"
        self.query_one("#why", Static).update(Text(said, style(colours.faint)))

    def _unattended(self, run: Run) -> str:
        told = alone(run, [row.worker for row in self._page.workers])
        return f"; no head: {clean(told)}" if told else ""

    # for listings

    def selected(self) -> Sequence[Run]:
        """The selected run."""
        row = self.run_table.row
        return () if row is None else (row.run,)

    def filtered(self, text: str) -> None:
        """Show what passes."""
        self._filter = text
        self.run_table.to_top()
        self.rewatch()

    def show_marks(self) -> None:
        """Show what is marked."""
        self.run_table.show_marks(self.marks)
        self._tell()

    def focus_list(self) -> None:
        """Keys go to the runs."""
        self.run_table.focus()

    # messages

    def on_row_table_chosen(self) -> None:
        """Another row: say what it waits for."""
        self._asked = self.run_table.row.id if self.run_table.row else None
        self._tell()

    def on_row_table_moved(self) -> None:
        """Other rows have come into view."""
        self.rewatch()

    def on_row_table_opened(self) -> None:
        """A double click."""
        self.action_open()

    def on_row_table_marked(self) -> None:
        """A click with ctrl."""
        if not self.worker_table.has_focus:
            self.action_mark()

    # looking

    def action_open(self) -> None:
        """Open the run, or the log of the worker."""
        if self.worker_table.has_focus:
            self.action_worker_log()
        elif self.run_table.row is not None:
            self.timnet.open_run(self.run_table.row.run.id)

    def action_worker_log(self) -> None:
        """What the worker printed."""
        self._with_worker(self._open_log)

    def _open_log(self, row: WorkerRow) -> None:
        self._log_of = row.worker.uid
        self.rewatch()
        title = f"worker {row.worker.pid} on {clean(row.worker.host)}"
        self.app.push_screen(WorkerLog(title, None), lambda _: self._close_log())

    def _close_log(self) -> None:
        self._log_of = ""

    def action_next_pane(self) -> None:
        """The other pane."""
        other = self.run_table if self.worker_table.has_focus or not self.worker_table.display else self.worker_table
        other.focus()

    def action_previous_pane(self) -> None:
        """There are two."""
        self.action_next_pane()

    @property
    def _list(self) -> RowTable[QueueRow] | RowTable[WorkerRow]:
        return self.worker_table if self.worker_table.has_focus else self.run_table

    def action_up(self) -> None:
        """One line up."""
        self._list.move(-1)

    def action_down(self) -> None:
        """One line down."""
        self._list.move(1)

    def action_page_up(self) -> None:
        """A page up."""
        self._list.move(-self._list.page)

    def action_page_down(self) -> None:
        """A page down."""
        self._list.move(self._list.page)

    def action_first(self) -> None:
        """To the first line."""
        self._list.move(-self._list.total)

    def action_last(self) -> None:
        """To the last line."""
        self._list.move(self._list.total)

    def action_left(self) -> None:
        """Columns further to the left."""
        self._list.scroll_columns(-1)

    def action_right(self) -> None:
        """Columns further to the right."""
        self._list.scroll_columns(1)

    # the order

    def action_move_up(self) -> None:
        """One place up."""
        self._order(partial(queueing.move, move=Move.UP))

    def action_move_down(self) -> None:
        """One place down."""
        self._order(partial(queueing.move, move=Move.DOWN))

    def action_move_top(self) -> None:
        """Ahead of all that wait."""
        self._order(partial(queueing.move, move=Move.TOP))

    def action_move_bottom(self) -> None:
        """Behind all that wait."""
        self._order(partial(queueing.move, move=Move.BOTTOM))

    def action_higher(self) -> None:
        """A higher priority."""
        self._order(partial(queueing.shift_priority, by=1))

    def action_lower(self) -> None:
        """A lower priority."""
        self._order(partial(queueing.shift_priority, by=-1))

    def _order(self, change: Callable[..., CommandEnded]) -> None:
        """Move what is marked or selected, as far as it waits; the selection stays on its run."""
        waiting = [run.key for run in self.targets() if run.state is RunState.QUEUED]
        if not waiting:
            self.timnet.toast(CommandEnded("only queued runs have a place in the queue", failed=True))
            return
        self._asked = self.run_table.row.id if self.run_table.row else None
        self.in_thread(partial(change, self.timnet.db, waiting))

    def action_hold_all(self) -> None:
        """Pause everything; where nothing is left to pause, resume everything."""
        self.in_thread(partial(queueing.hold_or_release, self.timnet.db))

    # workers

    def action_start_worker(self) -> None:
        """Ask how many runs at once, and start a worker."""
        told = "auto: as many as are best here. It works until nothing waits, and outlives this view."
        local = [row.worker for row in self._page.workers if row.worker.engine == "local"]
        count = sum(worker.jobs for worker in local if worker.want is None)
        if count:
            told = f"The workers here train up to {count} at once already. {told}"
        line = TypeLine("How many runs at once?", told, str(self.timnet.settings.jobs_asked), check=_jobs)
        self.app.push_screen(line, lambda text: None if text is None else self.in_thread(
            partial(commands.start_worker, self.timnet.db, _jobs(text))))  # fmt: skip

    def action_stop_worker(self) -> None:
        """End a worker at once, after a question where it trains."""
        self._with_worker(self._ask_stop)

    def _ask_stop(self, row: WorkerRow) -> None:
        question = None
        if row.worker.engine != "local":
            question = (
                f"Stop the head of {clean(row.worker.engine)}?",
                f"Its {len(row.runs)} jobs go on without it, and the next head brings in what they do.",
            )
        elif row.runs:
            runs = ", ".join(one.run.key for one in row.runs)
            question = (
                f"Stop worker {row.worker.pid}?",
                f"It trains {runs}. They go back to the queue and go on later from their last finished epoch.",
            )
        self.ask(question, "Stop it", partial(self._end_worker, row, drain=False))

    def action_drain_worker(self) -> None:
        """End a worker after the runs it is at."""
        self._with_worker(partial(self._end_worker, drain=True))

    def _end_worker(self, row: WorkerRow, *, drain: bool) -> None:
        self.in_thread(partial(queueing.end_worker, self.timnet.db, row.worker, drain=drain))

    def _with_worker(self, then: Callable[[WorkerRow], None]) -> None:
        """The selected worker; none is selected by chance: of several, the pane must have the focus."""
        row = self.worker_table.row
        if row is None:
            self.timnet.toast(CommandEnded("no worker lives here", failed=True))
        elif len(self._page.workers) > 1 and not self.worker_table.has_focus:
            self.worker_table.focus()
            self.timnet.toast(CommandEnded("choose one of the workers, then again", failed=True))
        else:
            then(row)


def _told(run: Run) -> str:
    """What the line below the runs says of one."""
    why = queue_columns.why(run)
    if run.state in (RunState.QUEUED, RunState.PAUSED) and run.want is None:
        return f"waits: {why}"
    if run.submitted and run.want is None:
        return f"waits: {why}; {clean(whereabouts(run))}"
    standing = wording.standing_of(run)
    return f"is {standing}: {why}" if why else f"is {standing}"


def _counted(count: int) -> str:
    return f"{count:,} run{'' if count == 1 else 's'}"


def _jobs(text: str) -> Jobs:
    """How many runs at once, or that the worker is to settle it. Raises :class:`BadInput`."""
    if text == AUTO:
        return AUTO
    numbers = parse_numbers(text, "number of runs")
    if len(numbers) != 1 or not 1 <= numbers[0] <= MOST_JOBS:
        raise BadInput(f"type auto, or one number from 1 to {MOST_JOBS}")
    return numbers[0]
