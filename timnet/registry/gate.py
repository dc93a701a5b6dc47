"""The gate: the file lock beside a registry that lets one writer in at a time."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from timnet.errors import RegistryBusy, RegistryGone
from timnet.paths import RegistryPaths
from timnet.registry.line import Place


class Gate:
    """The gate of one registry. The kernel opens it when its holder dies, so it is never left shut."""

    def __init__(self, paths: RegistryPaths) -> None:
        self._path = paths.gate
        self._db = paths.db
        self._file: int | None = None
        self._asleep: set[int] = set()

    @contextmanager
    def held(self, patience: float) -> Iterator[None]:
        """Hold the gate for as long as the block runs, after waiting in line for it.

        Raises :class:`RegistryBusy` where the line has not moved on for ``patience`` seconds, as when a process
        was stopped while it held the gate. A long line that moves is waited for.
        """
        place = Place(self._db, self._asleep)
        try:
            if not (place.nobody_waits() and self._taken()):
                self._wait(place, patience)
            place.go()
            yield
        finally:
            if self._file is not None:
                fcntl.flock(self._file, fcntl.LOCK_UN)
            place.leave()

    def _wait(self, place: Place, patience: float) -> None:
        place.line_up()
        while not (place.is_next() and self._taken()):
            if time.monotonic() - place.advanced > patience:
                raise RegistryBusy(
                    f"{self._db} has been locked by another process for {patience:.0f} s; "
                    "if one hangs (timnet doctor names it), end it and try again"
                )
            time.sleep(place.pause())

    def close(self) -> None:
        """Close the gate's file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _taken(self) -> bool:
        """Try to take the lock, of the file that is there now: a lock on one that somebody deleted keeps nobody out."""
        if self._file is None:
            try:
                self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            except FileNotFoundError:
                raise RegistryGone(
                    f"the folder of {self._db} was deleted while it was open; start this again"
                ) from None
        if not _try(self._file):
            return False
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(self._file), self._path.stat()):
                return True
        self.close()
        return False


def _try(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
