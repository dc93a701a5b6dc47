"""What a head decides for attempts whose jobs say little, nothing, or too much."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.remote.conftest import EPOCHS, Given
from tests.remote.conftest import given as given_run
from timnet import settings as settings_module
from timnet.errors import OUT_OF_ROOM
from timnet.paths import AttemptPaths
from timnet.queue import attendant as attendant_module
from timnet.queue.attendant import Attendant
from timnet.queue.engines.engine import EngineAway, Phase, Status
from timnet.records import RunState
from timnet.remote.carrier import LEFT
from timnet.remote.spool import SpoolBroken
from timnet.states import Command

given = given_run
GONE = Status(Phase.GONE, "it is gone")


@dataclass
class Told:
    """An engine that says what it is told to."""

    name: str = "away"
    status: Status | Exception = field(default_factory=lambda: Status(Phase.RUNNING))
    found: str | None = None
    breaks: Exception | None = None
    cancelled: list[str] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)

    def submit(self, tasks: Sequence[AttemptPaths]) -> list[str]:
        return [str(number) for number, _ in enumerate(tasks)]

    def poll(self, ids: Sequence[str]) -> Mapping[str, Status]:
        if isinstance(self.status, Exception):
            raise self.status
        return dict.fromkeys(ids, self.status)

    def cancel(self, ids: Iterable[str]) -> None:
        self.cancelled += ids

    def find(self, _: AttemptPaths) -> str | None:
        return self.found

    def exchange(self, *_: object) -> None:
        if self.breaks is not None:
            raise self.breaks

    def forget(self, job: str, _: AttemptPaths) -> None:
        self.forgotten.append(job)


class Office:
    """An attendant at a clock that the test turns."""

    def __init__(self, given: Given, monkeypatch: pytest.MonkeyPatch) -> None:
        self.given, self.engine, self.clock, self.said = given, Told(), 1000.0, []  # type: ignore[var-annotated]
        self.attendant = self.another()
        monkeypatch.setattr(attendant_module, "time", type("Clock", (), {"monotonic": lambda: self.clock}))

    def another(self) -> Attendant:
        """A later head's."""
        settings = settings_module.load()
        return Attendant(self.given.registry, settings, self.engine, self.said.append)

    def look(self, times: int = 1, seconds: float = 3.1) -> RunState:
        """So many turns of a head."""
        for _ in range(times):
            elsewhere = self.given.registry.elsewhere
            errands, over = elsewhere.open("away"), elsewhere.over("away")
            try:
                self.attendant.poll([*errands, *over])
            except EngineAway as error:
                self.said.append(str(error))
            for errand in errands:
                self.attendant.attend(errand)
            for errand in over:
                self.attendant.sweep(errand)
            self.clock += seconds
        return self.given.state

    @property
    def run(self) -> Any:
        return self.given.registry.runs.get("1.1")


@pytest.fixture
def office(given: Given, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    return Office(given, monkeypatch)  # type: ignore[return-value]


def outcome(office: Office, **told: object) -> None:
    office.given.folder.outcome.write_text(json.dumps(told))


@pytest.mark.parametrize(
    ("told", "state", "crashes"),
    [({"status": -9, "start": 1}, RunState.QUEUED, 1), ({"status": LEFT, "start": 1}, RunState.QUEUED, 0),
     ({"status": OUT_OF_ROOM, "start": 1}, RunState.PAUSED, 0),
     # of a start before the one that is gone now, or of none that there was
     ({"status": LEFT, "start": 0}, RunState.QUEUED, 1), ({"status": OUT_OF_ROOM, "start": 7}, RunState.QUEUED, 1),
     ({"status": 10**30, "start": 1}, RunState.QUEUED, 1), ({}, RunState.QUEUED, 1)],
)  # fmt: skip
def test_of_a_job_that_is_gone_the_last_words_are_believed_if_they_are_its_own(
    office: Office, told: dict[str, object], state: RunState, crashes: int
) -> None:
    office.given.start().train()
    outcome(office, **told)
    office.look()
    office.engine.status = GONE
    assert office.look(4) is state
    assert (office.run.crashes, office.run.epoch) == (crashes, 1)
    assert not office.given.folder.folder.exists()
    assert office.engine.forgotten == ["7"]


def test_what_comes_after_its_job_is_gone_still_counts(office: Office) -> None:
    """As on a network file system, which shows a job's last lines late."""
    job = office.given.start()
    job.train()
    office.engine.status = GONE
    assert office.look(2) is RunState.RUNNING
    while job.epoch < EPOCHS:
        job.train()
    job.finish()
    assert office.look(2) is RunState.DONE
    assert office.run.attempt == 1


def test_lines_that_show_only_once_the_attempt_is_withdrawn_count_too(office: Office) -> None:
    job = office.given.start()
    while job.epoch < EPOCHS:
        job.train()
    job.finish()
    hidden = office.given.folder.spool(1).rename(office.given.folder.folder / "hidden")
    withdraw = office.attendant._withdraw

    def shows(errand: Any) -> None:
        withdraw(errand)
        hidden.rename(office.given.folder.spool(1))

    office.attendant._withdraw = shows  # type: ignore[method-assign]
    office.engine.status = GONE
    assert office.look(5) is RunState.DONE


def test_while_the_engine_does_not_answer_lines_come_in_and_nothing_is_concluded(office: Office) -> None:
    job = office.given.start()
    office.engine.status = GONE
    office.look()
    office.engine.status = EngineAway("it is restarted")
    job.train()
    assert office.look(10) is RunState.RUNNING
    assert office.run.epoch == 1
    office.engine.status = Status(Phase.RUNNING)
    assert office.look(5) is RunState.RUNNING


def test_a_waiting_job_is_ended_at_once_and_a_deaf_one_after_a_while(office: Office) -> None:
    office.engine.status = Status(Phase.PENDING, "Resources\x1b[2J")
    office.look(2)
    assert office.run.waiting_for == "Away: Resources\N{REPLACEMENT CHARACTER}[2J"
    office.engine.status = Status(Phase.RUNNING)
    office.look(2)
    assert office.run.waiting_for is None
    office.given.registry.runs.command(Command.CANCEL, ["1.1"])
    office.look(2)
    assert (office.given.folder.want.read_text(), office.engine.cancelled) == ("cancel", [])
    office.look(3)
    assert office.engine.cancelled == ["7"]
    office.engine.status = GONE
    assert office.look(3) is RunState.CANCELLED
    assert office.run.crashes == 0


def test_a_later_head_knows_no_wish_and_writes_what_is_wanted_now(office: Office) -> None:
    office.given.registry.runs.command(Command.PAUSE, ["1.1"])
    office.look()
    assert office.given.folder.want.read_text() == "pause"
    office.given.registry.runs.command(Command.RESUME, ["1.1"])
    office.attendant = office.another()
    office.look()
    assert office.given.folder.want.read_text() == ""


def test_a_broken_spool_fails_its_run_and_ends_its_job(office: Office) -> None:
    job = office.given.start()
    job.train()
    os.write(job.spool._file, b"garbage\n")
    assert office.look(2) is RunState.FAILED
    assert "spool-0001.jsonl" in (office.run.error or "")
    assert office.run.epoch == 1
    assert office.given.folder.want.read_text() == "withdrawn"
    office.look(25)
    assert office.engine.cancelled[:1] == ["7"]
    office.engine.status = GONE
    office.look(3)
    assert not office.given.folder.folder.exists()


def test_what_a_node_offers_and_no_timnet_writes_fails_the_run(office: Office) -> None:
    office.engine.breaks = SpoolBroken("its node offers a file '../x'")
    assert office.look(2) is RunState.FAILED


def test_weights_that_never_come_fail_the_run_after_a_minute(office: Office) -> None:
    job = office.given.start()
    while job.epoch < EPOCHS:
        job.train()
    job.finish()
    office.given.folder.run.final_weights.unlink()
    office.engine.status = GONE
    assert office.look(10) is RunState.RUNNING
    assert office.look(15) is RunState.FAILED


@pytest.mark.parametrize("gone", ["folder", "shared"])
def test_a_folder_that_was_deleted_is_a_crash_and_one_that_is_away_is_waited_for(office: Office, gone: str) -> None:
    given = office.given
    given.start().train()
    office.look()
    away = (given.folder.folder if gone == "folder" else given.shared).rename(given.registry.paths.db.parent / "away")
    if gone == "folder":
        office.look(2)
        assert office.engine.cancelled == ["7"]
        office.engine.status = GONE
        assert office.look(3) is RunState.QUEUED
        assert "its folder was deleted" in (office.run.waiting_for or "")
        return
    office.engine.status = GONE
    assert office.look(20) is RunState.RUNNING
    assert any("is not there" in line for line in office.said)
    away.rename(given.shared)
    assert office.look(6) is RunState.QUEUED
    assert office.run.epoch == 1


def test_a_run_whose_folder_is_away_can_be_given_up(office: Office) -> None:
    office.given.shared.rename(office.given.shared.with_name("away"))
    office.given.registry.runs.command(Command.CANCEL, ["1.1"])
    office.look(2)
    assert office.engine.cancelled == ["7"]
    office.engine.status = GONE
    assert office.look(3) is RunState.CANCELLED


def forget_job(office: Office) -> None:
    office.given.registry.db.connection.execute("UPDATE attempts SET job = NULL")


def test_a_head_that_died_before_it_noted_a_job_is_followed_by_one_that_finds_it(office: Office) -> None:
    forget_job(office)
    office.engine.found = "9"
    office.look()
    assert office.given.errand.job == "9"


def test_or_the_job_has_said_itself_which_it_is(office: Office) -> None:
    forget_job(office)
    office.given.start()
    office.look(2)
    assert office.given.errand.job == "7"


@pytest.mark.parametrize("torn", [b"", b'{"do": "hel'])
def test_or_there_is_none_and_the_run_waits_again(office: Office, torn: bytes) -> None:
    forget_job(office)
    if torn:
        office.given.folder.spool(1).write_bytes(torn)
    assert office.look(4) is RunState.QUEUED
    assert office.run.crashes == 0


def test_a_zombies_log_does_not_overwrite_its_successors(office: Office) -> None:
    given = office.given
    given.folder.log.write_text("one\n")
    office.look()
    log = given.registry.paths.run(office.run.uid).log
    assert log.read_text() == "one\n"
    first = given.errand
    given.registry.runs.reap(first.run_id, 1, exit_code=None, error="x", max_crashes=5, back_off=0.0)
    given.give()
    with log.open("a") as behind:
        behind.write("two\n")
    with first.folder.log.open("a") as zombie:
        zombie.write("zombie\n")
    office.engine.status = GONE
    office.look(1)
    assert log.read_text() == "one\ntwo\n"
    assert not first.folder.folder.exists()


def test_after_its_parcel_is_gone_nobody_knows_where_a_log_begins(office: Office) -> None:
    """A head was killed while it removed the folder of an attempt that is over."""
    given = office.given
    log = given.registry.paths.run(office.run.uid).log
    log.parent.mkdir(parents=True)
    log.write_text("before\nmine\n")
    given.folder.log.write_text("mine\n")
    given.folder.parcel.unlink()
    given.registry.runs.reap(office.run.id, 1, exit_code=None, error="x", max_crashes=5, back_off=0.0)
    office.engine.status = GONE
    office.look(2)
    assert log.read_text() == "before\nmine\n"
    assert not given.folder.folder.exists()


def test_trouble_with_one_attempt_keeps_no_other_waiting(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    given, taken = office.given, []
    errand = given.errand
    bad = type(errand)(**{**{name: getattr(errand, name) for name in errand.__slots__}, "run_id": 99, "job": "8"})
    real = attendant_module.bring_resume_point

    def brings(registry: Any, one: Any, *more: Any) -> None:
        if one.run_id == 99:
            raise OSError(5, "Input/output error")
        taken.append(one)
        real(registry, one, *more)

    monkeypatch.setattr(attendant_module, "bring_resume_point", brings)
    for _ in range(3):
        for one in (bad, errand):
            office.attendant.attend(one)
        office.clock += 10
    assert len(taken) == 3
    assert len([line for line in office.said if "Input/output error" in line]) == 1


def test_a_run_that_stands_still_elsewhere_is_told_of_once_but_not_while_it_waits(office: Office) -> None:
    job = office.given.start()
    job.train()
    office.look()
    for waits in (True, False):
        office.engine.status = Status(Phase.PENDING if waits else Phase.RUNNING, "Resources")
        for _ in range(90):
            office.look(seconds=5.0)
            office.attendant.watch()
        stalled = [one for one in office.given.registry.results.events(office.run.id) if one.kind == "stalled"]
        assert len(stalled) == (0 if waits else 1)
    assert "no epoch for 5 minutes after epoch 1" in stalled[0].text
