"""The grid: moving, opening, and what is asked of the queue from it and from the run screen."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.pilot import Pilot

from tests.support import filled_registry
from tests.tui.conftest import until
from tests.tui.fakes import app_with
from tests.tui.proofs import proves
from tests.tui.steps import at_run, grid_of, toasts
from timnet.records import RunState
from timnet.registry import Registry
from timnet.settings import Settings
from timnet_tui.app import TimnetApp
from timnet_tui.charts.widget import Chart
from timnet_tui.screens.base import RegistryScreen
from timnet_tui.screens.confirm import Confirm
from timnet_tui.screens.grid import GridScreen
from timnet_tui.screens.run import RunScreen
from timnet_tui.widgets.grid import FoldGrid


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return filled_registry(tmp_path / "runs.db")


@proves(
    "grid.left",
    "grid.right",
    "grid.up",
    "grid.down",
    "grid.first",
    "grid.last",
    "grid.page_up",
    "grid.page_down",
    "grid.whole",
)
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


@proves("grid.open", "run.back")
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


@proves("grid.log_scale", "run.log_scale")
async def test_the_loss_gets_a_logarithmic_axis() -> None:
    app = app_with()
    async with app.run_test(size=(160, 48)) as pilot:
        await until(pilot, lambda: grid_of(pilot).row is not None)
        for screen in range(2):
            loss = app.screen.query_one("#loss", Chart)
            await until(pilot, lambda loss=loss: loss.plot is not None)
            assert not loss.plot.log
            await pilot.press("y")
            await until(pilot, lambda loss=loss: loss.plot.log)
            assert "log" in loss.caption(76)[0].plain
            if screen == 0:
                await pilot.press("enter")


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


PRESSED = [
    ("2.9", ["p"], RunState.PAUSED, None),
    ("2.3", ["p"], RunState.RUNNING, "pause"),
    ("2.8", ["r"], RunState.QUEUED, None),
    ("2.4", ["R"], RunState.QUEUED, None),
    ("2.9", ["c"], RunState.CANCELLED, None),
    ("2.9", ["ctrl+k"], RunState.CANCELLED, None),
    ("2.3", ["c", "y"], RunState.RUNNING, "cancel"),
]


@proves("grid.pause", "grid.resume", "grid.retry", "grid.cancel")
@proves("run.pause", "run.resume", "run.retry", "run.cancel", "anywhere.undo")
@pytest.mark.parametrize("in_run_view", [False, True], ids=["grid", "run"])
async def test_the_queue_does_what_the_key_says_and_takes_it_back(registry: Registry, in_run_view: bool) -> None:
    def shown(pilot: Pilot[None]) -> tuple[str, RunState, str | None] | None:
        [run] = pilot.app.screen.targets() or [None]
        return run and (run.key, run.state, run.want)

    app = TimnetApp(registry.paths.db, Settings())
    async with app.run_test(size=(100, 30)) as pilot:
        for key, press, state, want in PRESSED:
            was = registry.runs.get(key)
            await at_run(pilot, key)
            if in_run_view:
                await pilot.press("enter")
                await until(pilot, lambda: isinstance(app.screen, RunScreen))
            before = (key, was.state, was.want)
            await until(pilot, lambda before=before: shown(pilot) == before)
            app.clear_notifications()
            await pilot.press(*press)
            after = (key, state, want)
            await until(pilot, lambda after=after: isinstance(app.screen, RegistryScreen) and shown(pilot) == after)
            await until(pilot, lambda key=key: key in toasts(pilot) and "u takes it back" in toasts(pilot))
            await pilot.press("u")
            await until(pilot, lambda before=before: shown(pilot) == before)
            await until(pilot, lambda: "taken back" in toasts(pilot))
            assert registry.runs.get(key).error == was.error
            if in_run_view:
                await pilot.press("escape")
                await until(pilot, lambda: isinstance(app.screen, GridScreen))


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


@proves("grid.start_worker")
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
