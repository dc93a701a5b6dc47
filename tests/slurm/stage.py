"""A registry with runs of the smallest network, a head that gives them to Slurm, and what a test may do to them."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.storm import outcome, start_worker
from tests.slurm.cluster import Cluster
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
PATIENCE = 1200.0


@dataclass(frozen=True)
class Network:
    """What trains: ``module`` is what local workers fork from, ``environment`` what jobs get."""

    module: str
    environment: dict[str, str]


REAL = Network("timnet.training.warm", {})
PRETENDED = Network(
    "tests.faults.pretend",
    {"PYTHONPATH": f"{REPOSITORY / 'tests/slurm/pretended'}:{REPOSITORY}", "TIMNET_PRETENDED_STEP": "0.01"},
)


@dataclass
class Stage:
    """One registry in ``folder``; ``quiet`` is another one with the same queue."""

    folder: Path
    cluster: Cluster
    network: Network
    heads: list[subprocess.Popen[bytes]] = field(default_factory=list)
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def db(self) -> Path:
        return self.folder / "disturbed" / "runs.db"

    @property
    def quiet(self) -> Path:
        return self.folder / "quiet" / "runs.db"

    @property
    def shared(self) -> Path:
        return self.folder / "shared folder"

    @property
    def environment(self) -> dict[str, str]:
        pinned = {"TIMNET_CACHE": str(self.folder / "cache"), "TIMNET_NICE": "0", "CUDA_VISIBLE_DEVICES": ""}
        return {**self.cluster.environment, **pinned, **self.network.environment}

    def queue(self, *, experiments: int, folds: int, epochs: int, endless: bool = False) -> None:
        """The same in both registries; where it is ``endless``, two runs that never end come first."""
        recordings = make_corpus(self.folder / "recordings")
        for db in (self.db, self.quiet):
            db.parent.mkdir()
            with Registry.open(db) as registry:
                add_corpus(registry, "DEMO", recordings)
                corpus = registry.corpora.get("DEMO")
                lengths = [FOR_EVER] * endless + [epochs] * experiments
                for seed, length in enumerate(lengths):
                    config = PRESETS["demo"].config_of(corpus, None, {**SMALL, "epochs": length})
                    only = (1, 2) if length == FOR_EVER else ()
                    add_experiment(registry, corpus, config=config, folds=folds, seed=46 + seed, only=only)

    def timnet(self, *arguments: str) -> str:
        """A command on the disturbed registry; returns what it prints."""
        done = subprocess.run(
            self._command(*arguments),
            env=self.environment,
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
                self._command("work", "--engine", "slurm", "--shared", str(self.shared), *options),
                env=self.environment, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        self.heads.append(head)
        return head

    def _command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "timnet", f"--db={self.db}", *arguments]

    def said(self) -> str:
        """What heads have said so far."""
        return (self.folder / "head.txt").read_text(errors="replace")

    # what is to be seen

    def runs(self) -> list[Run]:
        with Registry.open_read_only(self.db) as registry:
            return registry.runs.ls()

    def folders(self) -> Iterator[tuple[Run, AttemptPaths]]:
        """The running runs, with the folders of their latest attempts."""
        for run in self.runs():
            if run.state is RunState.RUNNING:
                yield run, AttemptPaths(self.shared / f"{run.uid}-a{run.attempt}")

    def training(self, starts: int = 1) -> list[tuple[Run, AttemptPaths]]:
        """Those that have finished some epochs in their ``starts``-th process, or a later one."""
        return [(run, folder) for run, folder in self.folders() if epochs_in(folder, starts) > 2]

    def wait(self, reached: Callable[[], object], what: str) -> None:
        """Until something is reached; what Slurm has taken back meanwhile starts again at once."""
        deadline = time.monotonic() + PATIENCE
        while not reached():
            failed = time.monotonic() > deadline or self.heads[-1].poll() not in (None, 0, -signal.SIGKILL)
            assert not failed, f"no {what}; {self.said()}\n{self.cluster.words()}"
            self.cluster.hurry()
            time.sleep(0.25)

    def finish(self) -> None:
        """Until the head says that nothing waits."""
        head = self.heads[-1]
        self.wait(lambda: head.poll() is not None, "end of the head")
        assert head.returncode == 0, self.said()

    def train_quietly(self) -> None:
        """The same runs by a local worker that nothing disturbs."""
        assert self.start_quietly().wait(timeout=PATIENCE) == 0

    def start_quietly(self) -> subprocess.Popen[bytes]:
        """As :meth:`train_quietly`, without waiting for it."""
        self.workers.append(start_worker(self.quiet, self.folder / "cache", self.network.module, 2))
        return self.workers[-1]

    def compare(self, epochs: int) -> None:
        """All is as if nothing had happened: every epoch once, the same bits."""
        with Registry.open(self.quiet) as quiet, Registry.open(self.db) as disturbed:
            for run, other in zip(quiet.runs.ls(), disturbed.runs.ls(), strict=True):
                if run.state is RunState.CANCELLED:
                    assert other.state is RunState.CANCELLED
                    continue
                assert [one.epoch for one in disturbed.results.epochs(other.id)] == list(range(1, epochs + 1))
                assert outcome(disturbed, other) == outcome(quiet, run)
            assert disturbed.db.row("PRAGMA integrity_check") == {"integrity_check": "ok"}

    def left(self) -> list[Path]:
        """What is still in the shared folder, the features aside."""
        return [path for path in self.shared.rglob("*") if path.is_file() and path.parent.name != "features"]


@contextmanager
def stage_in(folder: Path, cluster: Cluster, network: Network) -> Iterator[Stage]:
    stage = Stage(folder, cluster, network)
    try:
        yield stage
    finally:
        for process in [*stage.heads, *stage.workers]:
            if process.poll() is None:
                process.kill()
            process.wait()


def epochs_in(folder: AttemptPaths, start: int) -> int:
    """How many epochs the latest process of an attempt has finished, where it is the ``start``-th or a later one."""
    spools = folder.spools()
    if len(spools) < start or not spools:
        return 0
    try:
        return sum(line.do == "epoch" for line in read_lines(spools[-1], 0)[0])
    except FileNotFoundError:  # the head has just taken it in
        return 0


def pid_of(folder: AttemptPaths) -> int:
    """The training process of an attempt."""
    return int(read_lines(folder.spools()[-1], 0)[0][0].values["pid"])
