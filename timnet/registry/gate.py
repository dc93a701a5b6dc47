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

TURN_SECONDS = 5.0
"""How long somebody waits to be the next: one that was stopped while it was must not stop all others."""


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
        with self._next(min(patience, TURN_SECONDS)):
            while not self._taken():
                if time.monotonic() > deadline:
                    raise RegistryBusy(
                        f"{self._db} has been locked by another process for {patience:.0f} s; "
                        "if one hangs, end it and try again"
                    )
                time.sleep(random.uniform(0.0005, 0.002))
        assert self._file is not None
        try:
            yield
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    @contextmanager
    def _next(self, patience: float) -> Iterator[None]:
        """Be the one that gets the gate next: else who has just written would be at it again before others wake up.

        It is a lock on the registry's folder, and no more than a courtesy: after ``patience`` seconds it goes without.
        """
        try:
            line = os.open(self._db.parent, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:  # the folder is gone, which opening the gate tells
            yield
            return
        try:
            began = time.monotonic()
            while not _try(line) and (waited := time.monotonic() - began) < patience:
                # a short line moves on at once; in a long one, many who look often would take the time from who writes
                time.sleep(random.uniform(0.5, 1.5) * (0.003 if waited < 0.02 else 0.015))
            yield
        finally:
            os.close(line)

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
