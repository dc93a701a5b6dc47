"""The line before the gate: who comes first is served first.

Everybody who waits holds a lock on one byte of the registry's folder, and which byte that is says since when. So the
line is the kernel's own list of locks: it takes no room on a disk, nobody keeps it, and who dies has left it. All it
decides is who tries the gate next; where a system has no such locks there is no line, and everybody tries.
"""

from __future__ import annotations

import fcntl
import os
import struct
import sys
import time
import zlib
from bisect import bisect_left
from contextlib import suppress
from pathlib import Path

A_MOMENT = 0.1
"""Seconds after which somebody who could go and does not, as one that was stopped, is passed over."""
COURTESY = 5.0
"""Seconds without anybody going after which all who wait try: whatever lies on the folder, it stops no writer."""
ABREAST = 4
"""How many try at once, so that the gate need not wait until a busy machine wakes one of them: each of them can be
passed by no more than the others who were among the first already when it came to the front."""
LEAST_PAUSE, LONGEST_PAUSE = 0.0005, 0.005
"""Seconds between two tries of whoever is next, at least and at most."""

# locks that belong to an open file rather than to a process; where Python has no names for them, macOS has them
_NAMELESS = (90, 92) if sys.platform == "darwin" else (-1, -1)
SET, GET = getattr(fcntl, "F_OFD_SETLK", _NAMELESS[0]), getattr(fcntl, "F_OFD_GETLK", _NAMELESS[1])

SPAN = 1 << 47
"""Bytes of a folder that a registry's line has for itself: one for each microsecond of four years."""


class Place:
    """A writer's place in the line of the registry ``db``, from when it comes until it has written.

    ``asleep`` are those who have been passed over, as this writer has seen: what it knows from one place to the next.
    ``advanced`` is when the line last moved on, by ``time.monotonic()``.
    """

    def __init__(self, db: Path, asleep: set[int]) -> None:
        self._base = zlib.crc32(os.fsencode(db.name)) % (1 << 15) * SPAN
        self._asleep = asleep
        self._mine = 0
        self._ahead: list[int] = []
        self._gone = 0
        self._met: int | None = None
        self._came = self._moved = self.advanced = 0.0
        self._folder: int | None = None
        with suppress(OSError):  # a folder that is gone, which opening the gate tells, or may not be read
            self._folder = os.open(db.parent, os.O_RDONLY | os.O_CLOEXEC)

    def nobody_waits(self) -> bool:
        """Whether the line is empty."""
        return self._held(self._base + 1, self._base + SPAN - 1) is None

    def line_up(self) -> None:
        """Come to the end of the line."""
        self._mine = self._base + 1 + time.monotonic_ns() // 1000 % (SPAN - 1)
        self._set(fcntl.F_RDLCK, self._mine)
        self._came = self._moved = self.advanced = time.monotonic()
        here = self.line(self._mine - 1)
        self._asleep.intersection_update(here)
        self._ahead = [one for one in here if one not in self._asleep]

    def line(self, last: int | None = None) -> list[int]:
        """The bytes of those who wait, in the order in which they came, up to ``last``."""
        here, after = [], self._base
        end = self._base + SPAN - 1 if last is None else last
        while after < end and (found := self._held(after + 1, end)):
            here.append(max(found[0], after + 1))
            after = found[1]
        return here

    def is_next(self) -> bool:
        """Whether to try the gate now: this one is among the first, or they do not go although nothing hinders them."""
        now = time.monotonic()
        if self._ahead:
            before = len(self._ahead)
            self._look_at_the_front()
            if len(self._ahead) == before and now - self.advanced > A_MOMENT:
                self._look_at_all()
            gone = before - len(self._ahead)
            self._gone += gone
            if gone:
                self.advanced = self._moved = now
            elif self._held(self._base, self._base):
                self._moved = now
        if self._met is None and len(self._ahead) < ABREAST:
            self._met = self._ahead[0] if self._ahead else 0
        asleep = now - self._moved >= len(self._ahead) * A_MOMENT or now - self.advanced > COURTESY
        return asleep or self._may_pass()

    def _may_pass(self) -> bool:
        """Whether the one at the front has come there while this one was among the first already."""
        return self._met is not None and 0 < len(self._ahead) < ABREAST and self._ahead[0] != self._met

    def _look_at_the_front(self) -> None:
        """Forget those ahead who have gone: as a rule they were before all that are still there."""
        first = self._held(self._ahead[0], self._mine - 1)
        self._ahead = self._ahead[bisect_left(self._ahead, first[0]) :] if first else []

    def _look_at_all(self) -> None:
        """Take those for asleep who are still there although one behind them has gone."""
        here = [one for one in self._ahead if self._held(one, one)]
        last = max(set(self._ahead).difference(here), default=0)
        self._asleep.update(one for one in here if one < last)
        self._ahead = [one for one in here if one > last]

    def pause(self) -> float:
        """Seconds until it is worth looking again: somewhat less than it will take until it is this one's turn."""
        waiting = len(self._ahead)
        a_turn = (time.monotonic() - self._came) / (self._gone + 1)
        if not waiting or self._may_pass():
            return min(max(a_turn / 10, LEAST_PAUSE), LONGEST_PAUSE)
        until = max((waiting - 0.4) * a_turn * 0.9, waiting * 2 * LEAST_PAUSE)
        return min(until, waiting * A_MOMENT / 4, A_MOMENT)

    def go(self) -> None:
        """Leave the line, and say at its head that somebody is inside."""
        if not self._may_pass():
            self._asleep.update(self._ahead)
        self._set(fcntl.F_RDLCK, self._base)
        if self._mine:
            self._set(fcntl.F_UNLCK, self._mine)

    def leave(self) -> None:
        """Be neither in the line nor inside."""
        if self._folder is not None:
            os.close(self._folder)
            self._folder = None

    def _held(self, first: int, last: int) -> tuple[int, int] | None:
        """The first and the last byte of a lock that somebody else has between these two."""
        if self._folder is None:
            return None
        try:
            answer = fcntl.fcntl(self._folder, GET, _flock(fcntl.F_WRLCK, first, last - first + 1))
        except OSError:  # a system or a filesystem without such locks
            return None
        kind, start, length = _fields(answer)
        return None if kind == fcntl.F_UNLCK else (start, start + length - 1 if length else last)

    def _set(self, kind: int, byte: int) -> None:
        if self._folder is not None:
            with suppress(OSError):
                fcntl.fcntl(self._folder, SET, _flock(kind, byte, 1))


def _flock(kind: int, start: int, length: int) -> bytes:
    """The kernel's description of a lock."""
    if sys.platform == "darwin":
        return struct.pack("qqihh", start, length, 0, kind, os.SEEK_SET)
    else:  # noqa: RET505 - of two systems, so that each is checked
        return struct.pack("hhqqi4x", kind, os.SEEK_SET, start, length, 0)


def _fields(flock: bytes) -> tuple[int, int, int]:
    """Kind, start and length of such a description; of length 0 is what has no end."""
    if sys.platform == "darwin":
        start, length, _, kind, _ = struct.unpack("qqihh", flock)
    else:
        kind, _, start, length, _ = struct.unpack("hhqqi4x", flock)
    return kind, start, length
