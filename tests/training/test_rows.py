"""Rows are read a batch at a time, validation is asked only when it is due, and neither changes a result."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from timnet.records import RunState, TrainingConfig
from timnet.registry import Registry
from timnet.training.rows import Rows
from timnet.training.standard import Standard

LAST = TrainingConfig(tabs=2, filters=4, batch_size=6, epochs=5, validate_every=2, dropout=0.3)


def mapped(folder: Path, shape: tuple[int, int, int]) -> np.ndarray:
    """Random features in a file, mapped as the cache maps them."""
    path = folder / "features.npy"
    np.save(path, np.random.default_rng(2).normal(-300, 40, shape).astype(np.float32))
    array: np.ndarray = np.load(path, mmap_mode="r")
    return array


def test_rows_come_in_their_order_as_copies(tmp_path: Path) -> None:
    features = mapped(tmp_path, (9, 4, 3))
    places = np.array([7, 2, 2, 8, 0])
    rows = Rows(features, places)
    np.testing.assert_array_equal(rows.take(np.array([3, 0])), features[[8, 7]])
    batches = list(rows.batches(2))
    assert [len(batch) for batch in batches] == [2, 2, 1]
    np.testing.assert_array_equal(np.concatenate(batches), features[places])
    assert not any(np.shares_memory(batch, features) or isinstance(batch, np.memmap) for batch in batches)


def test_the_standard_of_rows_is_that_of_all_their_frames(tmp_path: Path) -> None:
    features = mapped(tmp_path, (150, 6, 5))
    places = np.arange(0, 150, 2)
    standard = Standard.of(Rows(features, places))
    chosen = features[places].astype(np.float64)
    np.testing.assert_allclose(standard.mean, chosen.mean((0, 1)), rtol=1e-13)
    np.testing.assert_allclose(standard.sd, chosen.std((0, 1)), rtol=1e-13)


@pytest.mark.engine
def test_a_run_holds_no_copy_of_its_rows_and_resident_rows_give_the_same_bits(tmp_path: Path) -> None:
    import keras

    from timnet.model.network import NetworkShape, TimNet
    from timnet.training import step
    from timnet.training.step import Trainer, smooth

    features, labels = mapped(tmp_path, (2400, 50, 39)), np.arange(2400) % 3
    places = np.arange(0, 2400, 2)
    config = replace(LAST, batch_size=48, normalise="training", select="average", average=1)
    bits = []
    for resident in (False, True):
        keras.utils.set_random_seed(3)
        model = TimNet(NetworkShape(50, 3, tabs=1, filters=4))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(step, "EVALUATION_BATCH", 32)
            tracemalloc.start()
            trainer = Trainer(model, config, Rows(features, places), smooth(labels[places], 3, 0.1), resident=resident)
            at_start = tracemalloc.get_traced_memory()[1]
            trainer.epoch(np.arange(32), lambda: None)  # what is traced by TensorFlow is not what is asked here
            trainer.evaluate(Rows(features, places[:32]), labels[places[:32]], 3)
            before = tracemalloc.get_traced_memory()[0]
            tracemalloc.reset_peak()
            losses = trainer.epoch(np.arange(1200)[::-1], lambda: None)
            result = trainer.evaluate(Rows(features, places), labels[places], 3)
            embeddings = trainer.embed(Rows.all_of(features))
            during = tracemalloc.get_traced_memory()[1] - before
            tracemalloc.stop()
        trainer.mean.take(model, config.epochs)
        trainer.use_mean()
        whole = features[places].nbytes
        assert resident or at_start < whole / 2
        assert during < whole / 2
        bits.append(
            [losses, result.loss, result.probabilities.tobytes(), embeddings.tobytes()]
            + [np.asarray(variable).tobytes() for variable in model.variables]
        )
    assert bits[0] == bits[1]


@pytest.mark.engine
def test_the_test_fold_is_asked_when_it_is_due_and_not_again_for_the_result(tmp_path: Path) -> None:
    from tests.training.bench import Deadline, Killed, Process, Run

    process = Process(LAST)
    asked: list[int] = []
    evaluate = process.trainer.evaluate

    def counted(rows: Rows, *more: Any) -> Any:
        asked.append(len(rows))
        return evaluate(rows, *more)

    process.trainer.evaluate = counted  # type: ignore[method-assign]
    outcomes = []
    for name in ("whole", "killed"):
        with Registry.open(tmp_path / f"{name}.db") as registry, pytest.MonkeyPatch.context() as patch:
            run = Run(registry, process, LAST)
            if name == "killed":  # after the last epoch, before the result
                paths = registry.paths.run(registry.runs.get("1.1").uid)

                class OnceTrained(Deadline):
                    def moment(self) -> None:
                        if paths.checkpoint(5).exists():  # noqa: B023 - used within the loop alone
                            raise Killed

                with pytest.raises(Killed), pytest.MonkeyPatch.context() as killing:
                    run.attempt(killing, OnceTrained())
                run.reap()
            asked.clear()
            run.attempt(patch)
            done, epochs = registry.runs.get("1.1"), registry.results.epochs(1)
            assert done.state is RunState.DONE
            assert [m.epoch for m in epochs if m.validated] == [2, 4, 5]
            assert all((m.val_loss is None) != m.validated for m in epochs)
            assert (done.uar, done.war) == (epochs[-1].val_uar, epochs[-1].val_accuracy)
            assert len(asked) == (3 if name == "whole" else 1), "epochs 2, 4 and 5; a resumed run asks for its result"
            outcome = run.outcome()
            outcomes.append({key: outcome[key] for key in ("state", "metrics", "answers", "embeddings", "weights")})
    assert outcomes[0] == outcomes[1]
