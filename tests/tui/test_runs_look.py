"""The window on the list of runs, read from real registries, without a screen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.support import add_corpus, add_experiment, filled_registry, finish, start_next, train
from timnet.records import RunState
from timnet.registry import Registry, groups, pages, search
from timnet_tui.looks import grid, runs
from timnet_tui.looks.runs import GroupRow, RunRow, RunsFollower, RunsPage, RunsView, RunsWatch


@pytest.fixture
def many(tmp_path: Path) -> Registry:
    """40 experiments of 10 folds; the first two folds of all are done."""
    registry = Registry.open(tmp_path / "runs.db")
    corpora = [add_corpus(registry), add_corpus(registry, "SAVEE", 40)]
    for number in range(40):
        add_experiment(registry, corpora[number % 2], tags=("even",) if number % 2 == 0 else ())
    with registry.db.write():
        registry.db.connection.execute(
            "UPDATE runs SET state = 'done', uar = (id * 37 % 101) / 101.0, war = 0.5 WHERE fold < 3"
        )
    return registry


def ask(registry: Registry, watch: RunsWatch, before: RunsFollower | None = None) -> tuple[RunsFollower, RunsPage]:
    """The answer once everything has been counted."""
    follower = watch.follower(before)
    page = follower.read(registry, ())
    while follower.grew(registry):
        page = follower.read(registry, ())
    return follower, page


def keys(page: RunsPage) -> list[str]:
    return [row.run.key for row in page.rows if isinstance(row, RunRow)]


def every(registry: Registry, watch: RunsWatch) -> list[str]:
    """The whole list, read at once and not in windows."""
    runs = registry.runs.ls(watch.filter_text, sort=watch.sort, descending=watch.descending)
    return [run.key for run in runs]


@pytest.mark.parametrize("sort", ["created", "uar", "corpus", "state"])
@pytest.mark.parametrize("descending", [True, False])
def test_windows_wherever_they_are_show_the_list(many: Registry, sort: str, descending: bool) -> None:
    whole = every(many, RunsWatch(sort=sort, descending=descending))
    follower = None
    for first in (0, 10, 200, 195, 390, 1000, 37, 0):  # on, far away, back, past the end, to the start
        watch = RunsWatch(sort=sort, descending=descending, first=first, count=20)
        follower, page = ask(many, watch, follower)
        assert keys(page) == whole[page.first : page.first + 20]
        assert page.first == min(first, 380)
        assert (page.total, page.exact) == (400, True)


def test_the_plainest_question_gets_the_order_it_names(many: Registry) -> None:
    _, page = ask(many, RunsWatch())
    assert keys(page) == every(many, RunsWatch())[:100]


def test_the_first_answer_comes_before_the_list_is_counted(many: Registry) -> None:
    watch = RunsWatch("corpus:EMODB", count=20)
    follower = watch.follower(None)
    first = follower.read(many, ())
    assert len(first.rows) == 20
    assert not first.exact
    assert follower.grew(many)
    then = follower.read(many, ())
    assert (then.total, then.exact) == (200, True)
    assert not follower.grew(many)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """No filter is quick, and each look takes the smallest step."""
    for name, value in {"FEW": 1, "WINDOW": 7, "STEPS": 1, "ROWS": 50, "EXPERIMENTS": 3}.items():
        monkeypatch.setattr(search, name, value)
    monkeypatch.setattr(pages, "FEW", 1)
    monkeypatch.setattr(runs, "MOMENT", 0.0)
    monkeypatch.setattr(grid, "MOMENT", 0.0)


@pytest.mark.usefixtures("slow")
@pytest.mark.parametrize("text", ["attempt<1 fold:2", "corpus:EMODB -fold:3", "war>0.4 tag:even", "epochs>9999"])
@pytest.mark.parametrize("sort", ["uar", "state"])
def test_windows_are_found_bit_by_bit_from_the_nearest_place_that_is_known(
    many: Registry, text: str, sort: str
) -> None:
    whole = every(many, RunsWatch(text, sort=sort))
    follower = None
    for first in (0, 10, 30, 25, 16, 1000, 0, 12):
        asked = many.runs.get(whole[first % len(whole)]).id if whole else 1
        follower, page = ask(many, RunsWatch(text, sort=sort, descending=False, first=first, count=10), follower)
        whole = every(many, RunsWatch(text, sort=sort, descending=False))
        assert page.first == max(0, min(first, len(whole) - 10))
        assert keys(page) == whole[page.first : page.first + 10]
        assert (page.total, page.exact, page.searching) == (len(whole), True, False)
        _, page = ask(many, RunsWatch(text, sort=sort, descending=False, count=10, asked=asked), follower)
        assert page.place == (whole.index(many.runs.by_id(asked).key) if whole else None)


@pytest.mark.usefixtures("slow")
def test_another_question_does_not_wait_for_a_search_and_rows_come_as_they_are_found(many: Registry) -> None:
    watch = RunsWatch("attempt<1 fold:2", count=20)
    follower = watch.follower(None)
    seen = [follower.read(many, ()) for _ in range(20)]
    assert seen[0].searching
    assert not seen[0].exact
    assert follower.unfinished
    _, page = ask(many, RunsWatch("corpus:SAVEE", count=20), follower)
    assert keys(page) == every(many, RunsWatch("corpus:SAVEE", sort="created", descending=True))[:20]


@pytest.mark.usefixtures("slow")
def test_the_grid_finds_experiments_bit_by_bit_and_keeps_those_it_shows(many: Registry) -> None:
    many.experiments.pin([4], pinned=True)
    watch = grid.GridWatch(filter_text="uar>0.5 attempt<1", count=5)
    follower = watch.follower(None)
    first = page = follower.read(many, ())
    assert first.searching
    while follower.unfinished:
        page = follower.read(many, ())
    wanted = {run.experiment_id for run in many.runs.ls("uar>0.5")}
    assert page.total == len(wanted)
    assert [row.id for row in page.rows] == [4, *sorted(wanted - {4}, reverse=True)[:4]]
    with Registry.open(many.paths.db) as writer:
        writer.experiments.note(40, "changed")
    assert follower.read(many, ()) == page
    assert follower.unfinished
    assert many.experiments.ids("uar>0.5 attempt<1") == [4, *sorted(wanted - {4}, reverse=True)]


def test_it_says_where_a_run_stands(many: Registry) -> None:
    for text in ("", "corpus:SAVEE", "uar>0.5"):
        watch = RunsWatch(text, sort="uar", count=20)
        whole = every(many, watch)
        run = many.runs.get(whole[len(whole) // 2])
        _, page = ask(many, RunsWatch(text, sort="uar", count=20, asked=run.id))
        assert page.asked == run.id
        assert page.place == len(whole) // 2
    _, page = ask(many, RunsWatch("corpus:SAVEE", count=20, asked=many.runs.get("1.1").id))
    assert page.asked is not None
    assert page.place is None  # it is of EMODB


def test_the_window_is_right_again_after_runs_came_above_it(many: Registry) -> None:
    watch = RunsWatch(first=100, count=20, asked=many.runs.get("30.1").id)
    follower, before = ask(many, watch)
    with Registry.open(many.paths.db) as writer:
        add_experiment(writer, add_corpus(writer, "CASIA", 40))
    follower, after = ask(many, watch, follower)
    assert after.total == 410
    assert keys(after) == every(many, watch)[100:120]
    assert before.place is not None
    assert after.place == before.place + 10


def test_a_filter_that_cannot_be_understood_is_a_problem_and_not_an_error(many: Registry) -> None:
    _, page = ask(many, RunsWatch("colour:red"))
    assert "colour" in page.problem
    assert not page.rows


def test_runs_that_pass_nothing(many: Registry) -> None:
    _, page = ask(many, RunsWatch("tag:none", first=50))
    assert (page.total, page.rows, page.first) == (0, (), 0)


def test_groups_never_mix_corpora_protocols_or_selection_rules(tmp_path: Path) -> None:
    with filled_registry(tmp_path / "runs.db") as registry:
        add_experiment(registry, registry.corpora.by_id(1), folds=2, tags=("paper",))
        for wrong in (1, 3):
            run_id = start_next(registry)
            while registry.runs.by_id(run_id).experiment_id != 3:
                registry.journal(run_id, 1).end(RunState.CANCELLED, "cancelled", "cancelled")  # type: ignore[arg-type]
                run_id = start_next(registry)
            train(registry, run_id, 20)
            finish(registry, run_id, wrong=wrong)
        for by in ("corpus", "preset", "tag", "experiment", "source"):
            _, page = ask(registry, RunsWatch(group=by, sort="uar"))
            for row in page.rows:
                assert isinstance(row, GroupRow)
                assert not row.group.mixed
        _, page = ask(registry, RunsWatch(group="corpus", sort="uar"))
        rows = [row for row in page.rows if isinstance(row, GroupRow)]
        emodb = {row.value("selection"): row.group for row in rows if row.value("corpus") == "EMODB"}
        assert set(emodb) == {"best-test", "last"}
        assert emodb["best-test"].optimistic
        assert not emodb["last"].optimistic
        assert emodb["last"].uar.n == 2
        uars = [row.group.uar.mean for row in rows]
        assert uars == sorted(uars, reverse=True)  # type: ignore[type-var]


def test_groups_without_a_score_come_last_whichever_way(tmp_path: Path) -> None:
    with filled_registry(tmp_path / "runs.db") as registry:
        add_experiment(registry, add_corpus(registry, "CASIA", 40))
        for descending in (True, False):
            _, page = ask(registry, RunsWatch(group="corpus", sort="uar", descending=descending))
            assert [row.value("corpus") for row in page.rows if isinstance(row, GroupRow)][-1] == "CASIA"


def test_an_experiment_is_read_only_where_a_column_asks_for_it(many: Registry) -> None:
    _, page = ask(many, RunsWatch(count=5))
    assert all(row.experiment is None for row in page.rows if isinstance(row, RunRow))
    _, page = ask(many, RunsWatch(count=5, experiments=True))
    assert all(row.experiment is not None for row in page.rows if isinstance(row, RunRow))


def test_a_view_turns_round_what_it_is_sorted_by() -> None:
    view = RunsView().sorted_by("uar")
    assert view.order == ("uar", True)
    assert view.sorted_by("uar").order == ("uar", False)
    grouped = RunsView(group="corpus")
    assert grouped.order == ("group", False)
    assert grouped.sorted_by("uar").order == ("uar", True)
    assert grouped.sorted_by("uar").sort == RunsView().sort  # single runs stay in their order


@pytest.mark.parametrize("group", ["corpus", "tag", "experiment", "fold"])
def test_groups_put_together_bit_by_bit_are_those_of_all_runs(
    many: Registry, group: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, whole = ask(many, RunsWatch(group=group))
    monkeypatch.setattr(groups, "narrow", lambda *_: None)
    monkeypatch.setattr(groups, "EXPERIMENTS", 3)
    monkeypatch.setattr(runs, "MOMENT", 1e-9)
    follower = RunsWatch(group=group).follower(None)
    first = follower.read(many, ())
    assert first.searching
    assert follower.unfinished
    _, steps = ask(many, RunsWatch(group=group), follower)
    assert not steps.searching
    assert [row.id for row in steps.rows] == [row.id for row in whole.rows]
    for one, other in zip(steps.rows, whole.rows, strict=True):
        assert isinstance(one, GroupRow)
        assert isinstance(other, GroupRow)
        assert replace(one.group, uar=other.group.uar, war=other.group.war) == other.group
        assert (one.group.uar.n, one.group.uar.mean) == (other.group.uar.n, pytest.approx(other.group.uar.mean))
        assert one.group.uar.sd == pytest.approx(other.group.uar.sd)
