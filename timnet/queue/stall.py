"""Noticing a run that stands still: its process lives, and no epoch comes."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from timnet.records import Run

TIMES_USUAL = 10
LEAST_SECONDS = 5 * 60.0
UNKNOWN_SECONDS = 30 * 60.0
"""For a first epoch, of which nobody knows how long it takes."""


@dataclass(slots=True)
class _Sign:
    """The last epoch seen of an attempt, when it was seen, and whether its standstill was told."""

    epoch: int
    moment: float
    told: bool = False


class Standstill:
    """Remembers when each attempt last finished an epoch. ``clock`` must stand still while the machine sleeps."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._signs: dict[tuple[int, int], _Sign] = {}

    def look(self, run: Run) -> str | None:
        """What to tell of ``run``, once for each standstill; None while it goes on."""
        now, key = self._clock(), (run.id, run.attempt)
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
