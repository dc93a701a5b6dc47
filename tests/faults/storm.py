"""A queue that is worked through while its processes are killed at random moments, and what is to be seen of it."""

from __future__ import annotations

import itertools
import math
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from tests.support import REPOSITORY
from timnet.records import CHECK_KINDS, Attempt, EventKind, Run, RunState
from timnet.registry import Registry

LOOK_SECONDS = 0.02
GIVE_UP_SECONDS = 900.0
WORKER = """
import sys
from timnet.queue import liveness, worker
from timnet.queue.engines import warm
liveness.BACK_OFF_SECONDS = 0.0  # who is killed on purpose need not wait
warm.MODULE = {module!r}
sys.exit(worker.main())
"""


def start_worker(db: Path, cache: Path, module: str, jobs: int) -> subprocess.Popen[bytes]:
    """A real worker whose training processes are forked from ``module``."""
    environment = {
        **os.environ, "PYTHONPATH": str(REPOSITORY), "TIMNET_CACHE": str(cache), "TIMNET_MAX_CRASHES": "100000",
        "TIMNET_NICE": "0", "CUDA_VISIBLE_DEVICES": "",
    }  # fmt: skip
    with (db.parent / "worker.txt").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-c", WORKER.format(module=module), f"--db={db}", f"--jobs={jobs}"],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, cwd=db.parent, start_new_session=True,
        )  # fmt: skip


def children_of(pid: int) -> list[int]:
    """The processes that ``pid`` has started and that are still there."""
    try:
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def run_of(pid: int) -> str | None:
    """The uid of the run whose lock the process holds."""
    with suppress(OSError):
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):
                name = os.readlink(descriptor)  # noqa: PTH115  # a link to what has no path of its own
                if name.endswith("/lock"):
                    return Path(name).parent.name
    return None


@dataclass
class Seen:
    """What a storm did and what was found meanwhile."""

    kills: int = 0
    crashed: int = 0
    """Attempts that ended so; the end of a worker, or of what it forks from, ends several."""
    workers_killed: int = 0
    forking_killed: int = 0
    owners: int = 0
    """The most processes of one run at a time."""
    unreadable: list[str] = field(default_factory=list)
    read: int = 0
    seconds: float = 0.0


@dataclass
class Storm:
    """Kills until ``target`` processes are dead or ``seconds`` are over, then lets the queue come to its end.

    A training process dies up to ``span`` seconds after it was forked. Of ten kills one is of the process that it was
    forked from, of twenty one of the worker.
    """

    db: Path
    cache: Path
    module: str
    target: int
    span: float
    seconds: float
    jobs: int = 2
    dice: random.Random = field(default_factory=lambda: random.Random(7))
    seen: Seen = field(default_factory=Seen)
    doom: dict[int, float] = field(default_factory=dict)
    whose: dict[int, str | None] = field(default_factory=dict)

    def rage(self) -> Seen:
        """Do it; the queue is empty afterwards."""
        began = time.monotonic()
        worker = start_worker(self.db, self.cache, self.module, self.jobs)
        try:
            while worker.poll() is None or self._waits():
                over = time.monotonic() - began
                assert over < self.seconds + GIVE_UP_SECONDS, f"the queue does not come to its end; {self._said()}"
                if worker.poll() is not None:
                    worker = start_worker(self.db, self.cache, self.module, self.jobs)
                self._look(worker, killing=over < self.seconds and self.seen.kills < self.target)
                time.sleep(LOOK_SECONDS)
        finally:
            if worker.poll() is None:
                worker.kill()
            worker.wait()
        self.seen.seconds = round(time.monotonic() - began, 1)
        with Registry.open(self.db) as registry:
            attempts = [one for run in registry.runs.ls() for one in registry.results.attempts(run.id)]
        self.seen.crashed = sum(one.outcome == "crashed" for one in attempts)
        return self.seen

    def _waits(self) -> bool:
        with Registry.open(self.db) as registry:
            counts = registry.runs.counts()
        return bool(counts[RunState.QUEUED] or counts[RunState.RUNNING])

    def _said(self) -> str:
        return (self.db.parent / "worker.txt").read_text(errors="replace")[-2000:]

    def _look(self, worker: subprocess.Popen[bytes], *, killing: bool) -> None:
        warm = children_of(worker.pid)
        alive = [pid for one in warm for pid in children_of(one)]
        for pid in alive:
            self.doom.setdefault(pid, time.monotonic() + self.dice.uniform(0, self.span))
            if self.whose.get(pid) is None:
                self.whose[pid] = run_of(pid)
        runs = [self.whose[pid] for pid in alive if self.whose[pid]]
        self.seen.owners = max([self.seen.owners, *(runs.count(run) for run in runs)])
        for pid in alive:
            if killing and time.monotonic() > self.doom[pid] and self.seen.kills < self.target:
                self._kill(pid, warm, worker)
                return

    def _kill(self, pid: int, warm: list[int], worker: subprocess.Popen[bytes]) -> None:
        number = self.seen.kills = self.seen.kills + 1
        uid = self.whose[pid]
        self.doom[pid] = math.inf  # it may be listed for a while, and must not count twice
        if number % 20 == 10:
            self.seen.workers_killed += 1
            worker.kill()
            worker.wait()
        elif number % 10 == 5:
            self.seen.forking_killed += 1
            os.kill(warm[0], signal.SIGKILL)
        else:
            with suppress(ProcessLookupError):  # it ended by itself a moment ago
                os.kill(pid, signal.SIGKILL)
        if uid is not None:
            self._read_resume_points(uid)

    def _read_resume_points(self, uid: str) -> None:
        for path in (self.db.parent / "runs" / uid / "checkpoints").glob("epoch-*.npz"):
            try:
                with np.load(path, allow_pickle=False) as stored:
                    for name in stored.files:
                        _ = stored[name]
                self.seen.read += 1
            except FileNotFoundError:  # its successor is at work already
                continue
            except Exception as error:
                self.seen.unreadable.append(f"{path.name}: {error!r}")


def outcome(registry: Registry, run: Run) -> dict[str, Any]:
    """Everything of a run that must be as if nothing had happened."""
    paths = registry.paths.run(run.uid)
    metrics = [asdict(epoch) for epoch in registry.results.epochs(run.id)]
    for row in metrics:
        del row["seconds"]
    found = registry.results.predictions(run.id)
    with np.load(paths.final_weights, allow_pickle=False) as stored:
        weights = {name: stored[name].tobytes() for name in stored.files}
    events = registry.results.events(run.id)
    return {
        "state": (run.key, run.state, run.epoch, run.uar, run.war, run.best_epoch, run.best_value, run.error),
        "metrics": metrics,
        "checks": sorted((e.epoch or 0, e.kind, e.text) for e in events if e.kind in CHECK_KINDS),
        "ends": [e.text for e in events if e.kind in (EventKind.DONE, EventKind.EARLY_STOP)],
        "weights": weights,
        "answers": (found.item.tolist(), found.truth.tolist(), found.probabilities.tobytes()),
        "embeddings": np.load(paths.embeddings).tobytes(),
        "kept": sorted((c.kind, c.epoch, c.metric, c.value) for c in registry.results.checkpoints(run.id)),
        "files": sorted(path.relative_to(paths.folder).as_posix() for path in paths.folder.rglob("*")),
    }


def seconds_of(attempt: Attempt) -> float:
    """How long an attempt that has ended took."""
    assert attempt.ended is not None
    return (datetime.fromisoformat(attempt.ended) - datetime.fromisoformat(attempt.started)).total_seconds()


def attempts_in_turn(registry: Registry, run: Run) -> None:
    """One attempt after the other, none beside another, and only the last to its end."""
    attempts = registry.results.attempts(run.id)
    assert [one.attempt for one in attempts] == list(range(1, run.attempt + 1))
    assert [one.outcome for one in attempts] == ["crashed"] * (len(attempts) - 1) + ["done"]
    for before, after in itertools.pairwise(attempts):
        assert before.ended is not None
        assert before.ended <= after.started
