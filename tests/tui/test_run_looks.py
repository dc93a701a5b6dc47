"""What the run screen reads: one run, a whole experiment, the end of a log that grows, answers of finished folds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.support import add_corpus, add_experiment, epoch_record, filled_registry, finish, start_next, train
from timnet.records import RunState, TrainingConfig
from timnet.registry import Registry
from timnet_tui import logs
from timnet_tui.logs import LogTail
from timnet_tui.looks.background import Background
from timnet_tui.looks.experiment import ExperimentFollower, ExperimentWatch, Whole
from timnet_tui.looks.run import Detail, RunWatch


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return filled_registry(tmp_path / "runs.db")


def whole(follower: ExperimentFollower, registry: Registry) -> Whole:
    found = follower.read(registry, ())
    assert found is not None
    return found


class Counting:
    """Counts what is asked of a store."""

    def __init__(self, store: object, names: tuple[str, ...]) -> None:
        self.asked: list[tuple[str, tuple[object, ...]]] = []
        self._store, self._names = store, names

    def __getattr__(self, name: str) -> object:
        found = getattr(self._store, name)
        if name not in self._names:
            return found

        def counted(*arguments: object, **more: object) -> object:
            self.asked.append((name, arguments))
            return found(*arguments, **more)

        return counted


# an experiment


def test_an_experiment_is_all_its_folds_with_their_events_in_order(registry: Registry) -> None:
    found = whole(ExperimentWatch(registry.runs.get("2.3").id).follower(None), registry)
    assert [run.fold for run in found.folds] == list(range(1, 11))
    assert [len(one.epochs) for one in found.histories] == [20, 20, 12, 3, 1, 0, 0, 0, 0, 0]
    assert [event.id for event in found.events] == sorted(event.id for event in found.events)
    assert len(found.events) == sum(len(one.events) for one in found.histories)
    assert found.uar.n == 2
    assert found.tested is None


def test_only_folds_that_changed_are_read_again(registry: Registry) -> None:
    run = registry.runs.get("2.3")
    follower = ExperimentWatch(run.id).follower(None)
    before = whole(follower, registry)
    counting = Counting(registry.results, ("epochs", "events", "checkpoints", "artifacts"))
    registry.__dict__["results"] = counting
    registry.journal(run.id, run.attempt).epoch(epoch_record(13))
    after = whole(follower, registry)
    running = {one.id for one in before.folds if one.state is RunState.RUNNING}
    assert {arguments[0] for _, arguments in counting.asked} == running
    assert ("epochs", (run.id, 12)) in counting.asked
    assert len(after.histories[2].epochs) == 13
    assert after.histories[0].epochs is before.histories[0].epochs
    counting.asked.clear()
    again = whole(follower, registry)
    assert again.events is after.events


def test_a_resumed_fold_loses_the_epochs_that_its_checkpoint_does_not_know(registry: Registry) -> None:
    run = registry.runs.get("2.3")
    follower = ExperimentWatch(run.id).follower(None)
    whole(follower, registry)
    registry.journal(run.id, run.attempt).begin([epoch_record(epoch) for epoch in range(1, 6)], "resumed after epoch 5")
    found = whole(follower, registry)
    assert [metrics.epoch for metrics in found.histories[2].epochs] == [1, 2, 3, 4, 5]


def test_the_follower_goes_on_for_other_folds_of_its_experiment_alone(registry: Registry) -> None:
    follower = ExperimentWatch(registry.runs.get("2.3").id).follower(None)
    whole(follower, registry)
    assert ExperimentWatch(registry.runs.get("2.9").id).follower(follower) is follower
    assert ExperimentWatch(registry.runs.get("1.1").id).follower(follower) is not follower
    assert RunWatch(registry.runs.get("2.3").id).follower(follower) is not follower
    assert not follower.grew(registry)


def test_a_deleted_experiment_is_no_answer(registry: Registry) -> None:
    run_id = registry.runs.get("2.1").id
    follower = ExperimentFollower(10**6)
    assert follower.read(registry, ()) is None
    assert RunWatch(10**6).follower(None).read(registry, ()) is None
    assert ExperimentWatch(run_id).follower(None).read(registry, ()) is not None


# what was answered


def test_answers_are_read_once_and_pooled_over_the_folds(registry: Registry) -> None:
    follower = ExperimentWatch(registry.runs.get("1.1").id, tested=True).follower(None)
    counting = Counting(registry.results, ("predictions",))
    registry.__dict__["results"] = counting
    first = whole(follower, registry).tested
    assert first is not None
    assert first.scores is not None
    assert first.scores.folds == (1, 2, 3)
    assert first.scores.n == 40  # every utterance is tested once
    assert sum(one.n - one.hits for one in first.scores.recalls) == 1 + 2 + 3
    assert whole(follower, registry).tested is first
    assert len(counting.asked) == 3


def test_one_fold_has_its_own_answers_and_an_unfinished_one_says_so(registry: Registry) -> None:
    done = RunWatch(registry.runs.get("1.2").id, tested=True).follower(None).read(registry, ())
    assert done is not None
    assert done.tested is not None
    assert done.tested.scores is not None
    assert done.tested.scores.folds == (2,)
    waiting = RunWatch(registry.runs.get("2.9").id, tested=True).follower(None).read(registry, ())
    assert waiting is not None
    assert waiting.tested is not None
    assert waiting.tested.scores is None
    assert "no result yet" in waiting.tested.problem


def test_answers_come_when_a_fold_is_finished(tmp_path: Path) -> None:
    with Registry.open(tmp_path / "runs.db") as registry:
        add_experiment(registry, add_corpus(registry), folds=2)
        run_id = start_next(registry)
        train(registry, run_id, 20)
        follower = ExperimentWatch(run_id, tested=True).follower(None)
        before = whole(follower, registry).tested
        assert before is not None
        assert before.scores is None
        finish(registry, run_id)
        after = whole(follower, registry).tested
        assert after is not None
        assert after.scores is not None
        assert after.scores.folds == (1,)


# the background


def test_steps_are_what_training_takes(registry: Registry) -> None:
    experiment = registry.experiments.get(2)
    detail = RunWatch(registry.runs.get("2.3").id).follower(None).read(registry, ())
    assert isinstance(detail, Detail)
    assert detail.background.utterances == 70
    assert detail.background.steps(detail.run, experiment.config) == 1  # 63 rows in batches of 64
    small = replace(experiment.config, batch_size=10)
    assert detail.background.steps(detail.run, small) == 7
    assert Background().steps(detail.run, small) == 1
    assert detail.background.usual is not None
    assert detail.background.usual.batch_size == 512  # the preset is the student's report


def test_folds_of_unequal_size_have_their_own_steps(tmp_path: Path) -> None:
    with Registry.open(tmp_path / "runs.db") as registry:
        corpus = add_corpus(registry, utterances=23)
        add_experiment(registry, corpus, folds=4, config=TrainingConfig(batch_size=1))
        for run, rows in zip(registry.runs.of_experiment(1), (17, 17, 17, 18), strict=True):  # as KFold(4) cuts 23
            detail = RunWatch(run.id).follower(None).read(registry, ())
            assert detail is not None
            assert detail.background.steps(run, TrainingConfig(batch_size=1)) == rows


# the log


def test_a_log_is_followed_by_what_was_appended(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    follower = LogTail(path)
    assert follower.read() == ()
    path.write_bytes(b"one\ntw")
    assert follower.read() == ("one", "tw")
    assert follower.read() is follower.read()
    with path.open("ab") as file:
        file.write(b"o\nthree \xe2\x82")
    assert follower.read()[:2] == ("one", "two")
    with path.open("ab") as file:
        file.write(b"\xac\nfour\rfive")
    assert follower.read() == ("one", "two", "three €", "five")


def test_a_log_that_is_replaced_or_cut_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    path.write_text("one\ntwo\n")
    follower = LogTail(path)
    assert follower.read() == ("one", "two")
    path.write_text("x\n")
    assert follower.read() == ("x",)
    path.unlink()
    assert follower.read() == ()
    (tmp_path / "other").write_text("another file\n")
    (tmp_path / "other").rename(path)
    assert follower.read() == ("another file",)


def test_a_log_that_grows_faster_than_it_is_read_skips_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    path.write_text("begin\n")
    follower = LogTail(path, limit=100)
    assert follower.read() == ("begin",)
    with path.open("a") as file:
        file.writelines(f"line {number}\n" for number in range(1000))
    lines = follower.read()
    assert lines[-1] == "line 999"
    assert len(lines) < 15
    assert all(line.startswith("line ") for line in lines)


def test_a_follower_keeps_no_more_than_its_newest_lines(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    path.write_bytes(b"".join(b"%d\n" % number for number in range(logs.FOLLOWED_LINES + 10)))
    lines = LogTail(path, limit=10**7).read()
    assert len(lines) == logs.FOLLOWED_LINES
    assert lines[-1] == str(logs.FOLLOWED_LINES + 9)


def test_the_run_tells_where_its_log_lies_and_when_it_grew(registry: Registry) -> None:
    run = registry.runs.get("2.3")
    follower = RunWatch(run.id, log=True).follower(None)
    detail = follower.read(registry, ())
    assert detail is not None
    assert detail.log == ()
    assert detail.log_path == f"runs/{run.uid}/log.txt"
    path = registry.paths.run(run.uid).log
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("epoch 1\n")
    assert follower.grew(registry)
    again = follower.read(registry, ())
    assert again is not None
    assert again.log == ("epoch 1",)
    assert not follower.grew(registry)
