"""The line before the gate: who comes first is served first; the dead have left it, and sleepers are passed over."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.queue.processes import wait_until
from tests.support import REPOSITORY
from timnet.errors import RegistryBusy
from timnet.paths import RegistryPaths
from timnet.registry import gate, line
from timnet.registry.gate import Gate
from timnet.registry.line import Place

PATIENCE = 120.0


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "runs.db"


@contextmanager
def crew(db: Path, count: int, *how: str) -> Iterator[list[int]]:
    """So many processes, which stand in line in the order of these pids; at the end all of them have ended."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.registry.crew", str(db), str(count), str(turns_file(db)), *how],
        stdout=subprocess.PIPE, text=True, cwd=REPOSITORY,
    )  # fmt: skip
    assert process.stdout is not None
    pids: list[int] = []
    try:
        pids.extend(int(told) for told in iter(process.stdout.readline, "ready\n"))
        yield pids
        assert process.wait(PATIENCE) == 0
    finally:
        for pid in pids if process.poll() is None else []:
            os.kill(pid, signal.SIGKILL)
        process.kill()
        process.wait()
        process.stdout.close()


def turns_file(db: Path) -> Path:
    return db.with_name("turns")


def turns(db: Path) -> list[int]:
    return [int(one) for one in turns_file(db).read_text().split()] if turns_file(db).exists() else []


def strictly(patch: pytest.MonkeyPatch, abreast: int) -> None:
    """Nobody is taken for a sleeper, however slow the machine, and so many try at once."""
    patch.setattr(line, "ABREAST", abreast)
    for name in ("A_MOMENT", "COURTESY"):
        patch.setattr(line, name, PATIENCE)


def is_stopped(pid: int) -> bool:
    return psutil.Process(pid).status() == psutil.STATUS_STOPPED


def in_line(db: Path) -> list[int]:
    looking = Place(db, set())
    try:
        return looking.line()
    finally:
        looking.leave()


def test_processes_write_in_the_order_in_which_they_came_and_who_has_written_comes_behind_them(
    db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    strictly(monkeypatch, 1)
    mine = Gate(RegistryPaths(db))
    with ExitStack() as inside:
        inside.enter_context(mine.held(PATIENCE))
        with crew(db, 12, "strict"):
            inside.close()
            with mine.held(PATIENCE):  # at once again, while they still wake up
                assert turns(db) == list(range(12))
    mine.close()
    assert in_line(db) == []


def test_who_is_killed_in_line_has_left_it_and_who_is_stopped_holds_nobody_up(db: Path) -> None:
    mine = Gate(RegistryPaths(db))
    with ExitStack() as inside:
        inside.enter_context(mine.held(PATIENCE))
        with crew(db, 6) as pids:
            os.kill(pids[1], signal.SIGKILL)
            wait_until(lambda: len(in_line(db)) == 5, PATIENCE, "for the dead one to be out of the line")
            for sleeper in (0, 3):
                os.kill(pids[sleeper], signal.SIGSTOP)
                wait_until(partial(is_stopped, pids[sleeper]), PATIENCE, "for it to stop")
            inside.close()
            wait_until(lambda: len(turns(db)) == 3, PATIENCE, "for those who are awake")
            assert sorted(turns(db)) == [2, 4, 5]
            assert len(in_line(db)) == 2
            for sleeper in (0, 3):
                os.kill(pids[sleeper], signal.SIGCONT)
        assert sorted(turns(db)[3:]) == [0, 3]
    mine.close()


def test_a_sleeper_is_waited_for_once(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sleeper = Place(db, set())
    sleeper.line_up()
    clock = Clock(monkeypatch)
    mine = Gate(RegistryPaths(db))
    with mine.held(PATIENCE):
        assert line.A_MOMENT <= clock.now < 2 * line.A_MOMENT
        other = Place(db, set())
        other.line_up()
    waited = clock.now
    other.leave()
    with mine.held(PATIENCE):
        assert clock.now == waited
    sleeper.leave()
    mine.close()


def test_while_somebody_is_inside_for_long_nobody_is_taken_for_a_sleeper(
    db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)
    inside, first, second = (Place(db, set()) for _ in range(3))
    inside.go()
    for place in (first, second):
        clock.sleep(0.001)
        place.line_up()
    for _ in range(20):
        clock.sleep(line.A_MOMENT / 2)
        assert (first.is_next(), second.is_next()) == (True, False)
    inside.leave()
    assert not second.is_next()
    clock.sleep(1.5 * line.A_MOMENT)
    assert second.is_next(), "the first could have gone, and did not"
    for place in (first, second):
        place.leave()


def test_one_who_passes_a_sleeper_over_shows_it_to_all_behind(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    places = [Place(db, set()) for _ in range(4)]
    for place in places:
        clock.sleep(0.001)
        place.line_up()
    _, second, third, fourth = places
    clock.sleep(1.5 * line.A_MOMENT)
    assert (second.is_next(), third.is_next()) == (True, False)
    second.go()
    assert (third.is_next(), fourth.is_next()) == (True, False), "at once: nobody waits for the same sleeper again"
    for place in places:
        place.leave()


class Clock:
    """A clock for gate and line that goes on only where they sleep; ``events`` happen one at each sleep."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, seconds: float | None = None) -> None:
        self.now = 0.0
        self.seconds = seconds
        self.events: list[object] = []
        stand_in = SimpleNamespace(
            monotonic=lambda: self.now, monotonic_ns=lambda: 10**15 + int(self.now * 1e9), sleep=self.sleep
        )
        for module in (gate, line):
            monkeypatch.setattr(module, "time", stand_in)

    def sleep(self, seconds: float) -> None:
        self.now += self.seconds or seconds
        if self.events:
            self.events.pop(0)()  # type: ignore[operator]


def test_a_long_line_is_waited_for_as_long_as_it_moves_and_one_that_stands_is_told_of(
    db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    holder, mine = Gate(RegistryPaths(db)), Gate(RegistryPaths(db))
    places = [Place(db, set()) for _ in range(5)]
    for place in places:
        place.line_up()
    clock = Clock(monkeypatch, seconds=20.0)
    with ExitStack() as inside:
        inside.enter_context(holder.held(1))
        with pytest.raises(RegistryBusy, match="locked by another process for 30 s"), mine.held(30):
            pass
        assert 30 < clock.now <= 60
        clock.events = [*(place.leave for place in places), inside.close]
        began = clock.now
        with mine.held(30):
            assert clock.now - began > 5 * 20 - 1
    holder.close()
    mine.close()


def test_where_there_are_no_such_locks_writers_still_go_one_at_a_time(
    db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line, "SET", -1)
    monkeypatch.setattr(line, "GET", -1)
    inside, most = [0], [0]

    def write() -> None:
        mine = Gate(RegistryPaths(db))
        for _ in range(20):
            with mine.held(PATIENCE):
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                threading.Event().wait(0.0005)
                inside[0] -= 1
        mine.close()

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert (inside, most) == ([0], [1])


def test_a_lock_of_somebody_else_on_the_whole_folder_stops_no_writer(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stranger = os.open(db.parent, os.O_RDONLY)
    fcntl.fcntl(stranger, line.SET, line._flock(fcntl.F_RDLCK, 0, 0))
    clock = Clock(monkeypatch)
    mine = Gate(RegistryPaths(db))
    with mine.held(PATIENCE):
        assert clock.now < line.COURTESY + 1
    mine.close()
    os.close(stranger)


@settings(max_examples=60, deadline=None)
@given(steps=st.lists(st.tuples(st.sampled_from(["come", "come", "go", "die"]), st.integers(0, 9)), max_size=40))
def test_of_all_who_wait_only_the_one_who_came_first_is_next(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]]
) -> None:
    db = tmp_path_factory.mktemp("line") / "runs.db"
    with pytest.MonkeyPatch.context() as patch:
        strictly(patch, 1)
        waiting: list[Place] = []
        for what, which in steps:
            if what == "come":
                place = Place(db, set())
                assert place.nobody_waits() == (not waiting)
                place.line_up()
                waiting.append(place)
            elif what == "die" and waiting:
                waiting.pop(which % len(waiting)).leave()
            elif waiting:
                place = waiting.pop(0)
                place.go()
                assert [one.is_next() for one in waiting] == [True, *[False] * len(waiting)][: len(waiting)]
                place.leave()
            assert [one.is_next() for one in waiting] == [True, *[False] * len(waiting)][: len(waiting)]
        for place in waiting:
            place.leave()


@settings(max_examples=40, deadline=None)
@given(chosen=st.lists(st.integers(0, 9), min_size=12, max_size=12), coming=st.lists(st.integers(0, 2), min_size=12))
def test_nobody_is_passed_by_more_than_those_who_try_with_it(
    tmp_path_factory: pytest.TempPathFactory, chosen: list[int], coming: list[int]
) -> None:
    db = tmp_path_factory.mktemp("line") / "runs.db"
    with pytest.MonkeyPatch.context() as patch:
        strictly(patch, 4)
        waiting: list[Place] = []
        passed: dict[Place, int] = {}
        for which, more in zip(chosen, coming, strict=False):
            for _ in range(more + 1):
                place = Place(db, set())
                place.line_up()
                waiting.append(place)
                passed[place] = 0
            able = [one for one in waiting if one.is_next()]
            assert able[0] is waiting[0]
            goes = able[which % len(able)]
            for one in waiting[: waiting.index(goes)]:
                passed[one] += 1
                assert passed[one] <= 1 + 2 + 3, "as third, as second, and at the front"
            waiting.remove(goes)
            goes.go()
            goes.leave()
        for place in waiting:
            place.leave()
