"""The epochs and events of one run: what is new since the last look, and when all must be read again.

On resume after a crash, rows past the checkpoint are deleted and written anew. A look that only ever
asked for later rows would keep the old ones, so a new attempt, an epoch that went back, and an event
that tells of a start each cause a fresh read.
"""

from __future__ import annotations

from timnet.records import EpochMetrics, Event, EventKind, Run
from timnet.registry import Registry

EVENTS_AT_MOST = 5000
STARTS = frozenset({EventKind.STARTED, EventKind.RESUMED})


class History:
    """Reads one run incrementally. Its tuples stay the same objects while nothing is new."""

    def __init__(self) -> None:
        self.epochs: tuple[EpochMetrics, ...] = ()
        self.events: tuple[Event, ...] = ()
        self._attempt = -1

    def advance(self, registry: Registry, run: Run) -> None:
        """Read what is new of ``run``, which must always be the same one."""
        seen = self.events[-1].id if self.events else 0
        events = registry.results.events(run.id, seen, EVENTS_AT_MOST)
        started = any(event.kind in STARTS for event in events)
        last = self.epochs[-1].epoch if self.epochs else 0
        if run.attempt != self._attempt or run.epoch < last or started:
            self._attempt = run.attempt
            self.epochs, self.events, last = (), (), 0
            events = registry.results.events(run.id, 0, EVENTS_AT_MOST)
        if epochs := registry.results.epochs(run.id, last):
            self.epochs += tuple(epochs)
        if events:
            self.events = (*self.events, *events)[-EVENTS_AT_MOST:]
