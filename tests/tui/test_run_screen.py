"""The run screen by its keys."""

from __future__ import annotations

import pytest

from tests.tui.conftest import until
from tests.tui.fakes import app_with
from tests.tui.proofs import proves
from tests.tui.steps import grid_of
from timnet.records import EventKind
from timnet_tui.widgets.lines import Lines


@proves("run.next_fold", "run.previous_fold")
async def test_fold_keys_turn_the_pages_and_go_round() -> None:
    app = app_with()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: grid_of(pilot).row is not None)
        await pilot.press("enter")
        for key, wanted in (
            ("]", "2.4"),
            ("[", "2.3"),
            ("[", "2.2"),
            ("[", "2.1"),
            ("[", "2.10"),
        ):
            await until(pilot, lambda: app.screen._detail is not None)
            await pilot.press(key)
            await until(pilot, lambda wanted=wanted: [run.key for run in app.screen.targets()] == [wanted])
        await pilot.press("escape")
        assert (grid_of(pilot).row.id, grid_of(pilot).fold) == (2, 10)


@proves("run.events")
async def test_not_checked_is_hidden_until_asked_for() -> None:
    app = app_with()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: grid_of(pilot).row is not None)
        await pilot.press("enter")
        events = app.screen.query_one("#events", Lines)
        await until(pilot, lambda: events.shown)
        assert [event.epoch for event in events.shown] == [None, 5, 10]
        assert all(event.kind != EventKind.CHECK_SKIPPED for event in events.shown)
        await pilot.press("e")
        assert [event.epoch for event in events.shown] == [None, *range(1, 13)]
        await pilot.press("e")
        assert len(events.shown) == 3


@proves("run.log")
@pytest.mark.parametrize(("size", "shown_first"), [((80, 24), False), ((160, 48), True)])
async def test_the_log_shows_and_hides(size: tuple[int, int], shown_first: bool) -> None:
    app = app_with()
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: grid_of(pilot).row is not None)
        await pilot.press("enter")
        log = app.screen.query_one("#log", Lines)
        await until(pilot, lambda: log.display is shown_first)
        await pilot.press("l")
        assert log.display is not shown_first
        await pilot.press("l")
        assert log.display is shown_first
        if shown_first:
            await until(pilot, lambda: log.shown)
            assert log.shown[-1] == "epoch 39 of 20"
            await until(pilot, lambda: log.scroll_offset.y == log.max_scroll_y)


@proves("run.next_pane", "run.previous_pane")
async def test_tab_goes_round_the_panes() -> None:
    app = app_with()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: grid_of(pilot).row is not None)
        await pilot.press("enter")
        await until(pilot, lambda: app.focused is not None and app.focused.id == "events")
        await pilot.press("tab")
        assert app.focused.id == "facts"
        await pilot.press("tab")
        assert app.focused.id == "events"
        await pilot.press("shift+tab")
        assert app.focused.id == "facts"
