"""Reading a run's log while its process writes to it, and writing a worker's."""

from __future__ import annotations

import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from timnet.clock import now
from timnet.text import clean

AT_ONCE = 1 << 24
"""Bytes that one look reads at most, so that a log of any size is followed with little memory."""


@dataclass(slots=True)
class LogReader:
    """The lines of the log at ``path``, from the start, harmless to print; what was read is not read again."""

    path: Path
    position: int = 0

    def lines(self, *, whole: bool) -> list[str]:
        """The lines since the last look; ``[]`` where there is nothing new.

        A last line without its end is held back until it has one, or read as it is with ``whole``: then the
        process that wrote it is gone.
        """
        if not self.path.exists():
            return []
        with self.path.open("rb") as log:
            log.seek(self.position)
            found = log.read(AT_ONCE)
        if not whole or len(found) == AT_ONCE:
            found = found[: found.rfind(b"\n") + 1] or (found if len(found) == AT_ONCE else b"")
        self.position += len(found)
        return [clean(line) for line in found.decode(errors="replace").removesuffix("\n").split("\n")] if found else []


def say(line: str) -> None:
    """Write a line of a worker's, or a head's, own log: standard error."""
    with suppress(OSError):  # where the disk is full, what is said is lost, and no more than that
        sys.stderr.write(f"{now()} {line}\n")
        sys.stderr.flush()
