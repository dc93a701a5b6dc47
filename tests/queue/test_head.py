"""Heads, real ones, over stand-ins for jobs: killed at any moment, and with the shared folder away, full or gone."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.small_disk import SmallDisk
from tests.queue.processes import wait_until
from tests.remote.stand_in import UTTERANCES, heads, small_registry
from tests.support import epoch_record
from timnet.care.checking import check
from timnet.records import RunState
from timnet.registry.check import Kind
from timnet.states import Command

RUNS, EPOCHS = 5, 20
PATIENCE = 200.0


class Yard:
    """A registry, its shared folder, and the heads that a test starts."""

    def __init__(self, folder: Path, runs: int = RUNS, epochs: int = EPOCHS) -> None:
        self.folder = folder
        self.registry = small_registry(folder, runs, epochs)
        self.started: list[subprocess.Popen[bytes]] = []

    def uid(self, key: str) -> str:
        return self.registry.runs.get(key).uid

    def plan(self, **plans: object) -> None:
        (self.folder / "plan.json").write_text(json.dumps(plans))

    def work(
        self, jobs: int = 4, kills: tuple[float, ...] = (), shared: str = "shared", **environment: str
    ) -> subprocess.Popen[bytes]:
        self.started.append(heads(self.folder, jobs, kills, shared, **environment))
        return self.started[-1]

    def words(self) -> str:
        return (self.folder / "head.txt").read_text()[-6000:]

    def epochs(self) -> int:
        return sum(run.epoch for run in self.registry.runs.ls())

    def wait(self, holds: Callable[[], object], what: str) -> None:
        try:
            wait_until(holds, PATIENCE, what)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.words()}") from None

    def done(self, head: subprocess.Popen[bytes]) -> None:
        assert head.wait(PATIENCE) == 0, self.words()

    def end(self) -> None:
        for head in self.started:
            if head.poll() is None:
                os.killpg(head.pid, signal.SIGKILL)
            head.wait()
        self.registry.close()


@pytest.fixture
def yard(tmp_path: Path) -> Iterator[Yard]:
    """In memory where there is some: no test of killed processes should wait for a disk."""
    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="timnet-", dir=memory if os.access(memory, os.W_OK) else tmp_path))
    one = Yard(folder)
    yield one
    one.end()
    shutil.rmtree(folder)


def assert_all_is_there(yard: Yard, *, twins: bool = False) -> None:
    """Each run as if it had been trained once, here, without a disturbance."""
    registry = yard.registry
    for run in registry.runs.ls():
        assert (run.state, run.epoch, run.uar, run.war) == (RunState.DONE, EPOCHS, 0.75, 0.5), yard.words()
        assert list(registry.results.epochs(run.id)) == [epoch_record(epoch).metrics for epoch in range(1, EPOCHS + 1)]
        events = registry.results.events(run.id)
        checks = [(event.epoch, event.kind) for event in events if event.kind.startswith("check-")]
        assert checks == [(epoch, epoch_record(epoch).check.kind) for epoch in range(1, EPOCHS + 1)]
        kinds = Counter(event.kind for event in events)
        starts = 2 if run.key == "1.3" else 1  # where it was started twice, both at the beginning
        assert kinds["done"] == 1
        assert twins or kinds["started"] <= starts
        attempts = registry.results.attempts(run.id)
        assert [one.outcome for one in attempts][-1] == "done"
        assert kinds["crashed"] == [one.outcome for one in attempts].count("crashed")
        paths = registry.paths.run(run.uid)
        assert paths.final_weights.read_text() == f"final of {run.key}"
        assert paths.embeddings.read_text() == f"embeddings of {run.key}"
        assert {path.name for path in paths.for_going_on()} == {
            "epoch-000019.npz", "epoch-000020.npz", "best-000015.npz", "best-000020.npz"
        }  # fmt: skip
        assert registry.db.number("SELECT count(*) FROM predictions WHERE run_id = ?", (run.id,)) == UTTERANCES / RUNS
        for said in (" after epoch 0\n", f"epoch {EPOCHS}\n"):  # a first attempt may end before it is given
            assert said in paths.log.read_text()
    # stand-ins write no arrays, and make their scores up
    assert {one.kind for one in check(registry.db.path).findings} <= {Kind.DAMAGED, Kind.RESULT}
    wait_until(
        lambda: [one.name for one in (yard.folder / "shared").iterdir()] == ["features"], PATIENCE, "to be swept"
    )


def test_heads_killed_at_any_moment_lose_nothing_and_count_nothing_twice(yard: Yard) -> None:
    """While jobs are killed, leave for a while, and are started twice."""
    generator = random.Random(7)
    yard.plan(
        seconds=0.03,
        **{
            yard.uid("1.1"): [{"dies_after": 7}, {"dies_after": 11}],
            yard.uid("1.2"): [{"leaves_after": 9}],
            yard.uid("1.3"): [{"twin": True}],
            yard.uid("1.4"): [{"dies_after": EPOCHS}, {"leaves_after": 5, "dies_after": 15}],
            yard.uid("1.5"): [{"leaves_after": 3}, {"dies_after": 4}],
        },
    )
    yard.done(yard.work(kills=tuple(generator.uniform(0.02, 0.6) for _ in range(8))))
    assert_all_is_there(yard)
    attempts = {run.key: run.attempt for run in yard.registry.runs.ls()}
    assert attempts["1.1"] >= 3
    assert yard.words().count(" ended\n") >= 1


def test_a_shared_folder_that_is_away_for_a_while_is_waited_for(yard: Yard) -> None:
    """By head and jobs alike; what was written is not lost, and nothing is written in its place."""
    yard.plan(seconds=0.1)
    head = yard.work(jobs=2)
    yard.wait(lambda: yard.registry.runs.get("1.2").epoch >= 3, "for an epoch")
    shared, elsewhere = yard.folder / "shared", yard.folder / "elsewhere"
    shared.rename(elsewhere)
    yard.wait(lambda: "is not there" in yard.words(), "for the head to say so")
    seen = {run.key: (run.state, run.attempt) for run in yard.registry.runs.ls("state:running")}
    assert len(seen) == 2
    wait_until(lambda: not shared.exists(), 1)
    assert {run.key: (run.state, run.attempt) for run in yard.registry.runs.ls("state:running")} == seen
    elsewhere.rename(shared)
    yard.done(head)
    assert_all_is_there(yard)
    assert {run.attempt for run in yard.registry.runs.ls()} == {1}


def test_wishes_reach_jobs_and_a_job_that_does_not_hear_is_ended(yard: Yard) -> None:
    yard.plan(
        seconds=0.05,
        **{yard.uid("1.1"): [{"deaf": True, "seconds": 0.2}], yard.uid("1.2"): [{"seconds": 0.2}]},
    )
    head = yard.work(jobs=3)
    for key in ("1.1", "1.2"):
        yard.wait(lambda key=key: yard.registry.runs.get(key).epoch >= 2, "for an epoch")
    yard.registry.runs.command(Command.CANCEL, ["1.1"])
    yard.registry.runs.command(Command.PAUSE, ["1.2"])
    yard.wait(lambda: yard.registry.runs.get("1.1").state is RunState.CANCELLED, "to be cancelled")
    yard.wait(lambda: yard.registry.runs.get("1.2").state is RunState.PAUSED, "to be paused")
    assert yard.registry.runs.get("1.1").crashes == 0
    yard.registry.runs.command(Command.RETRY, ["1.1"])
    yard.registry.runs.command(Command.RESUME, ["1.2"])
    yard.done(head)
    assert_all_is_there(yard)


def test_a_head_with_another_shared_folder_brings_home_what_lies_in_the_one_before(yard: Yard) -> None:
    yard.plan(seconds=0.1)
    first = yard.work(jobs=3)
    yard.wait(lambda: yard.registry.runs.get("1.3").epoch >= 2, "for an epoch")
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    yard.done(yard.work(jobs=5, shared="other"))
    assert_all_is_there(yard)
    assert {run.attempt for run in yard.registry.runs.ls()} == {1}
    assert [one.name for one in (yard.folder / "other").iterdir()] == ["features"]


@pytest.mark.parametrize("whose", ["head", "jobs"])
def test_a_disk_that_is_full_for_a_while_costs_no_run(tmp_path: Path, whose: str) -> None:
    """The head's own, where results come home; and the one that it shares with jobs."""
    disk = SmallDisk.make(tmp_path)
    small, large = disk.folder / "small", tmp_path / "large"
    for folder in (small, large):
        folder.mkdir()
    yard = Yard(small if whose == "head" else large, runs=2)
    try:
        for folder in (small, large):
            (folder / "plan.json").write_text('{"seconds": 0.1}')
        shared = (large if whose == "head" else small) / "shared"
        head = yard.work(jobs=2, shared=str(shared), **disk.environment)
        yard.wait(lambda: yard.epochs() >= 5, "for some epochs")
        disk.fill()
        assert disk.is_full()
        yard.wait(lambda: "no space left" in yard.words(), "for the head to say so")
        time.sleep(0.5)
        disk.free()
        yard.done(head)
        for run in yard.registry.runs.ls():
            assert (run.state, run.epoch) == (RunState.DONE, EPOCHS), yard.words()
            assert [one.epoch for one in yard.registry.results.epochs(run.id)] == list(range(1, EPOCHS + 1))
    finally:
        yard.end()
        disk.end()
