"""``kill -9`` at random moments over a whole queue: nothing lost, nothing twice, the same bits in the end."""

from __future__ import annotations

import itertools
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.lives import Found, life_of
from tests.faults.storm import Seen, Storm, attempts_in_turn, outcome, start_worker
from tests.support import add_corpus, add_experiment
from tests.training.conftest import make_corpus
from timnet.corpora.service import add_corpus as register
from timnet.presets import PRESETS
from timnet.queue.engines import warm
from timnet.records import RunState, TrainingConfig
from timnet.registry import Registry

pytestmark = pytest.mark.skipif(not warm.possible(), reason="this system does not fork training processes")

PRETENDED = "tests.faults.pretend"
REAL = "timnet.training.warm"
KILLS, FOLDS = 200, 10
SMALL = {"tabs": 2, "filters": 4, "batch_size": 4, "check_every": 3, "dropout": 0.3}


def pretended(db: Path, experiments: int, folds: int, epochs: int) -> None:
    """Experiments of a corpus without files, with everything that makes going on difficult but the network."""
    config = TrainingConfig(epochs=epochs, batch_size=4, filters=6, check_every=3, select="best", monitor="val_loss")
    with Registry.open(db) as registry:
        corpus = add_corpus(registry, utterances=28)
        for seed in range(experiments):
            add_experiment(registry, corpus, config=config, folds=folds, seed=46 + seed)


def real(db: Path, experiments: int, folds: int, epochs: int) -> None:
    """Experiments of twenty short recordings, with the smallest network."""
    recordings = db.parent.parent / "recordings"
    if not recordings.exists():
        make_corpus(recordings)
    with Registry.open(db) as registry:
        register(registry, "DEMO", recordings)
        corpus = registry.corpora.get("DEMO")
        config = PRESETS["demo"].config_of(corpus, None, {**SMALL, "epochs": epochs})
        for seed in range(experiments):
            add_experiment(registry, corpus, config=config, folds=folds, seed=46 + seed)


@dataclass(frozen=True)
class Story:
    """What is queued, by what it is trained, how many at once, and how many are killed.

    ``others``: of so many kills one is of the worker or of what it forks from.
    """

    queue: Callable[[Path, int, int, int], None]
    module: str
    experiments: int
    folds: int
    epochs: int
    kills: int
    jobs: int
    others: int = 10


def compare(undisturbed: Path, disturbed: Path, epochs: int) -> None:
    """All runs are done, each epoch once, and nothing tells that anything has happened."""
    with Registry.open(undisturbed) as quiet, Registry.open(disturbed) as killed:
        runs = killed.runs.ls()
        assert {run.state for run in runs} == {RunState.DONE}
        for run, other in zip(quiet.runs.ls(), runs, strict=True):
            assert [epoch.epoch for epoch in killed.results.epochs(other.id)] == list(range(1, epochs + 1))
            assert outcome(killed, other) == outcome(quiet, run)
            attempts_in_turn(killed, other)
        assert killed.db.row("PRAGMA integrity_check") == {"integrity_check": "ok"}


def storm(place: Path, story: Story) -> Seen:
    """The same queue twice: left alone, and killed."""
    for name in ("quiet", "killed"):
        (place / name).mkdir(parents=True)
        story.queue(place / name / "runs.db", story.experiments, story.folds, story.epochs)
    quiet, killed = (place / name / "runs.db" for name in ("quiet", "killed"))
    assert start_worker(quiet, place / "cache", story.module, story.jobs).wait(timeout=900) == 0
    with Registry.open(quiet) as registry:
        life = life_of(registry)
    seen = Storm(
        killed, place / "cache", story.module, story.kills, life, story.epochs, story.jobs, story.others
    ).rage()  # fmt: skip
    compare(quiet, killed, story.epochs)
    assert seen.owners == 1
    assert seen.unreadable == []
    assert seen.epochs >= story.experiments * story.folds * story.epochs
    return seen


def test_runs_killed_at_random_moments_end_with_the_same_bits(swift: Path) -> None:
    seen = storm(swift, Story(pretended, PRETENDED, 1, 3, 40, kills=10, jobs=2))
    assert seen.forking_killed == seen.workers_killed == 1
    assert seen.read
    assert seen.resumed


def storms(place: Path, story: Story, seconds: float) -> Iterator[Seen]:
    """One storm after the other for as long as there is time, and one in any case."""
    began = time.monotonic()
    for number in itertools.count():
        yield storm(place / str(number), story)
        shutil.rmtree(place / str(number))
        if (time.monotonic() - began) * (number + 2) / (number + 1) > seconds:
            return


def check_parts(seen: Seen) -> None:
    """Every part of a life was hit, so resume points of every kind were needed."""
    assert set(seen.found) == set(Found)
    assert seen.resumed > KILLS / 2
    assert seen.workers_killed
    assert seen.forking_killed


@pytest.mark.chaos
def test_200_kills_over_20_runs_with_a_pretended_network(
    swift: Path, seconds: float, figure: Callable[[str], None]
) -> None:
    for seen in storms(swift, Story(pretended, PRETENDED, 2, FOLDS, 60, kills=KILLS, jobs=4), seconds):
        figure(f"{2 * FOLDS} runs, {seen}")
        check_parts(seen)


@pytest.mark.engine
@pytest.mark.chaos(weight=6)
def test_200_kills_over_20_runs_with_real_training(swift: Path, seconds: float, figure: Callable[[str], None]) -> None:
    for seen in storms(swift, Story(real, REAL, 2, FOLDS, 40, kills=KILLS, jobs=2, others=20), seconds):
        figure(f"{2 * FOLDS} runs, {seen}")
        check_parts(seen)
