"""Every action of the table, by its keys, on the screen: an action without a test here fails the last test."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot

from tests.support import filled_registry
from tests.tui.conftest import until
from tests.tui.fakes import app_with
from timnet.records import EventKind, RunState
from timnet.registry import Registry
from timnet.settings import Settings
from timnet_tui.actions import ACTIONS, Place, at, bindings, keys_of
from timnet_tui.app import TimnetApp
from timnet_tui.charts.widget import Chart
from timnet_tui.screens.confirm import Confirm
from timnet_tui.screens.grid import GridScreen
from timnet_tui.screens.help import Help
from timnet_tui.screens.run import RunScreen
from timnet_tui.widgets.grid import FoldGrid
from timnet_tui.widgets.lines import Lines

Check = Callable[[Pilot[None]], Awaitable[None]]
TESTED: set[str] = set()


def covers(*actions: str) -> Callable[[Check], Check]:
    """Notes which actions a test is about."""
    TESTED.update(actions)
    return lambda test: test


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return filled_registry(tmp_path / "runs.db")


def grid_of(pilot: Pilot[None]) -> FoldGrid:
    return pilot.app.screen.query_one(FoldGrid)


async def at_run(pilot: Pilot[None], key: str) -> None:
    """Select the run ``key`` in the grid of a real registry."""
    experiment, fold = map(int, key.split("."))
    app = pilot.app
    assert isinstance(app, TimnetApp)
    await until(pilot, lambda: app.rows)
    grid_of(pilot).move_to(experiment, fold)
    await until(pilot, lambda: grid_of(pilot).run is not None and grid_of(pilot).run.key == key)


def toasts(pilot: Pilot[None]) -> str:
    return "\n".join(one.message for one in pilot.app._notifications)


# moving


@covers("left", "right", "up", "down", "first", "last", "page_up", "page_down", "whole")
@pytest.mark.parametrize(
    ("keys", "experiment", "fold"),
    [
        (["right"], 2, 4),
        (["l", "l"], 2, 5),
        (["left"], 2, 2),
        (["h", "h", "h"], 2, 0),
        (["h"] * 9, 2, 0),
        (["l"] * 30, 2, 10),
        (["up"], 3, 3),
        (["k", "k", "k"], 3, 3),
        (["down"], 1, 3),
        (["j", "j"], 1, 3),
        (["g"], 3, 3),
        (["G"], 1, 3),
        (["home"], 3, 3),
        (["end"], 1, 3),
        (["pagedown"], 1, 3),
        (["end", "pageup"], 3, 3),
        (["a"], 2, 0),
        (["a", "a"], 2, 3),
        (["l", "l", "l", "l", "l", "j"], 1, 3),
    ],
)
async def test_the_selection_moves(keys: list[str], experiment: int, fold: int) -> None:
    app = app_with()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: grid_of(pilot).row is not None)
        assert (grid_of(pilot).row.id, grid_of(pilot).fold) == (2, 3)  # what trains is selected first
        await pilot.press(*keys)
        assert (grid_of(pilot).row.id, grid_of(pilot).fold) == (experiment, fold)


@covers("open", "back")
async def test_enter_opens_a_run_and_escape_comes_back() -> None:
    app = app_with()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: grid_of(pilot).row is not None)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, RunScreen) and app.screen.targets())
        assert [run.key for run in app.screen.targets()] == ["2.3"]
        await pilot.press("escape")
        assert isinstance(app.screen, GridScreen)


async def test_the_mouse_selects_with_a_click_and_opens_with_two() -> None:
    app = app_with()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: grid_of(pilot).row is not None)
        x, y, *_ = grid_of(pilot).region_of(2, 7)
        await pilot.click(FoldGrid, offset=(x + 2, y))
        assert (grid_of(pilot).row.id, grid_of(pilot).fold) == (2, 7)
        await pilot.click(FoldGrid, offset=(10, y - 1))  # the head of the same experiment
        assert (grid_of(pilot).row.id, grid_of(pilot).fold) == (2, 0)
        x, y, *_ = grid_of(pilot).region_of(1, 2)
        await pilot.click(FoldGrid, offset=(x + 2, y), times=2)
        await until(pilot, lambda: isinstance(app.screen, RunScreen) and app.screen.targets())
        assert [run.key for run in app.screen.targets()] == ["1.2"]


@covers("next_fold", "previous_fold")
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
            ("n", "2.1"),
            ("N", "2.10"),
        ):
            await until(pilot, lambda: app.screen._detail is not None)
            await pilot.press(key)
            await until(pilot, lambda wanted=wanted: [run.key for run in app.screen.targets()] == [wanted])
        await pilot.press("escape")
        assert (grid_of(pilot).row.id, grid_of(pilot).fold) == (2, 10)


# the run view


@covers("events")
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


@covers("log")
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


@covers("log_scale")
async def test_the_loss_gets_a_logarithmic_axis() -> None:
    app = app_with()
    async with app.run_test(size=(160, 48)) as pilot:
        await until(pilot, lambda: grid_of(pilot).row is not None)
        for screen in range(2):
            loss = app.screen.query_one("#loss", Chart)
            await until(pilot, lambda loss=loss: loss._plot is not None)
            assert not loss._plot.log
            await pilot.press("y")
            await until(pilot, lambda loss=loss: loss._plot.log)
            assert "log" in loss.caption(76).plain
            if screen == 0:
                await pilot.press("enter")


@covers("next_pane", "previous_pane")
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


# the queue


async def _press_on(registry: Registry, key: str, press: list[str], in_run_view: bool) -> str:
    """Press keys on a run of a real registry, wait for the answer, and return it."""
    app = TimnetApp(registry.paths.db, Settings())
    async with app.run_test(size=(100, 30)) as pilot:
        await at_run(pilot, key)
        if in_run_view:
            await pilot.press("enter")
            await until(pilot, lambda: isinstance(app.screen, RunScreen) and app.screen.targets())
        await pilot.press(*press)
        await until(pilot, lambda: toasts(pilot))
        return toasts(pilot)


@covers("pause", "resume", "retry", "cancel")
@pytest.mark.parametrize("in_run_view", [False, True], ids=["grid", "run"])
@pytest.mark.parametrize(
    ("key", "press", "state", "want"),
    [
        ("2.9", ["p"], RunState.PAUSED, None),
        ("2.3", ["p"], RunState.RUNNING, "pause"),
        ("2.8", ["r"], RunState.QUEUED, None),
        ("2.4", ["R"], RunState.QUEUED, None),
        ("2.9", ["c"], RunState.CANCELLED, None),
        ("2.9", ["ctrl+k"], RunState.CANCELLED, None),
        ("2.3", ["c", "y"], RunState.RUNNING, "cancel"),
    ],
)
async def test_the_queue_does_what_the_key_says(
    registry: Registry, key: str, press: list[str], state: RunState, want: str | None, in_run_view: bool
) -> None:
    said = await _press_on(registry, key, press, in_run_view)
    run = registry.runs.get(key)
    assert (run.state, run.want) == (state, want)
    assert key in said


async def test_what_cannot_be_done_is_said(registry: Registry) -> None:
    said = await _press_on(registry, "2.1", ["p"], in_run_view=False)
    assert "cannot pause run 2.1: it is done" in said


@pytest.mark.parametrize("answer", ["n", "escape", "enter"])
async def test_no_answer_but_yes_cancels_a_training_run(registry: Registry, answer: str) -> None:
    app = TimnetApp(registry.paths.db, Settings())
    async with app.run_test(size=(80, 24)) as pilot:
        await at_run(pilot, "2.3")
        await pilot.press("c")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.press(answer)
        await until(pilot, lambda: isinstance(app.screen, GridScreen))
        await app.workers.wait_for_complete()
        assert registry.runs.get("2.3").want is None


async def test_a_whole_experiment_is_paused_with_what_was_passed_over(registry: Registry) -> None:
    said = await _press_on(registry, "2.1", ["a", "p"], in_run_view=False)
    states = [run.state for run in registry.runs.of_experiment(2)]
    assert states.count(RunState.QUEUED) == 0
    assert states.count(RunState.PAUSED) == 5
    assert {run.want for run in registry.runs.running()} == {"pause"}
    assert "passed over" in said


@covers("start_worker")
async def test_a_worker_is_started_in_a_thread(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    started: list[tuple[Path, int, str]] = []

    def start(db: Path, jobs: int) -> int:
        started.append((db, jobs, threading.current_thread().name))
        return 4711

    monkeypatch.setattr("timnet.queue.service.start_worker", start)
    app = TimnetApp(registry.paths.db, Settings(jobs=3))
    async with app.run_test(size=(80, 24)) as pilot:
        await at_run(pilot, "2.9")
        await pilot.press("w")
        await until(pilot, lambda: "4711" in toasts(pilot))
    assert [(db, jobs) for db, jobs, _ in started] == [(registry.paths.db, 3)]
    assert started[0][2] != threading.main_thread().name


async def test_a_worker_that_cannot_start_is_said(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    def start(*_: object) -> int:
        raise OSError("no more processes")

    monkeypatch.setattr("timnet.queue.service.start_worker", start)
    app = TimnetApp(registry.paths.db, Settings())
    async with app.run_test(size=(80, 24)) as pilot:
        await at_run(pilot, "2.9")
        await pilot.press("w")
        await until(pilot, lambda: "no more processes" in toasts(pilot))


async def test_another_worker_is_started_only_after_a_question() -> None:
    app = app_with()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: grid_of(pilot).row is not None)
        await pilot.press("w")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, GridScreen))


# everywhere


@covers("theme")
async def test_t_changes_between_dark_and_light_and_back_to_ones_own() -> None:
    app = app_with(theme="nord")
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: grid_of(pilot).row is not None)
        await pilot.press("t")
        assert not app.current_theme.dark
        await pilot.press("t")
        assert app.theme == "nord"


@covers("help")
async def test_help_opens_on_every_screen_and_closes() -> None:
    app = app_with()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: grid_of(pilot).row is not None)
        for screen in (GridScreen, RunScreen):
            assert isinstance(app.screen, screen)
            await pilot.press("question_mark")
            assert isinstance(app.screen, Help)
            await pilot.press("escape")
            assert isinstance(app.screen, screen)
            await pilot.press("enter")


@covers("command_palette")
async def test_the_palette_offers_every_action_of_the_screen() -> None:
    app = app_with()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: grid_of(pilot).row is not None)
        for place in (Place.GRID, Place.RUN):
            offered = {command.help for command in app.get_system_commands(app.screen)}
            assert offered == {action.help for action in at(place) if action.id != "command_palette"}
            await pilot.press("enter")
        await pilot.press("ctrl+p")
        assert type(app.screen).__name__ == "CommandPalette"


@covers("quit")
@pytest.mark.parametrize("key", ["q", "ctrl+q", "ctrl+c"])
async def test_quit_closes(key: str) -> None:
    app = app_with()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: grid_of(pilot).row is not None)
        await pilot.press(key)
        await until(pilot, lambda: not app.is_running)


# the table itself


@pytest.mark.parametrize("place", [Place.GRID, Place.RUN])
def test_no_key_means_two_things_on_one_screen(place: Place) -> None:
    keys = [key for action in at(place) for key in action.keys]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize(
    ("screen", "place"), [(GridScreen, Place.GRID), (RunScreen, Place.RUN), (TimnetApp, Place.ANYWHERE)]
)
def test_every_action_has_its_method(screen: type, place: Place) -> None:
    for binding in bindings(place):
        assert callable(getattr(screen, f"action_{binding.action}"))


@pytest.mark.parametrize("place", [Place.GRID, Place.RUN])
def test_the_footer_fits_80_columns(place: Place) -> None:
    shown = [action for action in at(place) if place in action.footer or Place.ANYWHERE in action.footer]
    assert sum(len(keys_of(action).split()[0]) + len(action.label) + 2 for action in shown) <= 80


async def test_help_names_every_key() -> None:
    app = app_with()
    async with app.run_test(size=(100, 60)) as pilot:
        await until(pilot, lambda: grid_of(pilot).row is not None)
        await pilot.press("question_mark")
        await pilot.pause()
        text = app.export_screenshot().replace("&#160;", " ")
        for action in ACTIONS:
            assert action.help.split("'")[0] in text


def test_every_action_is_tested_here() -> None:
    assert {action.id for action in ACTIONS} == TESTED
