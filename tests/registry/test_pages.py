"""Pages, counts, ranks and groups against the same lists made by hand, whichever way the registry finds the runs."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.registry_fill import Size, fill
from tests.support import add_corpus, add_experiment
from timnet.errors import BadInput
from timnet.evaluation.summary import summarise
from timnet.records import Run, RunState
from timnet.registry import Registry, narrow
from timnet.registry.order import SORTS
from timnet.registry.pages import Count, Cursor

FILTERS = (
    "", "corpus:EMODB", "state:done", "state:queued", "state:failed,paused", "uar>0.8", "uar>0.85 corpus:EMODB,SAVEE",
    "tag:paper", "-tag:paper preset:github", "note:batch", "batch", "host:server", "fold:2",
    "id:7", "id:7.2,9.1", "epoch<3",
    "smoothed_val_uar>0.3 -state:done", "created>2026-01-01T01:00", "updated<=2026-01-01", "best<1", "seconds>1.52",
    "nothing-like-this", "uar>2", "-state:done",
)  # fmt: skip

#: what makes the registry look among few runs, along a list, or through the whole table
WAYS = {"few": (10_000, 10_000), "near": (0, 0), "some": (0, 10_000)}


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    path = tmp_path_factory.mktemp("pages") / "runs.db"
    fill(path, Size(experiments=40, folds=4, epochs=5, seed=3))
    with Registry.open(path) as registry:
        registry.db.connection.execute("UPDATE runs SET state = 'queued', uar = NULL WHERE id % 11 = 0")
        registry.db.connection.execute("UPDATE runs SET uar = 0.8 WHERE uar IS NOT NULL AND id % 3 = 0")
        registry.db.connection.execute("UPDATE runs SET priority = id % 4 - 1 WHERE state = 'queued'")
        yield registry


@pytest.fixture(params=list(WAYS))
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    few, some = WAYS[request.param]
    monkeypatch.setattr(narrow, "FEW", few)
    monkeypatch.setattr(narrow, "SOME", some)
    monkeypatch.setattr(narrow, "STEPS", 1)
    monkeypatch.setattr(narrow, "WINDOW", 20)
    return str(request.param)


ATTRIBUTES = {
    "best": "best_value", "seconds": "last_seconds",
    **{name: f"last_{name}" for name in ("loss", "accuracy", "val_loss", "val_accuracy", "val_uar")},
    **{f"smoothed_{name}": f"smooth_{name}" for name in ("loss", "accuracy", "val_loss", "val_accuracy", "val_uar")},
}  # fmt: skip


def by_hand(runs: list[Run], sort: str, descending: bool) -> list[int]:
    """The row ids in the order that ``sort`` should give."""
    if sort in ("state", "queue"):
        return [r.id for r in sorted(runs, key=lambda r: (r.state, -r.priority, r.place, r.id), reverse=descending)]
    if sort == "id":
        return [r.id for r in sorted(runs, key=lambda r: (r.experiment_id, r.fold), reverse=descending)]
    name = ATTRIBUTES.get(sort, sort)
    there = sorted((r for r in runs if getattr(r, name) is not None), key=lambda r: (getattr(r, name), r.id))
    missing = sorted((r for r in runs if getattr(r, name) is None), key=lambda r: r.id)
    return [r.id for part in (there, missing) for r in (reversed(part) if descending else part)]


def walk(registry: Registry, filter_text: str, sort: str, descending: bool, limit: int) -> list[int]:
    """All row ids, a page after the other."""
    ids: list[int] = []
    after: Cursor | None = None
    while True:
        page = registry.pages.runs(filter_text, sort=sort, descending=descending, after=after, limit=limit)
        assert page.before is (after is not None)
        ids += [run.id for run in page.runs]
        if not page.after:
            return ids
        assert len(page.runs) == limit
        after = page.cursors[-1]


@pytest.mark.parametrize("sort", SORTS)
def test_pages_put_together_are_the_whole_list_in_order(filled: Registry, way: str, sort: str) -> None:
    first = list(SORTS).index(sort) % 3
    for place, filter_text in enumerate(("", *FILTERS[first::3])):
        runs = filled.runs.ls(filter_text)
        for descending in (False, True):
            expected = by_hand(runs, sort, descending)
            assert walk(filled, filter_text, sort, descending, 7 + place) == expected, filter_text
            assert [r.id for r in filled.runs.ls(filter_text, sort=sort, descending=descending)] == expected
            some = filled.runs.ls(filter_text, sort=sort, descending=descending, limit=9, offset=4)
            assert [r.id for r in some] == expected[4:13]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sort=st.sampled_from(sorted(SORTS)),
    filter_text=st.sampled_from(FILTERS),
    descending=st.booleans(),
    limit=st.integers(1, 12),
    data=st.data(),
)
def test_from_any_place_the_list_goes_on_both_ways(
    filled: Registry, way: str, sort: str, filter_text: str, descending: bool, limit: int, data: st.DataObject
) -> None:
    expected = by_hand(filled.runs.ls(filter_text), sort, descending)
    if not expected:
        assert filled.pages.runs(filter_text, sort=sort).runs == ()
        return
    place = data.draw(st.integers(0, len(expected) - 1))
    how = {"sort": sort, "descending": descending}
    cursor = filled.pages.find(expected[place], filter_text, sort=sort)
    assert cursor is not None
    assert filled.pages.rank(cursor, filter_text, **how) == place  # type: ignore[arg-type]
    after = filled.pages.runs(filter_text, after=cursor, limit=limit, **how)  # type: ignore[arg-type]
    assert [run.id for run in after.runs] == expected[place + 1 : place + 1 + limit]
    before = filled.pages.runs(filter_text, before=cursor, limit=limit, **how)  # type: ignore[arg-type]
    assert [run.id for run in before.runs] == expected[max(0, place - limit) : place]
    assert before.before is (place > limit)
    around = filled.pages.runs(filter_text, around=expected[place], limit=limit, **how)  # type: ignore[arg-type]
    shown = [run.id for run in around.runs]
    assert expected[place] in shown
    assert len(shown) == min(limit, len(expected))
    first = expected.index(shown[0])
    assert shown == expected[first : first + limit]
    assert (around.before, around.after) == (first > 0, first + len(shown) < len(expected))


@pytest.mark.parametrize("filter_text", FILTERS)
def test_runs_are_counted(filled: Registry, way: str, filter_text: str) -> None:
    runs = filled.runs.ls(filter_text)
    assert filled.pages.count(filter_text) == Count(len(runs))
    experiments = sorted({run.experiment_id for run in runs}, reverse=True)
    assert filled.experiments.ids(filter_text) == experiments


def test_where_no_index_can_tell_counting_ends_and_says_so(filled: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(narrow, "SOME", 0)
    monkeypatch.setattr("timnet.registry.pages.SOME", 0)
    text = "state:done preset:github"
    every = len(filled.runs.ls(text))
    assert filled.pages.count(text, most=every) == Count(every)
    assert filled.pages.count(text, most=every - 1) == Count(every - 1, exact=False)


def test_a_place_stays_good_when_runs_come_move_and_go(tmp_path: Path) -> None:
    with Registry.open(tmp_path / "runs.db") as registry:
        corpus = add_corpus(registry)
        for _ in range(3):
            add_experiment(registry, corpus, folds=3)
        page = registry.pages.runs(descending=True, limit=4)
        assert [run.key for run in page.runs] == ["3.3", "3.2", "3.1", "2.3"]
        add_experiment(registry, corpus, folds=2)
        registry.experiments.delete(2)
        assert [run.key for run in registry.pages.runs(descending=True, after=page.cursors[-1]).runs] == [
            "1.3",
            "1.2",
            "1.1",
        ]
        assert [run.key for run in registry.pages.runs(descending=True, before=page.cursors[0]).runs] == ["4.2", "4.1"]
        gone = registry.pages.runs(around=page.runs[-1].id, limit=2)
        assert [run.key for run in gone.runs] == ["1.1", "1.2"], "a run that is gone: the first page"


def test_no_such_sort_filter_or_group(filled: Registry) -> None:
    for ask in (
        lambda: filled.pages.runs(sort="colour"),
        lambda: filled.runs.ls(sort="colour"),
        lambda: filled.pages.count("colour:red"),
        lambda: filled.pages.groups(by=("colour",)),
        lambda: filled.pages.groups(by=()),
    ):
        with pytest.raises(BadInput, match="there are: "):
            ask()


@pytest.mark.parametrize(
    "by", [("corpus", "preset"), ("corpus",), ("tag",), ("experiment",), ("protocol", "selection"), ("state",)]
)
def test_groups_sum_up_what_is_in_them(filled: Registry, by: tuple[str, ...]) -> None:
    runs = filled.runs.ls("-state:failed")
    found = {group.key: group for group in filled.pages.groups("-state:failed", by)}
    expected: dict[tuple[object, ...], list[Run]] = {}
    for run in runs:
        keys = [(tag,) for tag in run.tags] or [(None,)]
        if by != ("tag",):
            keys = [tuple(getattr(run, {"experiment": "experiment_id"}.get(name, name)) for name in by)]
        for key in keys:
            expected.setdefault(key, []).append(run)
    assert set(found) == set(expected)
    for key, own in expected.items():
        group = found[key]
        assert (group.runs, group.experiments) == (len(own), len({run.experiment_id for run in own}))
        assert dict(group.states) == {state: sum(run.state is state for run in own) for state in RunState}
        for score in ("uar", "war"):
            one, other = getattr(group, score), summarise(getattr(run, score) for run in own)
            assert one.n == other.n
            assert one.mean == pytest.approx(other.mean, abs=1e-12)
            assert one.sd == pytest.approx(other.sd, abs=1e-7)
        scored = [run for run in own if run.war is not None] or own
        assert group.protocols == tuple(sorted({run.protocol for run in scored}))
        assert group.selections == tuple(sorted({run.selection for run in scored}))
        assert group.optimistic is any(run.optimistic for run in scored)
        assert group.mixed is (len({run.protocol for run in scored}) > 1 or len({run.selection for run in scored}) > 1)
        best = max((run.uar for run in own if run.uar is not None), default=None)
        assert group.best_uar == best
        if best is None:
            assert group.best is None
        else:
            assert group.best in [run.id for run in own if run.uar == best]


def test_every_sort_is_read_from_its_index(filled: Registry) -> None:
    for sort, order in SORTS.items():
        plan = filled.db.rows(
            f"EXPLAIN QUERY PLAN SELECT id FROM runs INDEXED BY {order.index} "
            f"ORDER BY {', '.join(f'{c} DESC' if c in order.falling else c for c in order.columns)} LIMIT 5"
        )
        assert not any("TEMP B-TREE" in row["detail"] for row in plan), sort


def test_the_next_run_is_claimed_without_sorting(filled: Registry) -> None:
    plan = filled.db.rows(
        "EXPLAIN QUERY PLAN SELECT id, uid FROM runs WHERE state = 'queued' "
        "AND NOT (not_before > 1 AND not_before <= 9) ORDER BY priority DESC, place, id LIMIT 16"
    )
    assert [row["detail"] for row in plan] == ["SEARCH runs USING INDEX runs_by_state (state=?)"]


def test_what_follows_in_a_sorted_list_never_falls(filled: Registry) -> None:
    page = filled.pages.runs("state:done", sort="uar", descending=True, limit=100)
    scores = [run.uar for run in page.runs if run.uar is not None]
    assert len(scores) > 50
    assert all(one >= other for one, other in pairwise(scores))
