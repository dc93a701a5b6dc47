"""What a worker learns from its own training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.support import add_corpus, add_experiment
from timnet.machine.meter import LEAST, Meter
from timnet.records import Run
from timnet.registry import Registry


@pytest.fixture
def runs(tmp_path: Path) -> list[Run]:
    with Registry.open(tmp_path / "runs.db") as registry:
        add_experiment(registry, add_corpus(registry), folds=3)
        return registry.runs.ls()


def train(meter: Meter, runs: list[Run], epochs: range, seconds: float) -> None:
    for epoch in epochs:
        meter.look([replace(run, epoch=epoch, last_seconds=seconds) for run in runs])


def test_rates_are_told_by_how_many_trained_at_once(runs: list[Run]) -> None:
    meter = Meter(threads=1)
    train(meter, runs[:1], range(LEAST + 1), 1.0)
    assert meter.rates() == (), "the first epoch compiles"
    train(meter, runs[:1], range(LEAST + 1, LEAST + 2), 1.0)
    train(meter, runs[:2], range(40, 60), 1.6)
    train(meter, runs[1:2], range(60, 64), 9.0)
    assert [(one.jobs, one.threads, one.per_second) for one in meter.rates()] == [(1, 1, 1.0), (2, 1, 1.25)]


def test_an_epoch_begun_among_others_is_not_counted(runs: list[Run]) -> None:
    meter = Meter(threads=2)
    train(meter, runs[:3], range(5), 50.0)
    train(meter, runs[:1], range(4, 6), 50.0)
    train(meter, runs[:1], range(6, 6 + LEAST), 2.0)
    assert [(one.jobs, one.per_second) for one in meter.rates()] == [(1, 0.5)]
