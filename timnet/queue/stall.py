"""Noticing a run that stands still: its process lives, and no epoch comes, or no wish is heard."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from timnet.clock import Awake
from timnet.records import Run

TIMES_USUAL = 10
LEAST_SECONDS = 5 * 60.0
UNKNOWN_SECONDS = 30 * 60.0
"""For a first epoch, of which nobody knows how long it takes."""

UNHEARD_SECONDS = 60.0
"""A wish is looked for between any two steps, so this is long even while a network is built or scored."""


@dataclass(slots=True)
class _Sign:
    """The last epoch seen of an attempt, when it was seen, and whether its standstill was told."""

    epoch: int
    moment: float
    told: bool = False


class Standstill:
    """Remembers when each attempt last finished an epoch. To be asked every second or so.

    ``clock`` tells seconds; what it runs on while nobody asks (the machine sleeps, the worker is stopped) is left out.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        awake = Awake(clock)
        awake.watch()
        self._clock = awake.sign
        self._signs: dict[tuple[int, int], _Sign] = {}

    def look(self, run: Run) -> str | None:
        """What to tell of ``run``, once for each standstill; None while it goes on, or its job waits to go on."""
        now, key = self._clock(), (run.id, run.attempt)
        if run.submitted:
            self._signs.pop(key, None)
            return None
        sign = self._signs.get(key)
        if sign is None or sign.epoch != run.epoch:
            self._signs[key] = _Sign(run.epoch, now)
            return None
        silent = now - sign.moment
        if sign.told or silent < patience(run.last_seconds):
            return None
        sign.told = True
        usual = "" if run.last_seconds is None else f", where {run.last_seconds:.3g} s are usual"
        return f"no epoch for {silent / 60:.0f} minutes after epoch {run.epoch}{usual}; its log may tell more"

    def forget(self, run_id: int) -> None:
        """A run's process has ended."""
        self._signs = {key: sign for key, sign in self._signs.items() if key[0] != run_id}


def patience(usual: float | None) -> float:
    """Seconds without an epoch after which a run stands still, from the seconds that an epoch takes."""
    return UNKNOWN_SECONDS if usual is None else max(LEAST_SECONDS, TIMES_USUAL * usual)


class Unheard:
    """Remembers since when a user has wanted something of an attempt that it has not done. ``clock``: as above."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        awake = Awake(clock)
        awake.watch()
        self._clock = awake.sign
        self._since: dict[tuple[int, int], float] = {}

    def look(self, run: Run) -> bool:
        """Whether the process of ``run`` has not heard a wish for so long that it never will."""
        now, key = self._clock(), (run.id, run.attempt)
        if run.want is None:
            self._since.pop(key, None)
            return False
        return now - self._since.setdefault(key, now) >= max(UNHEARD_SECONDS, 3 * (run.last_seconds or 0.0))

    def forget(self, run_id: int) -> None:
        """A run's process has ended."""
        self._since = {key: moment for key, moment in self._since.items() if key[0] != run_id}
