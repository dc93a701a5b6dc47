"""Comparisons as a user drives them, over a real registry: curves, facts, tests, files."""

from __future__ import annotations

import csv
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from tests.support import add_corpus, add_experiment, finish, start_next, train
from tests.tui.conftest import until
from tests.tui.proofs import proves
from tests.tui.steps import text_of, toasts
from timnet.errors import BadInput
from timnet.export.comparison import compare
from timnet.export.comparison_file import comparison_grid, side_objects, write_comparison
from timnet.export.comparison_words import FactRow, rows_of, sentences
from timnet.records import TrainingConfig
from timnet.registry import Registry
from timnet.settings import Settings
from timnet_tui.app import TimnetApp
from timnet_tui.charts.curves import Metric
from timnet_tui.looks.compare import CompareFollower, ComparePage, CompareWatch
from timnet_tui.screens.compare import CompareScreen
from timnet_tui.screens.confirm import Confirm
from timnet_tui.screens.run import RunScreen
from timnet_tui.screens.type import TypeLine
from timnet_tui.widgets.table import RowTable


def fill(path: Path) -> None:
    """1 and 2 differ in the learning rate; 3 lets the test fold choose; 4 has other folds. Each has 3 folds."""
    changes = (
        {},
        {"config": TrainingConfig(epochs=12, learning_rate=5e-4)},
        {"config": TrainingConfig(epochs=10, select="best")},
        {"seed": 7},
    )
    with Registry.open(path) as registry:
        corpus = add_corpus(registry)
        for place, change in enumerate(changes):
            add_experiment(registry, corpus, **{"folds": 3, "config": TrainingConfig(epochs=10), **change})
            for fold in range(3):
                run_id = start_next(registry)
                train(registry, run_id, 12 - fold if place == 1 else 10, level=0.02 * fold + 0.03 * place)
                finish(registry, run_id, wrong=1 + fold * (place + 1) % 4)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("compared") / "runs.db"
    fill(path)
    return path


@asynccontextmanager
async def shown(db: Path, *keys: str, size: tuple[int, int] = (160, 44)) -> AsyncIterator[Pilot[None]]:
    """The comparison, once it is made."""
    app = TimnetApp(db, Settings())
    async with app.run_test(size=size, notifications=True) as pilot:
        await until(pilot, lambda: app.snapshot is not None)
        app.push_screen(CompareScreen(keys))
        await until(pilot, lambda: isinstance(app.screen, CompareScreen) and table(pilot).row is not None, 15)
        yield pilot


def screen(pilot: Pilot[None]) -> CompareScreen:
    return next(one for one in pilot.app.screen_stack if isinstance(one, CompareScreen))


def table(pilot: Pilot[None]) -> RowTable[FactRow]:
    return screen(pilot).table


def cells(pilot: Pilot[None], name: str) -> tuple[str, ...]:
    return next(row.cells for row in table(pilot)._page.rows if row.name == name)


def told(pilot: Pilot[None]) -> str:
    return text_of(pilot.app)  # type: ignore[arg-type]


@proves("compare.left", "compare.right", "compare.back")
async def test_only_what_differs_and_the_paired_tests_are_shown(filled: Path) -> None:
    async with shown(filled, "1", "2", "3") as pilot:
        assert cells(pilot, "learning_rate") == ("0.001", "0.0005", "0.001")
        names = [row.name for row in table(pilot)._page.rows]
        assert "batch_size" not in names
        assert cells(pilot, "protocol") == ("random",) * 3
        assert cells(pilot, "selection") == ("last", "last", "best-test optimistic")
        assert cells(pilot, "n") == ("3 of 3",) * 3
        assert cells(pilot, "UAR - 1")[0] == ""
        assert " ± " in cells(pilot, "UAR - 1")[1]
        assert cells(pilot, "UAR t-test p")[1].startswith("=")
        assert "2 minus 1 over n = 3 folds" in told(pilot)
        assert "corrected resampled t-test" in told(pilot)
        assert "McNemar's test over 70 utterances" in told(pilot)
        await pilot.press("right")
        assert "3 minus 1 over n = 3 folds" in told(pilot)
        await pilot.press("left", "left", "left")
        assert screen(pilot).chosen == 0
        assert "minus" not in told(pilot)
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(pilot.app.screen, CompareScreen))


async def test_where_folds_differ_it_says_so_and_makes_no_paired_test(filled: Path) -> None:
    async with shown(filled, "1", "4") as pilot:
        assert "of means" in cells(pilot, "UAR - 1")[1]
        assert cells(pilot, "UAR t-test p")[1] == "–"
        assert "cannot be paired fold by fold" in told(pilot)
        assert "seed 46" in told(pilot)


@proves("compare.base", "compare.copy", "compare.open")
async def test_another_side_can_be_the_first(filled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copied: list[str] = []
    monkeypatch.setattr(TimnetApp, "copy_to_clipboard", lambda _self, text: copied.append(text))
    async with shown(filled, "1", "2", "3") as pilot:
        before = {group.label: group.colour for group in screen(pilot).chart._what.groups}  # type: ignore[union-attr]
        await pilot.press("right", "enter")
        await until(pilot, lambda: any(row.name == "UAR - 3" for row in table(pilot)._page.rows), 10)
        assert screen(pilot).keys == ("3", "1", "2")
        after = {group.label: group.colour for group in screen(pilot).chart._what.groups}  # type: ignore[union-attr]
        assert after == before  # a side keeps its colour
        await pilot.press("Y")
        assert copied == ["3 1 2"]
        await pilot.press("o")
        await until(pilot, lambda: isinstance(pilot.app.screen, RunScreen))


@proves(
    "compare.metric", "compare.smoother", "compare.log_scale", "compare.band", "compare.folds", "compare.zoom_in",
    "compare.zoom_out", "compare.zoom_reset",
)  # fmt: skip
async def test_curves_are_looked_at_in_other_ways(filled: Path) -> None:
    async with shown(filled, "1", "2") as pilot:
        chart = screen(pilot).chart
        await until(pilot, lambda: chart.plot is not None)
        assert chart.plot is not None
        assert [series.label for series in chart.plot.strong] == ["1 EMODB github", "2 EMODB github"]
        assert [change.after for change in chart.plot.changes] == [2, 1]  # n is shown where it changes
        await pilot.press("M")
        assert chart._what.metric is Metric.UAR  # type: ignore[union-attr]
        await pilot.press("M", "M", "y", "s", "b")
        assert chart._what.metric is Metric.ACCURACY  # type: ignore[union-attr]
        assert chart.look.log
        assert chart.look.smoothing == 0.6
        assert chart.look.band == "se"
        for _ in range(6):
            await pilot.press("s")
        assert chart.look.smoothing == 0.0
        assert not chart.look.every_fold
        await pilot.press("f")
        assert chart.look.every_fold
        assert "  UAR, fold 2" in [row.name for row in table(pilot)._page.rows]
        await pilot.press("f")
        await until(pilot, lambda: chart.plot is not None)
        await pilot.press("plus")
        await until(pilot, lambda: not chart.view.whole)
        await pilot.press("minus", "minus")
        await until(pilot, lambda: chart.view.whole)
        await pilot.press("plus", "0")
        assert chart.view.whole


@proves("compare.up", "compare.down", "compare.page_up", "compare.page_down")
async def test_facts_scroll_where_there_is_little_room(filled: Path) -> None:
    async with shown(filled, "1", "2", "3", "4", size=(80, 24)) as pilot:
        assert "recall sad" not in told(pilot)
        await pilot.press("down")
        assert table(pilot).place == 1
        await pilot.press("up")
        for _ in range(6):
            await pilot.press("pagedown")
        assert "recall sad" in told(pilot)
        await pilot.press("pageup")
        await pilot.press(*["right"] * 3)
        assert "▸4" in told(pilot)  # its column came into view
        titles = next(line for line in told(pilot).splitlines() if "▸4" in line)
        shown_key = "3" if " 3" in titles else "2"
        y = next(place for place, line in enumerate(told(pilot).splitlines()) if "▸4" in line)
        await pilot.click(offset=(titles.index(f" {shown_key}") + 1, y))
        assert screen(pilot).keys[screen(pilot).chosen] == shown_key


@proves("compare.export")
async def test_a_comparison_is_written_to_a_file(filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    async with shown(filled, "1", "2") as pilot:
        await pilot.press("x")
        await until(pilot, lambda: isinstance(pilot.app.screen, TypeLine))
        line = pilot.app.screen.query_one(Input)
        assert line.value == "exports/compare-1-2.md"
        line.value = "exports/compare.odt"
        await until(pilot, lambda: "no table format" in told(pilot))
        line.value = "exports/compare.csv"
        await pilot.press("enter")
        path = tmp_path / "exports" / "compare.csv"
        await until(pilot, path.exists)
        await until(pilot, lambda: str(path) in toasts(pilot))
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert [row["id"] for row in rows] == ["1", "2"]
        assert [row["selection"] for row in rows] == ["last", "last"]
        assert rows[1]["paired_n"] == "3"
        await pilot.press("x")
        await until(pilot, lambda: isinstance(pilot.app.screen, TypeLine))
        pilot.app.screen.query_one(Input).value = "exports/compare.csv"
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, Confirm))
        await pilot.press("n")


async def test_a_side_that_is_gone_is_named(tmp_path: Path) -> None:
    fill(tmp_path / "runs.db")
    async with shown(tmp_path / "runs.db", "1", "2") as pilot:
        with Registry.open(tmp_path / "runs.db") as registry:
            registry.experiments.remove([2])
        await until(pilot, lambda: "gone: 2" in told(pilot))
        await until(pilot, lambda: "was removed" in told(pilot), 10)
        for key in ("right", "enter", "o", "M", "f", "down"):
            await pilot.press(key)


# without a screen


def test_curves_are_read_again_only_where_something_happened(filled: Path) -> None:
    with Registry.open_read_only(filled) as registry:
        follower = CompareWatch(("1", "2.3")).follower(None)
        assert isinstance(follower, CompareFollower)
        first = follower.read(registry, ())
        assert isinstance(first, ComparePage)
        assert [len(side.folds) for side in first.sides] == [3, 1]
        assert CompareWatch(("2", "1")).follower(follower) is follower
        again = follower.read(registry, ())
        assert again.sides[1].folds[0].epochs is first.sides[0].folds[0].epochs
        follower.keys = ("1", "99", "2.99")
        gone = follower.read(registry, ())
        assert gone.gone == ("99", "2.99")
        assert not follower.grew(registry)


def test_every_format_has_protocol_selection_and_n(filled: Path, tmp_path: Path) -> None:
    with Registry.open_read_only(filled) as registry:
        found = compare(registry, ["1", "2", "3", "4", "1.2"])
        for suffix in ("md", "csv", "tex", "json", "xlsx", "png"):
            path = write_comparison(registry, ["1", "2", "3", "4"], tmp_path / f"all.{suffix}")
            first = path.read_bytes()
            assert write_comparison(registry, ["1", "2", "3", "4"], path).read_bytes() == first
        with pytest.raises(BadInput, match="no table format"):
            write_comparison(registry, ["1", "2"], tmp_path / "all.doc")
    markdown = (tmp_path / "all.md").read_text()
    assert "3 (random, best-test optimistic)" in markdown
    assert "| n | 3 of 3 | 3 of 3 | 3 of 3 | 3 of 3 |" in markdown
    assert "cannot be paired" in markdown
    assert json.loads((tmp_path / "all.json").read_text())["experiments"][2]["optimistic"] is True
    grid = comparison_grid(found)
    assert all(group.label for group in grid.groups)
    assert all(len(line.cells) == grid.width for line in grid.lines)
    assert [one["against"] for one in side_objects(found)] == [None, "1", "1", "1", "1"]
    assert {row.name for row in rows_of(found)} >= {"protocol", "selection", "n"}
    assert any("not the same folds" in line for line in sentences(found, 4))


def test_the_command_line_writes_the_same_file(filled: Path, tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from timnet.cli.app import app

    with Registry.open_read_only(filled) as registry:
        expected = write_comparison(registry, ["1", "2"], tmp_path / "core.md").read_text()
    path = tmp_path / "command.md"
    told = CliRunner().invoke(app, ["--db", str(filled), "runs", "compare", "1", "2", "-o", str(path)])
    assert told.exit_code == 0, told.output
    assert path.read_text() == expected
    refused = CliRunner().invoke(app, ["--db", str(filled), "runs", "compare", "1", "2", "-o", str(tmp_path / "a.doc")])
    assert refused.exit_code != 0
