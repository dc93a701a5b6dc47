"""Following one run: what is new since the last look, and when all must be read again.

On resume after a crash, rows past the checkpoint are deleted and written anew. A look that only ever
asked for later rows would keep the old ones, so a new attempt, an epoch that went back, and an event
that tells of a start each cause a fresh read.
"""

from __future__ import annotations

from dataclasses import dataclass

from timnet.errors import UnknownName
from timnet.queue import waiting
from timnet.records import Checkpoint, EpochMetrics, Event, EventKind, Experiment, Run, Worker
from timnet.registry import Registry
from timnet_tui import logs
from timnet_tui.watch import Follower

EVENTS_AT_MOST = 5000
STARTS = frozenset({EventKind.STARTED, EventKind.RESUMED})


@dataclass(frozen=True, slots=True)
class RunWatch:
    """One run by its row id, and whether its log is wanted."""

    run_id: int
    log: bool = False

    def follower(self, before: Follower | None) -> RunFollower:
        """The follower of before goes on where it reads the same run."""
        if not isinstance(before, RunFollower) or before.run_id != self.run_id:
            before = RunFollower(self.run_id)
        before.wants_log = self.log
        return before


@dataclass(frozen=True, slots=True)
class Detail:
    """Everything about the run that is watched. ``log`` is None where nobody asked for it.

    ``folds`` are all runs of its experiment, itself included, by fold.
    """

    run: Run
    experiment: Experiment
    epochs: tuple[EpochMetrics, ...] = ()
    events: tuple[Event, ...] = ()
    checkpoints: tuple[Checkpoint, ...] = ()
    log: tuple[str, ...] | None = None
    folds: tuple[Run, ...] = ()


class RunFollower:
    """Reads one run incrementally. Belongs to the poller's thread."""

    def __init__(self, run_id: int) -> None:
        self.run_id = run_id
        self.wants_log = False
        self._attempt = -1
        self._epochs: list[EpochMetrics] = []
        self._events: list[Event] = []
        self._uid = ""
        self._stamp: logs.Stamp | None = None
        self._log: tuple[str, ...] = ()
        self._told: tuple[str, ...] = ()

    def read(self, registry: Registry, workers: tuple[Worker, ...]) -> Detail | None:
        """The run as it is now; None once it is deleted."""
        try:
            run = registry.runs.by_id(self.run_id)
        except UnknownName:
            return None
        self._uid = run.uid
        self._advance(registry, run)
        if self.wants_log:
            self._told = self._read_log(registry)
        folds = waiting.explain(registry.runs.of_experiment(run.experiment_id), workers)
        return Detail(
            run=next((fold for fold in folds if fold.id == run.id), run),
            experiment=registry.experiments.get(run.experiment_id),
            epochs=tuple(self._epochs),
            events=tuple(self._events),
            checkpoints=tuple(registry.results.checkpoints(run.id)),
            log=self._told if self.wants_log else None,
            folds=tuple(folds),
        )

    def grew(self, registry: Registry) -> bool:
        """Whether the log has lines that were not told yet."""
        return self.wants_log and bool(self._uid) and self._read_log(registry) is not self._told

    def _read_log(self, registry: Registry) -> tuple[str, ...]:
        """The end of the run's log; the same object while the file has not changed."""
        path = registry.paths.run(self._uid).log
        stamp = logs.stamp(path)
        if stamp != self._stamp:
            self._stamp = stamp
            self._log = logs.tail(path) if stamp else ()
        return self._log

    def _advance(self, registry: Registry, run: Run) -> None:
        seen = self._events[-1].id if self._events else 0
        events = registry.results.events(run.id, seen, EVENTS_AT_MOST)
        started = any(event.kind in STARTS for event in events)
        last = self._epochs[-1].epoch if self._epochs else 0
        if run.attempt != self._attempt or run.epoch < last or started:
            self._attempt = run.attempt
            self._epochs, self._events, last = [], [], 0
            events = registry.results.events(run.id, 0, EVENTS_AT_MOST)
        self._epochs += registry.results.epochs(run.id, last)
        self._events = (self._events + events)[-EVENTS_AT_MOST:]
