"""What would be queued, how long it would take, and an experiment once more with other settings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import add_experiment, filled_registry, start_next
from timnet.errors import BadInput
from timnet.presets import parse_changes
from timnet.queue.forecast import Span, spans
from timnet.queue.plan import (
    BadRequest,
    Request,
    again,
    changes_between,
    changes_of,
    parse_numbers,
    plan,
    preview,
    with_changes,
)
from timnet.queue.service import take_back
from timnet.records import RunState, TrainingConfig, Utterance
from timnet.registry import Registry
from timnet.registry.load import Share
from timnet.states import Command


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return filled_registry(tmp_path / "runs.db")


def test_a_request_is_a_product(registry: Registry) -> None:
    request = Request(("EMODB", "SAVEE"), ("github", "seed"), seeds=(1, 2), changes=("lr=5e-4,1e-3",), only=(1, 2))
    planned = plan(registry, request)
    assert len(planned) == 2 * 2 * 2 * 2
    assert len({(one.corpus.name, one.preset, one.seed, one.config.learning_rate) for one in planned}) == 16
    assert preview(registry, request, 2).runs == 32
    assert {one.folds for one in planned if one.preset == "seed"} == {10, 8}  # EMODB as usual, SAVEE has its own
    assert [one.corpus.name for one in plan(registry, Request(("EMODB", "EMODB")))] == ["EMODB"]


@pytest.mark.parametrize(
    ("change", "part", "said"),
    [
        ({"corpora": ()}, "corpora", "name a corpus"),
        ({"presets": ("nature",)}, "presets", "no preset 'nature'"),
        ({"changes": ("lr=x",)}, "changes", "learning_rate needs a number"),
        ({"changes": ("lr=50",)}, "changes", "out of range"),
        ({"folds": 71}, "folds", "EMODB: 70 utterances cannot be split"),
        ({"only": (11,)}, "only", "no fold 11"),
        ({"seeds": (-1,)}, "seeds", "a seed is a number from 0"),
        ({"protocol": "magic"}, "protocol", "unknown protocol"),
        ({"tags": ("a:b",)}, "tags", "cannot be a tag"),
    ],
)
def test_what_is_wrong_is_told_with_the_field_it_stands_in(registry, change, part, said) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(BadRequest, match=said) as caught:
        plan(registry, replace(Request(("EMODB",)), **change))
    assert caught.value.part == part
    assert caught.value.exit_code == 2


def test_a_protocol_that_needs_speakers_is_refused_where_nobody_is_named(registry: Registry) -> None:
    corpus = registry.corpora.get("EMODB")
    items = tuple(Utterance(one.path, one.label, "", sha256=one.sha256) for one in corpus.utterances)
    registry.corpora.add(replace(corpus, name="MINE", digest="other", utterances=items))
    with pytest.raises(BadRequest, match="MINE: protocol loso needs to know who speaks") as caught:
        plan(registry, Request(("EMODB", "MINE"), protocol="loso"))
    assert caught.value.part == "protocol"
    [fine] = plan(registry, Request(("EMODB",), protocol="loso"))
    assert fine.folds == 10


def test_the_time_is_of_measured_paces_alone(registry: Registry) -> None:
    """EMODB was timed with batch 64 at 1.5 s an epoch, nothing else of it was."""
    known = Request(("EMODB",), changes=("epochs=20",))
    seen = preview(registry, known, 2)
    assert seen.forecast.seconds == pytest.approx(10 * 20 * 1.5 / 2)
    assert seen.lasting == "about 2m here, 2 at once"
    assert preview(registry, replace(known, only=(1,)), 4).lasting == "about 30s here, 1 at once"
    unknown = replace(known, changes=("epochs=20", "batch=512"))
    assert preview(registry, unknown, 2).lasting == "how long is not measured yet"
    both = replace(known, changes=("epochs=20", "batch=64,512"))
    assert preview(registry, both, 2).lasting == "over 2m here, 2 at once (10 runs are not measured yet)"


def test_an_experiment_again_is_the_same_experiment(registry: Registry) -> None:
    for experiment_id in (1, 2):
        was = registry.experiments.get(experiment_id)
        found = again(registry, experiment_id)
        [one] = plan(registry, found.request)
        assert (one.config, one.protocol, one.seed, one.folds) == (was.config, was.protocol, was.seed, was.folds)
        assert (one.preset, one.only, found.remarks) == (was.preset, (), ())
    assert again(registry, 2, only=(3,)).request.only == (3,)


def test_again_keeps_the_folds_there_are_and_takes_changes(registry: Registry) -> None:
    was = add_experiment(registry, registry.corpora.get("EMODB"), only=(2, 5), tags=("paper",))
    found = again(registry, was.id)
    assert (found.request.only, found.request.tags) == ((2, 5), ("paper",))
    changed = with_changes(found.request, ["epochs=30", "lr=5e-4"])
    assert changed.changes == ("epochs=30", "lr=5e-4")  # what it had of the same setting is gone
    [one] = plan(registry, changed)
    assert changes_of(one) == ("lr=0.0005", "epochs=30")
    assert with_changes(changed, ["learning_rate=1e-4"]).changes == ("epochs=30", "learning_rate=1e-4")


def test_again_says_where_the_new_one_would_differ_all_the_same(registry: Registry) -> None:
    emodb = registry.corpora.get("EMODB")
    add_experiment(registry, emodb, preset="published", source="published")
    registry.corpora.add(replace(emodb, digest="rescanned"))
    remarks = " / ".join(again(registry, 3).remarks)
    assert "another version" in remarks
    assert "preset published is not known" in remarks
    assert "trained elsewhere (published)" in remarks


CONFIGS = st.builds(
    TrainingConfig,
    learning_rate=st.floats(1e-9, 10, exclude_min=True),
    dropout=st.floats(0, 0.999),
    batch_size=st.integers(1, 65536),
    epochs=st.integers(1, 10_000),
    monitor=st.sampled_from(["loss", "val_uar"]),
    select=st.sampled_from(["last", "best"]),
)


@given(CONFIGS, CONFIGS)
def test_changes_read_back_are_exactly_the_other_configuration(before: TrainingConfig, after: TrainingConfig) -> None:
    [changes] = parse_changes(list(changes_between(before, after)))
    assert replace(before, **changes) == after


def test_what_was_just_queued_can_be_taken_back_until_a_run_starts(registry: Registry) -> None:
    made = registry.experiments.create(plan(registry, Request(("EMODB",), changes=("lr=5e-4,1e-3",), priority=9)))
    ids = [one.id for one in made]
    registry.runs.command(Command.PAUSE, [f"{ids[0]}.1"])
    take_back(registry, ids)
    assert [one.id for one in registry.experiments.ls()] == [1, 2]
    [again_made] = registry.experiments.create(plan(registry, Request(("EMODB",), priority=9)))
    start_next(registry)
    with pytest.raises(BadInput, match=rf"run {again_made.id}\.1 has started; cancel it"):
        take_back(registry, [again_made.id])
    assert registry.runs.counts()[RunState.RUNNING] == 3


def test_numbers() -> None:
    assert parse_numbers("46, 47 46", "seed") == (46, 47)
    assert parse_numbers(" ", "seed") == ()
    for text in ("x", "1.5", "1-3", "9" * 13):
        with pytest.raises(BadInput, match="is no seed"):
            parse_numbers(text, "seed")


# when each run starts and ends


def test_spans_follow_the_places_that_come_free() -> None:
    trains, waits = spans([10.0, 30.0], [], [20.0, 5.0, 5.0], 2)
    assert trains == [Span(0.0, 10.0), Span(0.0, 30.0)]
    assert waits == [Span(10.0, 30.0), Span(30.0, 35.0), Span(30.0, 35.0)]
    assert spans([], [Share(1, 4, 40, 1.0)], [10.0], 2)[1] == [Span(20.0, 30.0)]


def test_nobody_knows_what_comes_behind_an_unknown_length() -> None:
    assert spans([], [], [5.0, None, 5.0], 1)[1] == [Span(0.0, 5.0), Span(5.0, None), Span(None, None)]
    assert spans([None], [], [5.0], 1) == ([Span(0.0, None)], [Span(None, None)])
    assert spans([], [Share(1, 1, 1, None)], [5.0], 1)[1] == [Span(None, None)]


def test_without_a_worker_nothing_starts() -> None:
    assert spans([10.0], [], [5.0], 0) == ([Span(0.0, 10.0)], [Span(None, None)])


@given(st.lists(st.floats(0, 1e4), max_size=4), st.lists(st.floats(0, 1e4), max_size=20), st.integers(1, 4))
def test_no_place_ever_holds_two_runs(running: list[float], page: list[float], places: int) -> None:
    trains, waits = spans(running, [], page, places)
    places = max(places, len(running))
    everyone = [*trains, *waits]
    for one in everyone:
        assert one.start is not None
        at_once = sum(
            other.start is not None and other.end is not None and other.start <= one.start < other.end
            for other in everyone
        )
        assert at_once <= places
    starts = [one.start for one in waits]
    assert starts == sorted(starts, key=lambda start: start or 0.0)
