"""The list of runs is looked at as the last time; what cannot be any more is left out."""

from __future__ import annotations

from pathlib import Path

from tests.support import filled_registry
from tests.tui.conftest import until
from timnet.settings import Settings
from timnet_tui.actions import Place
from timnet_tui.app import TimnetApp
from timnet_tui.looks.runs import RunsView
from timnet_tui.memory import Memory
from timnet_tui.screens.runs import RunsScreen, _recalled


async def test_filter_order_and_columns_are_there_again(tmp_path: Path) -> None:
    filled_registry(tmp_path / "runs.db").close()
    view = RunsView("corpus:EMODB", "uar", False, "", "mean", True, ("run", "uar"))
    for first in (True, False):
        memory = Memory(tmp_path / "runs.db", tmp_path / "state")
        app = TimnetApp(tmp_path / "runs.db", Settings(), memory=memory)
        async with app.run_test(size=(120, 30)) as pilot:
            if first:
                await pilot.press("2")
            await until(pilot, lambda app=app: isinstance(app.screen, RunsScreen) and app.screen.ready)
            assert isinstance(app.screen, RunsScreen)
            if first:
                app.screen.view = view
                await pilot.press("q")
                await until(pilot, lambda app=app: not app.is_running)
            else:
                assert app.screen.view == view
                assert app.screen.bar.text == "corpus:EMODB"


def test_what_is_remembered_wrongly_is_as_the_first_time(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "runs.db", keep=False)
    memory.put(
        Place.RUNS, {"sort": "colour", "group": "; DROP", "columns": ["uar", 3, [], "nothing"], "descending": "no"}
    )
    assert _recalled(memory) == RunsView(columns=("uar",))
    memory.put(Place.RUNS, {"columns": 3, "filter_text": 7, "group_descending": 1})
    assert _recalled(memory) == RunsView()
