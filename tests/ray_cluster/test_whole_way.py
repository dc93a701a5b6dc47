"""From the queue to the result over a real Ray cluster, with all that may happen on the way."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.ray_cluster.conftest import Cluster
from tests.ray_cluster.stage import Stage, There, stage_in
from tests.remote.stage import progress
from timnet.records import RunState
from timnet.registry import Registry
from timnet.states import Command

pytestmark = [pytest.mark.ray, pytest.mark.timeout(1800)]

EPOCHS = 60


@pytest.fixture
def stage(cluster: Cluster, tmp_path: Path) -> Iterator[Stage]:
    with stage_in(tmp_path, cluster) as stage:
        yield stage


def test_twenty_runs_over_three_nodes_with_all_that_may_happen(stage: Stage) -> None:
    stage.queue(experiments=2, folds=10, epochs=EPOCHS)
    began = time.monotonic()
    head = stage.start_head("--jobs", "12")
    _cancel_the_endless(stage)
    _strike(stage, "its process is killed", lambda: stage.training(), lambda it: os.kill(it.pid, signal.SIGKILL))
    _strike(stage, "its node is killed", lambda: stage.training(1, 2), lambda it: stage.cluster.tell(f"kill {it.node}"))
    stage.cluster.tell("add")
    stage.wait(stage.training, "one that trains")
    head.send_signal(signal.SIGKILL)
    head.wait()
    _goes_on_without_a_head(stage)
    head = stage.start_head("--jobs", "12")
    stage.wait(lambda: head.poll() is not None, "end of the head")
    took = time.monotonic() - began
    assert head.returncode == 0, stage.said()

    runs = stage.runs()
    assert [run.state for run in runs] == [RunState.CANCELLED] + [RunState.DONE] * 20, stage.said()
    again = sum(run.attempt > 1 for run in runs)
    assert again >= 2
    logs = [(stage.db.parent / "runs" / run.uid / "log.txt").read_text() for run in runs[1:]]
    assert [log.count(" done: UAR ") for log in logs] == [1] * 20
    _nothing_is_left(stage)
    with Registry.open(stage.quiet) as quiet:
        quiet.runs.command(Command.CANCEL, [quiet.runs.ls()[0].key])
    stage.train_quietly()
    assert stage.compare(EPOCHS) == 20
    print(f"20 runs of {EPOCHS} epochs in {took:.0f} s, {again} of them in more than one attempt")


def _cancel_the_endless(stage: Stage) -> None:
    """It hears of it by itself, within an epoch."""
    endless = stage.runs()[0]
    stage.wait(lambda: any(one.run.id == endless.id for one in stage.training()), "epochs of the endless run")
    stage.timnet("queue", "cancel", endless.key)
    took = stage.wait(lambda: stage.now(endless).state is RunState.CANCELLED, "end of the cancelled run")
    print(f"the cancelled run ended {took:.1f} s after the command")
    assert "is to end (cancel)" not in stage.said()  # nobody had to end it


def _strike(stage: Stage, what: str, who: Callable[[], list[There]], strike: Callable[[There], None]) -> None:
    """Do something to an attempt that trains; where it was at its end already, to another one."""
    while True:
        stage.wait(who, f"one that trains; {what}")
        it, *_ = [*who(), None]
        if it is None:
            continue
        with suppress(ProcessLookupError):
            strike(it)
        took = stage.wait(
            lambda it=it: stage.now(it.run).attempt > it.run.attempt or _is_done(stage, it), "second attempt"
        )
        if stage.now(it.run).attempt > it.run.attempt:
            print(f"{what}: after epoch {it.epochs}; the next attempt was submitted {took:.1f} s later")
            return
        assert what != "its node is killed", "the run of the killed node had ended a moment before"


def _is_done(stage: Stage, it: There) -> bool:
    return stage.now(it.run).state is RunState.DONE


def _goes_on_without_a_head(stage: Stage) -> None:
    """Somebody finishes epochs, or all that train have ended; the registry hears of none of it."""
    known = {run.id: (run.state, run.epoch) for run in stage.runs()}
    before = stage.training()

    def moved() -> bool:
        return all(one.folder.outcome.exists() or progress(one.folder)[0] > one.epochs for one in before)

    stage.wait(moved, "epochs without a head")
    assert {run.id: (run.state, run.epoch) for run in stage.runs()} == known


def _nothing_is_left(stage: Stage) -> None:
    """Neither here nor on the nodes, but for the features and what a node has left that was killed."""
    shared = stage.db.parent / "cluster"
    assert [path.name for path in shared.iterdir() if path.name != "features"] == []
    names = {f"{run.uid}-a{number}" for run in stage.runs() for number in range(1, run.attempt + 1)}
    dead = {f"n{node}" for node, pids in enumerate(stage.cluster.about["pids"]) if not pids}
    left = [path for path in stage.cluster.folder.glob("n*/timnet-*/*/*") if path.name in names]
    assert {path.parts[-4] for path in left} <= dead
