"""A registry with runs of the smallest network, a head that gives them to Ray, and what a test may do to them."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.faults.storm import start_worker
from tests.ray_cluster.conftest import Cluster
from tests.remote import stage as remote
from tests.support import REPOSITORY
from timnet.paths import AttemptPaths
from timnet.records import Run, RunState

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
class Stage(remote.Stage):
    """What is given to Ray."""

    cluster: Cluster

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ, "PYTHONPATH": str(REPOSITORY), "TIMNET_CACHE": str(self.cache), "TIMNET_NICE": "0",
            "CUDA_VISIBLE_DEVICES": "",
        }  # fmt: skip

    @property
    def engine(self) -> tuple[str, ...]:
        return ("--engine", "ray", "--address", self.cluster.address)

    def queue(self, *, experiments: int, folds: int, epochs: int) -> None:
        """A run that never ends comes first."""
        self.fill(experiments=experiments, folds=folds, epochs=epochs, endless=(1,))

    # what is to be seen

    def now(self, run: Run) -> Run:
        return next(one for one in self.runs() if one.id == run.id)

    def training(self, *nodes: int) -> list[There]:
        """What trains now and has finished some epochs: on any node, or on one of ``nodes``."""
        running = {f"{run.uid}-a{run.attempt}": run for run in self.runs() if run.state is RunState.RUNNING}
        found = []
        for place in self.cluster.folder.glob("n*/timnet-*/*/*-a*"):
            folder, node = AttemptPaths(place), int(place.parts[-4][1:])
            if place.name in running and (not nodes or node in nodes) and not folder.outcome.exists():
                epochs, pid = remote.progress(folder)
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


@contextmanager
def stage_in(folder: Path, cluster: Cluster) -> Iterator[Stage]:
    stage = Stage(folder, cluster)
    with stage.played():
        yield stage
