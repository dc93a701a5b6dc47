"""From the registry to snapshots: what to read, when, and what to say when it cannot be read.

A reader lives in the poller's thread and owns two connections: one for reading, and one that may
write, with which it finds runs and workers that died (without it, "running" could stay for ever).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from timnet.queue import liveness
from timnet.queue.forecast import at_once, forecast
from timnet.queue.waiting import has_head
from timnet.records import RunState, Worker
from timnet.registry import Registry
from timnet.registry.load import load
from timnet.text import clean
from timnet_tui.machine import MachineReader
from timnet_tui.news import NewsReader
from timnet_tui.snapshot import Health, Snapshot
from timnet_tui.watch import Follower, Nothing, Piecemeal, Watch

LIVENESS_SECONDS = 1.0
RETRY_SECONDS = 0.5
#: after a reading, that many times the time it took must pass before the next that no key asked for
REST = 4.0
#: how long it is said that another file is in the registry's place
REPLACED_SECONDS = 10.0

Clock = Callable[[], float]
Identity = tuple[int, int]


class Reader(Protocol):
    """What the poller needs: a snapshot when there is news, None when there is none."""

    def poll(self, watch: Watch) -> Snapshot | None:
        """Look once. Must not raise."""

    @property
    def unfinished(self) -> bool:
        """Whether the next look is to go on at once with what this one began."""

    def close(self) -> None:
        """Let go of everything."""


class RegistryReader:
    """Reads ``db``, opening it when it appears and again when it is replaced.

    ``on`` are the occasions of which there shall be news (:data:`timnet.settings.OCCASIONS`).
    """

    def __init__(self, db: Path, max_crashes: int, clock: Clock, on: Sequence[str] = ()) -> None:
        self.db = db.absolute()
        self._max_crashes = max_crashes
        self._clock = clock
        self._identity: Identity | None = None
        self._mark: object = None
        self._reading: Registry | None = None
        self._writing: Registry | None = None
        self._version: int | None = None
        self._load_version: int | None = None
        self._follower: Follower | None = None
        self._watch: Watch = Nothing()
        self._machine = MachineReader()
        self._news = NewsReader(on)
        self._next_liveness = self._next_read = self._next_load = self._next_try = 0.0
        self._spent = 0.0
        self._snapshot = Snapshot(self.db)
        self._ever_open = False
        self._file: Identity | None = None
        self._replaced_until = 0.0

    def poll(self, watch: Watch) -> Snapshot | None:
        """A snapshot when something changed, and at least one a second as a sign of life."""
        now = self._clock()
        try:
            return self._look(watch, now)
        except Exception as error:  # whatever happens to the file, the screen must stay up and say it
            problem = _one_line(error)
            told = self._snapshot.health is Health.FAILING and self._snapshot.problem == problem
            if told and now < self._next_try:
                return None
            self._let_go()
            self._next_try = now + RETRY_SECONDS
            return self._keep(health=Health.FAILING, problem=problem, taken=now)

    @property
    def unfinished(self) -> bool:
        """Whether the answer is still being put together."""
        return isinstance(self._follower, Piecemeal) and self._follower.unfinished

    def close(self) -> None:
        """Close both connections."""
        self._let_go()

    def _look(self, watch: Watch, now: float) -> Snapshot | None:
        identity = _identity(self.db)
        if identity is None:
            return self._absent(now)
        if identity != self._identity:
            if now < self._next_try:
                return None
            self._open(identity)
        registry = self._reading
        assert registry is not None
        alive = now >= self._next_liveness
        if alive:
            self._next_liveness = now + LIVENESS_SECONDS
            self._look_around(registry)
        version = registry.db.data_version()
        if self._is_news(registry, watch, version, now):
            if watch != self._watch or not self.unfinished:  # else what is written now is for the next reading
                self._version = version
            before = self._snapshot.answer
            self._answer(registry, watch, now)
            if self.unfinished and self._snapshot.answer is before and not alive:
                return None
        elif version != self._load_version and now >= self._next_load:
            self._load_version = version
            self._read_load(registry, now)
        elif not alive and self._snapshot.health is Health.OK:
            return None
        return self._keep(health=Health.OK, problem=self._replaced(now), taken=now)

    def _replaced(self, now: float) -> str:
        """For a while after it happened: what is shown is not what was shown before."""
        return "the registry was replaced by another file; shown is that one" if now < self._replaced_until else ""

    def _look_around(self, registry: Registry) -> None:
        """Who lives, and how busy the machine is."""
        workers = self._living(registry)
        if workers != self._snapshot.workers:
            self._version = None  # why runs wait may have changed
        changes = {"writable": self._may_write(), "workers": workers, "machine": self._machine.read()}
        self._keep(**changes, news=self._news.read(registry))

    def _may_write(self) -> bool:
        """Whether commands have a chance; where that changed, everything is opened anew at the next look."""
        may = os.access(self.db, os.W_OK) and os.access(self.db.parent, os.W_OK)
        if may and self._writing is None:
            with suppress(Exception):  # there are other reasons than rights, such as a network's disk
                self._writing = Registry.open(self.db)
                self._identity = None
        elif self._mark != _mark(self.db) and self._reading is not None and self._reading.db.frozen:
            self._identity = None  # somebody else has written, which this connection cannot see
        return may and self._writing is not None

    def _is_news(self, registry: Registry, watch: Watch, version: int, now: float) -> bool:
        if watch != self._watch or self._follower is None:
            return True
        return (version != self._version and now >= self._next_read) or self._follower.grew(registry)

    def _absent(self, now: float) -> Snapshot | None:
        health = Health.LOST if self._ever_open else Health.ABSENT
        known = self._snapshot.health is health
        if known and now < self._next_liveness:
            return None
        self._next_liveness = now + LIVENESS_SECONDS
        self._let_go()
        problem = "the registry is gone; shown is what it last held" if self._ever_open else ""
        return self._keep(health=health, problem=problem, workers=(), taken=now)

    def _open(self, identity: Identity) -> None:
        self._let_go()
        self._next_try = self._clock() + RETRY_SECONDS
        with suppress(Exception):  # a registry that cannot be written can still be watched
            self._writing = Registry.open(self.db)
        self._reading = Registry.open_read_only(self.db)
        if self._file not in (None, identity):
            self._replaced_until = self._clock() + REPLACED_SECONDS
        self._file = identity
        self._identity, self._ever_open, self._mark = identity, True, _mark(self.db)
        self._next_liveness = self._next_read = self._next_load = self._next_try = 0.0

    def _let_go(self) -> None:
        for registry in (self._reading, self._writing):
            if registry is not None:
                with suppress(Exception):
                    registry.close()
        self._reading = self._writing = self._follower = None
        self._identity = self._version = self._load_version = None

    def _living(self, registry: Registry) -> tuple[Worker, ...]:
        """Reap dead runs and list the workers that live; without a writable connection, only list them."""
        if self._writing is not None:
            try:
                liveness.reap(self._writing, self._max_crashes)
                return tuple(liveness.workers(self._writing))
            except Exception:  # locked or full now; the next look tries again
                return self._snapshot.workers
        return tuple(liveness.workers(registry))

    def _read_load(self, registry: Registry, now: float) -> None:
        """What the strip says of the queue."""
        depth, engines, workers = registry.runs.counts(), registry.runs.engines(), self._snapshot.workers
        submitted = sum(waits for _, waits in engines.values())
        places = at_once(workers) or depth[RunState.RUNNING] - submitted
        self._keep(
            depth=tuple(depth.items()),
            submitted=submitted,
            alone=tuple(engine for engine in engines if not has_head(engine, workers)),
            forecast=forecast(load(registry.db), places),
        )
        self._next_load = now + REST * (self._clock() - now)

    def _answer(self, registry: Registry, watch: Watch, now: float) -> None:
        if watch != self._watch or self._follower is None:
            self._follower = watch.follower(self._follower)
            self._watch = watch
        answer = self._follower.read(registry, self._snapshot.workers)
        self._keep(watch=watch, answer=answer)
        self._spent += self._clock() - now
        if not self.unfinished:
            self._next_read = now + REST * self._spent
            self._spent = 0.0

    def _keep(self, **changes: object) -> Snapshot:
        self._snapshot = replace(self._snapshot, **changes)  # type: ignore[arg-type]
        return self._snapshot


def _identity(path: Path) -> Identity | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - the error of Path.exists() would hide a folder we may not enter
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _mark(path: Path) -> object:
    """Another one where the file was written, or is being written, by somebody else."""
    try:
        found = os.stat(path)  # noqa: PTH116 - as above
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, path.with_name(f"{path.name}-wal").exists()


def _one_line(error: Exception) -> str:
    return clean(" ".join(str(error).split()) or type(error).__name__)
