"""The queue's screen over real registries: the order, holding, workers, and that the selection stays on its run."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from tests.support import PROOF, add_experiment, filled_registry
from tests.tui.conftest import until
from tests.tui.proofs import proves
from tests.tui.steps import text_of, toasts
from timnet.queue import liveness
from timnet.records import RunState, Want
from timnet.registry import Registry
from timnet.settings import Jobs, Settings
from timnet_tui.app import TimnetApp
from timnet_tui.screens.confirm import Confirm
from timnet_tui.screens.new import NewScreen
from timnet_tui.screens.queue import QueueScreen
from timnet_tui.screens.run import RunScreen
from timnet_tui.screens.type import TypeLine
from timnet_tui.screens.worker_log import WorkerLog
from timnet_tui.widgets.lines import Lines

SIZE = (110, 30)


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with filled_registry(tmp_path / "runs.db") as registry:
        yield registry


@pytest.fixture
def workers(registry: Registry) -> Iterator[None]:
    """Two workers: this process holds their locks."""
    locks = []
    for number, jobs in ((1, 2), (2, 4)):
        lock = liveness.try_lock(registry.paths.worker_lock(f"w{number}"))
        assert lock is not None
        locks.append(lock)
        registry.workers.add(f"w{number}", "local", replace(PROOF, host=socket.gethostname(), pid=number), jobs)
    yield
    for lock in locks:
        liveness.unlock(lock)


def app_on(registry: Registry) -> TimnetApp:
    return TimnetApp(registry.paths.db, Settings(jobs=3))


def screen_of(pilot: Pilot[None]) -> QueueScreen:
    screen = pilot.app.screen
    assert isinstance(screen, QueueScreen)
    return screen


async def at_queue(pilot: Pilot[None], key: str = "2.3") -> None:
    """Go to the queue and select a run."""
    await pilot.press("3")
    await until(pilot, lambda: isinstance(pilot.app.screen, QueueScreen) and screen_of(pilot).run_table.row)
    await pilot.press("g")
    for _ in range(50):
        if selected(pilot) == key:
            return
        await pilot.press("j")
    raise AssertionError(f"{key} is not in the queue")


def selected(pilot: Pilot[None]) -> str:
    row = screen_of(pilot).run_table.row
    return row.run.key if row else ""


def waiting(registry: Registry) -> list[str]:
    return [run.key for run in registry.lineup.line().runs if run.state is RunState.QUEUED]


@proves("queue.open", "anywhere.show_queue")
async def test_the_queue_opens_with_reasons_and_a_run_opens_from_it(registry: Registry) -> None:
    app = app_on(registry)
    async with app.run_test(size=SIZE) as pilot:
        await at_queue(pilot, "2.6")
        text = text_of(app)
        assert "► 2 running" in text
        assert "· 4 queued" in text
        assert "2.6 waits: no worker takes runs" in text
        assert "No worker lives here" in text
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, RunScreen) and app.screen.targets())
        assert [run.key for run in app.screen.targets()] == ["2.6"]
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, QueueScreen) and selected(pilot) == "2.6")


@proves("queue.up", "queue.down", "queue.first", "queue.last", "queue.page_up", "queue.page_down")
async def test_the_selection_moves(registry: Registry) -> None:
    app = app_on(registry)
    async with app.run_test(size=SIZE) as pilot:
        await at_queue(pilot)
        for keys, key in (
            (["down"], "2.5"), (["j"], "2.6"), (["up"], "2.5"), (["k", "k"], "2.3"), (["G"], "2.4"), (["home"], "2.3"),
            (["end"], "2.4"), (["pageup"], "2.3"), (["pagedown"], "2.4"), (["g"], "2.3"),
        ):  # fmt: skip
            await pilot.press(*keys)
            assert selected(pilot) == key, keys


@proves("queue.left", "queue.right")
async def test_columns_that_do_not_fit_are_reached(registry: Registry) -> None:
    app = app_on(registry)
    async with app.run_test(size=(80, 24)) as pilot:
        await at_queue(pilot)
        assert "protocol" not in text_of(app)
        await pilot.press(*["right"] * 6)
        assert "protocol" in text_of(app)
        await pilot.press(*["h"] * 6)
        assert "protocol" not in text_of(app)
        await pilot.press("l")


@proves("queue.move_up", "queue.move_down", "queue.move_top", "queue.move_bottom")
@pytest.mark.parametrize(
    ("run", "key", "after"),
    [
        ("2.7", "K", ["2.7", "2.6", "2.9", "2.10"]),
        ("2.7", "shift+up", ["2.7", "2.6", "2.9", "2.10"]),
        ("2.7", "J", ["2.6", "2.9", "2.7", "2.10"]),
        ("2.7", "shift+down", ["2.6", "2.9", "2.7", "2.10"]),
        ("2.10", "less_than_sign", ["2.10", "2.6", "2.7", "2.9"]),
        ("2.6", "greater_than_sign", ["2.7", "2.9", "2.10", "2.6"]),
    ],
)
async def test_a_run_is_moved_and_stays_selected(registry: Registry, run: str, key: str, after: list[str]) -> None:
    app = app_on(registry)
    async with app.run_test(size=SIZE) as pilot:
        before = waiting(registry)
        await at_queue(pilot, run)
        await pilot.press(key)
        await until(pilot, lambda: waiting(registry) == after)
        shown = screen_of(pilot)
        await until(pilot, lambda: [row.run.key for row in shown._page.rows[2:6]] == after)
        assert selected(pilot) == run
        await until(pilot, lambda: f"{run}: moved" in toasts(pilot))
        await pilot.press("u")
        await until(pilot, lambda: waiting(registry) == before)


@proves("queue.mark", "queue.step_back", "queue.higher", "queue.lower")
async def test_what_is_marked_moves_together(registry: Registry) -> None:
    app = app_on(registry)
    async with app.run_test(size=SIZE) as pilot:
        await at_queue(pilot, "2.9")
        await pilot.press("space", "j", "space", "plus")
        await until(pilot, lambda: waiting(registry) == ["2.9", "2.10", "2.6", "2.7"])
        assert "● 2 marked" in text_of(app)
        await until(pilot, lambda: "2 runs: priority 1" in toasts(pilot))
        await pilot.press("minus")
        await until(pilot, lambda: waiting(registry) == ["2.6", "2.7", "2.9", "2.10"])
        await pilot.press("escape")
        assert "marked" not in text_of(app)


async def test_only_what_waits_can_be_moved(registry: Registry) -> None:
    app = app_on(registry)
    async with app.run_test(size=SIZE) as pilot:
        await at_queue(pilot, "2.3")
        await pilot.press("K")
        await until(pilot, lambda: "only queued runs have a place" in toasts(pilot))
        await at_queue(pilot, "2.6")
        await pilot.press("K")
        await until(pilot, lambda: "it stands there already" in toasts(pilot))
        assert waiting(registry) == ["2.6", "2.7", "2.9", "2.10"]


@proves("queue.pause", "queue.resume", "queue.retry", "queue.cancel")
async def test_runs_are_paused_resumed_cancelled_and_retried(registry: Registry) -> None:
    def state(key: str) -> RunState:
        return registry.runs.get(key).state

    app = app_on(registry)
    async with app.run_test(size=SIZE) as pilot:
        await at_queue(pilot, "2.7")
        for key, state_after in (("p", RunState.PAUSED), ("r", RunState.QUEUED), ("c", RunState.CANCELLED)):
            await pilot.press(key)
            await until(pilot, lambda wanted=state_after: state("2.7") is wanted)
            await until(pilot, lambda wanted=state_after: screen_of(pilot).targets()[0].state is wanted)
            assert selected(pilot) == "2.7"
        await pilot.press("R")
        await until(pilot, lambda: state("2.7") is RunState.QUEUED)
        await at_queue(pilot, "2.3")
        await pilot.press("c")  # it trains: asks first
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.press("y")
        await until(pilot, lambda: registry.runs.get("2.3").want is Want.CANCEL)


@proves("queue.hold_all")
async def test_everything_is_held_and_released(registry: Registry) -> None:
    app = app_on(registry)
    async with app.run_test(size=SIZE) as pilot:
        await at_queue(pilot)
        await pilot.press("H")
        await until(pilot, lambda: registry.runs.counts()[RunState.PAUSED] == 5)
        assert {run.want for run in registry.runs.running()} == {Want.PAUSE}
        await until(pilot, lambda: "paused 4 runs, asked 2 runs to pause" in toasts(pilot))
        await pilot.press("u")
        await until(pilot, lambda: waiting(registry) == ["2.6", "2.7", "2.9", "2.10"])
        assert registry.runs.get("2.8").state is RunState.PAUSED  # it was paused before
        registry.lineup.hold_all()
        for run in registry.runs.running():
            registry.journal(run.id, run.attempt).end(RunState.PAUSED, "paused", "paused", "")
        await until(pilot, lambda: app.snapshot and app.snapshot.count(RunState.PAUSED) == 7)
        await pilot.press("H")
        await until(pilot, lambda: registry.runs.counts()[RunState.QUEUED] == 7)


@proves("queue.filter")
async def test_the_filter_cuts_the_queue(registry: Registry) -> None:
    app = app_on(registry)
    async with app.run_test(size=SIZE) as pilot:
        await at_queue(pilot)
        await pilot.press("slash", *"fold:9,10", "enter")
        await until(pilot, lambda: [row.run.key for row in screen_of(pilot)._page.rows] == ["2.9", "2.10"])
        await pilot.press("p")  # keys belong to the list again
        await until(pilot, lambda: registry.runs.get("2.9").state is RunState.PAUSED)
        await pilot.press("slash", *" state:done", "enter")
        await until(pilot, lambda: "Nothing in the queue passes this filter" in text_of(app))


@proves("queue.again", "anywhere.new")
async def test_n_and_shift_a_open_the_form(registry: Registry) -> None:
    app = app_on(registry)
    async with app.run_test(size=SIZE) as pilot:
        await at_queue(pilot)
        await pilot.press("A")
        await until(pilot, lambda: isinstance(app.screen, NewScreen) and "Experiment 2 again" in text_of(app))
        await pilot.press("escape", "escape")
        await until(pilot, lambda: isinstance(app.screen, QueueScreen))
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, NewScreen) and "New experiment" in text_of(app))


@proves("queue.start_worker")
async def test_w_asks_how_many_runs_at_once(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[tuple[Path, Jobs]] = []
    monkeypatch.setattr("timnet.queue.service.start_worker", lambda db, jobs: started.append((db, jobs)) or 77)
    app = app_on(registry)
    async with app.run_test(size=SIZE) as pilot:
        await at_queue(pilot)
        await pilot.press("w")
        await until(pilot, lambda: isinstance(app.screen, TypeLine))
        line = app.screen.query_one(Input)
        assert line.value == "3"
        await pilot.press("backspace", "0", "enter")
        assert "type auto, or one number from 1" in text_of(app)
        await pilot.press("backspace", "5", "enter")
        await until(pilot, lambda: started == [(registry.paths.db, 5)])
        await until(pilot, lambda: "a worker has started (pid 77, 5 at once)" in toasts(pilot))
        app.settings = replace(app.settings, jobs="auto")
        await pilot.press("w")
        await until(pilot, lambda: isinstance(app.screen, TypeLine))
        assert app.screen.query_one(Input).value == "auto"
        await pilot.press("enter")
        await until(pilot, lambda: started[1:] == [(registry.paths.db, "auto")])
        await until(pilot, lambda: "as many at once as are best here" in toasts(pilot))


@proves("queue.next_pane", "queue.previous_pane", "queue.stop_worker", "queue.drain_worker")
async def test_a_worker_is_chosen_and_ended(registry: Registry, workers: None) -> None:
    app = app_on(registry)
    async with app.run_test(size=SIZE) as pilot:
        await at_queue(pilot)
        await until(pilot, lambda: len(screen_of(pilot)._page.workers) == 2)
        await pilot.press("s")  # of two, one must be chosen
        await until(pilot, lambda: "choose one of the workers" in toasts(pilot))
        assert screen_of(pilot).worker_table.has_focus
        await pilot.press("shift+tab")
        assert screen_of(pilot).run_table.has_focus
        await pilot.press("tab", "j", "d")
        await until(pilot, lambda: registry.workers.wanted("w2") == "drain")
        assert registry.workers.wanted("w1") is None
        await until(pilot, lambda: "drains" in text_of(app))
        await pilot.press("k", "s")
        await until(pilot, lambda: registry.workers.wanted("w1") == "stop")


async def test_stopping_a_worker_that_trains_asks_first(registry: Registry, workers: None) -> None:
    with registry.db.write():
        registry.db.connection.execute("UPDATE attempts SET worker = 'w1' WHERE ended IS NULL")
        registry.workers.ended("w2")
    app = app_on(registry)
    async with app.run_test(size=SIZE) as pilot:
        await at_queue(pilot)
        await until(pilot, lambda: [len(row.runs) for row in screen_of(pilot)._page.workers] == [2])
        assert "2.3 EMODB 12/20, 12s left" in text_of(app)
        await pilot.press("s")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        assert "It trains 2.3, 2.5" in text_of(app)
        await pilot.press("n")
        assert registry.workers.wanted("w1") is None
        await pilot.press("s", "y")
        await until(pilot, lambda: registry.workers.wanted("w1") == "stop")


@proves("queue.worker_log")
async def test_the_log_of_a_worker_is_followed(registry: Registry, workers: None) -> None:
    registry.workers.ended("w2")
    log = registry.paths.worker_log("w1")
    log.write_text("first line\n[/b]\x1b[2J\n")
    app = app_on(registry)
    async with app.run_test(size=SIZE) as pilot:
        await at_queue(pilot)
        await until(pilot, lambda: len(screen_of(pilot)._page.workers) == 1)
        await pilot.press("tab", "enter")
        await until(pilot, lambda: isinstance(app.screen, WorkerLog) and app.screen.query_one(Lines).shown)
        assert list(app.screen.query_one(Lines).shown) == ["first line", "[/b]\N{REPLACEMENT CHARACTER}[2J"]
        with log.open("a") as out:
            out.write("third line\n")
        await until(pilot, lambda: "third line" in text_of(app))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, QueueScreen))
        await pilot.press("L")
        await until(pilot, lambda: isinstance(app.screen, WorkerLog) and "third line" in text_of(app))


async def test_the_selection_stays_on_its_run_in_a_long_queue(registry: Registry) -> None:
    """Runs that are queued with a higher priority push the line down by more than a page."""
    app = app_on(registry)
    async with app.run_test(size=(110, 24)) as pilot:
        await at_queue(pilot, "2.9")
        corpus = registry.corpora.get("EMODB")
        for _ in range(6):
            add_experiment(registry, corpus, folds=30, priority=5)
        await until(pilot, lambda: screen_of(pilot)._page.total == 8 + 180)
        await until(pilot, lambda: screen_of(pilot).run_table.place == 2 + 180 + 2)
        assert selected(pilot) == "2.9"
        await pilot.press("j")
        await until(pilot, lambda: selected(pilot) == "2.10")


async def test_the_mouse_selects_marks_and_opens(registry: Registry, workers: None) -> None:
    app = app_on(registry)
    async with app.run_test(size=SIZE) as pilot:
        await at_queue(pilot)
        await until(pilot, lambda: len(screen_of(pilot)._page.workers) == 2)
        await pilot.click("#runs", offset=(4, 3))
        assert selected(pilot) == "2.6"
        await pilot.click("#runs", offset=(4, 4), control=True)
        assert [run.key for run in screen_of(pilot).targets()] == ["2.7"]
        await pilot.click("#workers", offset=(4, 2))
        assert screen_of(pilot).worker_table.row.worker.uid == "w2"
        await pilot.click("#runs", offset=(4, 1), times=2)
        await until(pilot, lambda: isinstance(app.screen, RunScreen) and app.screen.targets())
        assert [run.key for run in app.screen.targets()] == ["2.3"]
