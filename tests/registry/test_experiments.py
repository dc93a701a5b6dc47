"""Experiments: born with their runs or not at all, tagged, noted, deleted with everything of theirs."""

from __future__ import annotations

import pytest

from tests.support import PROOF, add_corpus, add_experiment, filled_registry, start_next
from timnet.errors import BadInput, UnknownName
from timnet.records import EventKind, Experiment, RunState, TrainingConfig
from timnet.registry import Registry
from timnet.registry.experiments import NewExperiment
from timnet.states import Command


def new(registry: Registry, **changes: object) -> NewExperiment:
    corpus = registry.corpora.get("EMODB") if registry.corpora.ls() else add_corpus(registry)
    values = {
        "corpus": corpus,
        "config": TrainingConfig(),
        "protocol": "random",
        "preset": "github",
        "seed": 46,
        "folds": 4,
    }
    return NewExperiment(**{**values, **changes})  # type: ignore[arg-type]


def test_an_experiment_comes_with_a_queued_run_for_each_fold(registry: Registry) -> None:
    config = TrainingConfig(epochs=7, select="best")
    [made] = registry.experiments.create([new(registry, config=config, note="why", tags=("a", "b"), priority=3)])
    assert made == registry.experiments.get(made.id) == registry.experiments.ls()[0]
    assert (made.config, made.selection, made.optimistic) == (config, "best-test", True)
    assert (made.note, made.tags, made.source) == ("why", ("a", "b"), "trained")
    runs = registry.runs.of_experiment(made.id)
    assert [(run.key, run.state, run.epochs, run.priority, run.attempt, run.epoch) for run in runs] == [
        (f"1.{fold}", RunState.QUEUED, 7, 3, 0, 0) for fold in range(1, 5)
    ]
    assert len({run.uid for run in runs}) == 4
    assert all(run.tags == ("a", "b") and run.optimistic for run in runs)
    assert [event.kind for run in runs for event in registry.results.events(run.id)] == [EventKind.QUEUED] * 4


def test_some_folds_can_be_chosen(registry: Registry) -> None:
    [made] = registry.experiments.create([new(registry, only=(3, 1, 3))])
    assert [run.fold for run in registry.runs.of_experiment(made.id)] == [1, 3]
    assert made.folds == 4


@pytest.mark.parametrize(
    ("bad", "message"),
    [({"only": (5,)}, "no fold 5: this experiment has folds 1 to 4"), ({"only": (0,)}, "no fold 0"),
     ({"tags": ("two words",)}, "cannot be a tag"), ({"tags": ("",)}, "cannot be a tag")],
)  # fmt: skip
def test_one_that_cannot_be_takes_all_of_its_batch_with_it(
    registry: Registry, bad: dict[str, object], message: str
) -> None:
    with pytest.raises(BadInput, match=message):
        registry.experiments.create([new(registry), new(registry, **bad)])
    assert registry.experiments.ls() == []
    assert registry.runs.ls() == []


def test_tags_are_added_once_and_removed(registry: Registry) -> None:
    add_experiment(registry, add_corpus(registry), tags=("old",))
    tagged = registry.experiments.tag(1, ["paper", "paper", "été"], ["old", "never-there"])
    assert set(tagged.tags) == {"paper", "été"}
    assert set(registry.runs.get("1.1").tags) == {"paper", "été"}
    for bad in ("a b", "a:b", "a,b", "", "a\tb", "a\u2028b"):
        with pytest.raises(BadInput, match="cannot be a tag"):
            registry.experiments.tag(1, ["good", bad])
    assert "good" not in registry.experiments.get(1).tags


def test_a_note_is_replaced(registry: Registry) -> None:
    add_experiment(registry, add_corpus(registry), note="first")
    assert registry.experiments.note(1, "second; DROP TABLE runs").note == "second; DROP TABLE runs"
    assert registry.experiments.note(1, "").note == ""


def test_what_is_not_there_is_unknown(registry: Registry) -> None:
    for ask in (
        lambda: registry.experiments.get(9),
        lambda: registry.experiments.ls([9]),
        lambda: registry.experiments.tag(9, ["x"]),
        lambda: registry.experiments.note(9, "x"),
        lambda: registry.experiments.delete(9),
        lambda: registry.runs.get("9.1"),
        lambda: registry.runs.by_id(9),
    ):
        with pytest.raises(UnknownName, match=r"^no (experiment|run) "):
            ask()
    for text in ("9", "9.", ".1", "a.b", "1.2.3", "-1.2", ""):
        with pytest.raises(BadInput, match="is no run id"):
            registry.runs.get(text)


def rows_of(registry: Registry, table: str, runs: set[int]) -> int:
    found = registry.db.rows(f"SELECT run_id FROM {table}")
    return sum(row["run_id"] in runs for row in found)


def test_deleting_takes_all_rows_of_the_experiment_and_of_no_other(tmp_path) -> None:  # type: ignore[no-untyped-def]
    with filled_registry(tmp_path / "runs.db") as registry:
        tables = ("attempts", "epochs", "events", "predictions", "artifacts")
        first = {run.id for run in registry.runs.of_experiment(1)}
        second = {run.id for run in registry.runs.of_experiment(2)}
        kept = {table: rows_of(registry, table, second) for table in tables}
        assert all(rows_of(registry, table, first) for table in tables)
        uids = [run.uid for run in registry.runs.of_experiment(1)]
        assert registry.experiments.delete(1) == uids
        assert [experiment.id for experiment in registry.experiments.ls()] == [2]
        assert {table: rows_of(registry, table, first) for table in tables} == dict.fromkeys(tables, 0)
        assert {table: rows_of(registry, table, second) for table in tables} == kept
        assert registry.db.rows("SELECT * FROM tags") == []
        assert registry.db.rows("PRAGMA foreign_key_check") == []
        assert registry.corpora.get("SAVEE").name == "SAVEE"


def test_an_experiment_is_not_deleted_while_a_run_of_it_is_running(registry: Registry) -> None:
    add_experiment(registry, add_corpus(registry))
    run_id = start_next(registry)
    with pytest.raises(BadInput, match=r"run 1\.1 is running; cancel it first"):
        registry.experiments.delete(1)
    assert len(registry.runs.ls()) == 10
    registry.journal(run_id, 1).end(RunState.CANCELLED, EventKind.CANCELLED, "cancelled")
    assert len(registry.experiments.delete(1)) == 10


def test_the_number_of_a_deleted_experiment_is_never_given_again(registry: Registry) -> None:
    corpus = add_corpus(registry)
    add_experiment(registry, corpus)
    registry.experiments.delete(1)
    made: Experiment = add_experiment(registry, corpus)
    assert made.id == 2
    assert min(run.id for run in registry.runs.ls()) == 11


def everything(registry: Registry) -> list[object]:
    """What lists, counts and lookups tell."""
    pages = registry.pages
    return [
        registry.runs.ls(), registry.experiments.ls(), registry.experiments.ids(),
        registry.experiments.ids("state:done"), registry.experiments.newest(9), registry.runs.counts(),
        registry.runs.running(), pages.runs(sort="uar"),
        pages.count(), pages.count("state:queued"), pages.count("source:trained"), pages.count("fold:1 source:trained"),
        pages.groups(), registry.runs.of_experiment(1), registry.runs.by_ids([1, 2, 3]),
    ]  # fmt: skip


def test_what_is_removed_is_nowhere_and_comes_back_as_it_was(tmp_path) -> None:  # type: ignore[no-untyped-def]
    with filled_registry(tmp_path / "runs.db") as registry:
        for run in registry.runs.running():
            registry.journal(run.id, run.attempt).end(RunState.PAUSED, EventKind.PAUSED, "paused")
        before = everything(registry)
        states = {run.key: run.state for run in registry.runs.of_experiment(2)}
        assert set(states.values()) == {RunState.DONE, RunState.FAILED, RunState.PAUSED, RunState.QUEUED}
        registry.experiments.remove([2])
        assert {run.experiment_id for run in registry.runs.ls()} == {1}
        assert registry.runs.counts()[RunState.QUEUED] == registry.runs.counts()[RunState.CANCELLED] == 0
        assert registry.runs.claim(lambda _uid: 0, PROOF, "local", None) is None
        assert [experiment.id for experiment in registry.experiments.ls()] == registry.experiments.ids() == [1]
        assert registry.pages.count().runs == len(registry.pages.runs().runs) == 3
        assert registry.pages.count("source:trained").runs == 3
        assert [group.key for group in registry.pages.groups()] == [("SAVEE", "github")]
        assert registry.runs.of_experiment(2) == registry.runs.of_experiments([2]) == []
        for ask in (
            lambda: registry.experiments.get(2),
            lambda: registry.experiments.tag(2, ["x"]),
            lambda: registry.experiments.note(2, "x"),
            lambda: registry.experiments.pin([2]),
            lambda: registry.experiments.remove([2]),
        ):
            with pytest.raises(UnknownName, match=r"experiment 2 was removed; .* timnet runs restore 2"):
                ask()
        with pytest.raises(UnknownName, match=r"no run 2\.6 here"):
            registry.runs.command(Command.RETRY, ["2.6"])
        [gone] = registry.experiments.removed()
        assert (gone.experiment.id, gone.runs, gone.done) == (2, 10, 2)
        assert gone.experiment.deleted is not None
        assert [experiment.id for experiment in registry.experiments.restore([2])] == [2]
        assert everything(registry) == before
        assert {run.key: run.state for run in registry.runs.of_experiment(2)} == states
        assert registry.experiments.removed() == []
        with pytest.raises(BadInput, match="experiment 2 was not removed"):
            registry.experiments.restore([2])


def test_several_are_removed_or_none(registry: Registry) -> None:
    corpus = add_corpus(registry)
    for _ in range(3):
        add_experiment(registry, corpus)
    start_next(registry)
    with pytest.raises(BadInput, match=r"run 1\.1 is running"):
        registry.experiments.remove([3, 2, 1])
    assert registry.experiments.ids() == [3, 2, 1]
    registry.experiments.remove([3, 2])
    assert {gone.experiment.id for gone in registry.experiments.removed()} == {2, 3}
    assert len(registry.experiments.delete(2)) == 10
    with pytest.raises(UnknownName, match="no experiment 2 here"):
        registry.experiments.restore([3, 2])
    assert registry.experiments.ids() == [1]
    registry.experiments.restore([3])
    assert registry.experiments.ids() == [3, 1]
    assert registry.runs.counts()[RunState.QUEUED] == 19


def test_pinned_experiments_come_first(registry: Registry) -> None:
    corpus = add_corpus(registry)
    for _ in range(4):
        add_experiment(registry, corpus)
    registry.experiments.pin([1, 3])
    assert (
        registry.experiments.ids()
        == registry.experiments.ids("fold:1")
        == registry.experiments.ids("emodb")
        == [3, 1, 4, 2]
    )
    assert registry.experiments.ids("pinned:yes") == [3, 1]
    assert [registry.experiments.get(1).pinned, registry.runs.get("2.1").pinned] == [True, False]
    registry.experiments.pin([3], pinned=False)
    assert registry.experiments.ids("-pinned:yes") == [4, 3, 2]
    with pytest.raises(UnknownName):
        registry.experiments.pin([2, 99])
    assert registry.experiments.ids("pinned:yes") == [1]


def test_several_are_tagged_and_noted_or_none(registry: Registry) -> None:
    corpus = add_corpus(registry)
    for _ in range(3):
        add_experiment(registry, corpus, tags=("old",))
    registry.experiments.tag_all([1, 3], ["new"], ["old"])
    registry.experiments.note_all([1, 3], "both")
    assert [(e.tags, e.note) for e in registry.experiments.ls()] == [
        (("new",), "both"),
        (("old",), ""),
        (("new",), "both"),
    ]
    with pytest.raises(UnknownName):
        registry.experiments.tag_all([2, 9], ["newer"])
    with pytest.raises(UnknownName):
        registry.experiments.note_all([2, 9], "lost")
    assert (registry.experiments.get(2).tags, registry.experiments.get(2).note) == (("old",), "")
