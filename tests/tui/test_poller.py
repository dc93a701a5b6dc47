"""The poller against real registries: what is new, what went back, what is gone, what died."""

from __future__ import annotations

import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support import PROOF, add_corpus, add_experiment, epoch_record, filled_registry, start_next, train
from timnet.queue.liveness import try_lock, unlock
from timnet.records import RunState
from timnet.registry import Registry
from timnet_tui.looks.grid import ExperimentRow, GridPage, GridWatch
from timnet_tui.looks.run import Detail, RunWatch
from timnet_tui.poller import Poller
from timnet_tui.reader import RegistryReader
from timnet_tui.snapshot import Health, Snapshot
from timnet_tui.watch import Watch


class Clock:
    """A clock that only moves when told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Eyes:
    """A reader with its clock; ``look`` moves the clock on and returns the newest snapshot."""

    def __init__(self, db: Path) -> None:
        self.clock = Clock()
        self.reader = RegistryReader(db, 5, self.clock)
        self.watch: Watch = GridWatch()
        self.last: Snapshot | None = None

    def look(self, seconds: float = 0.2) -> Snapshot | None:
        self.clock.now += seconds
        found = None
        while (news := self.reader.poll(self.watch)) is not None or self.reader.unfinished:
            if news is None:
                continue
            found = self.last = news
            if news.health is not Health.OK:
                break
        return found


def rows(seen: Snapshot) -> tuple[ExperimentRow, ...]:
    """The experiments on the grid's page."""
    return seen.answer.rows if isinstance(seen.answer, GridPage) else ()


def detail(seen: Snapshot) -> Detail | None:
    """The watched run."""
    return seen.answer if isinstance(seen.answer, Detail) else None


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "runs.db"


@pytest.fixture
def eyes(db: Path) -> Iterator[Eyes]:
    opened = Eyes(db)
    yield opened
    opened.reader.close()


def test_new_rows_appear_and_silence_is_told_apart_from_news(db: Path, eyes: Eyes) -> None:
    with filled_registry(db) as registry:
        seen = eyes.look()
        assert seen is not None
        assert [row.id for row in rows(seen)] == [2, 1]
        assert eyes.look() is None
        add_experiment(registry, registry.corpora.get("SAVEE"), folds=4)
        seen = eyes.look()
        assert seen is not None
        assert [row.id for row in rows(seen)] == [3, 2, 1]
        alive = eyes.look(1.1)
        assert alive is not None
        assert alive.answer is seen.answer  # a sign of life, not a new reading


def test_a_page_is_read_wherever_it_stands_and_the_selection_is_found(db: Path, eyes: Eyes) -> None:
    with Registry.open(db) as registry:
        corpus = add_corpus(registry)
        for _ in range(30):
            add_experiment(registry, corpus, folds=2)
    seen = eyes.look()
    assert seen is not None
    assert [row.id for row in rows(seen)] == list(range(30, 0, -1))
    eyes.watch = GridWatch(first=10, count=5, experiment=7, run_id=None)
    seen = eyes.look(0.0)
    assert seen is not None
    page = seen.answer
    assert isinstance(page, GridPage)
    assert [row.id for row in page.rows] == [20, 19, 18, 17, 16]
    assert (page.first, page.total, page.asked, page.place) == (10, 30, 7, 23)
    eyes.watch = GridWatch(first=28, count=5)
    seen = eyes.look(0.0)
    assert seen is not None
    assert [row.id for row in rows(seen)] == [5, 4, 3, 2, 1]  # never beyond the end
    eyes.watch = GridWatch(filter_text="experiment>28 fold:1")
    seen = eyes.look(0.0)
    assert seen is not None
    assert [row.id for row in rows(seen)] == [30, 29]
    assert [len(row.runs) for row in rows(seen)] == [2, 2]  # an experiment is shown whole
    eyes.watch = GridWatch(filter_text="nothing>")
    seen = eyes.look(0.0)
    assert seen is not None
    assert isinstance(seen.answer, GridPage)
    assert "nothing" in seen.answer.problem


def test_a_registry_that_is_not_there_yet_is_awaited_not_created(db: Path, eyes: Eyes) -> None:
    seen = eyes.look()
    assert seen is not None
    assert (seen.health, rows(seen), seen.problem) == (Health.ABSENT, (), "")
    assert not db.exists()
    filled_registry(db).close()
    seen = eyes.look()
    assert seen is not None
    assert (seen.health, len(rows(seen))) == (Health.OK, 2)


def test_a_deleted_registry_is_said_and_its_return_noticed(db: Path, eyes: Eyes) -> None:
    filled_registry(db).close()
    eyes.look()
    kept = db.with_name("kept.db")
    shutil.move(db, kept)
    seen = eyes.look()
    assert seen is not None
    assert seen.health is Health.LOST
    assert "gone" in seen.problem
    assert len(rows(seen)) == 2  # what was last seen stays on the screen
    assert not db.exists()
    shutil.move(kept, db)
    seen = eyes.look(1.0)
    assert seen is not None
    assert (seen.health, seen.problem) == (Health.OK, "")


def test_another_file_in_its_place_is_read_instead(db: Path, eyes: Eyes) -> None:
    filled_registry(db).close()
    eyes.look()
    other = db.with_name("other.db")
    with Registry.open(other) as registry:
        add_experiment(registry, add_corpus(registry, "CASIA"), folds=5)
    for extra in ("-wal", "-shm"):
        db.with_name(db.name + extra).unlink(missing_ok=True)
    other.replace(db)
    seen = eyes.look(1.0)
    assert seen is not None
    assert [row.corpus for row in rows(seen)] == ["CASIA"]
    assert seen.problem == "the registry was replaced by another file; shown is that one"
    seen = eyes.look(11.0)
    assert seen is not None
    assert (seen.health, seen.problem) == (Health.OK, "")


@pytest.mark.parametrize(
    "content", [b"this is no database, whatever its name says" * 100, b"SQLite format 3\0" + b"\0" * 200]
)
def test_an_unreadable_registry_is_said_and_recovered_from(db: Path, eyes: Eyes, content: bytes) -> None:
    db.write_bytes(content)
    seen = eyes.look()
    assert seen is not None
    assert seen.health is Health.FAILING
    assert seen.problem
    assert "\n" not in seen.problem
    db.unlink()
    filled_registry(db).close()
    for _ in range(3):
        eyes.look(1.0)
    assert eyes.last is not None
    assert (eyes.last.health, len(rows(eyes.last))) == (Health.OK, 2)


def test_a_reader_that_raises_never_ends_the_loop(db: Path, eyes: Eyes, monkeypatch: pytest.MonkeyPatch) -> None:
    filled_registry(db).close()
    eyes.look()

    def locked(*_: object) -> int:
        raise RuntimeError("database is locked")

    with monkeypatch.context() as broken:
        broken.setattr("timnet.registry.database.Database.data_version", locked)
        seen = eyes.look()
        assert seen is not None
        assert seen.problem == "database is locked"
        assert len(rows(seen)) == 2
    eyes.look(1.0)
    assert eyes.last is not None
    assert eyes.last.health is Health.OK


def test_a_registry_that_may_not_be_written_is_still_watched(
    db: Path, eyes: Eyes, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled_registry(db).close()

    def refused(_path: Path) -> Registry:
        raise PermissionError("read-only")

    monkeypatch.setattr(Registry, "open", refused)
    seen = eyes.look()
    assert seen is not None
    assert len(rows(seen)) == 2
    assert eyes.look(1.1) is not None


def test_epochs_and_events_of_the_watched_run_come_in_parts(db: Path, eyes: Eyes) -> None:
    with Registry.open(db) as registry:
        add_experiment(registry, add_corpus(registry))
        run_id = start_next(registry)
        train(registry, run_id, 3)
        eyes.watch = RunWatch(run_id)
        seen = eyes.look()
        assert seen is not None
        assert detail(seen) is not None
        assert [m.epoch for m in detail(seen).epochs] == [1, 2, 3]
        train(registry, run_id, 5)
        seen = eyes.look()
        assert seen is not None
        assert detail(seen) is not None
        assert [m.epoch for m in detail(seen).epochs] == [1, 2, 3, 4, 5]
        assert [event.epoch for event in detail(seen).events if event.kind.startswith("check")] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("epochs_before_next_look", [0, 1, 3, 6])
def test_after_a_resume_rows_past_the_checkpoint_are_read_again(
    db: Path, eyes: Eyes, epochs_before_next_look: int
) -> None:
    with Registry.open(db) as registry:
        add_experiment(registry, add_corpus(registry), only=(1,))
        run_id = start_next(registry)
        train(registry, run_id, 9)
        eyes.watch = RunWatch(run_id)
        eyes.look()
        registry.runs.reap(run_id, 1, exit_code=-9, error="killed", max_crashes=5, back_off=0)
        claimed = registry.runs.claim(lambda _uid: 0, PROOF, "local", None)
        assert claimed is not None
        eyes.look()  # sees the new attempt before the rows go
        journal = registry.journal(run_id, 2)
        journal.begin([epoch_record(epoch) for epoch in range(1, 6)], "resumed after epoch 5")
        for epoch in range(6, 6 + epochs_before_next_look):
            journal.epoch(epoch_record(epoch, level=0.3))
        seen = eyes.look()
        assert seen is not None
        assert detail(seen) is not None
        last = 5 + epochs_before_next_look
        assert [m.epoch for m in detail(seen).epochs] == list(range(1, last + 1))
        fresh = [m.val_loss for m in detail(seen).epochs if m.epoch > 5]
        assert fresh == [epoch_record(epoch, level=0.3).metrics.val_loss for epoch in range(6, last + 1)]
        checks = [event.epoch for event in detail(seen).events if event.kind.startswith("check")]
        assert checks == list(range(1, last + 1))


def test_a_grown_log_is_news_although_the_registry_did_not_change(db: Path, eyes: Eyes) -> None:
    with filled_registry(db) as registry:
        run = registry.runs.get("2.3")
        log = registry.paths.run(run.uid).log
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text("one\n")
        eyes.watch = RunWatch(run.id, log=True)
        seen = eyes.look()
        assert seen is not None
        assert detail(seen) is not None
        assert detail(seen).log == ("one",)
        assert eyes.look() is None
        log.write_text("one\ntwo\n")
        seen = eyes.look()
        assert seen is not None
        assert detail(seen) is not None
        assert detail(seen).log == ("one", "two")


def test_a_watched_run_that_is_deleted_leaves_no_detail(db: Path, eyes: Eyes) -> None:
    with filled_registry(db) as registry:
        eyes.watch = RunWatch(registry.runs.get("1.1").id)
        eyes.look()
        registry.experiments.delete(1)
        seen = eyes.look()
        assert seen is not None
        assert seen.answer is None


def test_a_dead_run_is_requeued_and_a_living_one_is_not(db: Path, eyes: Eyes) -> None:
    with Registry.open(db) as registry:
        add_experiment(registry, add_corpus(registry))
        held = _claim_here(registry)
        free = _claim_here(registry)
        unlock(free)
        seen = eyes.look()
        assert seen is not None
        states = [run.state for run in rows(seen)[0].runs][:2]
        assert states == [RunState.RUNNING, RunState.QUEUED]
        unlock(held)


def test_the_thread_posts_what_it_sees_and_ends(db: Path) -> None:
    with filled_registry(db) as registry:
        posted: list[Snapshot] = []
        reader = RegistryReader(db, 5, time.monotonic)
        poller = Poller(reader, posted.append, interval=0.02)
        poller.watch(GridWatch())
        poller.start()
        _wait(lambda: posted)
        add_experiment(registry, registry.corpora.get("SAVEE"), folds=2)
        _wait(lambda: len(rows(posted[-1])) == 3)
        poller.watch(RunWatch(registry.runs.get("2.1").id))
        _wait(lambda: posted[-1].answer is not None)
        poller.stop()
        assert not any(thread.name == "poller" for thread in threading.enumerate())
        count = len(posted)
        registry.experiments.note(1, "later")
        time.sleep(0.1)
        assert len(posted) == count


def test_a_busy_registry_does_not_read_all_runs_without_rest(
    db: Path, eyes: Eyes, monkeypatch: pytest.MonkeyPatch
) -> None:
    with filled_registry(db) as registry:
        slow = registry.runs.__class__.of_experiments

        def slow_read(self, *args, **kwargs):
            eyes.clock.now += 1.0
            return slow(self, *args, **kwargs)

        monkeypatch.setattr("timnet.registry.runs.Runs.of_experiments", slow_read)
        first = eyes.look()
        registry.experiments.note(1, "changed")
        assert first is not None
        for _ in range(3):
            later = eyes.look(0.9)
            assert later is None or later.answer is first.answer
        later = eyes.look(3.0)
        assert later is not None
        assert later.answer is not first.answer


def _claim_here(registry: Registry) -> int:
    """Claim a run as a process of this machine would; returns the lock's descriptor."""
    here = replace(PROOF, host=socket.gethostname())
    claimed = registry.runs.claim(lambda uid: try_lock(registry.paths.run(uid).lock), here, "local", None)
    assert claimed is not None
    registry.runs.started(claimed[0], here)
    registry.journal(claimed[0].run_id, claimed[0].attempt).begin([], "started")
    return claimed[1]


def _wait(holds: Callable[[], object], seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)
