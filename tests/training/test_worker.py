"""Real workers and real training processes: what they leave behind, and that no disturbance changes it."""

from __future__ import annotations

import itertools
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.training.conftest import EPOCHS, Disturbance, Studio
from timnet.protocols import random_folds
from timnet.queue import liveness
from timnet.records import CHECK_KINDS, EventKind, Run, RunState
from timnet.registry import Registry
from timnet.training.rule import BestSoFar, is_checked, judge

pytestmark = [pytest.mark.engine, pytest.mark.timeout(400)]


@pytest.fixture
def registry(trained: Studio):  # type: ignore[no-untyped-def]
    with Registry.open(trained.db) as opened:
        yield opened


def metrics_of(registry: Registry, run: Run) -> list[dict[str, Any]]:
    """The epochs of a run without what may differ from time to time."""
    rows = [asdict(epoch) for epoch in registry.results.epochs(run.id)]
    for row in rows:
        del row["seconds"]
    return rows


def arrays_of(path: Path) -> dict[str, np.ndarray]:  # type: ignore[type-arg]
    with np.load(path, allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}


def weights_of(registry: Registry, run: Run) -> dict[str, bytes]:
    return {name: array.tobytes() for name, array in arrays_of(registry.paths.run(run.uid).final_weights).items()}


def result_of(registry: Registry, run: Run) -> tuple[Any, ...]:
    """Everything that the same seed must give again, bit for bit."""
    found = registry.results.predictions(run.id)
    answers = tuple(array.tobytes() for array in (found.item, found.truth, found.predicted, found.probabilities))
    embeddings = np.load(registry.paths.run(run.uid).embeddings).tobytes()
    return metrics_of(registry, run), weights_of(registry, run), answers, embeddings, run.uar, run.war


def test_every_run_is_done_at_its_first_attempt(trained: Studio, registry: Registry) -> None:
    runs = registry.runs.ls()
    assert [(run.key, run.state, run.attempt, run.crashes) for run in runs] == [
        (key, RunState.DONE, 1, 0) for key in ("1.1", "1.2", "2.1")
    ], trained.words()
    assert all(run.error is None and run.want is None for run in runs)
    assert registry.workers.open() == []
    assert not any(liveness.is_held(registry.paths.run(run.uid).lock) for run in runs)
    for run in runs:
        [attempt] = registry.results.attempts(run.id)
        assert (attempt.outcome, attempt.engine, attempt.from_epoch) == ("done", "local", 0)


def test_each_epoch_has_one_row_and_one_check(registry: Registry) -> None:
    for run in registry.runs.ls("id:1"):
        epochs = registry.results.epochs(run.id)
        assert [epoch.epoch for epoch in epochs] == list(range(1, EPOCHS + 1))
        assert all(epoch.seconds > 0 and epoch.lr == 1e-3 and not epoch.diverged for epoch in epochs)
        assert all(0 <= value <= 1 for e in epochs for value in (e.accuracy, e.val_accuracy, e.val_uar))
        events = registry.results.events(run.id)
        checks = [event for event in events if event.kind in CHECK_KINDS]
        assert [check.epoch for check in checks] == list(range(1, EPOCHS + 1))
        others = [event.kind for event in events if event not in checks]
        assert others == [EventKind.QUEUED, EventKind.STARTED, EventKind.DONE]
        last = epochs[-1]
        assert (run.epoch, run.last_loss, run.last_val_uar) == (EPOCHS, last.loss, last.val_uar)


def test_the_network_learns(registry: Registry) -> None:
    for run in registry.runs.ls("id:1"):
        losses = [epoch.loss for epoch in registry.results.epochs(run.id)]
        assert min(losses) < losses[0] - 0.2


def test_the_events_are_the_checkpoint_rule_s_verdicts(registry: Registry) -> None:
    for run in registry.runs.ls():
        config = registry.experiments.get(run.experiment_id).config
        best = BestSoFar()
        checks = [event for event in registry.results.events(run.id) if event.kind in CHECK_KINDS]
        for metrics, event in zip(registry.results.epochs(run.id), checks, strict=True):
            verdict = judge(config, best, metrics)
            best = verdict.best
            assert (event.kind, event.text) == (verdict.check.kind, verdict.check.text)
            assert (event.kind == EventKind.CHECK_SKIPPED) == (not is_checked(config, metrics.epoch))
        assert (run.best_epoch, run.best_value) == (best.epoch, best.value)


def test_the_weights_that_the_registry_names_are_there_and_load(registry: Registry) -> None:
    from timnet.model.network import NetworkShape, TimNet
    from timnet.model.weights import load_weights

    for run in registry.runs.ls():
        found = {row.kind: row for row in registry.results.checkpoints(run.id)}
        assert set(found) == {"last", "best", "final"}
        for row in found.values():
            assert registry.paths.resolve(row.path).stat().st_size == row.bytes
        assert found["last"].epoch == run.epoch
        assert (found["best"].epoch, found["best"].value) == (run.best_epoch, run.best_value)
        config = registry.experiments.get(run.experiment_id).config
        model = TimNet(NetworkShape(71, 5, config.tabs, config.filters))
        for kind in ("best", "final"):
            load_weights(model, registry.paths.resolve(found[kind].path))
        paths = registry.paths.run(run.uid)
        assert [path.name for path in paths.checkpoints()] == [
            paths.checkpoint(epoch).name for epoch in (run.epoch - 1, run.epoch)
        ], "two resume points are kept"
        assert len(list(paths.folder.glob("best-*.npz"))) <= 2
        assert not list(paths.folder.rglob("*.tmp"))


def test_the_best_weights_are_kept_and_training_stops_early_where_asked(registry: Registry) -> None:
    run = registry.runs.get("2.1")
    assert (run.selection, run.optimistic) == ("best-test", True)
    found = {row.kind: row for row in registry.results.checkpoints(run.id)}
    assert found["final"].epoch == run.best_epoch
    final, best = (arrays_of(registry.paths.resolve(found[kind].path)) for kind in ("final", "best"))
    assert all(np.array_equal(final[name], best[name]) for name in best)
    assert (run.best_epoch, run.epoch) == (3, 12), "no later check is so much better, and three of them are enough"
    early, done = registry.results.events(run.id)[-2:]
    assert (early.kind, early.epoch, early.text) == (
        EventKind.EARLY_STOP,
        run.epoch,
        "stopped early: 3 checks without improvement",
    )
    assert done.kind == EventKind.DONE
    at_best = registry.results.epochs(run.id)[run.best_epoch - 1]
    assert (run.uar, run.war) == (at_best.val_uar, at_best.val_accuracy)


def test_every_test_utterance_is_answered_and_the_scores_follow_from_the_answers(registry: Registry) -> None:
    from sklearn.metrics import accuracy_score, recall_score

    for run in registry.runs.ls():
        corpus = registry.corpora.get("DEMO")
        found = registry.results.predictions(run.id)
        split = random_folds(len(corpus.utterances), 2, run.seed)[run.fold - 1]
        assert found.item.tolist() == split.test.tolist()
        assert [corpus.classes[truth] for truth in found.truth] == [corpus.utterances[i].label for i in found.item]
        assert np.array_equal(found.probabilities.argmax(axis=1), found.predicted)
        np.testing.assert_allclose(found.probabilities.sum(axis=1), 1, atol=1e-5)
        assert (found.probabilities >= 0).all()
        present = np.unique(found.truth)
        assert run.war == pytest.approx(accuracy_score(found.truth, found.predicted), abs=1e-12)
        uar = recall_score(found.truth, found.predicted, labels=present, average="macro", zero_division=0)
        assert run.uar == pytest.approx(uar, abs=1e-12)
        if run.experiment_id == 1:
            last = registry.results.epochs(run.id)[-1]
            assert (run.uar, run.war) == (last.val_uar, last.val_accuracy), "the last epoch counts"


def test_each_run_keeps_its_log_with_a_line_for_each_epoch(registry: Registry) -> None:
    for run in registry.runs.ls():
        log = registry.paths.run(run.uid).log.read_text()
        assert sum(f" epoch {epoch}/{EPOCHS} " in log for epoch in range(1, EPOCHS + 1)) == run.epoch
        assert "Traceback" not in log
        assert f"done: UAR {run.uar:.4f}, WAR {run.war:.4f}" in log


def test_another_seed_or_another_fold_gives_other_numbers(registry: Registry) -> None:
    first, second, other = (metrics_of(registry, registry.runs.get(key))[:12] for key in ("1.1", "1.2", "2.1"))
    assert first[0]["loss"] not in (second[0]["loss"], other[0]["loss"])
    assert first != other != second


# disturbances


@pytest.mark.parametrize(("story", "key"), [("kills", "1.1"), ("wishes", "1.2")])
def test_a_disturbed_run_ends_with_the_same_bits_as_an_undisturbed_one(
    disturbed: dict[str, Disturbance], registry: Registry, story: str, key: str
) -> None:
    with Registry.open(disturbed[story].studio.db) as other:
        [run] = other.runs.ls()
        assert (run.key, run.state, run.attempt) == (key, RunState.DONE, 4), disturbed[story].studio.words()
        assert result_of(other, run) == result_of(registry, registry.runs.get(key))
        epochs = [epoch.epoch for epoch in other.results.epochs(run.id)]
        checks = [event.epoch for event in other.results.events(run.id) if event.kind in CHECK_KINDS]
        assert epochs == sorted(checks) == list(range(1, EPOCHS + 1))
        kept = {row.kind: (row.epoch, row.value) for row in other.results.checkpoints(run.id)}
        undisturbed = registry.runs.get(key)
        assert kept == {row.kind: (row.epoch, row.value) for row in registry.results.checkpoints(undisturbed.id)}


def test_a_killed_process_s_run_waits_again_within_two_seconds_and_goes_on_where_it_was(
    disturbed: dict[str, Disturbance],
) -> None:
    story = disturbed["kills"]
    with Registry.open(story.studio.db) as registry:
        [run] = registry.runs.ls()
        attempts = registry.results.attempts(run.id)
        events = registry.results.events(run.id)
    for number, name in enumerate(("first kill", "second kill"), start=1):
        uid, attempt, took = story.seen[name]  # type: ignore[misc]
        assert (uid, attempt) == (run.uid, number)
        assert took < 2
    assert [(one.outcome, one.exit_code) for one in attempts] == [
        ("crashed", -9), ("crashed", -9), ("crashed", None), ("done", None),
    ]  # fmt: skip
    resumed = [event for event in events if event.kind == EventKind.RESUMED]
    assert [event.attempt for event in resumed] == [2, 3, 4]
    for event, attempt in zip(resumed, attempts[1:], strict=True):
        assert event.epoch in (attempt.from_epoch, attempt.from_epoch - 1), "at most the epoch under way is done again"
    assert sum(event.kind == EventKind.CRASHED for event in events) == 3
    assert next(e.text for e in events if e.kind == EventKind.CRASHED) == "its process was killed by SIGKILL"
    assert run.crashes == 0, "each attempt made progress"


def test_a_killed_worker_leaves_no_orphan_and_its_run_is_soon_found_dead(disturbed: dict[str, Disturbance]) -> None:
    before, after, orphaned, reaped = disturbed["kills"].seen["killed worker"]  # type: ignore[misc]
    assert orphaned < 2
    assert reaped < 2.5
    assert (after.uid, after.attempt, after.state) == (before.uid, before.attempt, RunState.QUEUED)
    assert after.waiting_for == f"its process was killed or the machine stopped; goes on after epoch {after.epoch}"


def test_a_pause_ends_within_an_epoch_at_a_resume_point(disturbed: dict[str, Disturbance]) -> None:
    before, after, resume_points = disturbed["wishes"].seen["pause"]  # type: ignore[misc]
    assert (after.state, after.want, after.attempt, after.error) == (RunState.PAUSED, None, 1, None)
    assert after.epoch >= before.epoch
    assert resume_points[-1] == f"epoch-{after.epoch:06d}.npz"


def test_a_worker_that_is_asked_to_end_gives_its_run_back_without_a_crash(disturbed: dict[str, Disturbance]) -> None:
    before, after, status = disturbed["wishes"].seen["end of the worker"]  # type: ignore[misc]
    assert status == 0
    assert (after.state, after.want, after.attempt, after.crashes) == (RunState.QUEUED, None, before.attempt, 0)
    with Registry.open(disturbed["wishes"].studio.db) as registry:
        kinds = [event.kind for event in registry.results.events(after.id)]
        outcomes = [(one.outcome, one.exit_code) for one in registry.results.attempts(after.id)]
    assert EventKind.CRASHED not in kinds
    assert [outcome for outcome, _ in outcomes] == ["paused", "queued", "cancelled", "done"]
    assert kinds.count(EventKind.REQUEUED) == 1


def test_a_cancel_ends_within_an_epoch_and_a_retry_goes_on(disturbed: dict[str, Disturbance]) -> None:
    asked_at, after = disturbed["wishes"].seen["cancel"]  # type: ignore[misc]
    assert (after.state, after.want, after.attempt) == (RunState.CANCELLED, None, 3)
    assert after.epoch <= asked_at + 6, "the wish is looked for four times a second and after each epoch"
    with Registry.open(disturbed["wishes"].studio.db) as registry:
        events = registry.results.events(after.id)
        starts = [(e.attempt, e.epoch) for e in events if e.kind in (EventKind.STARTED, EventKind.RESUMED)]
    assert starts[-1] == (4, after.epoch)
    assert all(a < b for (_, a), (_, b) in itertools.pairwise((attempt, epoch or 0) for attempt, epoch in starts))
