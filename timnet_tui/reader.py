"""From the registry to snapshots: what to read, when, and what to say when it cannot be read.

A reader lives in the poller's thread and owns two connections: one for reading, and one that may
write, with which it finds runs and workers that died (without it, "running" could stay for ever).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from timnet.errors import UnknownName
from timnet.queue import liveness
from timnet.records import Run, RunState, Worker
from timnet.registry import Registry
from timnet.text import clean
from timnet_tui.follow import Follower
from timnet_tui.forecast import forecast
from timnet_tui.snapshot import Detail, Health, Snapshot, Watch, rows_of

LIVENESS_SECONDS = 1.0
RETRY_SECONDS = 0.5
#: after reading all runs, that many times the time it took must pass before the next such read
REST = 4.0
#: what is read first, so that a large registry shows its newest experiments before all are read
FIRST_RUNS = 2000

Clock = Callable[[], float]
Identity = tuple[int, int]


class Reader(Protocol):
    """What the poller needs: a snapshot when there is news, None when there is none."""

    def poll(self, watch: Watch) -> Snapshot | None:
        """Look once. Must not raise."""

    def close(self) -> None:
        """Let go of everything."""


class RegistryReader:
    """Reads ``db``, opening it when it appears and again when it is replaced."""

    def __init__(self, db: Path, max_crashes: int, clock: Clock) -> None:
        self.db = db.absolute()
        self._max_crashes = max_crashes
        self._clock = clock
        self._identity: Identity | None = None
        self._reading: Registry | None = None
        self._writing: Registry | None = None
        self._rows_version: int | None = None
        self._detail_version: int | None = None
        self._follower: Follower | None = None
        self._watch = Watch()
        self._next_liveness = self._next_rows = self._next_try = 0.0
        self._snapshot = Snapshot(self.db)
        self._ever_open = False

    def poll(self, watch: Watch) -> Snapshot | None:
        """A snapshot when something changed, and at least one a second as a sign of life."""
        now = self._clock()
        try:
            return self._look(watch, now)
        except Exception as error:  # whatever happens to the file, the screen must stay up and say it
            if now < self._next_try and self._snapshot.health is Health.FAILING:
                return None
            self._let_go()
            self._next_try = now + RETRY_SECONDS
            return self._keep(health=Health.FAILING, problem=_one_line(error), taken=now)

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
            self._keep(workers=self._living(registry))
        version = registry.db.data_version()
        changed = version != self._rows_version and now >= self._next_rows
        if changed:
            self._rows_version = version
            self._read_rows(registry, now)
        if alive or version != self._detail_version or watch != self._watch or self._log_grew(registry):
            self._detail_version = version
            self._keep(detail=self._read_detail(registry, watch))
        elif not changed and self._snapshot.health is Health.OK:
            return None
        return self._keep(health=Health.OK, problem="", taken=now)

    def _absent(self, now: float) -> Snapshot | None:
        health = Health.LOST if self._ever_open else Health.ABSENT
        known = self._snapshot.health is health
        if known and now < self._next_liveness:
            return None
        self._next_liveness = now + LIVENESS_SECONDS
        self._let_go()
        problem = f"{clean(str(self.db))} is gone; shown is what it last held" if self._ever_open else ""
        return self._keep(health=health, problem=problem, workers=(), taken=now)

    def _open(self, identity: Identity) -> None:
        self._let_go()
        self._next_try = self._clock() + RETRY_SECONDS
        with suppress(Exception):  # a registry that cannot be written can still be watched
            self._writing = Registry.open(self.db)
        self._reading = Registry.open_read_only(self.db)
        self._identity, self._ever_open = identity, True
        self._next_liveness = self._next_rows = self._next_try = 0.0

    def _let_go(self) -> None:
        for registry in (self._reading, self._writing):
            if registry is not None:
                with suppress(Exception):
                    registry.close()
        self._reading = self._writing = self._follower = None
        self._identity = self._rows_version = self._detail_version = None

    def _living(self, registry: Registry) -> tuple[Worker, ...]:
        """Reap dead runs and list the workers that live; without a writable connection, only list them."""
        if self._writing is not None:
            try:
                liveness.reap(self._writing, self._max_crashes)
                return tuple(liveness.workers(self._writing))
            except Exception:  # locked or full now; the next look tries again
                return self._snapshot.workers
        return tuple(liveness.workers(registry))

    def _read_rows(self, registry: Registry, now: float) -> None:
        limit = None if self._snapshot.rows else FIRST_RUNS
        runs = registry.runs.ls(sort="id", descending=True, limit=limit)
        if len(runs) == limit:  # there is more: the next look reads all
            runs = _whole_experiments(runs)
            self._rows_version = None
        running = sum(run.state is RunState.RUNNING for run in runs)
        taking = [worker for worker in self._snapshot.workers if worker.want is None]
        places = sum(worker.jobs for worker in taking) or running
        self._keep(rows=rows_of(runs), depth=tuple(registry.runs.counts().items()), forecast=forecast(runs, places))
        self._next_rows = now + REST * (self._clock() - now)

    def _read_detail(self, registry: Registry, watch: Watch) -> Detail | None:
        self._watch = watch
        if watch.run_id is None:
            self._follower = None
            return None
        if self._follower is None or self._follower.run_id != watch.run_id:
            self._follower = Follower(watch.run_id)
        try:
            return self._follower.read(registry, self._snapshot.workers, log=watch.log)
        except UnknownName:  # deleted meanwhile
            self._follower = None
            return None

    def _log_grew(self, registry: Registry) -> bool:
        detail = self._snapshot.detail
        if self._follower is None or detail is None or detail.log is None:
            return False
        return self._follower.log(registry, detail.run.uid) is not detail.log

    def _keep(self, **changes: object) -> Snapshot:
        self._snapshot = replace(self._snapshot, **changes)  # type: ignore[arg-type]
        return self._snapshot


def _identity(path: Path) -> Identity | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - the error of Path.exists() would hide a folder we may not enter
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _whole_experiments(runs: list[Run]) -> list[Run]:
    """Without the last experiment, some of whose runs the limit may have cut off; never nothing."""
    last = runs[-1].experiment_id
    return [run for run in runs if run.experiment_id != last] or runs


def _one_line(error: Exception) -> str:
    return clean(" ".join(str(error).split()) or type(error).__name__)
