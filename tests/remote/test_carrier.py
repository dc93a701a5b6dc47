"""The process that starts a training process on its node, and what becomes of that when one of them is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.queue.processes import wait_until
from tests.remote.conftest import Given
from tests.support import REPOSITORY
from timnet.paths import AttemptPaths
from timnet.remote.carrier import LEFT
from timnet.remote.spool import read_lines

#: a training process but for its network
TRAINS = """
import signal, sys, time
from timnet.remote import node
from timnet.remote.__main__ import main
class Interrupted(Exception):
    def __init__(self, want):
        self.want = want
def train(folder, parcel, spool, ears, say):
    say("trains")
    while True:
        want = ears()
        if want is not None and not (folder.shared / "deaf").exists():
            raise Interrupted(want)
        time.sleep(0.01)
node._train = train
sys.exit(main())
"""

CARRIES = """
import subprocess, sys
from pathlib import Path
from timnet.paths import AttemptPaths
from timnet.remote import carrier
start = subprocess.Popen
subprocess.Popen = lambda words, **options: start([words[0], sys.argv[2], *words[3:]], **options)
carrier.GRACE_SECONDS = 60.0 if sys.argv[3] == "hears" else 0.2
one = carrier.carry(AttemptPaths(Path(sys.argv[1])), "7")
print(one.pid, flush=True)
if sys.stdin.readline().strip() == "leave":
    print(one.leave(), one.made_progress(), flush=True)
one.wait()
"""


@pytest.fixture
def carry(given: Given) -> Iterator[Callable[[str], tuple[subprocess.Popen[str], psutil.Process]]]:
    script = given.shared / "trains.py"
    script.write_text(TRAINS)
    started: list[subprocess.Popen[str]] = []

    def start(how: str = "hears") -> tuple[subprocess.Popen[str], psutil.Process]:
        if how == "deaf":
            (given.shared / "deaf").touch()
        one = subprocess.Popen(
            [sys.executable, "-c", CARRIES, str(given.folder.folder), str(script), how],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        )  # fmt: skip
        started.append(one)
        assert one.stdout is not None
        training = psutil.Process(int(one.stdout.readline()))
        wait_until(lambda: "trains" in text_of(given.folder.log), 60, "for the training process")
        return one, training

    yield start
    for one in started:
        one.kill()
        one.communicate()


def text_of(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def lives(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def outcome(folder: AttemptPaths) -> tuple[int, int]:
    told = json.loads(folder.outcome.read_text())
    return told["status"], told["start"]


def test_a_killed_carrier_leaves_no_training_process_behind(given: Given, carry: Callable[..., object]) -> None:
    carrier, training = carry()  # type: ignore[misc]
    carrier.kill()
    wait_until(lambda: not lives(training), 30, "for the training process to leave")
    assert not given.folder.outcome.exists()


def test_a_killed_training_process_is_told_of(given: Given, carry: Callable[..., object]) -> None:
    carrier, training = carry()  # type: ignore[misc]
    training.kill()
    carrier.communicate("wait\n", timeout=60)
    assert outcome(given.folder) == (-signal.SIGKILL, 1)


@pytest.mark.parametrize("how", ["hears", "deaf"])
def test_a_training_process_leaves_for_a_while_or_is_killed(
    given: Given, carry: Callable[..., object], how: str
) -> None:
    carrier, training = carry(how)  # type: ignore[misc]
    told, _ = carrier.communicate("leave\n", timeout=120)
    status = LEFT if how == "hears" else -signal.SIGKILL
    assert told.split() == [str(status), "False"]
    assert outcome(given.folder) == (status, 1)
    assert not lives(training)
    lines = [line.do for line in read_lines(given.folder.spool(1), 0)[0]]
    assert lines == (["hello", "left"] if how == "hears" else ["hello"])
