"""A tiny corpus of real sound files, and registries in which real workers have trained on it.

Training processes cost seconds each, so what several tests look at is trained once: ``trained`` is a
registry of finished runs, ``disturbed`` two registries whose runs were killed, paused, given back and cancelled on
their way to the same results.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from tests.corpora.recordings import write_wav
from tests.queue.processes import wait_until
from timnet.corpora.service import add_corpus
from timnet.corpora.synthetic import CLASSES
from timnet.presets import PRESETS
from timnet.queue import liveness
from timnet.records import Run, RunState
from timnet.registry import Registry
from timnet.registry.experiments import NewExperiment
from timnet.states import Command

EPOCHS = 40
#: small enough to train in a second, with everything that makes a resume difficult: dropout, moments, statistics
CHANGES = {"tabs": 2, "filters": 6, "batch_size": 2, "epochs": EPOCHS, "check_every": 3, "dropout": 0.3}
PATIENCE = 240.0


@dataclass
class Studio:
    """One registry, and the workers that a test starts and kills."""

    folder: Path
    cache: Path
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def db(self) -> Path:
        return self.folder / "runs.db"

    def queue(self, registry: Registry, *, seed: int = 46, only: tuple[int, ...] = (), **changes: object) -> int:
        """Queue DEMO with the demo preset, two folds; returns the experiment's number."""
        corpus = registry.corpora.get("DEMO")
        config = PRESETS["demo"].config_of(corpus, None, {**CHANGES, **changes})
        new = NewExperiment(corpus, config, "random", "demo", seed, 2, only=only)
        return registry.experiments.create([new])[0].id

    def work(self, jobs: int) -> subprocess.Popen[bytes]:
        """Start a real worker."""
        with (self.folder / "worker.txt").open("ab") as log:
            worker = subprocess.Popen(
                [sys.executable, "-m", "timnet.queue.worker", f"--db={self.db}", f"--jobs={jobs}"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "TIMNET_CACHE": str(self.cache), "CUDA_VISIBLE_DEVICES": ""},
                cwd=self.folder,
                start_new_session=True,
            )
        self.workers.append(worker)
        return worker

    def words(self) -> str:
        """What workers and training processes said, for the message of a failure."""
        return "\n".join(path.read_text(errors="replace") for path in sorted(self.folder.rglob("*.txt")))

    def end(self) -> None:
        for worker in self.workers:
            if worker.poll() is None:
                worker.kill()
            worker.wait()


def make_corpus(folder: Path) -> Path:
    """Twenty short recordings of two speakers in five emotions."""
    for seed, (speaker, emotion, take) in enumerate((s, e, t) for s in (1, 2) for e in CLASSES for t in "ab"):
        write_wav(folder / f"s{speaker:02d}_t01_{emotion}_{take}.wav", seconds=0.5, seed=seed)
    return folder


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_corpus(tmp_path_factory.mktemp("demo") / "corpus")


@pytest.fixture(scope="session")
def studio(
    tmp_path_factory: pytest.TempPathFactory, cache: Path, recordings: Path
) -> Iterator[Callable[[str], Studio]]:
    """Make a registry in a folder of its own that knows the tiny corpus."""
    made: list[Studio] = []

    def make(name: str) -> Studio:
        one = Studio(tmp_path_factory.mktemp(name), cache)
        made.append(one)
        with Registry.open(one.db) as registry:
            add_corpus(registry, "DEMO", recordings)
        return one

    yield make
    for one in made:
        one.end()


@pytest.fixture(scope="session")
def trained(studio: Callable[[str], Studio]) -> Studio:
    """Trained by one worker, two at a time, without a disturbance.

    Experiment 1: both folds; 2: fold 1 of another seed with the best check kept and early stopping.
    """
    made = studio("trained")
    with Registry.open(made.db) as registry:
        made.queue(registry)
        made.queue(registry, only=(1,), seed=47, select="best", monitor="val_loss", patience=3, min_delta=9.0)
    made.work(2).wait(timeout=240)
    return made


@dataclass
class Disturbance:
    """What was done to a run on its way, and what was seen of it."""

    studio: Studio
    seen: dict[str, object]


def lives(process: psutil.Process) -> bool:
    """Whether a process is there and has not ended."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


class Disturber:
    """Drives one run through trouble; every wait is bounded."""

    def __init__(self, studio: Studio, fold: int) -> None:
        self.studio = studio
        self.registry = Registry.open(studio.db)
        self.key = f"{studio.queue(self.registry, only=(fold,))}.{fold}"
        self.seen: dict[str, object] = {}

    @property
    def run(self) -> Run:
        return self.registry.runs.get(self.key)

    def wait(self, holds: Callable[[Run], object], what: str) -> float:
        try:
            return wait_until(lambda: holds(self.run), PATIENCE, what)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.run}\n{self.studio.words()}") from None

    def wait_for_epoch(self, epoch: int) -> Run:
        """Wait until attempt and epoch have come so far and its process is known."""
        self.wait(lambda run: run.epoch >= epoch and run.state is RunState.RUNNING, f"for epoch {epoch}")
        return self.run

    def kill_child(self, name: str, epoch: int, delay: float = 0.0) -> None:
        """Kill -9 the training process some time after ``epoch``, in the middle of whatever it does."""
        run = self.wait_for_epoch(epoch)
        time.sleep(delay)
        assert run.pid is not None
        os.kill(run.pid, signal.SIGKILL)
        took = self.wait(lambda now: now.attempt > run.attempt or now.state is RunState.QUEUED, "to be requeued")
        self.seen[name] = (run.uid, run.attempt, took)

    def kill_warm(self, name: str, epoch: int) -> None:
        """Kill -9 the process that the training process was forked from."""
        run = self.wait_for_epoch(epoch)
        assert run.pid is not None
        warm = psutil.Process(run.pid).parent()
        assert warm is not None
        assert warm.parent() == psutil.Process(self.studio.workers[-1].pid)
        warm.kill()
        took = self.wait(lambda now: now.attempt > run.attempt or now.state is RunState.QUEUED, "to be requeued")
        self.seen[name] = (run.uid, run.attempt, took)

    def kill_worker(self, name: str, worker: subprocess.Popen[bytes], epoch: int) -> None:
        """Kill -9 the worker; what ``timnet runs ls`` does must soon find its run without a process."""
        run = self.wait_for_epoch(epoch)
        assert run.pid is not None
        orphan = psutil.Process(run.pid)
        warm = orphan.parent()
        assert warm is not None
        killed = time.monotonic()
        worker.kill()
        worker.wait()
        left = (orphan, warm)
        orphaned = wait_until(lambda: not any(map(lives, left)), 20, "for the orphans to leave")
        wait_until(lambda: liveness.reap(self.registry, 5), 20, "for the run to be reaped")
        self.seen[name] = (run, self.run, orphaned, time.monotonic() - killed)

    def command(self, command: Command) -> None:
        self.registry.runs.command(command, [self.key])

    def finish(self, worker: subprocess.Popen[bytes]) -> Disturbance:
        worker.wait(timeout=PATIENCE)
        self.registry.close()
        return Disturbance(self.studio, self.seen)


def kills(studio: Studio) -> Disturbance:
    """Fold 1: its process is killed, then the one it was forked from, then its worker."""
    one = Disturber(studio, 1)
    worker = studio.work(1)
    one.kill_child("first kill", 2)
    one.kill_warm("second kill", 11)
    one.kill_worker("killed worker", worker, 20)
    return one.finish(studio.work(1))


def wishes(studio: Studio) -> Disturbance:
    """Fold 2: paused and resumed, given back by a worker that is asked to end, cancelled and retried."""
    one = Disturber(studio, 2)
    worker = studio.work(1)
    before = one.wait_for_epoch(3)
    one.command(Command.PAUSE)
    one.wait(lambda run: run.state is not RunState.RUNNING, "for the pause")
    worker.wait(timeout=PATIENCE)
    one.seen["pause"] = (before, one.run, sorted(p.name for p in studio.folder.glob("runs/*/checkpoints/*")))
    one.command(Command.RESUME)
    worker = studio.work(1)
    before = one.wait_for_epoch(12)
    worker.send_signal(signal.SIGTERM)
    status = worker.wait(timeout=PATIENCE)
    one.seen["end of the worker"] = (before, one.run, status)
    worker = studio.work(1)
    before = one.wait_for_epoch(22)
    asked_at = one.run.epoch
    one.command(Command.CANCEL)
    one.wait(lambda run: run.state is not RunState.RUNNING, "for the cancel")
    worker.wait(timeout=PATIENCE)
    one.seen["cancel"] = (asked_at, one.run)
    one.command(Command.RETRY)
    return one.finish(studio.work(1))


@pytest.fixture(scope="session")
def disturbed(studio: Callable[[str], Studio], trained: Studio) -> dict[str, Disturbance]:
    """Both stories at once, each on a core of its own."""
    places = {"kills": studio("kills"), "wishes": studio("wishes")}
    with ThreadPoolExecutor(2) as threads:
        stories = {"kills": threads.submit(kills, places["kills"]), "wishes": threads.submit(wishes, places["wishes"])}
        return {name: story.result() for name, story in stories.items()}
