"""What can be done on every screen."""

from __future__ import annotations

import pytest

from tests.tui.conftest import until
from tests.tui.fakes import app_with
from tests.tui.proofs import proves
from tests.tui.steps import grid_of, text_of, toasts
from timnet_tui.actions import ACTIONS, Place, at
from timnet_tui.app import MAIN_SCREENS
from timnet_tui.messages import CommandEnded, Undo
from timnet_tui.screens.grid import GridScreen
from timnet_tui.screens.help import Help
from timnet_tui.screens.run import RunScreen
from timnet_tui.themes import MEANT_FOR
from timnet_tui.widgets.tabs import PlaceTabs


@proves("anywhere.theme")
async def test_t_goes_through_all_themes_and_back_to_ones_own() -> None:
    app = app_with(theme="nord")
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: grid_of(pilot).row is not None)
        for name in MEANT_FOR:
            await pilot.press("t")
            assert app.theme == name
        await pilot.press("t")
        assert app.theme == "nord"


@proves("anywhere.help")
async def test_help_opens_on_every_screen_and_closes() -> None:
    app = app_with()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: grid_of(pilot).row is not None)
        for screen, first in ((GridScreen, "Open the selected run"), (RunScreen, "Go to the next fold")):
            assert isinstance(app.screen, screen)
            await pilot.press("question_mark")
            assert isinstance(app.screen, Help)
            await until(pilot, lambda first=first: first in text_of(app))  # what the keys do here comes first
            await pilot.press("escape")
            assert isinstance(app.screen, screen)
            await pilot.press("enter")


@proves("anywhere.command_palette")
async def test_the_palette_offers_every_action_of_the_screen() -> None:
    app = app_with()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: grid_of(pilot).row is not None)
        for place in (Place.GRID, Place.RUN):
            await until(pilot, lambda place=place: getattr(app.screen, "PLACE", None) == place)
            offered = {command.help for command in app.get_system_commands(app.screen)}
            actions = {action.help for action in at(place) if action.id != "command_palette"}
            assert offered == actions | set(MEANT_FOR.values())
            await pilot.press("enter")
        await pilot.press("ctrl+p")
        assert type(app.screen).__name__ == "CommandPalette"


@proves("anywhere.quit")
@pytest.mark.parametrize("key", ["q", "ctrl+q", "ctrl+c"])
async def test_quit_closes(key: str) -> None:
    app = app_with()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: grid_of(pilot).row is not None)
        await pilot.press(key)
        await until(pilot, lambda: not app.is_running)


@proves("anywhere.show_grid")
async def test_one_goes_to_the_grid_from_every_main_screen() -> None:
    app = app_with()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: grid_of(pilot).row is not None)
        for place in MAIN_SCREENS:
            app.go_to(place)
            await until(pilot, lambda place=place: app.current_mode == place)
            await pilot.press("1")
            await until(pilot, lambda: isinstance(app.screen, GridScreen))


async def test_a_click_on_a_tab_goes_there() -> None:
    app = app_with()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: grid_of(pilot).row is not None)
        for place in reversed(MAIN_SCREENS):
            label = next(action for action in ACTIONS if action.id == f"show_{place}").label
            await pilot.click(PlaceTabs, offset=(text_of(app).splitlines()[0].index(f" {label} ") + 2, 0))
            await until(pilot, lambda place=place: app.current_mode == place)


@proves("anywhere.undo")
async def test_what_was_done_is_taken_back_once_the_last_first() -> None:
    app = app_with()
    took_back: list[str] = []

    def undo(name: str) -> Undo:
        def job() -> CommandEnded:
            took_back.append(name)
            return CommandEnded(f"{name} is back")

        return Undo(name, job)

    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: grid_of(pilot).row is not None)
        for name in ("first", "second"):
            app.on_command_ended(CommandEnded(f"{name} deleted", undo=undo(name)))
        await until(pilot, lambda: "u takes it back" in toasts(pilot))
        await pilot.press("u")
        await until(pilot, lambda: "second is back" in toasts(pilot))
        await pilot.press("u")
        await until(pilot, lambda: "first is back" in toasts(pilot))
        await pilot.press("u")
        await until(pilot, lambda: "nothing to take back" in toasts(pilot))
    assert took_back == ["second", "first"]
