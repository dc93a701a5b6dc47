"""One filled registry for all tests that only read."""

from collections.abc import Iterator

import pytest

from tests.support import add_experiment, filled_registry, finish, start_next
from timnet.records import TrainingConfig
from timnet.registry import Registry
from timnet.states import Command

OPTIMISTIC = TrainingConfig(epochs=20, select="best", monitor="val_loss")


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """Experiment 1: SAVEE, 3 folds done. Experiment 2: EMODB, optimistic, 2 of 10 folds done."""
    with filled_registry(tmp_path_factory.mktemp("registry") / "runs.db") as filled:
        yield filled


@pytest.fixture(scope="session")
def several(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """#1 SAVEE github (3 folds), #2 EMODB seed (2 of 10, optimistic), #3 and #4 EMODB with two seeds, #5 its log."""
    with filled_registry(tmp_path_factory.mktemp("several") / "runs.db") as registry:
        registry.runs.command(Command.CANCEL, ["2.6", "2.7", "2.8", "2.9", "2.10"])
        emodb = registry.corpora.get("EMODB")
        for seed, wrong in ((46, (1, 4, 2)), (47, (2, 5, 3))):
            add_experiment(registry, emodb, folds=3, seed=seed)
            for one in wrong:
                finish(registry, start_next(registry), wrong=one)
        add_experiment(registry, emodb, folds=2, preset="seed", config=OPTIMISTIC, source="keras-log")
        for one in (3, 4):
            finish(registry, start_next(registry), wrong=one)
        yield registry
