"""What workers and heads have in common: others see them for as long as they live, and what hinders them passes."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from timnet.errors import DiskFull, RegistryBusy, TimnetError
from timnet.queue import liveness
from timnet.queue.engines.engine import EngineAway
from timnet.queue.logs import say
from timnet.registry import Registry

HINDERED_SECONDS = 5.0
"""How long to wait before what could not be done is tried again."""

Hindrance = Callable[[OSError], str | None]


class Presence:
    """One process that gives runs of a registry to ``engine``. It is ``ending`` once a signal has asked for it."""

    def __init__(self, registry: Registry, uid: str, engine: str) -> None:
        self.registry = registry
        self.uid = uid
        self.engine = engine
        self.ending = False
        self._hindered = ""

    @contextmanager
    def shown(self, jobs: int, on_signal: Callable[[], object] = lambda: None) -> Iterator[None]:
        """Hold its lock and keep its row; signals ask it to end, but not that of a terminal that closes.

        ``jobs``: how many runs it takes at once. ``on_signal`` is called in the handler.
        """
        lock = liveness.try_lock(self.registry.paths.worker_lock(self.uid))
        assert lock is not None, "a fresh worker's lock cannot be held"

        def end(*_: object) -> None:
            self.ending = True
            on_signal()

        signal.signal(signal.SIGTERM, end)
        signal.signal(signal.SIGINT, end)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        self.registry.workers.add(self.uid, self.engine, liveness.proof_of(os.getpid()), jobs)
        try:
            yield
        finally:
            with suppress(TimnetError):
                self.registry.workers.ended(self.uid)
            self.registry.paths.worker_lock(self.uid).unlink(missing_ok=True)
            liveness.unlock(lock)

    def work(self, turn: Callable[[], bool], pause: float, hindrance: Hindrance) -> None:
        """Take turns, ``pause`` seconds apart, until one says that it was the last.

        What hinders one is said once, and it is tried again later: nothing is lost meanwhile. ``hindrance`` says it of
        an error of the system, or None where that will not pass: then it is raised.
        """
        while self._turned(turn, pause, hindrance):
            time.sleep(pause)

    def _turned(self, turn: Callable[[], bool], pause: float, hindrance: Hindrance) -> bool:
        try:
            going_on = turn()
        except (DiskFull, RegistryBusy, EngineAway) as error:
            line = str(error)
        except OSError as error:
            if (said := hindrance(error)) is None:
                raise
            line = said
        else:
            self._hindered = ""
            return going_on
        if line != self._hindered:
            say(line)
        self._hindered = line
        deadline = time.monotonic() + HINDERED_SECONDS
        while not self.ending and time.monotonic() < deadline:
            time.sleep(pause)
        return not self.ending
