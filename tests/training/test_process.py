"""What a training process listens to."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import add_corpus, add_experiment, start_next
from timnet.errors import Fenced
from timnet.machine.priority import OF_SESSION
from timnet.records import EventKind, RunState, Want
from timnet.registry import Registry
from timnet.registry.journal import Journal
from timnet.states import Command
from timnet.training import process
from timnet.training.process import Ears


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with Registry.open(tmp_path / "runs.db") as opened:
        add_experiment(opened, add_corpus(opened))
        yield opened


@pytest.fixture
def journal(registry: Registry) -> Iterator[Journal]:
    """A running run's journal; the signal handlers that ears set are taken away again."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    yield registry.journal(start_next(registry), 1)
    for number, handler in before.items():
        signal.signal(number, handler)


def test_a_wish_is_heard_and_looked_for_only_so_often(
    registry: Registry, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    time = [100.0]
    monkeypatch.setattr(process.time, "monotonic", lambda: time[0])
    ears = Ears(journal)
    assert ears() is None
    registry.runs.command(Command.PAUSE, ["1.1"])
    assert ears() is None, "not yet looked again"
    time[0] += process.LOOK_SECONDS
    assert ears() is Want.PAUSE


def test_a_worker_s_signal_means_stop_and_other_signals_nothing(journal: Journal) -> None:
    ears = Ears(journal)
    for number in (signal.SIGINT, signal.SIGHUP):
        os.kill(os.getpid(), number)
    assert ears() is None
    os.kill(os.getpid(), signal.SIGTERM)
    assert ears() is Want.STOP
    assert ears() is Want.STOP


def test_what_a_user_asked_for_outlasts_the_worker_s_end(registry: Registry, journal: Journal) -> None:
    ears = Ears(journal)
    registry.runs.command(Command.CANCEL, ["1.1"])
    registry.runs.want_stop([1])
    os.kill(os.getpid(), signal.SIGTERM)
    assert ears() is Want.CANCEL


def test_a_fenced_process_hears_that_it_is(registry: Registry, journal: Journal) -> None:
    ears = Ears(journal)
    journal.end(RunState.PAUSED, EventKind.PAUSED, "paused")
    with pytest.raises(Fenced):
        ears()


def test_training_steps_back_but_never_forward(tmp_path: Path) -> None:
    code = (
        "import os; from timnet.machine.priority import step_back; first = os.getpriority(os.PRIO_PROCESS, 0); "
        "step_back(first + 2); step_back(first + 1); print(os.getpriority(os.PRIO_PROCESS, 0) - first)"
    )
    told = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert told.stdout.split() == ["2"]


@pytest.mark.parametrize(("leads", "back"), [(True, 3), (False, 0)])
def test_only_a_session_of_ones_own_steps_back(tmp_path: Path, leads: bool, back: int) -> None:
    """A worker in the background leads its session; one in a terminal must not hold the terminal's shell back.

    Linux says nothing of a session that was begun before it shared out by sessions: an empty file.
    """
    code = (
        "from timnet.machine.priority import OF_SESSION, step_back_as_session as step; "
        "read = lambda: int(([0] + OF_SESSION.read_text().split())[-1]) if OF_SESSION.exists() else 0; "
        "first = read(); step(first + 3); print(read() - first)"
    )
    command = [sys.executable, "-c", code]
    told = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=True, start_new_session=leads
    )  # fmt: skip
    assert told.stdout.split() == [str(back if OF_SESSION.exists() else 0)]
