"""Writers in a line: the gate, transactions that are whole, and writers that die inside one."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.support import add_corpus, add_experiment, epoch_record, start_next
from timnet.errors import RegistryError
from timnet.records import Prediction, RunState
from timnet.registry import Registry, database

WRITER = """
import sys, time
from pathlib import Path
from timnet.registry import Registry
with Registry.open(Path(sys.argv[1])) as registry, registry.db.write():
    registry.experiments.note(1, "half")
    registry.experiments.tag(1, ["half"])
    registry.db.connection.execute("DELETE FROM runs WHERE fold > 1")
    print("inside", flush=True)
    time.sleep(60)
"""


def writer_inside_a_transaction(path: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "inside\n"
    return process


def test_a_writer_killed_inside_its_transaction_leaves_nothing_and_blocks_nobody(registry: Registry) -> None:
    experiment = add_experiment(registry, add_corpus(registry), note="before")
    process = writer_inside_a_transaction(registry.paths.db)
    assert registry.experiments.get(1) == experiment, "readers see what was there before"
    process.send_signal(signal.SIGKILL)
    process.wait()
    started = time.monotonic()
    assert registry.experiments.note(1, "after").note == "after"
    assert time.monotonic() - started < 5
    assert registry.experiments.get(1).tags == ()
    assert len(registry.runs.ls()) == 10
    assert registry.db.row("PRAGMA integrity_check") == {"integrity_check": "ok"}


def test_a_writer_that_hangs_is_waited_for_so_long_and_then_named(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment = add_experiment(registry, add_corpus(registry))
    process = writer_inside_a_transaction(registry.paths.db)
    try:
        monkeypatch.setattr(database, "GATE_DEADLINE", 0.3)
        with pytest.raises(RegistryError, match="locked by another process") as caught:
            registry.experiments.note(1, "no")
        assert str(caught.value).isprintable()
        assert not registry.db.connection.in_transaction
        assert registry.experiments.get(1) == experiment
    finally:
        process.kill()
        process.wait()


def test_a_transaction_that_fails_leaves_nothing(registry: Registry) -> None:
    corpus = add_corpus(registry)
    with pytest.raises(ZeroDivisionError), registry.db.write():  # noqa: PT012
        add_experiment(registry, corpus, tags=("half",))
        registry.experiments.note(1, "half")
        raise ZeroDivisionError
    assert registry.experiments.ls() == []
    assert registry.runs.ls() == []
    with pytest.raises(RuntimeError), registry.db.write():  # noqa: PT012
        with registry.db.write():  # joins the outer one
            add_experiment(registry, corpus)
        raise RuntimeError
    assert registry.experiments.ls() == []


def test_a_result_that_breaks_off_is_not_there_at_all(registry: Registry) -> None:
    add_experiment(registry, add_corpus(registry))
    run_id = start_next(registry)
    journal = registry.journal(run_id, 1)
    journal.epoch(epoch_record(1))

    def answers():  # type: ignore[no-untyped-def]
        for item in range(250):  # more than one batch of rows
            yield Prediction(item, 0, 0, (0.5, 0.5))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        journal.done(0.5, 0.5, answers(), None, "done")
    run = registry.runs.by_id(run_id)
    assert (run.state, run.uar, run.war) == (RunState.RUNNING, None, None)
    assert len(registry.results.predictions(run_id).item) == 0


def test_threads_with_their_own_connections_take_turns(registry: Registry) -> None:
    add_experiment(registry, add_corpus(registry))
    failures: list[BaseException] = []

    def tag(name: str) -> None:
        try:
            with Registry.open(registry.paths.db) as mine:
                for number in range(10):
                    mine.experiments.tag(1, [f"{name}{number}"])
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=tag, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert failures == []
    assert set(registry.experiments.get(1).tags) == {f"{name}{number}" for name in "abcd" for number in range(10)}


def test_another_connection_s_commit_is_noticed_and_one_s_own_is_not(registry: Registry) -> None:
    add_experiment(registry, add_corpus(registry))
    with Registry.open_read_only(registry.paths.db) as watching:
        first = watching.db.data_version()
        assert watching.db.data_version() == first
        own = registry.db.data_version()
        registry.experiments.note(1, "news")
        assert registry.db.data_version() == own
        assert watching.db.data_version() != first
