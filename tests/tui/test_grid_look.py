"""The grid's page read in steps, and the lines of it that are drawn again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import add_corpus, add_experiment, start_next
from tests.tui.conftest import until
from tests.tui.steps import grid_of
from timnet.registry import Registry
from timnet.settings import Settings
from timnet_tui.app import TimnetApp
from timnet_tui.looks import grid
from timnet_tui.looks.grid import GridFollower, GridPage, GridWatch
from timnet_tui.screens import runs as runs_screen
from timnet_tui.widgets import run_columns
from timnet_tui.widgets.grid import FoldGrid
from timnet_tui.widgets.table import RowTable

EXPERIMENTS = 30


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    """Thirty experiments, of which a look reads four."""
    monkeypatch.setattr(grid, "ROWS", 4)
    with Registry.open(tmp_path / "runs.db") as opened:
        corpus = add_corpus(opened)
        for _ in range(EXPERIMENTS):
            add_experiment(opened, corpus, folds=2)
        yield opened


def whole(follower: GridFollower, registry: Registry) -> GridPage:
    page = follower.read(registry, ())
    while follower.unfinished:
        page = follower.read(registry, ())
    return page


def ids(page: GridPage) -> list[int]:
    return [row.id for row in page.rows]


def test_what_the_screen_shows_is_read_first(registry: Registry) -> None:
    follower = GridWatch(first=5, count=12, seen=(10, 3)).follower(None)
    page = follower.read(registry, ())
    assert (page.first, ids(page), page.total) == (10, [20, 19, 18, 17], EXPERIMENTS)
    assert follower.unfinished
    page = whole(follower, registry)
    assert (page.first, ids(page)) == (5, list(range(25, 13, -1)))


def test_a_window_that_went_away_and_came_back_is_read_again(registry: Registry) -> None:
    follower = GridWatch(count=10).follower(None)
    before = ids(whole(follower, registry))
    follower = GridWatch(first=20, count=10, seen=(29, 1)).follower(follower)
    assert ids(whole(follower, registry)) == list(range(10, 0, -1))
    follower = GridWatch(count=10).follower(follower)
    assert ids(whole(follower, registry)) == before == list(range(30, 20, -1))


def test_only_an_experiment_that_changed_becomes_another_row(registry: Registry, tmp_path: Path) -> None:
    with Registry.open_read_only(tmp_path / "runs.db") as reading:
        follower = GridWatch(count=EXPERIMENTS).follower(None)
        before = whole(follower, reading)
        run = registry.runs.by_id(start_next(registry))
        after = whole(follower, reading)
    changed = [now.id for now, then in zip(after.rows, before.rows, strict=True) if now is not then]
    assert changed == [run.experiment_id]


async def test_a_key_draws_the_lines_it_changes_and_no_others(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = TimnetApp(tmp_path / "runs.db", Settings())
    async with app.run_test(size=(120, 30)) as pilot:
        await until(pilot, lambda: grid_of(pilot).row is not None and len(grid_of(pilot)._page.rows) == EXPERIMENTS)
        drawn: list[int] = []
        draw = FoldGrid.render_line
        monkeypatch.setattr(FoldGrid, "render_line", lambda self, y: drawn.append(y) or draw(self, y))
        app._poller.stop()  # what answers change is not a key's doing
        await pilot.pause(0.3)
        for key in ("j", "l", "k", "space"):
            drawn.clear()
            await pilot.press(key)
            await pilot.pause(0.05)
            assert len(set(drawn)) <= (2 if key != "space" else 30), (key, drawn)
            assert drawn, key


def test_a_line_is_drawn_again_for_another_row_or_another_look() -> None:
    from textual.strip import Strip

    from timnet_tui.widgets.drawn import MOST, DrawnLines

    made: list[object] = []

    def draw() -> Strip:
        made.append(None)
        return Strip.blank(len(made))

    lines, row, other = DrawnLines(), object(), object()
    first = lines.line("dark", 1, row, draw)
    assert lines.line("dark", 1, row, draw) is first
    assert lines.line("dark", 1, other, draw) is not first
    assert lines.line("light", 1, other, draw).cell_length == 3
    for key in range(2 * MOST):
        lines.line("light", key, row, draw)
    assert len(lines._lines) <= MOST


async def test_a_key_in_the_list_of_runs_draws_what_it_changes(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[object] = []
    draw = run_columns.of_run
    monkeypatch.setattr(runs_screen.run_columns, "of_run", lambda row, *more: drawn.append(row.id) or draw(row, *more))
    app = TimnetApp(tmp_path / "runs.db", Settings())
    async with app.run_test(size=(120, 30)) as pilot:
        await pilot.press("2")
        table = pilot.app.screen.query_one(RowTable)
        await until(pilot, lambda: table.row is not None and table.total == 2 * EXPERIMENTS)
        await pilot.press("j")
        await pilot.pause(0.3)
        drawn.clear()
        await pilot.press("j")
        await pilot.pause(0.3)
        assert set(drawn) == {table.row.id}  # the other's line without the selection is there from before
        registry.experiments.pin([EXPERIMENTS])
        drawn.clear()
        await until(pilot, lambda: bool(drawn))
        assert set(drawn) == {run.id for run in registry.runs.of_experiment(EXPERIMENTS)}
