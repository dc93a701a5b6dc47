"""What every screen shows, and the answer to what the top one asked: frozen values from the poller's thread."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from timnet.queue.forecast import Forecast
from timnet.records import RunState, Worker
from timnet_tui.machine import Machine
from timnet_tui.news import News
from timnet_tui.watch import Watch


class Health(StrEnum):
    """How the registry itself is doing."""

    OK = "ok"
    ABSENT = "absent"
    LOST = "lost"
    FAILING = "failing"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The registry at one moment. ``taken`` is on the reader's clock; ``problem`` says what is wrong with it.

    ``submitted`` of the running runs wait in engines of other machines; ``alone`` are those with runs and no head.
    Where it is not ``writable`` it can be looked at, but no command does anything.
    ``answer`` answers ``watch``, the question of the screen that asked last; None while there is none.
    """

    db: Path
    workers: tuple[Worker, ...] = ()
    depth: tuple[tuple[RunState, int], ...] = ()
    forecast: Forecast = field(default_factory=Forecast)
    machine: Machine = field(default_factory=Machine)
    news: tuple[News, ...] = ()
    watch: Watch | None = None
    answer: object = None
    health: Health = Health.OK
    writable: bool = True
    problem: str = ""
    taken: float = 0.0
    submitted: int = 0
    alone: tuple[str, ...] = ()

    @property
    def standings(self) -> tuple[tuple[RunState | None, int], ...]:
        """As ``depth``, but what is submitted apart from what trains, under None."""
        found: list[tuple[RunState | None, int]] = []
        for state, count in self.depth:
            if state is RunState.RUNNING and self.submitted:
                found += [(None, self.submitted), (state, max(0, count - self.submitted))]
            else:
                found.append((state, count))
        return tuple(found)

    def count(self, state: RunState) -> int:
        """How many runs are in ``state``."""
        return dict(self.depth).get(state, 0)

    @property
    def runs(self) -> int:
        """How many runs there are."""
        return sum(count for _, count in self.depth)
