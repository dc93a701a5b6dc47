"""What an attempt writes: whole, healed on resume, and nothing once it is fenced."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support import PROOF, add_corpus, add_experiment, epoch_record, start_next
from timnet.errors import Fenced
from timnet.records import Check, EpochRecord, EventKind, Prediction, RunState
from timnet.registry import Registry
from timnet.registry.journal import Journal
from timnet.states import Command


@pytest.fixture
def run_id(registry: Registry) -> int:
    add_experiment(registry, add_corpus(registry))
    return start_next(registry)


def weights(registry: Registry, name: str = "weights.npz") -> Path:
    path = registry.paths.runs / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"12345")
    return path


def everything(registry: Registry) -> list[str]:
    """All rows of all tables: equal before and after means that nothing was written."""
    return list(registry.db.connection.iterdump())


WRITES: dict[str, Callable[[Journal, Path], object]] = {
    "begin": lambda journal, _: journal.begin([], "started"),
    "begin with history": lambda journal, _: journal.begin([epoch_record(1)], "resumed"),
    "epoch": lambda journal, _: journal.epoch(epoch_record(3)),
    "an epoch that is there": lambda journal, _: journal.epoch(epoch_record(1)),
    "event": lambda journal, _: journal.event(EventKind.EARLY_STOP, "stop", 2),
    "checkpoint": lambda journal, path: journal.checkpoint("last", 2, path),
    "done": lambda journal, path: journal.done(1, 1, [Prediction(0, 0, 0, (1.0,))], path, "done"),
    "end": lambda journal, _: journal.end(RunState.PAUSED, EventKind.PAUSED, "paused"),
    "want": lambda journal, _: journal.want(),
}


def by_another_attempt(registry: Registry, run_id: int) -> None:
    registry.runs.reap(run_id, 1, exit_code=-9, error="killed", max_crashes=5, back_off=0)
    assert registry.runs.claim(lambda _uid: 0, PROOF, "local", None)


def by_its_end(registry: Registry, run_id: int) -> None:
    registry.journal(run_id, 1).end(RunState.PAUSED, EventKind.PAUSED, "paused")


def by_a_reaper(registry: Registry, run_id: int) -> None:
    registry.runs.reap(run_id, 1, exit_code=-9, error="killed", max_crashes=5, back_off=0)


def by_deletion(registry: Registry, run_id: int) -> None:
    by_its_end(registry, run_id)
    registry.experiments.delete(1)


@pytest.mark.parametrize("fence", [by_another_attempt, by_its_end, by_a_reaper, by_deletion])
@pytest.mark.parametrize("write", WRITES)
def test_a_fenced_attempt_writes_nothing(
    registry: Registry, run_id: int, write: str, fence: Callable[[Registry, int], None]
) -> None:
    journal = registry.journal(run_id, 1)
    for epoch in (1, 2):
        journal.epoch(epoch_record(epoch))
    fence(registry, run_id)
    path = weights(registry)
    before = everything(registry)
    with pytest.raises(Fenced, match=f"attempt 1 no longer owns run {run_id}") as caught:
        WRITES[write](journal, path)
    assert everything(registry) == before
    assert caught.value.exit_code == 75


def test_epochs_come_back_as_they_were_written(registry: Registry, run_id: int) -> None:
    journal = registry.journal(run_id, 1)
    records = [epoch_record(epoch) for epoch in range(1, 8)]
    for record in records:
        assert journal.epoch(record) is None
    assert registry.results.epochs(run_id) == [record.metrics for record in records]
    assert registry.results.epochs(run_id, after=5) == [record.metrics for record in records[5:]]
    run = registry.runs.by_id(run_id)
    assert (run.epoch, run.best_epoch, run.best_value) == (7, 5, None)
    assert (run.last_loss, run.last_val_uar, run.last_seconds) == (
        records[6].metrics.loss, records[6].metrics.val_uar, 1.5,
    )  # fmt: skip
    events = registry.results.events(run_id)
    assert [(e.kind, e.epoch) for e in events] == [
        ("queued", None), ("started", None),
        *((("check-improved" if epoch == 5 else "check-skipped"), epoch) for epoch in range(1, 8)),
    ]  # fmt: skip
    assert [event.epoch for event in registry.results.events(run_id, limit=2)] == [6, 7]
    assert registry.results.events(run_id, after=events[-2].id) == events[-1:]


def test_a_diverged_epoch_is_told_apart_from_one_without_values(registry: Registry, run_id: int) -> None:
    journal = registry.journal(run_id, 1)
    metrics = replace(epoch_record(1).metrics, loss=None, val_loss=None, diverged=True)
    journal.epoch(EpochRecord(metrics, Check(EventKind.CHECK_NOT_IMPROVED, "no finite value"), None, None))
    assert registry.results.epochs(run_id) == [metrics]
    assert registry.runs.by_id(run_id).last_loss is None
    for value in registry.db.row("SELECT loss, diverged FROM epochs").values():
        assert value in (None, 1)


def test_no_number_that_is_not_finite_ever_leaves_the_registry(registry: Registry, run_id: int) -> None:
    nan = float("nan")
    journal = registry.journal(run_id, 1)
    journal.epoch(EpochRecord(replace(epoch_record(1).metrics, loss=nan, val_loss=nan, diverged=True),
                              Check(EventKind.CHECK_SKIPPED, "not checked"), None, nan))  # fmt: skip
    [epoch] = registry.results.epochs(run_id)
    run = registry.runs.by_id(run_id)
    assert (epoch.loss, epoch.val_loss, epoch.diverged) == (None, None, True)
    assert (run.last_loss, run.last_val_loss, run.best_value) == (None, None, None)


def test_an_epoch_is_never_there_twice(registry: Registry, run_id: int) -> None:
    journal = registry.journal(run_id, 1)
    journal.epoch(epoch_record(1))
    before = everything(registry)
    with pytest.raises(sqlite3.IntegrityError):
        journal.epoch(epoch_record(1, level=0.1))
    assert everything(registry) == before


def test_an_epoch_returns_what_a_user_wants(registry: Registry, run_id: int) -> None:
    registry.runs.command(Command.PAUSE, ["1.1"])
    assert registry.journal(run_id, 1).epoch(epoch_record(1)) == "pause"
    assert registry.runs.by_id(run_id).state is RunState.RUNNING


@pytest.mark.parametrize("kept", [0, 1, 3, 6])
@pytest.mark.parametrize("lost", [(), (1,), (2, 3), (1, 2, 3, 4, 5, 6)])
def test_on_resume_the_registry_is_made_equal_to_the_resume_point(
    registry: Registry, run_id: int, kept: int, lost: tuple[int, ...]
) -> None:
    """``kept`` epochs are in the resume point, six in the registry but for those ``lost`` in a power cut."""
    journal = registry.journal(run_id, 1)
    records = [epoch_record(epoch) for epoch in range(1, 7)]
    for record in records:
        journal.epoch(record)
    for epoch in (3, 6):
        journal.checkpoint({3: "best", 6: "last"}[epoch], epoch, weights(registry), "val_loss", 0.5)
    journal.event(EventKind.EARLY_STOP, "stopped early", 6)
    for epoch in lost:
        registry.db.connection.execute("DELETE FROM epochs WHERE epoch = ?", (epoch,))
        registry.db.connection.execute("DELETE FROM events WHERE epoch = ? AND kind LIKE 'check-%'", (epoch,))
    journal.begin(records[:kept], "goes on")
    assert registry.results.epochs(run_id) == [record.metrics for record in records[:kept]]
    run = registry.runs.by_id(run_id)
    assert (run.epoch, run.last_loss) == (kept, records[kept - 1].metrics.loss if kept else None)
    assert (run.best_epoch, run.best_value) == (
        (records[kept - 1].best_epoch, records[kept - 1].best_value) if kept else (None, None)
    )
    events = registry.results.events(run_id)
    checks = sorted((e.epoch, e.kind, e.text) for e in events if e.kind.startswith("check-"))
    assert checks == [(r.metrics.epoch, r.check.kind.value, r.check.text) for r in records[:kept]]
    assert sum(event.kind == "early-stop" for event in events) == (kept == 6)
    assert {row.kind for row in registry.results.checkpoints(run_id)} == {
        kind for kind, epoch in (("best", 3), ("last", 6)) if epoch <= kept
    }
    assert (events[-1].kind, events[-1].epoch) == (("resumed", kept) if kept else ("started", None))
    for record in records[kept:]:
        journal.epoch(record)
    assert registry.results.epochs(run_id) == [record.metrics for record in records]


def test_weights_are_stored_relative_to_the_registry_and_replaced_by_kind(registry: Registry, run_id: int) -> None:
    journal = registry.journal(run_id, 1)
    journal.checkpoint("last", 1, weights(registry, "one.npz"))
    journal.checkpoint("best", 1, weights(registry, "one.npz"), "val_loss", 0.25)
    journal.checkpoint("last", 2, weights(registry, "two.npz"))
    best, last = registry.results.checkpoints(run_id)
    assert (best.kind, best.metric, best.value, best.bytes) == ("best", "val_loss", 0.25, 5)
    assert (last.kind, last.epoch, last.path) == ("last", 2, "runs/two.npz")
    assert registry.paths.resolve(last.path) == registry.paths.runs / "two.npz"


def test_a_result_is_kept_with_every_prediction(registry: Registry, run_id: int) -> None:
    journal = registry.journal(run_id, 1)
    journal.epoch(epoch_record(1))
    answers = [Prediction(item, item % 3, 1, (0.25, 0.5, 0.25)) for item in range(0, 400, 2)]
    journal.done(0.5, 0.625, reversed(answers), weights(registry, "embeddings.npy"), "done: UAR 0.5")
    run = registry.runs.by_id(run_id)
    assert (run.state, run.uar, run.war, run.error) == (RunState.DONE, 0.5, 0.625, None)
    found = registry.results.predictions(run_id)
    assert found.item.tolist() == list(range(0, 400, 2))
    assert found.truth.tolist() == [answer.truth for answer in answers]
    assert (found.predicted == 1).all()
    assert found.probabilities.shape == (200, 3)
    assert found.probabilities.tolist() == [[0.25, 0.5, 0.25]] * 200
    [artifact] = registry.results.artifacts(run_id)
    assert (artifact.kind, artifact.path, artifact.bytes) == ("embeddings", "runs/embeddings.npy", 5)
    [attempt] = registry.results.attempts(run_id)
    assert (attempt.outcome, attempt.ended is None) == ("done", False)
    assert registry.results.events(run_id)[-1].text == "done: UAR 0.5"


def test_a_run_without_result_has_empty_arrays(registry: Registry, run_id: int) -> None:
    found = registry.results.predictions(run_id)
    assert (found.item.shape, found.probabilities.shape) == ((0,), (0, 0))
