"""How long the tests of ``make chaos`` go on: the minutes it was given, shared out among them."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

MINUTES = "TIMNET_CHAOS_MINUTES"
DEFAULT_MINUTES = 10.0
FIXED_SECONDS = 180.0
"""What the tests without a share take together, on two quiet cores."""

ROOM_SECONDS = 3600.0
"""What a test may take beyond its share: to begin, and to bring what it has begun to its end."""


def whole_seconds() -> float:
    """Seconds for all tests marked ``chaos`` together."""
    return 60 * float(os.environ.get(MINUTES) or DEFAULT_MINUTES)


def weight(item: pytest.Item) -> float:
    """How many shares a test asks for: ``@pytest.mark.chaos(weight=4)``, 1 where nothing is said; 0: none."""
    mark = item.get_closest_marker("chaos")
    return 0.0 if mark is None else float(mark.kwargs.get("weight", 1))


@pytest.fixture
def seconds(request: pytest.FixtureRequest) -> float:
    """This test's share, by its weight among all that are run now; tests that promise a number take what it takes."""
    asked = sum(weight(item) for item in request.session.items)
    shared = max(whole_seconds() / 3, whole_seconds() - FIXED_SECONDS)
    return shared * weight(request.node) / asked


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give the tests that fill their share room beyond the suite's limit for a test."""
    for item in items:
        if item.get_closest_marker("chaos") is not None:
            item.add_marker(pytest.mark.timeout(whole_seconds() + ROOM_SECONDS))


@pytest.fixture
def swift(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory where there is one: where processes are killed, not disks, no test should wait for a disk."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK):
        yield tmp_path
        return
    folder = Path(tempfile.mkdtemp(prefix="timnet-", dir=memory))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


FIGURES: list[str] = []


@pytest.fixture
def figure(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Keeps what a test has measured, to be told at the end of the session."""
    return lambda text: FIGURES.append(f"{request.node.name}: {text}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell what was measured, for docs/reliability.md."""
    if FIGURES:
        terminalreporter.section("measured")
        for line in FIGURES:
            terminalreporter.line(line)
