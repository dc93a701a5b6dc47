"""A fresh registry for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from timnet.registry import Registry


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with Registry.open(tmp_path / "runs.db") as opened:
        yield opened
