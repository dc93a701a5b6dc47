"""A queue that is worked through while its processes are killed at random moments, and what is to be seen of it."""

from __future__ import annotations

import itertools
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tests.faults.lives import Found, Life, Moment, Part, found_of, in_words, plan
from tests.support import REPOSITORY
from timnet.records import CHECK_KINDS, EventKind, Run, RunState
from timnet.registry import Registry

LOOK_SECONDS = 0.005
LAST_RUNS = 4
AT_THE_END = 0.4
"""Of a beginning: a process that has nothing more to train compiles no step for it."""

PATIENCE_SECONDS = 2400.0
"""A machine with much else to do is slow; one that never comes to an end must be told."""

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
    found: Counter[Found] = field(default_factory=Counter)
    owners: int = 0
    """The most processes of one run at a time."""
    unreadable: list[str] = field(default_factory=list)
    read: int = 0
    """Resume points that were read after a kill, beside those that the next process reads."""
    resumed: int = 0
    """Attempts that went on from a resume point."""
    epochs: int = 0
    """Epochs that were computed, some of them more than once."""
    seconds: float = 0.0

    def __str__(self) -> str:
        return (
            f"{self.kills} kills ({in_words(self.found)}), of them {self.workers_killed} of the worker and "
            f"{self.forking_killed} of the process that they are forked from; {self.crashed} attempts ended so, "
            f"{self.resumed} went on from a resume point, {self.read} resume points read, {self.epochs} epochs "
            f"computed, {self.seconds:.0f} s"
        )


@dataclass
class Victim:
    """A training process: whose it is, since when it is seen, and when it is to die, as far as that is known.

    ``came_to``: how far its run had come when the wait for that moment began.
    """

    uid: str
    attempt: int
    born: float
    came_to: int
    due: float | None = None


@dataclass
class Storm:
    """Kills ``target`` processes at planned moments, then lets the queue come to its end.

    Of ``others`` kills one is of the process that it was forked from, or of the worker, in turn.
    """

    db: Path
    cache: Path
    module: str
    target: int
    life: Life
    epochs: int
    jobs: int = 2
    others: int = 10
    patience: float = PATIENCE_SECONDS
    dice: random.Random = field(default_factory=random.Random)
    seen: Seen = field(default_factory=Seen)
    alive: dict[int, Victim] = field(default_factory=dict)

    def rage(self) -> Seen:
        """Do it; the queue is empty afterwards."""
        began = time.monotonic()
        with Registry.open_read_only(self.db) as registry:
            self.moments = plan([run.uid for run in registry.runs.ls()], self.target, self.epochs, self.dice)
            worker = start_worker(self.db, self.cache, self.module, self.jobs)
            try:
                while worker.poll() is None or self._waits(registry):
                    assert time.monotonic() - began < self.patience, self._late()
                    if worker.poll() is not None:
                        worker = start_worker(self.db, self.cache, self.module, self.jobs)
                    self._look(worker, registry)
                    time.sleep(LOOK_SECONDS)
            finally:
                if worker.poll() is None:
                    worker.kill()
                worker.wait()
            self.seen.seconds = time.monotonic() - began
            self._count(registry)
        assert self.seen.kills == self.target, f"the queue came to its end after {self._so_far()}"
        return self.seen

    def _so_far(self) -> str:
        return f"{self.seen.kills} of {self.target} kills ({in_words(self.seen.found)})"

    def _late(self) -> str:
        said = (self.db.parent / "worker.txt").read_text(errors="replace")[-2000:]
        return f"{self._so_far()} in {self.patience:.0f} s, and the queue is not at its end; its worker said: {said}"

    def _waits(self, registry: Registry) -> bool:
        counts = registry.runs.counts()
        return bool(counts[RunState.QUEUED] or counts[RunState.RUNNING])

    def _look(self, worker: subprocess.Popen[bytes], registry: Registry) -> None:
        warm = children_of(worker.pid)
        self._see([pid for one in warm for pid in children_of(one)], registry)
        for pid, victim in self.alive.items():
            if self._is_due(victim):
                self._kill(pid, warm, worker)
                self._look_at_the_dead(victim, registry)
                del self.alive[pid]
                return

    def _see(self, pids: list[int], registry: Registry) -> None:
        """Who lives now, and how far each run has come."""
        rows = registry.db.tuples("SELECT uid, epoch, attempt, state FROM runs")
        self.come_to = {uid: epoch for uid, epoch, _, _ in rows}
        attempts = {uid: attempt for uid, _, attempt, _ in rows}
        self.alive = {pid: victim for pid, victim in self.alive.items() if pid in pids}
        for pid in pids:
            if pid not in self.alive and (uid := run_of(pid)) is not None:
                self.alive[pid] = Victim(uid, attempts[uid], time.monotonic(), self.come_to[uid])
        owned = Counter(victim.uid for victim in self.alive.values())
        self.seen.owners = max([self.seen.owners, *owned.values()])
        self._pass_on({uid for uid, _, _, state in rows if state == RunState.DONE})

    def _pass_on(self, done: set[str]) -> None:
        """A run that came to its end a moment too early leaves its moments to another one."""
        others = [uid for uid in self.moments if uid not in done]
        for uid in done:
            left, self.moments[uid] = self.moments[uid], []
            for _ in left if others else []:
                heir = min(others, key=lambda other: self.come_to[other])
                last = len(others) <= LAST_RUNS  # after these there may be nobody to take over what comes too late
                part = Part.EPOCHS if last else Part.END
                come = min(self.come_to[heir], self.epochs - 1)
                epoch = self.dice.randint(come, self.epochs - 1) if last else self.epochs
                self.moments[heir].append(Moment(epoch, part, self.dice.random()))
                self.moments[heir].sort(key=lambda one: one.epoch)

    def _is_due(self, victim: Victim) -> bool:
        if not self.moments[victim.uid]:
            return False
        moment, now, come_to = self.moments[victim.uid][0], time.monotonic(), self.come_to[victim.uid]
        if victim.due is None:
            if moment.part is Part.BEGIN:
                victim.due = victim.born + moment.share * self.life.begin
            elif come_to >= moment.epoch:
                victim.due, victim.came_to = now + moment.share * self._span(moment, now - victim.born), come_to
        # a machine that has less to do than when lives were measured is quicker: an epoch further on it is high time
        return victim.due is not None and (now >= victim.due or come_to > victim.came_to)

    def _span(self, moment: Moment, age: float) -> float:
        """Within how many seconds a process dies whose run has come to its moment."""
        late = self.life.begin if age < self.life.begin else 0.0  # it must come through its beginning first
        if moment.part is Part.END:
            return self.life.end + AT_THE_END * late
        return self.life.epoch + late

    def _kill(self, pid: int, warm: list[int], worker: subprocess.Popen[bytes]) -> None:
        number = self.seen.kills + 1
        if number % (2 * self.others) == self.others:
            self.seen.workers_killed += 1
            worker.kill()
            worker.wait()
        elif number % self.others == self.others // 2:
            self.seen.forking_killed += 1
            os.kill(warm[0], signal.SIGKILL)
        else:
            with suppress(ProcessLookupError):  # it ended by itself a moment ago
                os.kill(pid, signal.SIGKILL)
        while is_there(pid):
            time.sleep(LOOK_SECONDS / 10)

    def _look_at_the_dead(self, victim: Victim, registry: Registry) -> None:
        if registry.db.tuples("SELECT state FROM runs WHERE uid = ?", (victim.uid,)) == [(RunState.DONE,)]:
            return  # nobody was killed: it had come to its end
        del self.moments[victim.uid][0]
        self.seen.kills += 1
        self.seen.found[found_of(registry, victim.uid, victim.attempt, self.epochs)] += 1
        self._read_resume_points(victim.uid)

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

    def _count(self, registry: Registry) -> None:
        for run in registry.runs.ls():
            attempts = registry.results.attempts(run.id)
            self.seen.crashed += sum(one.outcome == "crashed" for one in attempts)
            self.seen.resumed += sum(one.kind == EventKind.RESUMED for one in registry.results.events(run.id))
            log = registry.paths.run(run.uid).log.read_text(errors="replace")
            self.seen.epochs += len(re.findall(r"^\S+ epoch \d+/", log, re.MULTILINE))


def is_there(pid: int) -> bool:
    """Whether a process is more than an entry that nobody has collected yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


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


def attempts_in_turn(registry: Registry, run: Run) -> None:
    """One attempt after the other, none beside another, and only the last to its end."""
    attempts = registry.results.attempts(run.id)
    assert [one.attempt for one in attempts] == list(range(1, run.attempt + 1))
    assert [one.outcome for one in attempts] == ["crashed"] * (len(attempts) - 1) + ["done"]
    for before, after in itertools.pairwise(attempts):
        assert before.ended is not None
        assert before.ended <= after.started
