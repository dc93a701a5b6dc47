"""One fold, killed at every write it makes, and asked to leave between any two steps: the same bits in the end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.support import PROOF
from timnet.errors import DiskFull, Fenced, TimnetError
from timnet.records import EventKind, RunState, TrainingConfig, Want
from timnet.registry import Registry

if TYPE_CHECKING:
    from tests.training.bench import Process, Run

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def process() -> Process:
    from tests.training.bench import Process

    return Process()


@pytest.fixture
def run(tmp_path: Path, process: Process) -> Iterator[Run]:
    from tests.training.bench import Run

    with Registry.open(tmp_path / "runs.db") as registry:
        registry.db.connection.execute("PRAGMA synchronous = OFF")
        yield Run(registry, process)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, process: Process) -> dict[str, Any]:
    from tests.training.bench import Run

    with (
        Registry.open(tmp_path_factory.mktemp("undisturbed") / "runs.db") as registry,
        pytest.MonkeyPatch.context() as patch,
    ):
        one = Run(registry, process)
        one.attempt(patch)
        outcome = one.outcome()
        uid = registry.runs.get("1.1").uid
    return {**outcome, "kept": without_uid(outcome["kept"], uid)}


def without_uid(kept: dict[str, tuple[Any, ...]], uid: str) -> dict[str, tuple[Any, ...]]:
    """Each run has a name of its own, which is part of its paths."""
    return {kind: tuple(str(v).replace(uid, "UID") for v in values) for kind, values in kept.items()}


def outcome_of(run: Run) -> dict[str, Any]:
    outcome = run.outcome()
    return {**outcome, "kept": without_uid(outcome["kept"], run.registry.runs.get("1.1").uid)}


def test_the_undisturbed_fold_is_what_this_proof_needs(undisturbed: dict[str, Any]) -> None:
    assert undisturbed["state"][:2] == (RunState.DONE, 6)
    assert undisturbed["early stops"] == [(6, "stopped early: 2 checks without improvement")]
    assert {kind: values[0] for kind, values in undisturbed["kept"].items()} == {"best": "2", "final": "2", "last": "6"}
    assert undisturbed["resume points"] == ["epoch-000005.npz", "epoch-000006.npz"]
    assert undisturbed["leftovers"] == []


def test_a_fold_gives_the_same_bits_again(run: Run, undisturbed: dict[str, Any]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        run.attempt(patch)
    assert outcome_of(run) == undisturbed


def test_a_kill_before_or_after_any_write_changes_nothing(
    tmp_path: Path, process: Process, undisturbed: dict[str, Any]
) -> None:
    from tests.training.bench import Deadline, Killed, Run

    moment, killed = 0, True
    while killed:
        moment += 1
        place = tmp_path / f"moment{moment}"
        place.mkdir()
        with Registry.open(place / "runs.db") as registry, pytest.MonkeyPatch.context() as patch:
            registry.db.connection.execute("PRAGMA synchronous = OFF")
            run = Run(registry, process)
            try:
                run.attempt(patch, Deadline(moment))
                killed = False
            except Killed:
                pass
        with Registry.open(place / "runs.db") as registry, pytest.MonkeyPatch.context() as patch:
            run.registry = registry
            if run.reap() is RunState.QUEUED:  # else the kill came after its very last write
                run.attempt(patch)
            assert outcome_of(run) == undisturbed, f"killed at moment {moment}"
    assert moment > 50, "every epoch, check, resume point and result has its moments"


def test_a_run_killed_again_and_again_ends_the_same(run: Run, undisturbed: dict[str, Any]) -> None:
    from tests.training.bench import Deadline, Killed

    attempts = 0
    state: RunState | None = RunState.QUEUED
    while state is RunState.QUEUED:
        attempts += 1
        assert attempts < 60
        with pytest.MonkeyPatch.context() as patch:
            try:
                run.attempt(patch, Deadline(8 + attempts))
            except Killed:
                state = run.reap()
            else:
                state = None
    assert attempts > 5
    assert outcome_of(run) == undisturbed
    assert run.registry.runs.get("1.1").attempt == attempts


@pytest.mark.parametrize("step", [1, 2, 4, 7])
def test_a_wish_is_honoured_between_two_steps_and_nothing_is_lost(
    run: Run, undisturbed: dict[str, Any], step: int
) -> None:
    from timnet.training.fold import Interrupted

    looks = iter([None] * (step - 1) + [Want.PAUSE])
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Interrupted) as caught:
        run.attempt(patch, wanted=lambda: next(looks))
    assert caught.value.want is Want.PAUSE
    steps_of_an_epoch = 3  # 14 rows, 6 at once
    assert run.registry.runs.get("1.1").epoch == (step - 1) // steps_of_an_epoch
    assert run.reap() is RunState.QUEUED
    with pytest.MonkeyPatch.context() as patch:
        run.attempt(patch)
    assert outcome_of(run) == undisturbed


def test_a_wish_that_comes_with_an_epoch_is_honoured_before_the_next(run: Run) -> None:
    from timnet.states import Command
    from timnet.training.fold import Interrupted

    calls = []

    def wish_late() -> None:
        calls.append(1)
        if len(calls) == 4:
            run.registry.runs.command(Command.CANCEL, ["1.1"])

    with pytest.MonkeyPatch.context() as patch, pytest.raises(Interrupted) as caught:
        run.attempt(patch, wanted=wish_late)
    assert caught.value.want is Want.CANCEL
    assert run.registry.runs.get("1.1").epoch == 2
    assert run.registry.paths.run(run.registry.runs.get("1.1").uid).checkpoint(2).exists()


def test_torn_resume_points_are_passed_over_and_the_registry_follows(run: Run, undisturbed: dict[str, Any]) -> None:
    from tests.training.bench import Deadline, Killed

    for tear, moment in ((1, 36), (2, 14)):  # the end of epoch 5; epoch 6 on the second try
        with pytest.MonkeyPatch.context() as patch, pytest.raises(Killed):
            run.attempt(patch, Deadline(moment))
        assert run.reap() is RunState.QUEUED
        newest_first = run.registry.paths.run(run.registry.runs.get("1.1").uid).checkpoints()[::-1]
        assert len(newest_first) == 2
        for path in newest_first[:tear]:
            path.write_bytes(path.read_bytes()[:-1000])
    with pytest.MonkeyPatch.context() as patch:
        run.attempt(patch)
    assert outcome_of(run) == undisturbed
    kinds = [event.kind for event in run.registry.results.events(1)]
    assert kinds.count(EventKind.STARTED) == 2, "with both torn it began at the beginning"
    assert kinds.count(EventKind.RESUMED) == 1


def test_a_loss_that_is_not_finite_ends_the_run_and_keeps_the_epoch(run: Run, process: Process) -> None:
    from timnet.training.fold import Diverged

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(process, "data", replace(process.data, features=np.full_like(process.data.features, np.nan)))
        patch.setattr(process.trainer, "_rows", replace(process.trainer._rows, features=process.data.features))
        with pytest.raises(Diverged, match=r"not finite \(epoch 1\); try a lower"):
            run.attempt(patch)
    [epoch] = run.registry.results.epochs(1)
    assert (epoch.loss, epoch.val_loss, epoch.diverged) == (None, None, True)
    last = run.registry.results.events(1)[-1]
    assert (last.kind, last.epoch) == (EventKind.DIVERGED, 1)


# how a process leaves


def started(run: Run) -> Any:
    from tests.support import start_next

    return run.registry.journal(start_next(run.registry), 1)


@pytest.mark.parametrize(
    ("want", "state", "kind"),
    [
        (Want.PAUSE, RunState.PAUSED, EventKind.PAUSED),
        (Want.CANCEL, RunState.CANCELLED, EventKind.CANCELLED),
        (Want.STOP, RunState.QUEUED, EventKind.REQUEUED),
    ],
)
def test_a_wish_leads_to_its_state(run: Run, want: Want, state: RunState, kind: EventKind) -> None:
    from timnet.training.fold import Interrupted
    from timnet.training.process import leave_run

    assert leave_run(started(run), Interrupted(want), lambda _: None) == 0
    left = run.registry.runs.get("1.1")
    assert (left.state, left.error, left.crashes) == (state, None, 0)
    assert run.registry.results.events(left.id)[-1].kind == kind


def test_a_full_disk_pauses_a_failure_fails_and_a_defect_is_raised(run: Run) -> None:
    from timnet.training.process import leave_run

    said: list[str] = []
    assert leave_run(started(run), OSError(28, "No space left on device", "/there"), said.append) == DiskFull.exit_code
    left = run.registry.runs.get("1.1")
    full = "no space left on the disk at /there while training; free some room"
    assert (left.state, left.error) == (RunState.PAUSED, f"{full}, then resume it")
    assert said[0].startswith(full)
    from timnet.states import Command

    run.registry.runs.command(Command.RESUME, ["1.1"])
    claimed = run.registry.runs.claim(lambda _uid: 0, PROOF, "local", None)
    assert claimed is not None
    journal = run.registry.journal(claimed[0].run_id, 2)
    with pytest.raises(ZeroDivisionError):
        leave_run(journal, ZeroDivisionError(), said.append)
    assert run.registry.runs.get("1.1").state is RunState.RUNNING, "the worker decides on a defect"
    assert leave_run(journal, TimnetError("it cannot be"), said.append) == 1
    left = run.registry.runs.get("1.1")
    assert (left.state, left.error) == (RunState.FAILED, "it cannot be")
    with pytest.raises(Fenced):
        leave_run(journal, TimnetError("too late"), said.append)


AVERAGED = TrainingConfig(tabs=2, filters=4, batch_size=6, epochs=5, select="average", average=2, dropout=0.3)


def test_the_mean_of_the_last_epochs_weights_is_the_result_whatever_is_killed(tmp_path: Path) -> None:
    from tests.training.bench import Deadline, Killed, Process, Run

    process = Process(AVERAGED)
    finals = []
    for name in ("whole", "killed"):
        with Registry.open(tmp_path / f"{name}.db") as registry, pytest.MonkeyPatch.context() as patch:
            run = Run(registry, process, AVERAGED)
            paths = registry.paths.run(registry.runs.get("1.1").uid)

            class OnceAveraging(Deadline):
                def moment(self) -> None:
                    if paths.checkpoint(4).exists():  # noqa: B023 - used within the loop alone
                        raise Killed

            if name == "killed":
                with pytest.raises(Killed), pytest.MonkeyPatch.context() as killing:
                    run.attempt(killing, OnceAveraging())
                assert not paths.final_weights.exists()
                run.reap()
            run.attempt(patch)
            done = registry.runs.get("1.1")
            assert (done.state, done.selection, done.optimistic) == (RunState.DONE, "average-last-2", False)
            assert "weights of epochs 4 to 5" in registry.results.events(done.id)[-1].text
            finals.append(dict(np.load(paths.final_weights)))
            ends = [dict(np.load(path)) for path in paths.checkpoints()]
    for key, value in finals[0].items():
        np.testing.assert_array_equal(value, finals[1][key])
    variables = [variable.path.rpartition("/")[2] for variable in process.trainer.model.variables]
    trained = {variable.path.rpartition("/")[2] for variable in process.trainer.model.trainable_variables}
    for place, name in enumerate(variables):
        if name in trained:
            mean = np.mean([end[f"model{place}"].astype(np.float64) for end in ends], axis=0)
            np.testing.assert_allclose(finals[0][name], mean, rtol=1e-6, atol=1e-7)


def test_batch_statistics_of_the_mean_are_those_of_all_training_rows(tmp_path: Path) -> None:
    from tests.training.bench import Process

    process = Process(AVERAGED)
    trainer = process.start()
    trainer.mean.take(trainer.model, 4)
    trainer.use_mean()
    rows = process.data.features[process.split.train]
    mean, variance = (np.asarray(part) for part in trainer.model.statistics(rows))  # one batch holds them all
    np.testing.assert_allclose(np.asarray(trainer.model.moving_mean), mean, atol=1e-5)
    np.testing.assert_allclose(np.asarray(trainer.model.moving_variance), variance, rtol=1e-4, atol=1e-5)


def test_an_inner_validation_set_chooses_the_epoch_and_is_never_trained_on(tmp_path: Path) -> None:
    from tests.training.bench import Process, Run

    config = TrainingConfig(
        tabs=2, filters=4, batch_size=6, epochs=4, select="best", monitor="inner_loss", inner=0.5, dropout=0.3
    )
    process = Process(config)
    assert not {*process.split.train} & {*process.split.inner}
    with Registry.open(tmp_path / "runs.db") as registry, pytest.MonkeyPatch.context() as patch:
        run = Run(registry, process, config)
        run.attempt(patch)
        done = registry.runs.get("1.1")
        assert (done.selection, done.optimistic) == ("best-inner", False)
        epochs = registry.results.epochs(done.id)
        assert all(None not in (m.inner_loss, m.inner_accuracy, m.inner_uar) for m in epochs)
        assert done.best_epoch == min(epochs, key=lambda m: m.inner_loss).epoch
        assert all(m.inner_loss != m.val_loss for m in epochs)
