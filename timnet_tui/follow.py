"""Following one run: what is new since the last look, and when all must be read again.

On resume after a crash, rows past the checkpoint are deleted and written anew. A look that only ever
asked for later rows would keep the old ones, so a new attempt, an epoch that went back, and an event
that tells of a start each cause a fresh read.
"""

from __future__ import annotations

from timnet.queue import waiting
from timnet.records import EpochMetrics, Event, EventKind, Run, Worker
from timnet.registry import Registry
from timnet_tui import logs
from timnet_tui.snapshot import Detail

EVENTS_AT_MOST = 5000
STARTS = frozenset({EventKind.STARTED, EventKind.RESUMED})


class Follower:
    """Reads one run incrementally. Belongs to the poller's thread."""

    def __init__(self, run_id: int) -> None:
        self.run_id = run_id
        self._attempt = -1
        self._epochs: list[EpochMetrics] = []
        self._events: list[Event] = []
        self._stamp: logs.Stamp | None = None
        self._log: tuple[str, ...] = ()

    def read(self, registry: Registry, workers: tuple[Worker, ...], *, log: bool) -> Detail:
        """The run as it is now. Raises :class:`timnet.errors.UnknownName` once it is deleted."""
        run = registry.runs.by_id(self.run_id)
        self._advance(registry, run)
        return Detail(
            run=waiting.explain([run], workers)[0],
            experiment=registry.experiments.get(run.experiment_id),
            epochs=tuple(self._epochs),
            events=tuple(self._events),
            checkpoints=tuple(registry.results.checkpoints(run.id)),
            log=self.log(registry, run.uid) if log else None,
        )

    def log(self, registry: Registry, uid: str) -> tuple[str, ...]:
        """The end of the run's log; the same object while the file has not changed."""
        path = registry.paths.run(uid).log
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
