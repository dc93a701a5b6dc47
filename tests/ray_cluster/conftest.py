"""A real Ray cluster for the tests that are marked ``ray``, started once; and attempts to train on it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.ray_cluster.onlooker.sitecustomize import PRETENDED
from tests.support import REPOSITORY
from timnet.paths import AttemptPaths
from timnet.queue.engines.ray import RayEngine, RayOptions
from timnet.records import TrainingConfig
from timnet.remote.parcel import Parcel

FEATURES = "f00d"
UTTERANCES, FRAMES, COEFFICIENTS = 28, 60, 39


@dataclass
class Cluster:
    """Three nodes of one slot each. ``pids``: of each node's own processes."""

    folder: Path
    process: subprocess.Popen[str]
    about: dict[str, Any]

    @property
    def address(self) -> str:
        return str(self.about["address"])

    def tell(self, line: str) -> None:
        """Have a node killed or added."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()
        self.about = _line(self.process)

    def place(self, node: int) -> Path:
        """Where a node keeps attempts: a folder for each registry."""
        return self.folder / f"n{node}" / f"timnet-{os.getuid()}"

    def places(self, registry: str) -> list[Path]:
        """Where the nodes keep attempts of a registry."""
        return [path for path in sorted(self.folder.glob(f"n*/timnet-*/{registry}")) if path.is_dir()]


def _line(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    found: dict[str, Any] = json.loads(process.stdout.readline())
    return found


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    pytest.importorskip("ray", reason="Ray is not installed here; make test-ray installs it beside the project")
    folder = Path(tempfile.mkdtemp(prefix="tr"))  # Ray's sockets need a short path
    with (folder / "chatter.txt").open("wb") as chatter:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.ray_cluster.nodes", str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=chatter,
            text=True,
            cwd=REPOSITORY,
            start_new_session=True,
        )
    try:
        yield Cluster(folder, process, _line(process))
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """A head's folder for attempts, with features in it that take more than one message."""
    folder = tmp_path / "cluster"
    (folder / "features").mkdir(parents=True)
    rows = np.random.default_rng(7).normal(size=(UTTERANCES, FRAMES, COEFFICIENTS)).astype("<f4")
    np.save(folder / "features" / f"{FEATURES}.npy", rows)
    return folder


@pytest.fixture
def attempt(shared: Path, request: pytest.FixtureRequest) -> Callable[..., AttemptPaths]:
    """Write an attempt's folder as a head does; what it pretends to train takes ``epochs`` x some 0.02 s."""

    def write(name: str, epochs: int = 3) -> AttemptPaths:
        folder = AttemptPaths(shared / f"{request.node.name[:40]}-{name}-a1")
        folder.run.folder.mkdir(parents=True)
        folder.want.write_text("")
        config = TrainingConfig(
            epochs=epochs, batch_size=4, filters=6, check_every=3, select="best", monitor="val_loss"
        )
        rows = tuple(range(UTTERANCES))
        Parcel(
            key="1.1", attempt=1, corpus=PRETENDED, classes=("angry", "happy"), labels=(0, 1) * (UTTERANCES // 2),
            fold=1, folds=2, train=rows[:14], inner=(), test=rows[14:], config=config, seed=46, features=FEATURES,
            shape=(UTTERANCES, FRAMES, COEFFICIENTS),
        ).write(folder.parcel)  # fmt: skip
        return folder

    return write


@pytest.fixture
def engine(cluster: Cluster, shared: Path) -> Iterator[RayEngine]:
    made = RayEngine(shared, RayOptions(cluster.address))
    yield made
    made.close()
