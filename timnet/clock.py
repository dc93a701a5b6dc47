"""The time: of the day in the one form that timnet stores, and how long something really took."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta

LONGEST_NAP = 10.0
"""Seconds between two signs of life after which a process was not merely slow: it, or the machine, stood still."""

_told: ContextVar[str | None] = ContextVar("told", default=None)


def wall() -> float:
    """Seconds since 1970 by the machine's clock, which a user, or the network, may set at any moment."""
    return time.time()


def now() -> str:
    """The current time: UTC, ISO 8601, milliseconds, e.g. ``2026-01-31T09:30:00.125Z``."""
    return _told.get() or _text(datetime.fromtimestamp(wall(), UTC))


@contextmanager
def at(time_: str) -> Iterator[None]:
    """Within, :func:`now` says ``time_``: what happened on another machine is recorded with its own time."""
    before = _told.set(time_)
    try:
        yield
    finally:
        _told.reset(before)


def ago(age: timedelta) -> str:
    """The time ``age`` before now, in the same form."""
    return _text(datetime.fromtimestamp(wall(), UTC) - age)


def later_than(time_: str | None) -> str:
    """The current time, or one just after ``time_`` where the clock was set back since."""
    current = now()
    if time_ is None or current > time_:
        return current
    return _text(datetime.fromisoformat(time_) + timedelta(milliseconds=1))


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Awake:
    """Seconds in which this process was at work: where it stood still (stopped, frozen, asleep) is left out.

    :meth:`sign` returns them. Once :meth:`watch` was called, signs must come every few seconds, from a thread that does
    little else; a gap of more than :data:`LONGEST_NAP` then counts as so much and no more.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._last = clock()
        self._awake = 0.0
        self._longest = math.inf

    def watch(self) -> None:
        """From now on signs are given all the time."""
        self.sign()
        self._longest = LONGEST_NAP

    def sign(self) -> float:
        """Give a sign of life; returns the seconds awake since this was made."""
        with self._lock:
            moment = self._clock()
            self._awake += min(moment - self._last, self._longest)
            self._last = moment
            return self._awake


AWAKE = Awake()
"""This process's own."""
