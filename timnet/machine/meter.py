"""What real training shows of this machine: epochs a second, by how many runs trained at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

from timnet.machine.known import TRAINING, Rate
from timnet.records import Run

LEAST, MOST = 10, 200
"""Epochs after which a rate is told of, and how many of the last ones are looked at."""


@dataclass(slots=True)
class _Crowd:
    """Runs that train at once, by what each was at when the crowd came together, and the seconds of its epochs."""

    begun: dict[int, int]
    seen: dict[int, int]
    seconds: list[float] = field(default_factory=list)


class Meter:
    """Looks at the runs of one worker, all of the same shape of work, each of ``threads`` threads."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._crowd = _Crowd({}, {})
        self._rates: dict[int, tuple[int, Rate]] = {}

    def look(self, runs: Sequence[Run]) -> None:
        """Note the epochs that came since the last look; ``runs`` are those that train now."""
        now = {run.id: run.epoch for run in runs}
        if now.keys() != self._crowd.begun.keys():
            self._crowd = _Crowd(now, dict(now))
            return
        crowd = self._crowd
        for run in runs:
            # the first epoch of a crowd began before it, and an attempt's first one compiles
            if run.epoch > max(crowd.seen[run.id], crowd.begun[run.id] + 1) and run.last_seconds:
                crowd.seconds.append(run.last_seconds)
            crowd.seen[run.id] = run.epoch
        del crowd.seconds[:-MOST]
        if len(crowd.seconds) >= LEAST and all(run.epoch > crowd.begun[run.id] + 1 for run in runs):
            self._take(len(runs), crowd.seconds)

    def rates(self) -> tuple[Rate, ...]:
        """What was seen, one for each number of runs at once."""
        return tuple(rate for _, rate in self._rates.values())

    def _take(self, jobs: int, seconds: list[float]) -> None:
        """Keep what most epochs tell of: a crowd that is just over its first ones must not undo it."""
        known = self._rates.get(jobs)
        if known is None or len(seconds) >= known[0]:
            rate = Rate(jobs, self._threads, round(jobs / median(seconds), 6), TRAINING)
            self._rates[jobs] = (len(seconds), rate)
