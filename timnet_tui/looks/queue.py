"""The queue as a user sees it: who trains, who waits, why and until when, and the workers with what they do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from timnet.errors import BadInput
from timnet.queue import waiting
from timnet.queue.forecast import ONE_BY_ONE, Span, at_once, spans
from timnet.records import Run, RunState, Worker
from timnet.registry import Registry
from timnet.registry.lineup import Crowd, Left, Line
from timnet.registry.load import Share
from timnet.registry.paces import Kind, paces
from timnet_tui import logs
from timnet_tui.watch import Follower

#: no machine trains more runs at once
RUNNING_AT_MOST = 1000
NOBODY_KNOWS = Span(None, None)


@dataclass(frozen=True, slots=True)
class QueueRow:
    """A run in the queue; ``span`` says when it starts and ends, as far as paces were measured."""

    run: Run
    span: Span = NOBODY_KNOWS

    @property
    def id(self) -> int:
        """The run's row id."""
        return self.run.id


@dataclass(frozen=True, slots=True)
class WorkerRow:
    """A worker that lives, and the runs it is at."""

    worker: Worker
    runs: tuple[QueueRow, ...] = ()

    @property
    def id(self) -> str:
        """The worker's name in the registry."""
        return self.worker.uid


@dataclass(frozen=True, slots=True)
class QueuePage:
    """The rows from place ``first`` on, out of ``total``; ``place`` is that of the row ``asked`` for.

    ``counts`` are of what passes the filter. ``log`` is the end of the log that was asked for, None where none was.
    ``problem`` says why the filter cannot be used.
    """

    rows: tuple[QueueRow, ...] = ()
    first: int = 0
    total: int = 0
    asked: int | None = None
    place: int | None = None
    counts: Mapping[RunState, int] = field(default_factory=dict)
    workers: tuple[WorkerRow, ...] = ()
    log: tuple[str, ...] | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class QueueWatch:
    """``count`` runs from place ``first`` on; where run ``asked`` stands; the log of worker ``log_of``."""

    first: int = 0
    count: int = 100
    filter_text: str = ""
    asked: int | None = None
    log_of: str = ""

    def follower(self, before: Follower | None) -> QueueFollower:
        """The follower of before goes on."""
        follower = before if isinstance(before, QueueFollower) else QueueFollower()
        follower.ask(self)
        return follower


class QueueFollower:
    """Reads a page of the queue; only the log is kept from one look to the next."""

    def __init__(self) -> None:
        self._watch = QueueWatch()
        self._stamp: logs.Stamp | None = None
        self._log: tuple[str, ...] = ()
        self._told: tuple[str, ...] | None = None
        self._crowd: list[Crowd] = []
        self._crowd_of = (0, 0)

    def ask(self, watch: QueueWatch) -> None:
        """Answer another question from now on."""
        if watch.log_of != self._watch.log_of:
            self._stamp, self._log = None, ()
        self._watch = watch

    def read(self, registry: Registry, workers: tuple[Worker, ...]) -> QueuePage:
        """The page as it is now."""
        watch = self._watch
        self._told = self._read_log(registry) if watch.log_of else None
        try:
            line = registry.lineup.line(watch.filter_text, watch.first, watch.count, watch.asked)
        except BadInput as error:
            return QueuePage(asked=watch.asked, problem=str(error), log=self._told)
        measured = paces(registry.db)
        known = self._spans(registry, line, measured, workers)
        rows = tuple(QueueRow(run, known.get(run.id, NOBODY_KNOWS)) for run in waiting.explain(line.runs, workers))
        return QueuePage(
            rows=rows,
            first=line.first,
            total=line.total,
            asked=watch.asked,
            place=line.place,
            counts=line.counts,
            workers=_workers(registry, workers, known),
            log=self._told,
        )

    def grew(self, registry: Registry) -> bool:
        """Whether the log has lines that were not told yet."""
        return bool(self._watch.log_of) and self._read_log(registry) is not self._told

    def _read_log(self, registry: Registry) -> tuple[str, ...]:
        """The end of a worker's log; the same object while the file has not changed."""
        path = registry.paths.worker_log(self._watch.log_of)
        stamp = logs.stamp(path)
        if stamp != self._stamp:
            self._stamp = stamp
            self._log = logs.tail(path) if stamp else ()
        return self._log

    def _spans(
        self, registry: Registry, line: Line, measured: Mapping[Kind, float], workers: Sequence[Worker]
    ) -> dict[int, Span]:
        """When the runs that train and those of a page that wait start and end.

        A short queue is gone through run by run. In a long one, what is ahead of the page is added up by kind; behind
        a filter it is not known then.
        """
        begun = registry.lineup.left(RunState.RUNNING, RUNNING_AT_MOST)
        trains, submitted = ([one for one in begun if one.submitted is waits] for waits in (False, True))
        filtered = bool(self._watch.filter_text.strip())
        queued = registry.runs.counts()[RunState.QUEUED] if filtered else line.counts[RunState.QUEUED]
        page = [run.id for run in line.runs if run.state is RunState.QUEUED]
        waits: list[Left] = []
        crowd: list[Crowd] = []
        if page and queued <= ONE_BY_ONE:
            waits = registry.lineup.left(RunState.QUEUED, queued)
        elif page and not filtered:
            crowd = self._ahead(registry, max(0, line.first - line.counts[RunState.RUNNING]), queued)
            waits = registry.lineup.left_of(page)
        ends, later = spans(
            [_seconds(one, measured) for one in trains],
            [Share(0, one.runs, one.epochs, measured.get(one.kind)) for one in crowd],
            [_seconds(one, measured) for one in waits],
            at_once(workers),
            [_seconds(one, measured) for one in submitted],
        )
        every = (*trains, *submitted, *waits)
        return {one.run_id: span for one, span in zip(every, (*ends, *later), strict=True)}

    def _ahead(self, registry: Registry, count: int, queued: int) -> list[Crowd]:
        """What waits ahead of a page. Read again when a run joins or leaves the queue: adding it up takes a while."""
        if self._crowd_of != (count, queued):
            self._crowd_of, self._crowd = (count, queued), registry.lineup.ahead(count)
        return self._crowd


def _seconds(left: Left, measured: Mapping[Kind, float]) -> float | None:
    """How long a run still takes; None where no epoch of its kind was timed."""
    pace = left.seconds if left.seconds is not None else measured.get(left.kind)
    return None if pace is None else left.epochs * pace


def _workers(registry: Registry, workers: Sequence[Worker], known: Mapping[int, Span]) -> tuple[WorkerRow, ...]:
    by_key = {run.key: run for run in registry.runs.running()} if any(one.running for one in workers) else {}
    rows = []
    for worker in workers:
        runs = [by_key[key] for key in worker.running if key in by_key]
        rows.append(WorkerRow(worker, tuple(QueueRow(run, known.get(run.id, NOBODY_KNOWS)) for run in runs)))
    return tuple(rows)
