"""The export dialog with real child processes: what can be chosen, what is written, what is asked first."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from tests.support import filled_registry
from tests.tui.conftest import until
from tests.tui.proofs import proves
from tests.tui.steps import at_run, click, text_of, toasts
from timnet.errors import Stopped
from timnet.export.order import FORMATS, INKED, Order
from timnet.registry import Registry
from timnet.settings import Settings
from timnet.tasks import Progress
from timnet_tui.app import TimnetApp
from timnet_tui.screens.confirm import Confirm
from timnet_tui.screens.export import ExportDialog
from timnet_tui.screens.grid import GridScreen
from timnet_tui.screens.results import ResultsScreen
from timnet_tui.screens.run import RunScreen
from timnet_tui.widgets.option_line import OptionLine
from timnet_tui.widgets.path_field import PathField


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    monkeypatch.chdir(tmp_path)
    with filled_registry(tmp_path / "runs.db") as registry:
        yield registry


def dialog(pilot: Pilot[None]) -> ExportDialog:
    found = next(one for one in pilot.app.screen_stack if isinstance(one, ExportDialog))
    assert isinstance(found, ExportDialog)
    return found


async def at_export(pilot: Pilot[None]) -> ExportDialog:
    await pilot.press("x")
    await until(pilot, lambda: isinstance(pilot.app.screen, ExportDialog))
    return dialog(pilot)


def said(pilot: Pilot[None]) -> str:
    return str(dialog(pilot).query_one("#said", Static).content)


async def at_results(pilot: Pilot[None]) -> None:
    await pilot.press("4")
    await until(pilot, lambda: isinstance(pilot.app.screen, ResultsScreen) and pilot.app.screen.table.selected)


@proves("results.export")
async def test_the_table_on_show_is_written_and_its_path_shown_and_copied(registry: Registry, tmp_path: Path) -> None:
    app = TimnetApp(registry.paths.db, Settings())
    async with app.run_test(size=(80, 24)) as pilot:
        await at_results(pilot)
        await pilot.press("M")  # UAR alone
        await until(pilot, lambda: "source  UAR %" in text_of(app))
        await at_export(pilot)
        await pilot.press("tab", "right", "right", "right", "space")  # JSON beside CSV
        assert dialog(pilot).order.formats == ("csv", "json")
        await pilot.press("enter")
        await until(pilot, lambda: "written:" in said(pilot), 30)
        path = tmp_path / "exports" / "results-corpus-source.csv"
        assert str(path) in said(pilot)
        assert str(path) in toasts(pilot)
        await pilot.press("Y")
        assert app.clipboard == f"{path}\n{path.with_suffix('.json')}"
        await pilot.press("escape")
        assert isinstance(app.screen, ResultsScreen)
    assert path.read_text().startswith("corpus,")
    assert json.loads(path.with_suffix(".json").read_text())


@pytest.mark.parametrize("answer", ["y", "n"])
async def test_what_is_there_is_replaced_only_after_a_question(registry: Registry, tmp_path: Path, answer: str) -> None:
    there = tmp_path / "exports" / "results-corpus-source.csv"
    there.parent.mkdir()
    there.write_text("mine")
    app = TimnetApp(registry.paths.db, Settings())
    async with app.run_test(size=(80, 24)) as pilot:
        await at_results(pilot)
        await at_export(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.press(answer)
        await until(pilot, lambda: isinstance(app.screen, ExportDialog))
        if answer == "y":
            await until(pilot, lambda: "written:" in said(pilot), 30)
    assert (there.read_text() == "mine") is (answer == "n")


@proves("grid.export", "run.export", "runs.export")
async def test_from_grid_run_and_list_what_is_selected_is_offered(registry: Registry) -> None:
    app = TimnetApp(registry.paths.db, Settings())
    async with app.run_test(size=(100, 30)) as pilot:
        await at_run(pilot, "2.1")
        order = (await at_export(pilot)).order
        assert (order.what, order.experiments, order.fold) == ("curves", (2,), 1)
        assert "Export run 2.1" in text_of(app)
        await pilot.press("escape", "a")
        order = (await at_export(pilot)).order
        assert (order.experiments, order.fold) == ((2,), None)
        await pilot.press("escape", "a", "enter")
        await until(pilot, lambda: isinstance(app.screen, RunScreen) and app.screen.targets())
        assert (await at_export(pilot)).order.fold == 1
        await pilot.press("escape", "escape", "2")
        await until(pilot, lambda: type(app.screen).__name__ == "RunsScreen" and app.screen.targets())
        order = (await at_export(pilot)).order
        assert order.experiments == (app.screen_stack[-2].targets()[0].experiment_id,)


async def test_only_formats_that_apply_are_offered_and_ink_for_what_is_drawn(registry: Registry) -> None:
    app = TimnetApp(registry.paths.db, Settings())
    async with app.run_test(size=(80, 24)) as pilot:
        await at_results(pilot)
        screen = await at_export(pilot)
        for what, formats in FORMATS.items():
            assert screen.order.what == what
            for form in formats:
                assert form in text_of(app)
            assert screen.query_one("#line-ink").display is (what in INKED)
            assert screen.query_one("#line-of").display is (what == "page")
            await pilot.press("right")
        assert screen.order.what == "table"
        await pilot.press("right")
        ink = screen.query_one("#ink", OptionLine)
        ink.focus()
        await pilot.press("right")
        assert screen.order.dark
        await click(pilot, "#what", offset=(2, 0))
        assert screen.order.what == "table"
        assert not screen.order.dark
        formats = screen.query_one("#formats", OptionLine)
        formats.focus()
        await pilot.press("space")  # the last tick stays
        assert len(formats.chosen) == 1


async def test_a_figure_comes_out_dark_or_fails_in_one_line(registry: Registry, tmp_path: Path) -> None:
    app = TimnetApp(registry.paths.db, Settings())
    async with app.run_test(size=(80, 24)) as pilot:
        await at_run(pilot, "1.1")
        await pilot.press("a")
        screen = await at_export(pilot)
        screen.query_one("#what", OptionLine).action_move(2)  # confusion
        screen.query_one("#ink", OptionLine).action_move(1)
        field = screen.query_one(PathField)
        field.text = str(tmp_path / "runs.db")
        field.focus()
        await pilot.press("enter")
        await until(pilot, lambda: "cannot write" in said(pilot), 30)
        assert "\n" not in said(pilot)
        field.text = str(tmp_path / "figures")
        await pilot.press("enter")
        await until(pilot, lambda: "written:" in said(pilot), 30)
    [image] = (tmp_path / "figures").iterdir()
    assert image.read_bytes().startswith(b"\x89PNG")


async def test_an_export_is_stopped_by_escape_first(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(db: Path, order: Order, report, stop: threading.Event) -> tuple[Path, ...]:  # type: ignore[no-untyped-def]
        report(Progress(1, 3, "experiment 7"))
        stop.wait(10)
        raise Stopped("stopped")

    monkeypatch.setattr("timnet_tui.screens.export.carry_out_apart", slow)
    app = TimnetApp(registry.paths.db, Settings())
    async with app.run_test(size=(80, 24)) as pilot:
        await at_run(pilot, "1.1")
        await at_export(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: "1/3" in text_of(app))
        await pilot.press("escape")
        await until(pilot, lambda: "stopped" in said(pilot))
        await click(pilot, "#no")
        assert isinstance(app.screen, GridScreen)
