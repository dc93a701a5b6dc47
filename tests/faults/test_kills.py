"""``kill -9`` at random moments over a whole queue: nothing lost, nothing twice, the same bits in the end."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import pytest

from tests.faults.storm import Seen, Storm, attempts_in_turn, outcome, seconds_of, start_worker
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
SECONDS_A_FOLD = 40
"""Each is trained undisturbed too, so with little time there are fewer."""

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
    """What is queued, by what it is trained, how many are killed and for how long.

    ``lives``: how long a process lives at most, in lives of an undisturbed one.
    """

    queue: Callable[[Path, int, int, int], None]
    module: str
    experiments: int
    folds: int
    epochs: int
    kills: int
    seconds: float
    lives: float = 1.0
    jobs: int = 2


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
        (place / name).mkdir()
        story.queue(place / name / "runs.db", story.experiments, story.folds, story.epochs)
    quiet = place / "quiet" / "runs.db"
    assert start_worker(quiet, place / "cache", story.module, 2).wait(timeout=900) == 0
    with Registry.open(quiet) as registry:
        life = median(seconds_of(registry.results.attempts(run.id)[0]) for run in registry.runs.ls())
    killed = place / "killed" / "runs.db"
    seen = Storm(
        killed,
        place / "cache",
        story.module,
        story.kills,
        life * story.lives,
        story.seconds,
        story.jobs,
        dice=random.Random(),
    ).rage()
    compare(quiet, killed, story.epochs)
    assert seen.owners == 1
    assert seen.unreadable == []
    return seen


def test_runs_killed_at_random_moments_end_with_the_same_bits(swift: Path) -> None:
    seen = storm(swift, Story(pretended, PRETENDED, 1, 3, 40, kills=10, seconds=60, lives=0.3))
    assert seen.kills >= 5
    assert seen.crashed >= 4
    assert seen.forking_killed == 1
    assert seen.read


@pytest.mark.chaos(weight=2)
def test_200_kills_over_20_runs_with_a_pretended_network(
    swift: Path, seconds: float, figure: Callable[[str], None]
) -> None:
    seen = storm(swift, Story(pretended, PRETENDED, 2, FOLDS, 60, kills=KILLS, seconds=seconds, lives=0.8, jobs=4))
    figure(str(seen))
    assert seen.kills > KILLS / 10


@pytest.mark.engine
@pytest.mark.chaos(weight=6)
def test_as_many_kills_as_there_is_time_for_with_real_training(
    swift: Path, seconds: float, figure: Callable[[str], None]
) -> None:
    folds = max(2, min(FOLDS, int(seconds // SECONDS_A_FOLD)))
    seen = storm(swift, Story(real, REAL, 2, folds, 12, kills=KILLS, seconds=seconds))
    figure(f"{2 * folds} runs, {seen}")
    assert seen.kills > 0
