"""The queue as a line: its order, its pages, and how users change it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support import add_corpus, add_experiment, filled_registry, start_next, train
from timnet.errors import BadInput
from timnet.records import RunState, Want
from timnet.registry import Registry
from timnet.registry.lineup import Held, Move
from timnet.registry.paces import kind_of
from timnet.states import Command


@pytest.fixture
def queue(registry: Registry) -> Registry:
    """Experiment 1 of six queued folds."""
    add_experiment(registry, add_corpus(registry), folds=6)
    return registry


def waiting(registry: Registry) -> list[str]:
    """The keys of those that wait, as the line shows them; checked against the order of claims."""
    shown = [run.key for run in registry.lineup.line(count=1000).runs if run.state is RunState.QUEUED]
    claimed = [registry.runs.by_id(left.run_id).key for left in registry.lineup.left(RunState.QUEUED, 1000)]
    assert claimed == shown
    return shown


def folds(registry: Registry) -> str:
    return "".join(key.partition(".")[2] for key in waiting(registry))


@pytest.mark.parametrize(
    ("moved", "move", "after"),
    [
        ("3", Move.UP, "132456"),
        ("3", Move.DOWN, "124356"),
        ("1", Move.UP, "123456"),
        ("6", Move.DOWN, "123456"),
        ("5", Move.TOP, "512346"),
        ("2", Move.BOTTOM, "134562"),
        ("34", Move.UP, "134256"),
        ("34", Move.DOWN, "125346"),
        ("12", Move.UP, "123456"),
        ("56", Move.DOWN, "123456"),
        ("135", Move.UP, "132546"),
        ("246", Move.TOP, "246135"),
        ("135", Move.BOTTOM, "246135"),
        ("531", Move.TOP, "135246"),
    ],
)
def test_runs_move_together_and_can_be_put_back(queue: Registry, moved: str, move: Move, after: str) -> None:
    before = queue.lineup.move([f"1.{fold}" for fold in moved], move)
    assert folds(queue) == after
    assert {spot.key for spot in before} <= {f"1.{fold}" for fold in moved}
    assert bool(before) == (after != "123456")
    queue.lineup.put_back(before)
    assert folds(queue) == "123456"


def test_workers_claim_in_the_order_of_the_line(queue: Registry) -> None:
    queue.lineup.move(["1.5"], Move.TOP)
    queue.lineup.move(["1.1"], Move.BOTTOM)
    queue.lineup.shift_priority(["1.4"], 1)
    wanted = waiting(queue)
    assert wanted == ["1.4", "1.5", "1.2", "1.3", "1.6", "1.1"]
    assert [queue.runs.by_id(start_next(queue)).key for _ in wanted] == wanted


def test_who_moves_past_a_higher_priority_takes_it_over_and_nobody_elses_changes(queue: Registry) -> None:
    queue.lineup.shift_priority(["1.5", "1.6"], 2)
    assert folds(queue) == "561234"
    queue.lineup.move(["1.1"], Move.UP)
    assert folds(queue) == "516234"
    assert [run.priority for run in queue.lineup.line().runs] == [2, 2, 2, 0, 0, 0]
    queue.lineup.move(["1.5"], Move.BOTTOM)
    assert folds(queue) == "162345"
    assert queue.runs.get("1.5").priority == 0


def test_there_is_always_room_between_two_runs(queue: Registry) -> None:
    """Halving a gap a hundred times ends the numbers; then places are given anew."""
    for _ in range(60):
        queue.lineup.move(["1.6"], Move.TOP)
        queue.lineup.move(["1.6"], Move.DOWN)
        queue.lineup.move(["1.5"], Move.TOP)
        queue.lineup.move(["1.5"], Move.DOWN)
    assert sorted(folds(queue)) == list("123456")
    places = [run.place for run in queue.lineup.line().runs]
    assert places == sorted(set(places))


@settings(max_examples=25, deadline=None)
@given(
    moves=st.lists(
        st.tuples(st.sets(st.integers(1, 5), min_size=1, max_size=3), st.sampled_from(list(Move))), max_size=12
    )
)
def test_the_line_moves_as_a_list_would(tmp_path_factory: pytest.TempPathFactory, moves) -> None:  # type: ignore[no-untyped-def]
    with Registry.open(tmp_path_factory.mktemp("line") / "runs.db") as registry:
        add_experiment(registry, add_corpus(registry), folds=5)
        wanted = [1, 2, 3, 4, 5]
        for chosen, move in moves:
            registry.lineup.move([f"1.{fold}" for fold in sorted(chosen)], move)
            wanted = moved(wanted, chosen, move)
            assert folds(registry) == "".join(map(str, wanted))


def moved(line: list[int], chosen: set[int], move: Move) -> list[int]:
    """The same on a list: one after the other past the next that stays."""
    picked, rest = [one for one in line if one in chosen], [one for one in line if one not in chosen]
    if move is Move.TOP:
        return picked + rest
    if move is Move.BOTTOM:
        return rest + picked
    line = list(line)
    if move is Move.DOWN:
        return moved(line[::-1], chosen, Move.UP)[::-1]
    for one in picked:
        place = line.index(one)
        ahead = [other for other in line[:place] if other not in chosen]
        if ahead:
            line.remove(one)
            line.insert(line.index(ahead[-1]), one)
    return line


def test_only_who_waits_can_be_moved(queue: Registry) -> None:
    start_next(queue)
    queue.runs.command(Command.PAUSE, ["1.2"])
    for key, state in (("1.1", "running"), ("1.2", "paused")):
        with pytest.raises(BadInput, match=rf"cannot move run {key}: it is {state}"):
            queue.lineup.move([key, "1.4"], Move.TOP)
    assert folds(queue) == "3456"


def test_pages_are_cut_from_one_line_of_sections(tmp_path: Path) -> None:
    registry = filled_registry(tmp_path / "runs.db")
    whole = registry.lineup.line(count=1000)
    states = [run.state for run in whole.runs]
    order = [RunState.RUNNING, RunState.QUEUED, RunState.PAUSED, RunState.FAILED, RunState.CANCELLED]
    assert states == sorted(states, key=order.index)
    assert whole.total == len(whole.runs) == 8
    for first in range(whole.total):
        page = registry.lineup.line(first=first, count=3)
        assert page.first == min(first, whole.total - 3)
        assert [run.id for run in page.runs] == [run.id for run in whole.runs[page.first : page.first + 3]]
    for place, run in enumerate(whole.runs):
        assert registry.lineup.line(count=2, asked=run.id).place == place
    assert registry.lineup.line(asked=registry.runs.get("2.1").id).place is None  # done: not in the line
    only = registry.lineup.line("state:paused,failed", count=10)
    assert [run.key for run in only.runs] == ["2.8", "2.4"]
    assert registry.lineup.line("state:paused", asked=registry.runs.get("2.4").id).place is None
    with pytest.raises(BadInput):
        registry.lineup.line("nofield:3")


def test_what_is_left_is_told_run_by_run_and_in_crowds(queue: Registry) -> None:
    running = start_next(queue)
    train(queue, running, 4)
    other = add_experiment(queue, queue.corpora.get("EMODB"), folds=2, priority=3)
    kind = kind_of(other.corpus_id, other.config)
    [trains] = queue.lineup.left(RunState.RUNNING, 10)
    assert (trains.run_id, trains.epochs, trains.seconds, trains.kind) == (running, 16, 1.5, kind)
    lefts = queue.lineup.left_of([queue.runs.get(key).id for key in ("1.3", "1.2", "2.2")])
    assert lefts == queue.lineup.left(RunState.QUEUED, 4)[1:]
    assert [queue.runs.by_id(one.run_id).key for one in lefts] == ["2.2", "1.2", "1.3"]
    assert {(one.epochs, one.seconds) for one in lefts} == {(20, None)}
    assert [(one.kind, one.runs, one.epochs) for one in queue.lineup.ahead(4)] == [(kind, 4, 80)]
    assert queue.lineup.ahead(0) == []


def test_an_imported_pace_says_nothing_of_this_machine(queue: Registry) -> None:
    from timnet.registry.paces import paces

    train(queue, start_next(queue), 2)
    experiment = queue.experiments.get(1)
    kind = kind_of(experiment.corpus_id, experiment.config)
    assert paces(queue.db) == {kind: 1.5}
    with queue.db.write():
        queue.db.connection.execute("UPDATE experiments SET source = 'keras-log'")
    assert paces(queue.db) == {}


def test_all_can_be_held_and_released(queue: Registry) -> None:
    running = start_next(queue)
    queue.runs.command(Command.PAUSE, ["1.6"])
    held = queue.lineup.hold_all()
    assert (len(held.paused), held.asked) == (4, (running,))
    assert queue.runs.by_id(running).want is Want.PAUSE
    assert queue.runs.counts()[RunState.PAUSED] == 5
    assert queue.lineup.hold_all() == Held((), ())
    told = [(event.kind, event.text) for event in queue.results.events(queue.runs.get("1.3").id)]
    assert told[-1] == ("paused", "paused while it waited")
    assert queue.results.events(running)[-1].kind == "intent"
    # taking it back leaves alone what was paused before
    assert queue.lineup.release(held) == held
    assert folds(queue) == "2345"
    assert (queue.runs.get("1.6").state, queue.runs.by_id(running).want) == (RunState.PAUSED, None)
    assert len(queue.lineup.release().paused) == 1
    assert folds(queue) == "23456"


def test_runs_are_put_before_another_even_where_there_is_no_number_left(queue: Registry) -> None:
    queue.runs.prioritise(["1.5"], 3)
    before = queue.lineup.put_before(["1.4", "1.2", "1.5"], "1.5")
    assert folds(queue) == "245136"
    queue.lineup.put_back(before)
    assert folds(queue) == "512346"
    for _ in range(40):  # each halves the room before 1.6
        queue.lineup.put_before(["1.1"], "1.6")
        queue.lineup.put_before(["1.3"], "1.6")
    assert folds(queue) == "524136"
    queue.runs.command(Command.PAUSE, ["1.1"])
    for keys, key in ((["1.2"], "1.1"), (["1.1"], "1.2")):
        with pytest.raises(BadInput, match=r"cannot move run 1\.1: it is paused"):
            queue.lineup.put_before(keys, key)
