"""Processes that end badly, or not at all: a real worker tells what happened, what to do, and goes on with the rest."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import pytest

from tests.faults.storm import children_of, outcome
from tests.queue.processes import wait_until
from tests.support import REPOSITORY, add_corpus, add_experiment
from timnet.queue import liveness
from timnet.queue.ends import LESS
from timnet.queue.engines import warm
from timnet.records import EventKind, Run, RunState, TrainingConfig
from timnet.registry import Registry
from timnet.states import Command

pytestmark = pytest.mark.skipif(not warm.possible(), reason="this system does not fork training processes")

PATIENCE = 90.0
WORKER = """
import sys
from timnet.queue import ends, liveness, stall, worker
from timnet.queue.engines import warm
liveness.BACK_OFF_SECONDS, stall.UNHEARD_SECONDS, worker.GRACE_SECONDS = 0.0, 1.0, 1.0
ends._count = lambda: len(list(__import__("pathlib").Path(".").glob("memory-ran-out-*")))
warm.MODULE = "tests.faults.misbehaving"
sys.exit(worker.main())
"""


class Place:
    """A registry whose runs' processes do, fold by fold, what ``deeds`` says (:mod:`tests.faults.misbehaving`)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.registry = Registry.open(folder / "runs.db")
        self.workers: list[subprocess.Popen[bytes]] = []

    def queue(self, *deeds: str, epochs: int = 6) -> None:
        config = TrainingConfig(epochs=epochs, batch_size=4, filters=6)
        corpus = add_corpus(self.registry, utterances=28)
        for deed in deeds:
            add_experiment(self.registry, corpus, config=config, folds=2, only=(1,), note=deed)

    def work(self, *words: str) -> subprocess.Popen[bytes]:
        environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "TIMNET_MAX_CRASHES": "3", "TIMNET_NICE": "0"}
        with (self.folder / "worker.txt").open("ab") as log:
            self.workers.append(
                subprocess.Popen(
                    [sys.executable, "-c", WORKER, f"--db={self.folder / 'runs.db'}", "--jobs=4", *words],
                    stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, cwd=self.folder,
                    start_new_session=True,
                )
            )  # fmt: skip
        return self.workers[-1]

    def run(self, number: int) -> Run:
        return self.registry.runs.by_id(number)

    def until(self, holds: Callable[[], object], what: str) -> None:
        try:
            wait_until(holds, PATIENCE, what)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.words()}") from None

    def words(self) -> str:
        return "\n".join(path.read_text(errors="replace") for path in sorted(self.folder.rglob("*.txt")))

    def close(self) -> None:
        for worker in self.workers:
            if worker.poll() is None:
                worker.kill()
            worker.wait()
        self.registry.close()


@pytest.fixture
def place(swift: Path) -> Iterator[Place]:
    made = Place(swift)
    yield made
    made.close()


def test_crashes_are_told_with_a_hint_and_given_up_while_others_go_on(place: Place) -> None:
    place.queue("good", "fails", "no memory", "killed by the kernel")
    worker = place.work()
    place.until(lambda: worker.poll() is not None, "for the worker to run out of work")
    runs = {number: place.run(number) for number in range(1, 5)}
    assert [run.state for run in runs.values()] == [RunState.DONE, *[RunState.FAILED] * 3], place.words()
    assert [run.error for run in runs.values()] == [
        None,
        "its process ended with status 1 (ZeroDivisionError: division by nothing); see its log",
        f"its process ended with status 1, as memory ran out; {LESS}",
        f"its process was killed by SIGKILL while the machine ran out of memory; {LESS}",
    ]
    for number in range(2, 5):
        assert (runs[number].attempt, runs[number].crashes) == (3, 3)
        kinds = [event.kind for event in place.registry.results.events(number)]
        assert kinds.count(EventKind.CRASHED) == 3
        assert place.registry.results.events(number)[-1].text == "given up after 3 crashes"
        assert not liveness.is_held(place.registry.paths.run(runs[number].uid).lock)
    log = place.registry.paths.run(runs[2].uid).log.read_text()
    assert log.count("ZeroDivisionError: division by nothing") == 3, "the log of every attempt is kept"


def test_a_process_that_hears_nothing_is_killed_for_a_wish_and_at_the_worker_s_end(place: Place) -> None:
    place.queue("deaf", "deaf")
    worker = place.work()
    place.until(lambda: all(place.run(number).epoch == 2 for number in (1, 2)), "for both to hang")
    place.registry.runs.command(Command.CANCEL, ["1.1"])
    place.until(lambda: place.run(1).state is RunState.CANCELLED, "for the first to be cancelled")
    assert place.run(2).state is RunState.RUNNING
    worker.send_signal(signal.SIGTERM)
    place.until(lambda: worker.poll() is not None, "for the worker to end")
    assert worker.returncode == 0
    after = place.run(2)
    assert (after.state, after.crashes, after.epoch) == (RunState.QUEUED, 0, 2), "it was to leave, so it is no crash"
    assert [one.exit_code for one in place.registry.results.attempts(2)] == [-9]
    assert not liveness.is_held(place.registry.paths.run(after.uid).lock)


def stopped_outside_the_gate(pid: int, gate: Path) -> bool:
    """Stop a process, unless it is writing: stopped with the gate in its hands it would keep everybody waiting."""
    os.kill(pid, signal.SIGSTOP)
    state = Path(f"/proc/{pid}/stat")
    wait_until(lambda: state.read_text().rpartition(")")[2].split()[0] == "T", PATIENCE, "for it to stop")
    if not liveness.is_held(gate):
        return True
    os.kill(pid, signal.SIGCONT)
    return False


def test_a_zombie_of_a_fenced_run_changes_nothing_and_leaves(place: Place) -> None:
    place.queue("slow")
    place.work("--stay")
    place.until(lambda: place.run(1).epoch >= 1, "for its first epoch")
    zombie = place.run(1).pid
    assert zombie is not None
    place.until(lambda: stopped_outside_the_gate(zombie, place.registry.paths.gate), "for it to be between two writes")
    folder = place.registry.paths.run(place.run(1).uid)
    folder.lock.unlink()  # as if the folder had been put back from a copy: nobody holds the new lock
    place.until(lambda: liveness.reap(place.registry, 3) or place.run(1).attempt == 2, "for the run to be taken away")
    place.until(lambda: place.run(1).state is RunState.DONE, "for the second attempt")
    before = (
        outcome(place.registry, place.run(1)),
        {path: path.read_bytes() for path in folder.folder.rglob("*") if path.is_file() and path != folder.log},
    )
    os.kill(zombie, signal.SIGCONT)

    def gone() -> bool:
        return not any(zombie in children_of(one) for one in children_of(place.workers[0].pid))

    place.until(gone, "for the zombie to leave")
    place.until(lambda: "process ended with status 75" in (place.folder / "worker.txt").read_text(), "for its status")
    assert "attempt 1 no longer owns run 1; it writes nothing more" in folder.log.read_text()
    assert before == (
        outcome(place.registry, place.run(1)),
        {path: path.read_bytes() for path in folder.folder.rglob("*") if path.is_file() and path != folder.log},
    )


def test_no_process_outlives_a_killed_worker_and_no_later_pid_fools_anybody(place: Place) -> None:
    """Not even one that hangs with the interpreter in its hands; after a restart the pids may belong to others."""
    place.queue("deaf")
    worker = place.work()
    place.until(lambda: place.run(1).epoch == 2 and place.run(1).pid, "for it to hang")
    worker.kill()
    worker.wait()
    lock = place.registry.paths.run(place.run(1).uid).lock
    place.until(lambda: not liveness.is_held(lock), "for its process to end")
    with place.registry.db.write():
        place.registry.db.changed("UPDATE attempts SET pid = ?, boot_id = 'before'", (os.getpid(),))
        place.registry.db.changed("UPDATE workers SET pid = ?", (os.getpid(),))
    looked = subprocess.run(
        [sys.executable, "-m", "timnet", "--db", str(place.folder / "runs.db"), "runs", "ls"],
        cwd=place.folder, env={**os.environ, "PYTHONPATH": str(REPOSITORY)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "queued" in looked.stdout
    assert (place.run(1).state, place.run(1).epoch) == (RunState.QUEUED, 2)
    assert liveness.workers(place.registry) == []


@pytest.mark.chaos(weight=0)
def test_how_soon_another_worker_goes_on_with_a_killed_one_s_run(place: Place, figure: Callable[[str], None]) -> None:
    place.queue("slow", epochs=1000)
    place.work("--stay")
    took: list[float] = []
    for attempt in range(1, 9):
        known = place.run(1).epoch  # three crashes without an epoch between would end the run
        place.until(lambda: place.run(1).attempt == attempt and place.run(1).epoch > known, "for an epoch")  # noqa: B023
        owner = place.workers[-1]
        place.work("--stay")
        place.until(lambda: len(liveness.workers(place.registry)) == 2, "for the next worker")
        owner.kill()
        began = time.monotonic()
        place.until(lambda: place.run(1).attempt > attempt, "for the run to be taken over")  # noqa: B023
        took.append(time.monotonic() - began)
        owner.wait()
    figure(f"{len(took)} workers killed, taken over after {median(took):.2f} s, at most {max(took):.2f} s")
