"""Commands taken back: runs are what they were, unless something has happened to them since."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import filled_registry, start_next
from timnet.records import EventKind, RunState, Want
from timnet.registry import Registry
from timnet.registry.taking_back import take_back
from timnet.states import Command


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with filled_registry(tmp_path / "runs.db") as opened:
        yield opened


#: 2.3 and 2.5 train, 2.4 failed, 2.8 is paused, the others of 2.6 to 2.10 wait
CASES = [
    (Command.PAUSE, "2.6"),
    (Command.PAUSE, "2.3"),
    (Command.RESUME, "2.8"),
    (Command.CANCEL, "2.6"),
    (Command.CANCEL, "2.8"),
    (Command.CANCEL, "2.3"),
    (Command.RETRY, "2.4"),
]


@pytest.mark.parametrize(("command", "key"), CASES)
def test_a_run_is_what_it_was(registry: Registry, command: Command, key: str) -> None:
    was = registry.runs.get(key)
    registry.runs.command(command, [key])
    assert (registry.runs.get(key).state, registry.runs.get(key).want) != (was.state, was.want)
    outcomes, passed = take_back(registry, command, [was])
    run = registry.runs.get(key)
    assert [one.key for one in outcomes] == [key]
    assert not passed
    for name in ("state", "want", "error", "crashes", "attempt", "priority", "epoch"):
        assert getattr(run, name) == getattr(was, name), name
    assert take_back(registry, command, [was])[0] == []  # once


def test_what_has_happened_since_stays(registry: Registry) -> None:
    failed = registry.runs.get("2.4")
    registry.runs.command(Command.RETRY, ["2.4"])
    assert start_next(registry) == failed.id
    assert take_back(registry, Command.RETRY, [failed]) == ([], ["run 2.4 is running by now"])
    gone = registry.runs.get("1.1")
    registry.experiments.delete(1)
    assert len(take_back(registry, Command.RETRY, [gone])[1]) == 1


def test_a_run_that_obeyed_meanwhile_waits_again(registry: Registry) -> None:
    was = registry.runs.get("2.3")
    registry.runs.command(Command.CANCEL, ["2.3"])
    registry.journal(was.id, was.attempt).end(RunState.CANCELLED, EventKind.CANCELLED, "cancelled by the user", None)
    [outcome], passed = take_back(registry, Command.CANCEL, [was])
    assert (outcome.now, outcome.intent, passed) == (RunState.QUEUED, None, [])
    assert registry.runs.get("2.3").epoch == was.epoch


def test_an_earlier_wish_is_wished_again(registry: Registry) -> None:
    registry.runs.command(Command.PAUSE, ["2.3"])
    was = registry.runs.get("2.3")
    registry.runs.command(Command.CANCEL, ["2.3"])
    take_back(registry, Command.CANCEL, [was])
    assert registry.runs.get("2.3").want is Want.PAUSE
