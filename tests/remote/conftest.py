"""A registry with one run that was given to an engine, and the folder in which it is trained."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.remote.stand_in import StandIn
from tests.support import PROOF, add_corpus, add_experiment
from timnet.paths import AttemptPaths
from timnet.protocols import make_folds
from timnet.records import RunState, TrainingConfig
from timnet.registry import Registry
from timnet.registry.elsewhere import Errand
from timnet.remote.parcel import Parcel

EPOCHS = 12


@dataclass
class Given:
    """The run 1.1 of a registry, given away."""

    registry: Registry
    shared: Path
    attempt: int = 0

    @property
    def errand(self) -> Errand:
        [found] = [one for one in self.registry.elsewhere.open("away") if one.attempt == self.attempt]
        return found

    @property
    def folder(self) -> AttemptPaths:
        run = self.registry.runs.get("1.1")
        return AttemptPaths.of(self.shared, run.uid, self.attempt)

    @property
    def state(self) -> RunState:
        return self.registry.runs.get("1.1").state

    def give(self) -> AttemptPaths:
        """Claim it and write its folder, as a head does."""
        with self.registry.db.write():
            found = self.registry.runs.claim(lambda _: 0, PROOF, "away", "head")
            assert found is not None
            claim = found[0]
            self.attempt = claim.attempt
            self.registry.elsewhere.given(claim.run_id, claim.attempt, self.folder)
        self.registry.elsewhere.submitted([(claim.run_id, claim.attempt, "7")])
        self.folder.engine.mkdir(parents=True)
        self.folder.features.mkdir(exist_ok=True)
        self.folder.want.write_text("")
        parcel_of(self.registry, claim.attempt).write(self.folder.parcel)
        return self.folder

    def start(self) -> StandIn:
        """A process of the job."""
        return StandIn(self.folder, "7")


def parcel_of(registry: Registry, attempt: int) -> Parcel:
    run = registry.runs.get("1.1")
    experiment = registry.experiments.get(1)
    corpus = registry.corpora.by_id(experiment.corpus_id)
    fold = make_folds(experiment.protocol, corpus.utterances, experiment.folds, experiment.seed, 0.0)[0]
    place = {name: index for index, name in enumerate(corpus.classes)}
    return Parcel(
        key=run.key, attempt=attempt, corpus=corpus.name, classes=corpus.classes,
        labels=tuple(place[one.label] for one in corpus.utterances), fold=1, folds=2,
        train=tuple(fold.train.tolist()), inner=(), test=tuple(fold.test.tolist()), config=experiment.config, seed=46,
        features="0" * 64, shape=(len(corpus.utterances), 10, 39),
    )  # fmt: skip


def make_given(folder: Path) -> Given:
    registry = Registry.open(folder / "runs.db")
    corpus = add_corpus(registry, utterances=14)
    config = TrainingConfig(epochs=EPOCHS, select="best", monitor="val_loss", check_every=5)
    add_experiment(registry, corpus, folds=2, only=(1,), config=config)
    (folder / "shared").mkdir()
    return Given(registry, folder / "shared")


@pytest.fixture
def given(tmp_path: Path) -> Iterator[Given]:
    one = make_given(tmp_path)
    one.give()
    yield one
    one.registry.close()
