"""From the queue to the result over a real Slurm, with all that may happen on the way."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.remote.stage import progress
from tests.slurm.cluster import Cluster
from tests.slurm.stage import PRETENDED, REAL, Stage, stage_in
from timnet.records import RunState
from timnet.registry import Registry
from timnet.states import Command

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(1800)]


@pytest.fixture
def stage(cluster: Cluster, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Stage]:
    with stage_in(tmp_path, cluster, request.param) as stage:
        yield stage


@pytest.mark.parametrize("stage", [REAL], indirect=True)
def test_quick_two_runs_by_the_command_line(stage: Stage) -> None:
    stage.queue(experiments=1, folds=2, epochs=20)
    stage.start_head("--time", "10", "--array-parallelism", "2")
    stage.finish()
    assert {run.state for run in stage.runs()} == {RunState.DONE}
    stage.train_quietly()
    stage.compare(20)
    assert stage.left() == []


@pytest.mark.parametrize("stage", [REAL], indirect=True)
def test_twenty_runs_over_two_slots_with_all_that_may_happen(stage: Stage) -> None:
    epochs = 200  # some ten seconds, so that none ends before something can happen to it
    stage.queue(experiments=2, folds=10, epochs=epochs, endless=True)
    stage.start_head("--jobs", "12")
    stage.wait(lambda: len(stage.training()) == 2, "two that train")
    _restart_the_controller(stage)
    _cancel_the_endless(stage)
    _kill_one(stage)
    _preempt_one(stage)
    _kill_the_head(stage)
    stage.start_head("--jobs", "12")
    stage.finish()

    assert [run.state for run in stage.runs()] == [RunState.CANCELLED] * 2 + [RunState.DONE] * 20
    with Registry.open(stage.quiet) as quiet:
        quiet.runs.command(Command.CANCEL, [run.key for run in quiet.runs.ls()[:2]])
    stage.train_quietly()
    stage.compare(epochs)
    assert stage.left() == []


@pytest.mark.parametrize("stage", [PRETENDED], indirect=True)
def test_a_run_longer_than_its_time_limit_goes_on_in_the_same_job(stage: Stage) -> None:
    epochs = 1100  # about a minute; with a pretended network, as a busy machine is slow to load the real one
    stage.queue(experiments=1, folds=2, epochs=epochs)
    stage.start_head("--partition", "short")
    quietly = stage.start_quietly()
    stage.wait(lambda: stage.training(starts=2), "second start in the same job")
    stage.finish()
    stage.wait(lambda: quietly.poll() is not None, "end of the local runs")
    stage.compare(epochs)


def _restart_the_controller(stage: Stage) -> None:
    """While nothing ends: a step of 22.05 that does tells it a minute later, and its slot waits as long."""
    stage.cluster.stop_controller()
    try:
        stage.wait(lambda: "Slurm does not answer" in stage.said(), "head that misses Slurm")
    finally:
        stage.cluster.start_controller()


def _cancel_the_endless(stage: Stage) -> None:
    """They hear of it by themselves, within an epoch."""
    stage.timnet("queue", "cancel", "1")
    stage.wait(lambda: {run.state for run in stage.runs()[:2]} == {RunState.CANCELLED}, "end of the cancelled")
    assert "is to end (cancel)" not in stage.said()


def _kill_one(stage: Stage) -> None:
    stage.wait(stage.training, "one that trains")
    run, folder = stage.training()[0]
    os.kill(progress(folder)[1], signal.SIGKILL)
    stage.wait(lambda: any(one.id == run.id and one.attempt == 2 for one in stage.runs()), "second attempt")


def _preempt_one(stage: Stage) -> None:
    stage.wait(stage.training, "one that trains")
    before = stage.cluster.preempted()

    def preempted() -> bool:  # one that finds a slot free just then takes none
        if not stage.cluster.told("squeue", "-h", "-p", "urgent"):
            stage.cluster.submit("sleep 1", "--partition=urgent")
        return stage.cluster.preempted() > before

    stage.wait(preempted, "preempted job")


def _kill_the_head(stage: Stage) -> None:
    stage.wait(stage.training, "one that trains")
    stage.heads[-1].kill()
    stage.heads[-1].wait()
    known = {run.id: run.epoch for run in stage.runs()}
    stage.wait(
        lambda: any(progress(folder)[0] > known[run.id] for run, folder in stage.folders()), "job without a head"
    )
