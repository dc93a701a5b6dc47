"""A registry with runs of the smallest network, a head that gives them to Ray, and what a test may do to them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.storm import outcome, start_worker
from tests.ray_cluster.conftest import Cluster
from tests.support import REPOSITORY, add_experiment
from tests.training.conftest import make_corpus
from timnet.corpora.service import add_corpus
from timnet.paths import AttemptPaths
from timnet.presets import PRESETS
from timnet.records import Run, RunState
from timnet.registry import Registry
from timnet.remote.spool import read_lines

SMALL = {"tabs": 2, "filters": 4, "batch_size": 4, "check_every": 3, "dropout": 0.3}
FOR_EVER = 10**6
PATIENCE = 1500.0
LOOK_SECONDS = 0.1


@dataclass(frozen=True)
class There:
    """An attempt that trains on a node, as its own folder there shows it."""

    run: Run
    node: int
    folder: AttemptPaths
    epochs: int
    pid: int


@dataclass
class Stage:
    """One registry in ``folder``; ``quiet`` is another one with the same queue."""

    folder: Path
    cluster: Cluster
    heads: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def db(self) -> Path:
        return self.folder / "disturbed" / "runs.db"

    @property
    def quiet(self) -> Path:
        return self.folder / "quiet" / "runs.db"

    @property
    def cache(self) -> Path:
        return self.folder / "cache"

    def queue(self, *, experiments: int, folds: int, epochs: int) -> None:
        """The same in both registries: a run that never ends comes first."""
        recordings = make_corpus(self.folder / "recordings")
        for db in (self.db, self.quiet):
            db.parent.mkdir()
            with Registry.open(db) as registry:
                add_corpus(registry, "DEMO", recordings)
                corpus = registry.corpora.get("DEMO")
                for seed, length in enumerate([FOR_EVER] + [epochs] * experiments):
                    config = PRESETS["demo"].config_of(corpus, None, {**SMALL, "epochs": length})
                    only = (1,) if length == FOR_EVER else ()
                    add_experiment(registry, corpus, config=config, folds=folds, seed=46 + seed, only=only)

    def timnet(self, *arguments: str) -> str:
        """A command on the disturbed registry; returns what it prints."""
        done = subprocess.run(
            self._command(*arguments),
            env=self._environment(),
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=240,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start_head(self, *options: str) -> subprocess.Popen[bytes]:
        with (self.folder / "head.txt").open("ab") as log:
            head = subprocess.Popen(
                self._command("work", "--engine", "ray", "--address", self.cluster.address, *options),
                env=self._environment(), cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        self.heads.append(head)
        return head

    def _command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "timnet", f"--db={self.db}", *arguments]

    def _environment(self) -> dict[str, str]:
        return {
            **os.environ, "PYTHONPATH": str(REPOSITORY), "TIMNET_CACHE": str(self.cache), "TIMNET_NICE": "0",
            "CUDA_VISIBLE_DEVICES": "",
        }  # fmt: skip

    def said(self) -> str:
        """What heads have said so far."""
        return (self.folder / "head.txt").read_text(errors="replace")

    # what is to be seen

    def runs(self) -> list[Run]:
        with Registry.open_read_only(self.db) as registry:
            return registry.runs.ls()

    def now(self, run: Run) -> Run:
        return next(one for one in self.runs() if one.id == run.id)

    def training(self, *nodes: int) -> list[There]:
        """What trains now and has finished some epochs: on any node, or on one of ``nodes``."""
        running = {f"{run.uid}-a{run.attempt}": run for run in self.runs() if run.state is RunState.RUNNING}
        found = []
        for place in self.cluster.folder.glob("n*/timnet-*/*/*-a*"):
            folder, node = AttemptPaths(place), int(place.parts[-4][1:])
            if place.name in running and (not nodes or node in nodes) and not folder.outcome.exists():
                epochs, pid = read(folder)
                if epochs > 2:
                    found.append(There(running[place.name], node, folder, epochs, pid))
        return sorted(found, key=lambda one: one.epochs)

    def wait(self, reached: Callable[[], object], what: str) -> float:
        """Until something is reached; how long that took."""
        began = time.monotonic()
        while not reached():
            assert time.monotonic() - began < PATIENCE, f"no {what}; {self.said()[-4000:]}"
            assert self.heads[-1].poll() in (None, 0, -signal.SIGKILL), self.said()[-4000:]
            time.sleep(LOOK_SECONDS)
        return time.monotonic() - began

    def train_quietly(self) -> None:
        """The same runs by a local worker that nothing disturbs."""
        worker = start_worker(self.quiet, self.cache, "timnet.training.warm", 2)
        assert worker.wait(timeout=PATIENCE) == 0

    def compare(self, epochs: int) -> int:
        """All is as if nothing had happened: every epoch once, the same bits. How many runs were compared."""
        count = 0
        with Registry.open(self.quiet) as quiet, Registry.open(self.db) as disturbed:
            for run, other in zip(quiet.runs.ls(), disturbed.runs.ls(), strict=True):
                if run.state is RunState.CANCELLED:
                    assert other.state is RunState.CANCELLED
                    continue
                assert [one.epoch for one in disturbed.results.epochs(other.id)] == list(range(1, epochs + 1))
                assert outcome(disturbed, other) == outcome(quiet, run)
                count += 1
            assert disturbed.db.row("PRAGMA integrity_check") == {"integrity_check": "ok"}
        return count


@contextmanager
def stage_in(folder: Path, cluster: Cluster) -> Iterator[Stage]:
    stage = Stage(folder, cluster)
    try:
        yield stage
    finally:
        for head in stage.heads:
            if head.poll() is None:
                head.kill()
            head.wait()


def read(folder: AttemptPaths) -> tuple[int, int]:
    """Epochs that an attempt has finished, and its training process; none where it is over or did not begin."""
    try:
        lines = read_lines(folder.spools()[-1], 0)[0]
        return sum(line.do == "epoch" for line in lines), int(lines[0].values["pid"])
    except (FileNotFoundError, IndexError):
        return 0, 0
