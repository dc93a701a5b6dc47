"""What notices say, and of what."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import add_corpus, add_experiment, finish, start_next, train
from timnet.notices.notice import LONGEST, Notice, notices_of
from timnet.records import EventKind, RunState, TrainingConfig
from timnet.registry import Registry
from timnet.settings import OCCASIONS
from timnet.states import Command
from timnet.tuning.trial import note_of


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with Registry.open(tmp_path / "runs.db") as opened:
        add_experiment(opened, add_corpus(opened), folds=3)
        yield opened


def told(registry: Registry, after: int, on: tuple[str, ...] = OCCASIONS) -> list[Notice]:
    return notices_of(registry, registry.notices.since(after), on)


def fail(registry: Registry, error: str = "no such file", *, diverged: bool = False) -> None:
    run_id = start_next(registry)
    journal = registry.journal(run_id, registry.runs.by_id(run_id).attempt)
    if diverged:
        journal.event(EventKind.DIVERGED, "the training loss is not finite (epoch 1)", 1)
    journal.end(RunState.FAILED, EventKind.FAILED, error, error=error)


def test_a_run_s_score_stands_with_its_protocol_and_selection(registry: Registry) -> None:
    finish(registry, start_next(registry))
    [notice] = told(registry, 0)
    assert (notice.occasion, notice.run, notice.experiment) == ("run", "1.1", 1)
    assert notice.title == "timnet: run 1.1 finished"
    assert notice.text == "run 1.1 (EMODB, random, last) finished: UAR 95.8 %, WAR 95.8 %"


def test_an_experiment_s_end_tells_mean_spread_and_n_once(registry: Registry) -> None:
    for wrong in (1, 2):
        finish(registry, start_next(registry), wrong=wrong)
    before = registry.notices.newest()
    fail(registry)
    assert [(one.occasion, one.text) for one in told(registry, before)] == [
        ("failed", "run 1.3 (EMODB, random, last) failed: no such file"),
        ("finish", "experiment 1 (EMODB, random, last) finished: UAR 93.6 ± 3.2 %, n 2 of 3; 1 failed"),
    ]
    assert [one.occasion for one in told(registry, 0)].count("finish") == 1, "all at once: still one end"


def test_an_experiment_of_which_something_still_waits_has_not_ended(registry: Registry) -> None:
    for _ in range(2):
        finish(registry, start_next(registry))
    registry.runs.command(Command.PAUSE, ["1.3"])
    assert "finish" not in [one.occasion for one in told(registry, 0)]


def test_an_experiment_without_any_result_has_not_finished(registry: Registry) -> None:
    for _ in range(3):
        fail(registry)
    assert {one.occasion for one in told(registry, 0)} == {"failed"}


def test_a_score_that_the_test_fold_chose_says_so(registry: Registry) -> None:
    registry.runs.command(Command.CANCEL, ["1.1", "1.2", "1.3"])
    config = TrainingConfig(epochs=20, select="best", monitor="val_loss")
    add_experiment(registry, registry.corpora.get("EMODB"), folds=1 + 1, config=config)
    for _ in range(2):
        finish(registry, start_next(registry))
    assert all("(EMODB, random, best-test optimistic)" in one.text for one in told(registry, 0))


def test_of_a_study_s_trials_only_what_went_wrong_is_told(registry: Registry) -> None:
    registry.experiments.tag(1, ["tune-mine"])
    registry.experiments.note(1, note_of(3, "mine", "0a1b2c3d"))
    before = registry.notices.newest()
    finish(registry, start_next(registry))
    fail(registry, diverged=True)
    fail(registry, "the disk is full")
    assert [one.text for one in told(registry, before)] == ["run 1.3 (EMODB, random, last) failed: the disk is full"]
    registry.experiments.note(1, "mine")  # a tag of the user's own makes no trial
    assert {"run", "nan", "failed", "finish"} == {one.occasion for one in told(registry, before)}


def test_a_loss_that_is_not_finite_is_told_once_with_its_reason(registry: Registry) -> None:
    fail(registry, diverged=True)
    assert [(one.occasion, one.run) for one in told(registry, 0)] == [("nan", "1.1")]
    assert told(registry, 0)[0].text.endswith("the training loss is not finite (epoch 1)")
    assert [one.occasion for one in told(registry, 0, ("failed",))] == ["failed"], "who wants failures alone gets it"


def test_a_standstill_is_told_while_its_attempt_owns_the_run(registry: Registry) -> None:
    run_id = start_next(registry)
    train(registry, run_id, 2)
    registry.runs.stalled(run_id, 99, "of another attempt")
    registry.runs.stalled(run_id, 1, "no epoch for 6 minutes")
    assert [(one.occasion, one.text) for one in told(registry, 0)] == [
        ("stall", "run 1.1 (EMODB, random, last) no epoch for 6 minutes")
    ]


def test_only_what_is_wanted_is_told(registry: Registry) -> None:
    for _ in range(3):
        finish(registry, start_next(registry))
    assert [one.occasion for one in told(registry, 0, ("finish",))] == ["finish"]
    assert told(registry, 0, ("stall",)) == []


def test_foreign_text_is_one_harmless_line_of_bounded_length(registry: Registry) -> None:
    fail(registry, "\x1b]0;x\x07" + "a\nb\u202e " * 500)
    [notice] = told(registry, 0, ("failed",))
    assert len(notice.text) == LONGEST
    assert notice.text.isprintable()


def test_what_was_imported_or_deleted_is_not_told(registry: Registry) -> None:
    from tests.support import PROOF

    run_id = registry.runs.get("1.1").id
    with registry.db.write():
        claim = registry.runs.begin_import(run_id, PROOF)
        registry.journal(run_id, claim.attempt).done(0.5, 0.5, [], None, "imported")
    assert told(registry, 0) == []
    fail(registry)
    happenings = registry.notices.since(0)
    registry.runs.command(Command.CANCEL, ["1.3"])
    registry.experiments.delete(1)
    assert notices_of(registry, happenings, OCCASIONS) == []
