"""The tuner over a real registry and a real study, with workers that train nothing (:mod:`tests.tuning.engine`)."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support import add_corpus, start_next
from tests.tuning.engine import FakeEngine, Value
from timnet.errors import BadInput
from timnet.preset_file import presets_in
from timnet.queue.plan import Request, plan
from timnet.records import Run, RunState, TrainingConfig
from timnet.registry import Registry
from timnet.registry.results import Results
from timnet.states import Command
from timnet.tuning.objective import FoldProgress, by_epochs, by_folds, worth
from timnet.tuning.report import preset_from, report_of, save, to_markdown
from timnet.tuning.search import Search, Wish, search_of
from timnet.tuning.study import Study
from timnet.tuning.tuner import End, Tuner

EPOCHS = 8


def good_at_half(config: TrainingConfig, fold: int, epoch: int) -> float:
    """Best at a dropout of .25; folds differ by a little, and it grows with the epochs."""
    return (0.8 - (config.dropout - 0.25) ** 2 * 4 - 0.01 * fold) * epoch / EPOCHS


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with Registry.open(tmp_path / "runs.db") as registry:
        add_corpus(registry)
        yield registry


def wished(**changes: Any) -> Wish:
    usual: dict[str, Any] = {
        "corpus": "EMODB", "folds": 3, "epochs": EPOCHS, "trials": 4, "space": ("dropout=0..0.5",), "pruner": "none",
    }  # fmt: skip
    return Wish(**{**usual, **changes})


def opened(registry: Registry, search: Search) -> Study:
    return Study(registry.paths.tuning, search.study, search.definition, search.space, search.seed)


def tuned(registry: Registry, wish: Wish, value: Value = good_at_half, **more: Any) -> tuple[Study, FakeEngine, End]:
    search = search_of(registry, wish)
    engine = FakeEngine(registry, value, **more)
    study = opened(registry, search)
    end = Tuner(registry, search, study, engine.places(), lambda _: None, wait=engine.turn).run()
    return study, engine, end


def test_trials_are_experiments_and_the_best_is_by_the_mean_of_the_inner_metric(registry: Registry) -> None:
    study, _, end = tuned(registry, wished())
    trials = study.trials()
    assert (end, [one.number for one in trials], {one.state for one in trials}) == (
        End.DONE,
        [0, 1, 2, 3],
        {"complete"},
    )
    for one in trials:
        experiment = registry.experiments.get(one.experiment or 0)
        assert experiment.tags == ("tune-emodb-random",)
        assert (experiment.config.dropout, experiment.config.inner) == (one.settings["dropout"], 0.1)
        assert (experiment.selection, experiment.optimistic) == ("best-inner", False)
        each = [good_at_half(experiment.config, fold, EPOCHS) for fold in (1, 2, 3)]
        assert one.values == pytest.approx(each)
        assert one.value == pytest.approx(sum(each) / 3)
    assert trials[0].settings["dropout"] == TrainingConfig().dropout, "the preset as it is comes first"
    assert study.best == max(trials, key=lambda one: one.value or 0)


def test_the_test_fold_has_no_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two registries that differ in nothing but what test folds measured give the same trials, values and best."""
    asked: set[str] = set()
    curves = Results.curves

    def watched(self: Results, run_ids: Any, metrics: Any = ()) -> Any:
        asked.update(metrics)
        return curves(self, run_ids, metrics)

    def refused(*_: object, **__: object) -> Any:
        raise AssertionError("the tuner read what the test fold measured")

    monkeypatch.setattr(Results, "curves", watched)
    for name in ("epochs", "thinned", "predictions"):
        monkeypatch.setattr(Results, name, refused)
    told = []
    for number, (test, wrong) in enumerate(((0.1, 5), (0.99, 0))):
        (tmp_path / str(number)).mkdir()
        with Registry.open(tmp_path / str(number) / "runs.db") as registry:
            add_corpus(registry)
            study, _, _ = tuned(registry, wished(trials=8, pruner="median", folds=2), test=test, wrong=wrong)
            best = study.best
            assert best is not None
            told.append((study.trials(), best))
            scores = {run.uar for run in registry.runs.ls("state:done")}
            assert scores
    assert told[0] == told[1]
    assert asked == {"inner_uar"}


def test_the_inner_metric_is_never_one_of_the_test_fold(registry: Registry) -> None:
    with pytest.raises(BadInput, match="unknown metric 'val_uar'; there are: inner_uar, inner_accuracy, inner_loss"):
        search_of(registry, wished(metric="val_uar"))
    with pytest.raises(BadInput, match="the test fold may not choose settings"):
        search_of(registry, wished(inner=0.0))
    lowest, _, _ = tuned(registry, wished(metric="inner_loss", study="low"))
    values = [one.value for one in lowest.trials()]
    assert lowest.best is not None
    assert lowest.best.value == min(value for value in values if value is not None)


def falling_behind(config: TrainingConfig, fold: int, epoch: int) -> float:
    return (0.9 if config.batch_size == 16 else 0.1) * epoch / EPOCHS + config.dropout / 1000 + fold / 1e4


@pytest.mark.parametrize("pruner", ["median", "wilcoxon"])
def test_a_trial_that_falls_behind_is_cancelled_with_an_event_that_says_why(registry: Registry, pruner: str) -> None:
    wish = wished(
        space=("batch=16,512", "dropout=0.1,0.2,0.3,0.4"), sampler="grid", trials=99, pruner=pruner, folds=5, study="g"
    )
    study, engine, _ = tuned(registry, wish, falling_behind, jobs=1)
    trials = study.trials()
    assert len(trials) == 8, "a grid ends with its last combination"
    assert [one.settings["batch_size"] for one in trials] == [16] * 4 + [512] * 4
    pruned = [one for one in trials if one.state == "pruned"]
    assert {one.settings["batch_size"] for one in pruned} == {512}
    for one in pruned:
        assert "behind other trials in inner_uar" in one.why
        runs = registry.runs.of_experiment(one.experiment or 0)
        left = [run for run in runs if run.state is RunState.CANCELLED]
        assert left
        assert {run.state for run in runs} <= {RunState.DONE, RunState.CANCELLED}
        for run in left:
            texts = [event.text for event in registry.results.events(run.id)]
            assert any(text.startswith("pruned at fold ") and f"trial {one.number}" in text for text in texts)
    spared = sum(
        EPOCHS * 5 - sum(engine.trained.get(f"{one.experiment}.{fold}", 0) for fold in range(1, 6)) for one in pruned
    )
    assert spared >= EPOCHS * len(pruned)


def test_what_a_pruned_trial_would_need_to_go_on_is_dropped(registry: Registry) -> None:
    space = ("batch=16,512", "dropout=0.1,0.2,0.3,0.4")
    search = search_of(registry, wished(space=space, sampler="grid", pruner="median", folds=2, trials=99))
    study, said = opened(registry, search), list[str]()
    engine = FakeEngine(registry, falling_behind, jobs=1)

    def turn() -> None:
        engine.turn()
        for run in registry.runs.running():
            leave_weights(registry, run)

    tuner = Tuner(registry, search, study, engine.places(), said.append, wait=turn)
    assert tuner.run() is End.DONE
    pruned = [one for one in study.trials() if one.state == "pruned"]
    assert pruned
    for one in study.trials():
        for run in registry.runs.of_experiment(one.experiment or 0):
            paths, kinds = registry.paths.run(run.uid), {each.kind for each in registry.results.checkpoints(run.id)}
            assert len(paths.for_going_on()) == (0 if one in pruned else 2)
            assert kinds == ({"final"} if one in pruned else {"last", "best", "final"}) or not run.attempt
            assert paths.final_weights.exists() or not run.attempt
    assert f"trial {pruned[0].number}: resume points and best weights dropped, 1.4 MB" in said
    assert tuner.freed >= 1_400_000 * len(pruned)
    left = [run for run in registry.runs.of_experiment(pruned[0].experiment or 0) if run.state is RunState.CANCELLED]
    registry.runs.command(Command.RETRY, [left[0].key])
    again = start_next(registry)
    assert registry.runs.by_id(again).epoch == 0, "it begins anew"


def leave_weights(registry: Registry, run: Run) -> None:
    """The files of a run that trains."""
    paths, journal = registry.paths.run(run.uid), registry.journal(run.id, run.attempt)
    for kind, path in (("last", paths.checkpoint(1)), ("best", paths.best_weights(1)), ("final", paths.final_weights)):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(700_000))
        journal.checkpoint(kind, 1, path)


class Killed(BaseException):
    """As a process that is killed: nobody catches it."""


def test_a_killed_tuner_leaves_nothing_stuck_and_its_study_goes_on(registry: Registry) -> None:
    search = search_of(registry, wished(trials=5))
    engine = FakeEngine(registry, good_at_half)

    def killed_later() -> None:
        engine.turn()
        if engine.turns == 4:
            raise Killed

    with pytest.raises(Killed):
        Tuner(registry, search, opened(registry, search), engine.places(), lambda _: None, wait=killed_later).run()
    study = opened(registry, search)
    assert not study.fresh
    before = {one.number: one for one in study.trials()}
    assert "running" in {one.state for one in before.values()}
    while registry.runs.counts()[RunState.RUNNING] or registry.runs.counts()[RunState.QUEUED]:
        engine.turn()  # the workers go on alone
    said: list[str] = []
    Tuner(registry, search, study, engine.places(), said.append, wait=engine.turn).run()
    after = study.trials()
    assert [one.number for one in after] == [0, 1, 2, 3, 4]
    assert {one.state for one in after} == {"complete"}
    assert all(one.settings == before[one.number].settings for one in after if one.number in before)
    assert len({one.settings["dropout"] for one in after}) == 5, "nothing is drawn again"
    assert "going on with" in said[0]
    assert len(registry.experiments.ids("tag:tune-emodb-random")) == 5
    again = opened(registry, search)
    assert Tuner(registry, search, again, engine.places(), said.append, wait=engine.turn).run() is End.DONE
    assert again.trials() == after, "a study that is done stays as it is"


def test_a_tuner_killed_between_two_writes_loses_no_experiment(registry: Registry) -> None:
    search = search_of(registry, wished(trials=3))
    study = opened(registry, search)
    study.begin(search.base.to_dict())
    first, settings = study.ask()  # queued, but the study was not told
    note = f"trial {first} of study {search.study} ({study.token})"
    [experiment] = registry.experiments.create([search.experiment(settings, note)])
    second, _ = study.ask()  # asked for and not queued
    [old] = registry.experiments.create([search.experiment(settings, "trial 1 of study emodb-random (0000)")])
    engine = FakeEngine(registry, good_at_half)
    other = opened(registry, search)
    Tuner(registry, search, other, engine.places(), lambda _: None, wait=engine.turn).run()
    trials = other.trials()
    assert (trials[first].experiment, trials[first].state) == (experiment.id, "complete")
    assert (trials[second].state, trials[second].why) == ("fail", "the tuner was ended before it was queued")
    assert {run.state for run in registry.runs.of_experiment(old.id)} == {RunState.CANCELLED}


def test_what_a_study_was_begun_with_may_not_change(registry: Registry) -> None:
    tuned(registry, wished(trials=1))
    study, _, _ = tuned(registry, wished(trials=2))
    assert len(study.trials()) == 2, "more trials may be asked for"
    for changes, line in (
        ({"epochs": 9}, "begun with another settings"),
        ({"space": ("dropout=0..0.4",)}, r"begun with another space \(dropout=0..0.5, not dropout=0..0.4\)"),
        ({"metric": "inner_loss"}, "begun with another metric"),
        ({"only": (1,)}, "begun with another folds"),
    ):
        search = search_of(registry, wished(**changes))
        with pytest.raises(BadInput, match=line):
            opened(registry, search)


def test_settings_whose_loss_runs_away_are_given_up_and_other_failures_tell_nothing(registry: Registry) -> None:
    def runs_away(config: TrainingConfig, fold: int, epoch: int) -> float | None:
        return None if config.dropout == 0.4 and epoch > 5 else good_at_half(config, fold, epoch)

    wish = wished(space=("dropout=0.1,0.4,0.2",), sampler="grid")
    study, _, _ = tuned(registry, wish, runs_away)
    assert [one.state for one in study.trials()] == ["complete", "pruned", "complete"]
    assert "not finite" in study.trials()[1].why
    runs = registry.runs.of_experiment(study.trials()[1].experiment or 0)
    assert not {run.state for run in runs} & {RunState.QUEUED, RunState.RUNNING}


def test_trials_that_all_fail_end_the_tuner_with_the_reason(registry: Registry) -> None:
    search = search_of(registry, wished(trials=9))

    def cancel_all() -> None:
        for run in registry.runs.ls("state:queued"):
            registry.runs.command(Command.CANCEL, [run.key])

    engine = FakeEngine(registry, good_at_half)
    with pytest.raises(BadInput, match="3 trials failed one after another, the last: fold 1 was cancelled"):
        Tuner(registry, search, opened(registry, search), engine.places(), lambda _: None, wait=cancel_all).run()


def test_workers_that_a_user_ended_end_the_tuner_and_the_time_ends_new_trials(registry: Registry) -> None:
    search = search_of(registry, wished())
    engine = FakeEngine(registry, good_at_half, alive=False)
    study = opened(registry, search)
    tuner = Tuner(registry, search, study, engine.places(), lambda _: None, wait=engine.turn)
    assert tuner.run() is End.WORKERS_STOPPED
    asked = len(study.trials())
    engine.alive = True
    late = Tuner(registry, search, study, engine.places(), lambda _: None, wait=engine.turn, deadline=0.0)
    assert late.run() is End.TIMEOUT
    assert [one.state for one in study.trials()] == ["complete"] * asked


def test_a_broken_file_of_studies_is_one_line(registry: Registry) -> None:
    registry.paths.tuning.write_text("no database at all, but long enough to be taken for one" * 30)
    search = search_of(registry, wished())
    with pytest.raises(BadInput, match=r"cannot use the studies in .*move the file away") as caught:
        opened(registry, search)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("told", ["no JSON", "[1]", "[" * 100_000, "7" * 5000])
def test_a_study_that_somebody_else_has_written_is_one_line(registry: Registry, told: str) -> None:
    search = search_of(registry, wished())
    opened(registry, search)
    with closing(sqlite3.connect(registry.paths.tuning)) as studies, studies:
        studies.execute("UPDATE study_user_attributes SET value_json = ? WHERE key = 'definition'", (json.dumps(told),))
    with pytest.raises(BadInput, match=r"what study .* is cannot be read; begin another with --study NAME") as caught:
        opened(registry, search)
    assert str(caught.value).isprintable()


def test_the_result_is_a_preset_and_a_report(registry: Registry) -> None:
    wish = wished(trials=12, protocol="speakers-k", study="mine", epochs=2)
    study, _, _ = tuned(registry, wish, lambda config, fold, epoch: good_at_half(config, fold, EPOCHS) * epoch / 2)
    search = search_of(registry, wish)
    report = report_of(search, study)
    files = save(registry, report)
    assert [path.name for path in files] == ["mine.md", "mine.json", "presets.toml"]
    best = study.best
    assert best is not None
    preset = presets_in(registry.paths.presets)["tuned-mine"]
    assert preset == preset_from(report).preset()  # type: ignore[union-attr]
    [new] = plan(registry, Request(("EMODB",), presets=("tuned-mine",)))
    assert new.config == registry.experiments.get(best.experiment or 0).config
    assert (new.protocol, new.folds) == ("speakers-k", 3)
    found = json.loads(files[1].read_text())
    assert (found["best"]["number"], found["metric"], found["folds"]) == (best.number, "inner_uar", [1, 2, 3])
    assert found["importances"] == {"dropout": pytest.approx(1.0)}
    assert len(found["trials"]) == 12
    text = files[0].read_text()
    assert "n = 3 folds. It is the preset `tuned-mine`" in text
    assert "The preset github as it is (trial 0): inner_uar" in text
    assert "fANOVA" in text
    assert "no test fold was looked at" in text
    save(registry, report_of(search, study))  # again, by the same study
    with pytest.raises(BadInput, match="there is a preset tuned-mine already"):
        search_of(registry, wished(study="other", save_as="tuned-mine"))


def test_with_few_trials_it_says_that_nothing_can_be_told_of_what_mattered(registry: Registry) -> None:
    study, _, _ = tuned(registry, wished(trials=2))
    report = report_of(search_of(registry, wished()), study)
    assert report.importances == ()
    assert "Too few trials to tell: 2 are complete, 10 that differ are needed." in to_markdown(report)


def progress(*folds: tuple[RunState, int]) -> list[FoldProgress]:
    """Folds whose value at epoch e is e / 100 + fold / 10, of 40 epochs each."""
    return [
        FoldProgress(number, state, epoch, tuple((e, e / 100 + number / 10) for e in range(1, epoch + 1)))
        for number, (state, epoch) in enumerate(folds, start=1)
    ]


def test_trials_are_compared_where_the_same_folds_had_the_same_epochs() -> None:
    done, running, queued = RunState.DONE, RunState.RUNNING, RunState.QUEUED
    some = by_epochs(progress((done, 40), (running, 5), (running, 30)), "inner_uar", 40)
    assert [step for step, _ in some] == list(range(20 + 2)), "fold 3 counts when fold 2 is done"
    assert some[0] == (0, pytest.approx(0.12))
    assert some[19] == (19, pytest.approx(0.5))
    assert some[20] == (20, pytest.approx((0.5 + 0.22) / 2))
    early = by_epochs(progress((done, 10), (queued, 0)), "inner_uar", 40)
    assert len(early) == 20, "a fold that stopped early is through"
    assert early[-1][1] == pytest.approx(0.2)
    assert by_epochs(progress((running, 1)), "inner_uar", 40) == []
    assert by_folds(progress((running, 9), (done, 40)), "inner_uar") == [(2, pytest.approx(0.6))]
    assert worth(progress((done, 40), (running, 40)), "inner_uar") is None
    assert worth(progress((done, 40), (done, 40)), "inner_uar") == pytest.approx((0.5 + 0.6) / 2)
    assert worth(progress((done, 40), (done, 20)), "inner_loss") == pytest.approx((0.11 + 0.21) / 2)


def test_the_words_of_a_wish_are_checked_before_anything_begins(registry: Registry) -> None:
    refused: list[tuple[dict[str, Any], str]] = [
        ({"sampler": "best"}, "unknown sampler 'best'"),
        ({"pruner": "x"}, "unknown pruner 'x'"),
        ({"sampler": "grid"}, "a grid needs values, not ranges"),
        ({"trials": 0}, "0 trials are none"),
        ({"study": "a/b"}, "is no name for a study"),
        ({"save_as": "github"}, "preset github comes with timnet"),
        ({"corpus": "NOPE"}, "no corpus 'NOPE'"),
        ({"protocol": "cross"}, "trains on one corpus"),
        ({"protocol": "text", "folds": 9}, "5 sentences cannot be split into 9 folds"),
        ({"space": ("dropout=0..2",)}, "dropout = 2.0 is out of range"),
    ]
    for changes, line in refused:
        with pytest.raises(BadInput, match=line):
            search_of(registry, wished(**changes))
    assert not registry.paths.tuning.exists()
