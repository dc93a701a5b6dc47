"""A registry that is newer, older, corrupt, read-only or out of place: every command says so, and writes nothing."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.asking import STATES, Answer
from tests.support import REPOSITORY
from timnet.registry.schema import MIGRATIONS

SIDE_FILES = {"runs.db-wal", "runs.db-shm"}
"""SQLite's own, which appear, empty, where a registry is read that may not be written but whose folder may."""

FEW = ("runs ls", "tune EMODB --trials 2", "work")


def asked(place: Path, *only: str) -> list[Answer]:
    place.chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.asking", str(place), *only],
        cwd=REPOSITORY, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [Answer(**{**one, "changed": tuple(one["changed"])}) for one in json.loads(done.stdout)]


def check_refused(answer: Answer) -> None:
    assert (answer.status, answer.out) == (2, ""), answer
    assert {*answer.changed} <= (SIDE_FILES if answer.state == "a read-only file" else set()), answer
    assert re.search(STATES[answer.state].says, answer.err), answer
    assert answer.err.startswith("timnet: "), answer
    assert answer.err.count("\n") == 1, answer
    assert answer.err[:-1].isprintable(), answer


def check_answered(answer: Answer) -> None:
    """Read as far as it can be, migrated after a copy, or refused for another reason; never a defect."""
    assert answer.status in (0, 1, 2), answer
    assert "Traceback" not in answer.err, answer
    unharmed = {*answer.changed} <= SIDE_FILES | {"copy.db"}
    copied = f"runs.db.before-v{len(MIGRATIONS)}" in answer.changed
    assert unharmed or (answer.state == "older" and copied), answer


def check(answers: list[Answer]) -> tuple[int, int]:
    """How many were refused, how many answered."""
    refused = [answer for answer in answers if answer.words in STATES[answer.state].refused]
    for answer in answers:
        (check_refused if answer in refused else check_answered)(answer)
    return len(refused), len(answers) - len(refused)


def test_some_commands_refuse_what_cannot_be_used_in_one_line(swift: Path) -> None:
    refused, answered = check(asked(swift, *FEW))
    assert refused > 2 * len(STATES)
    assert answered


@pytest.mark.chaos(weight=0)
def test_every_command_refuses_what_cannot_be_used_in_one_line(swift: Path, figure: Callable[[str], None]) -> None:
    answers = asked(swift)
    refused, answered = check(answers)
    commands = len({answer.words for answer in answers})
    figure(
        f"{len(STATES)} states x {commands} commands: {refused} refused in one line with nothing written, "
        f"{answered} answered"
    )
