"""The resume point: exact down to the dropout's seed, and no damaged one is ever believed."""

from __future__ import annotations

import random
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.support import epoch_record
from timnet.errors import WeightsError
from timnet.paths import RunPaths

if TYPE_CHECKING:
    from tests.training.bench import Process

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def process() -> Process:
    from tests.training.bench import Process

    return Process()


def train(process: Process, epoch: int) -> None:
    from timnet.training.step import order_of

    process.trainer.epoch(order_of(np.arange(len(process.split.train)), 46, 1, epoch), lambda: None)


def save(process: Process, paths: RunPaths, epoch: int) -> Path:
    from timnet.training import checkpoint
    from timnet.training.checkpoint import Progress
    from timnet.training.rule import BestSoFar

    history = tuple(epoch_record(number) for number in range(1, epoch + 1))
    progress = Progress(BestSoFar(epoch, 0.5, 1), history, epoch == 3)
    return checkpoint.save(paths, process.trainer.model, process.trainer.optimizer, process.trainer.mean, progress)


def restore(process: Process, paths: RunPaths) -> int:
    from timnet.training import checkpoint

    return checkpoint.restore(paths, process.trainer.model, process.trainer.optimizer, process.trainer.mean).epoch


def test_a_step_after_a_restore_equals_a_step_without(process: Process, tmp_path: Path) -> None:
    from timnet.training import checkpoint

    paths = RunPaths(tmp_path)
    process.start()
    train(process, 1)
    save(process, paths, 1)
    saved = process.state()
    train(process, 2)
    straight_on = process.state()
    process.start()
    assert process.state() != saved
    progress = checkpoint.restore(paths, process.trainer.model, process.trainer.optimizer, process.trainer.mean)
    assert (progress.epoch, progress.best.epoch, progress.best.value, progress.best.checks_since) == (1, 1, 0.5, 1)
    assert progress.history == (epoch_record(1),)
    assert process.state() == saved
    train(process, 2)
    assert process.state() == straight_on


def test_the_dropout_s_seed_is_part_of_it(process: Process, tmp_path: Path) -> None:
    """Without it the next step would be another: this is what the exactness above rests on."""
    paths = RunPaths(tmp_path)
    process.start()
    train(process, 1)
    save(process, paths, 1)
    train(process, 2)
    straight_on = process.state()
    assert restore(process, paths) == 1
    seed = process.trainer.model._dropout_seed.state
    seed.assign(np.asarray(seed) + 1)
    train(process, 2)
    assert process.state() != straight_on


def test_the_newest_two_are_kept(process: Process, tmp_path: Path) -> None:
    paths = RunPaths(tmp_path)
    for epoch in (1, 2, 3):
        save(process, paths, epoch)
    assert [path.name for path in paths.checkpoints()] == ["epoch-000002.npz", "epoch-000003.npz"]
    assert restore(process, paths) == 3


def test_a_newest_one_that_is_cut_off_anywhere_is_passed_over(process: Process, tmp_path: Path) -> None:
    paths = RunPaths(tmp_path)
    process.start()
    save(process, paths, 1)
    train(process, 2)
    newest = save(process, paths, 2)
    data = newest.read_bytes()
    for size in sorted({0, 1, 22, 100, *(len(data) * n // 40 for n in range(40)), len(data) - 22, len(data) - 1}):
        newest.write_bytes(data[:size])
        assert restore(process, paths) == 1, f"{size} of {len(data)} bytes"
    newest.write_bytes(data)
    assert restore(process, paths) == 2


def test_a_newest_one_with_wrong_bytes_is_passed_over_or_whole(process: Process, tmp_path: Path) -> None:
    paths = RunPaths(tmp_path)
    process.start()
    save(process, paths, 1)
    first = process.state()
    train(process, 2)
    newest = save(process, paths, 2)
    second = process.state()
    data = newest.read_bytes()
    generator = random.Random(5)
    directory = data.index(b"PK\x01\x02")
    outcomes = set()
    for trial in range(150):
        damaged = bytearray(data)
        place = generator.randrange(directory if trial % 2 else 0, len(data))
        damaged[place] ^= generator.randrange(1, 256)
        newest.write_bytes(damaged)
        process.start()
        epoch = restore(process, paths)
        assert process.state() == {1: first, 2: second}[epoch], f"byte {place}"
        outcomes.add(epoch)
    assert 1 in outcomes


def test_one_of_another_network_or_another_optimiser_is_passed_over(process: Process, tmp_path: Path) -> None:
    paths = RunPaths(tmp_path)
    newest = save(process, paths, 1)
    with np.load(newest) as stored:
        arrays = {name: stored[name] for name in stored.files}
    process.start()
    fresh = process.state()
    for change in (
        {"model3": np.zeros((2, 2), np.float32)},
        {"optimizer2": np.zeros(3, np.float32)},
        {"progress": np.frombuffer(b"{}", np.uint8)},
        {"progress": np.frombuffer(b'{"best": 3, "history": [], "stopped_early": 1}', np.uint8)},
        {"progress": np.frombuffer(b"\xff{", np.uint8)},
    ):
        np.savez(newest, **{**arrays, **change})
        assert restore(process, paths) == 0
        assert process.state() == fresh
    del arrays["model1"]
    np.savez(newest, **arrays)
    assert restore(process, paths) == 0


def test_a_packed_one_is_passed_over_as_it_could_be_of_any_size(process: Process, tmp_path: Path) -> None:
    paths = RunPaths(tmp_path)
    newest = save(process, paths, 1)
    with np.load(newest) as stored:
        arrays = dict(stored)
    np.savez_compressed(newest, **arrays)
    assert restore(process, paths) == 0
    np.savez(newest, **arrays)
    assert restore(process, paths) == 1


def test_with_none_left_training_starts_at_the_beginning(process: Process, tmp_path: Path) -> None:
    paths = RunPaths(tmp_path)
    process.start()
    fresh = process.state()
    assert restore(process, paths) == 0
    for epoch in (1, 2):
        save(process, paths, epoch).write_bytes(b"torn")
    assert restore(process, paths) == 0
    assert process.state() == fresh


def test_weights_load_into_any_network_of_their_shape_and_no_other(process: Process, tmp_path: Path) -> None:
    from timnet.model.network import NetworkShape, TimNet
    from timnet.model.weights import load_weights, save_weights

    model = process.trainer.model
    save_weights(model, tmp_path / "weights.npz")
    another = TimNet(model.shape)
    load_weights(another, tmp_path / "weights.npz")
    assert all(np.array_equal(a, b) for a, b in zip(model.weights, another.weights, strict=True))
    wider = TimNet(NetworkShape(20, 7, 2, 5))
    before = [np.asarray(weight).copy() for weight in wider.weights]
    with pytest.raises(WeightsError, match="weights of another network: stem_kernel"):
        load_weights(wider, tmp_path / "weights.npz")
    data = (tmp_path / "weights.npz").read_bytes()
    for size in range(0, len(data), len(data) // 20):
        (tmp_path / "weights.npz").write_bytes(data[:size])
        with pytest.raises(WeightsError, match="cannot read the weights"):
            load_weights(wider, tmp_path / "weights.npz")
    assert all(np.array_equal(a, b) for a, b in zip(before, wider.weights, strict=True))
