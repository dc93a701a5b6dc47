"""Killed while it writes: at every call that reaches the disk, the old is whole or the new is."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults import stepping
from tests.support import REPOSITORY

pytestmark = pytest.mark.skipif(not stepping.possible(), reason="processes can be stepped on Linux alone")

#: every how many-th call is tried; the long version tries all but of the import
SHORT = {"file": 1, "checkpoint": 3, "cache": 3, "migration": 16, "import": 300, "restore": 16}
LONG = {
    "file": 1, "checkpoint": 1, "cache": 1, "migration": 1, "export": 1, "import": 10, "restore": 1,
    "restore-over-damaged": 1,
}  # fmt: skip


def step_through(place: Path, operation: str, every: int) -> dict[str, int]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.stepping", operation, str(place), str(every)],
        cwd=REPOSITORY, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: dict[str, int] = json.loads(done.stdout.splitlines()[-1])
    assert found["kills"] > found["new"], "killed before it was done"
    return found


@pytest.mark.parametrize("operation", SHORT)
def test_a_kill_at_some_calls_leaves_the_old_or_the_new(swift: Path, operation: str) -> None:
    step_through(swift, operation, SHORT[operation])


@pytest.mark.chaos(weight=0)
@pytest.mark.parametrize("operation", LONG)
def test_a_kill_at_every_call_leaves_the_old_or_the_new(
    swift: Path, operation: str, figure: Callable[[str], None]
) -> None:
    found = step_through(swift, operation, LONG[operation])
    figure(f"{found['kills']} kills, {found['new']} after which the new was there")


@pytest.mark.chaos
def test_the_import_command_killed_at_any_moment(swift: Path, seconds: float, figure: Callable[[str], None]) -> None:
    work = stepping.Import(swift / "work")
    work.prepare()
    command = [sys.executable, "-m", "timnet", "--db", "work/runs.db", "import", "bundle", str(work.bundle)]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    began = time.monotonic()
    subprocess.run(command, cwd=swift, env=environment, capture_output=True, check=True)
    assert work.is_new()
    work.prepare()
    whole, kills, new = time.monotonic() - began, 0, 0
    while time.monotonic() - began < seconds:
        one = subprocess.Popen(command, cwd=swift, env=environment, stdout=subprocess.DEVNULL)
        time.sleep(random.uniform(0.2 * whole, 1.2 * whole))
        one.send_signal(signal.SIGKILL)
        kills += one.wait() == -signal.SIGKILL
        if work.is_new():
            new += 1
            work.prepare()
    figure(f"{kills} kills, {new} imports came to their end")
    assert kills
