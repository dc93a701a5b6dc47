"""The gate: the file lock beside a registry that lines its writers up."""

from __future__ import annotations

import fcntl
import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from timnet.errors import RegistryBusy, RegistryGone
from timnet.paths import RegistryPaths


class Gate:
    """The gate of one registry. The kernel opens it when its holder dies, so it is never left shut."""

    def __init__(self, paths: RegistryPaths) -> None:
        self._path = paths.gate
        self._db = paths.db
        self._file: int | None = None

    @contextmanager
    def held(self, patience: float) -> Iterator[None]:
        """Hold the gate for as long as the block runs, after waiting for it at most ``patience`` seconds.

        Raises :class:`RegistryBusy` where another process holds it for longer.
        """
        deadline = time.monotonic() + patience
        while not self._taken():
            if time.monotonic() > deadline:
                raise RegistryBusy(
                    f"{self._db} has been locked by another process for {patience:.0f} s; "
                    "if one hangs, end it and try again"
                )
            time.sleep(random.uniform(0.001, 0.006))
        assert self._file is not None
        try:
            yield
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)

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
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(self._file), self._path.stat()):
                return True
        self.close()
        return False
