"""Each event is told once, by a worker that is never held up by it."""

from __future__ import annotations

import json
import socket
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.queue.processes import wait_until
from tests.support import add_corpus, add_experiment, finish, start_next
from timnet.notices import teller as teller_module
from timnet.notices.teller import Teller
from timnet.queue import liveness
from timnet.queue.service import start_worker, stop_workers
from timnet.queue.stall import LEAST_SECONDS, UNKNOWN_SECONDS, Standstill, patience
from timnet.records import ProcessProof, Run, RunState
from timnet.registry import Registry
from timnet.settings import Notify

APPEND = """
import os, sys
told = os.open('told', os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
os.write(told, (sys.argv[1] + chr(10)).encode())
"""


def notify(place: Path) -> Notify:
    code = APPEND.replace("'told'", repr(str(place / "told")))
    return Notify(on=("finish", "run", "failed"), command=(sys.executable, "-c", code, "{text}"))


def lines(place: Path) -> list[str]:
    told = place / "told"
    return told.read_text().splitlines() if told.exists() else []


def test_of_many_workers_one_tells_an_event(tmp_path: Path) -> None:
    with Registry.open(tmp_path / "runs.db") as registry:
        add_experiment(registry, add_corpus(registry), folds=4)
        for _ in range(4):
            finish(registry, start_next(registry))
    gate = threading.Barrier(4)

    def look() -> None:
        with Registry.open(tmp_path / "runs.db") as mine:
            teller = Teller(mine, notify(tmp_path), lambda line: pytest.fail(line))
            gate.wait()
            teller.look()
            teller.close()

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    told = lines(tmp_path)
    assert len(told) == 5
    assert {line.split(" finished")[0] for line in told} == {
        *(f"run 1.{fold} (EMODB, random, last)" for fold in range(1, 5)), "experiment 1 (EMODB, random, last)",
    }  # fmt: skip


def test_later_events_are_told_later_and_none_twice(tmp_path: Path) -> None:
    with Registry.open(tmp_path / "runs.db") as registry:
        add_experiment(registry, add_corpus(registry), folds=3)
        teller = Teller(registry, notify(tmp_path), lambda line: pytest.fail(line))
        for number in (1, 2):
            finish(registry, start_next(registry))
            teller.look()
            teller.look()
            wait_until(lambda number=number: len(lines(tmp_path)) == number)
        teller.close()
        Teller(registry, notify(tmp_path), lambda line: pytest.fail(line)).close()
    assert len(lines(tmp_path)) == 2


def test_old_news_is_no_news(tmp_path: Path) -> None:
    with Registry.open(tmp_path / "runs.db") as registry:
        add_experiment(registry, add_corpus(registry), folds=3)
        finish(registry, start_next(registry))
        registry.db.connection.execute("UPDATE events SET time = '2020-01-01T00:00:00.000Z'")
        finish(registry, start_next(registry))
        Teller(registry, notify(tmp_path), lambda line: pytest.fail(line)).close()
        assert [line.split(" (")[0] for line in lines(tmp_path)] == ["run 1.2"]


def test_without_a_way_nothing_is_taken(tmp_path: Path) -> None:
    with Registry.open(tmp_path / "runs.db") as registry:
        add_experiment(registry, add_corpus(registry), folds=3)
        finish(registry, start_next(registry))
        Teller(registry, Notify(bell=True), lambda line: pytest.fail(line)).close()
        assert len(registry.notices.take("2020")) == 1
        assert not registry.notices.take("2020")


def test_failures_are_lines_and_delay_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(teller_module, "LAST_WORDS_SECONDS", 0.1)
    said: list[str] = []
    slow = Notify(on=("run",), command=(sys.executable, "-c", "import time; time.sleep(5)"))
    broken = Notify(on=("run",), command=("no-such-command-here",))
    with Registry.open(tmp_path / "runs.db") as registry:
        add_experiment(registry, add_corpus(registry), folds=3)
        finish(registry, start_next(registry))
        started = time.monotonic()
        teller = Teller(registry, slow, said.append)
        teller.look()
        teller.close()
        assert time.monotonic() - started < 4, "it waited for a command that sleeps"
        finish(registry, start_next(registry))
        other = Teller(registry, broken, said.append)
        other.look()
        wait_until(lambda: said)
        assert said == ["notice not sent: the command no-such-command-here cannot be run: No such file or directory"]
        registry.db.close()
        other.look()
        assert said[-1].startswith("cannot look for notices now: ")


def test_a_worker_tells_of_a_run_that_failed_while_no_interface_is_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A real worker finds a dead run, gives it up, and runs the user's command, once."""
    config = tmp_path / "config" / "timnet"
    config.mkdir(parents=True)
    wanted = notify(tmp_path)
    (config / "timnet.toml").write_text(
        f'max_crashes = 1\n[notify]\non = ["failed"]\ncommand = {json.dumps(list(wanted.command))}\n'
    )
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    with Registry.open(tmp_path / "runs.db") as registry:
        add_experiment(registry, add_corpus(registry), folds=3, only=(2,))
        here = ProcessProof(socket.gethostname(), liveness.boot_id(), 1, 0.0)
        claimed = registry.runs.claim(lambda _uid: 0, here, "local", None)
        assert claimed is not None
        start_worker(tmp_path / "runs.db", 1, stay=True)
        try:
            wait_until(lambda: lines(tmp_path), 60)
            assert registry.runs.get("1.2").state is RunState.FAILED
        finally:
            stop_workers(registry)
            wait_until(lambda: not liveness.workers(registry), 60)
    assert lines(tmp_path) == ["run 1.2 (EMODB, random, last) failed: its process was killed or the machine stopped"]


# standing still


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_run_stands_still_after_ten_usual_epochs_and_five_minutes(tmp_path: Path) -> None:
    clock = Clock()
    watch = Standstill(clock)
    with Registry.open(tmp_path / "runs.db") as registry:
        add_experiment(registry, add_corpus(registry), folds=3)
        run = registry.runs.by_id(start_next(registry))
    going = replace(run, epoch=3, last_seconds=60.0)

    def told_after(seconds: int, run: Run) -> str | None:
        """What is told last, when it is asked every second."""
        told = None
        for _ in range(seconds):
            clock.now += 1
            told = watch.look(run)
        return told

    assert watch.look(going) is None
    assert told_after(599, going) is None
    clock.now += 5 * 3600  # the machine slept, or the worker was stopped
    assert watch.look(going) == "no epoch for 10 minutes after epoch 3, where 60 s are usual; its log may tell more"
    assert told_after(10_000, going) is None, "once for each standstill"
    after = replace(going, epoch=4)
    assert watch.look(after) is None
    assert told_after(600, after) is not None, "a second standstill is told again"
    waits = replace(after, waiting_for="Slurm: Resources")
    assert told_after(10_000, waits) is None, "whoever waits in Slurm has no epoch to finish"
    assert told_after(599, after) is None, "and begins anew"
    watch.forget(run.id)
    assert watch.look(after) is None
    assert watch.look(replace(after, attempt=2)) is None, "another attempt starts anew"


def test_patience_is_never_less_than_five_minutes() -> None:
    assert patience(0.01) == LEAST_SECONDS == 300
    assert patience(31.0) == 310
    assert patience(None) == UNKNOWN_SECONDS
