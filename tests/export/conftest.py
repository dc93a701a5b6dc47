"""One filled registry for all tests that only read."""

from collections.abc import Iterator

import pytest

from tests.support import filled_registry
from timnet.registry import Registry


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """Experiment 1: SAVEE, 3 folds done. Experiment 2: EMODB, optimistic, 2 of 10 folds done."""
    with filled_registry(tmp_path_factory.mktemp("registry") / "runs.db") as filled:
        yield filled
