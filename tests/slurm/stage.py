"""A registry with runs of the smallest network, a head that gives them to Slurm, and what a test may do to them."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.faults.storm import start_worker
from tests.remote import stage as remote
from tests.slurm.cluster import Cluster
from tests.support import REPOSITORY
from timnet.paths import AttemptPaths
from timnet.records import Run, RunState

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
class Stage(remote.Stage):
    """What is given to Slurm."""

    cluster: Cluster
    network: Network

    @property
    def shared(self) -> Path:
        return self.folder / "shared folder"

    @property
    def environment(self) -> dict[str, str]:
        pinned = {"TIMNET_CACHE": str(self.cache), "TIMNET_NICE": "0", "CUDA_VISIBLE_DEVICES": ""}
        return {**self.cluster.environment, **pinned, **self.network.environment}

    @property
    def engine(self) -> tuple[str, ...]:
        return ("--engine", "slurm", "--shared", str(self.shared))

    def queue(self, *, experiments: int, folds: int, epochs: int, endless: bool = False) -> None:
        """Where it is ``endless``, two runs that never end come first."""
        self.fill(experiments=experiments, folds=folds, epochs=epochs, endless=(1, 2) if endless else ())

    # what is to be seen

    def folders(self) -> Iterator[tuple[Run, AttemptPaths]]:
        """The running runs, with the folders of their latest attempts."""
        for run in self.runs():
            if run.state is RunState.RUNNING:
                yield run, AttemptPaths(self.shared / f"{run.uid}-a{run.attempt}")

    def training(self, starts: int = 1) -> list[tuple[Run, AttemptPaths]]:
        """Those that have finished some epochs in their ``starts``-th process, or a later one."""
        return [(run, at) for run, at in self.folders() if len(at.spools()) >= starts and remote.progress(at)[0] > 2]

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
        self.workers.append(start_worker(self.quiet, self.cache, self.network.module, 2))
        return self.workers[-1]

    def left(self) -> list[Path]:
        """What is still in the shared folder, the features aside."""
        return [path for path in self.shared.rglob("*") if path.is_file() and path.parent.name != "features"]


@contextmanager
def stage_in(folder: Path, cluster: Cluster, network: Network) -> Iterator[Stage]:
    stage = Stage(folder, cluster, network)
    with stage.played():
        yield stage
