"""What the screens show: hostile text, first run, trouble, dead runs, charts off the event loop."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

from tests.support import filled_registry
from tests.tui.conftest import until
from tests.tui.fakes import HOSTILE, FakeReader, app_with, done, run, snapshot, some_runs, training
from tests.tui.steps import grid_of, text_of
from tests.tui.test_poller import _claim_here
from timnet.queue.liveness import unlock
from timnet.records import RunState
from timnet.registry import Registry
from timnet.settings import Settings
from timnet_tui import logs
from timnet_tui.app import TimnetApp
from timnet_tui.charts.widget import Chart
from timnet_tui.looks.run import Detail
from timnet_tui.messages import CommandEnded
from timnet_tui.palette import DARK, LIGHT
from timnet_tui.screens.run import RunScreen
from timnet_tui.snapshot import Health
from timnet_tui.widgets.facts import Facts
from timnet_tui.widgets.lines import Lines
from timnet_tui.widgets.status import StatusStrip

FORBIDDEN = ("\x1b", "\x07", "\x9b", "\u202e", "\u2028")


async def test_hostile_text_is_shown_as_text_and_does_nothing() -> None:
    """Names, notes, errors and log lines with escape sequences, markup and bidirectional overrides."""
    hostile = {"corpus": HOSTILE, "preset": HOSTILE, "protocol": HOSTILE, "selection": HOSTILE}
    bad = run(2, 1, RunState.FAILED, error=HOSTILE, epoch=5, attempt=1, tags=(HOSTILE,), **hostile)

    class Hostile(FakeReader):
        def poll(self, watch):  # type: ignore[no-untyped-def]
            found = super().poll(watch)
            if found is None or not isinstance(found.answer, Detail):
                return found
            events = tuple(replace(event, text=HOSTILE, time=HOSTILE) for event in found.answer.events)
            experiment = replace(found.answer.experiment, note=HOSTILE, source=HOSTILE)
            told = replace(found.answer, events=events, experiment=experiment, log=(logs._printable(HOSTILE),))
            return replace(found, answer=told)

    given = snapshot([bad], problem="", db=Path(f"/data/{HOSTILE.replace('/', '')}.db"))
    app = app_with(given, runs=[bad])
    app._poller._reader = Hostile(given, [bad])
    async with app.run_test(size=(160, 60), notifications=True) as pilot:
        await until(pilot, lambda: grid_of(pilot).row is not None)
        on_grid = text_of(app)
        await pilot.press("enter", "l")
        await until(pilot, lambda: app.screen.query_one("#log", Lines).shown)
        app.on_command_ended(CommandEnded("told [@click=app.quit]you[/you]"))
        await until(pilot, lambda: "told [@click=app.quit]you[/you]" in text_of(app))
        on_run = text_of(app)
        for shown in (on_grid, on_run):
            assert not any(character in shown for character in FORBIDDEN)
        assert "[@click=app.quit]x[/x]" in on_run
        await pilot.click(Lines)
        assert app.is_running


def test_the_log_tail_is_bounded_and_safe(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    path.write_bytes(b"first\n" + b"x" * 200_000 + b"\n" + b"bar 10 %\rbar 90 %\r\n" + b"\xff\x1b[2Jend\tof it\n")
    lines = logs.tail(path, limit=1000)
    assert lines == ("bar 90 %", "\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}[2Jend    of it")
    whole = logs.tail(path, limit=1_000_000)
    assert whole[0] == "first"
    assert len(whole[1]) == logs.LINE_CHARACTERS + 1
    assert logs.tail(tmp_path / "missing") == ()
    assert logs.stamp(tmp_path / "missing") is None


async def test_first_run_says_what_to_type_and_fills_by_itself(tmp_path: Path) -> None:
    db = tmp_path / "runs.db"
    app = TimnetApp(db, Settings())
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "timnet corpora add" in text_of(app))
        assert "timnet demo" in text_of(app)
        assert "timnet train" in text_of(app)
        assert not db.exists()
        for key in ("enter", "p", "r", "R", "c", "w", "a", "left", "down", "G", "y"):
            await pilot.press(key)  # nothing is there, and nothing must break
        filled_registry(db).close()
        await until(pilot, lambda: grid_of(pilot).row is not None and "EMODB" in text_of(app))
        assert "timnet demo" not in text_of(app)


async def test_trouble_stands_in_the_strip_while_the_last_rows_stay() -> None:
    app = app_with(snapshot(health=Health.LOST, problem="/data/runs.db is gone"))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: grid_of(pilot).row is not None)
        shown = text_of(app)
        assert "is gone" in shown.splitlines()[1]
        assert "EMODB" in shown


async def test_a_run_whose_process_died_is_queued_again_within_two_seconds(tmp_path: Path) -> None:
    with Registry.open(tmp_path / "runs.db") as registry:
        from tests.support import add_corpus, add_experiment

        add_experiment(registry, add_corpus(registry))
        descriptor = _claim_here(registry)
        app = TimnetApp(registry.paths.db, Settings())
        async with app.run_test(size=(80, 24)) as pilot:
            await until(pilot, lambda: grid_of(pilot).run is not None)
            assert grid_of(pilot).run.state is RunState.RUNNING
            await asyncio.sleep(1.2)
            assert grid_of(pilot).run.state is RunState.RUNNING  # alive: its lock is held
            unlock(descriptor)
            died = time.monotonic()
            await until(pilot, lambda: grid_of(pilot).run.state is RunState.QUEUED)
            assert time.monotonic() - died < 2.0


async def test_new_experiments_above_do_not_move_the_selection() -> None:
    app = app_with()
    reader = app._poller._reader
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: grid_of(pilot).row is not None)
        newer = [run(4, fold) for fold in (1, 2)]
        reader.runs = (*newer, *some_runs())
        await until(pilot, lambda: grid_of(pilot).total == 4)
        assert grid_of(pilot).run.key == "2.3"
        reader.runs = tuple(one for one in some_runs() if one.experiment_id != 2)
        await until(pilot, lambda: grid_of(pilot).total == 2)
        assert grid_of(pilot).row is not None


async def test_many_folds_scroll_sideways_with_the_selection() -> None:
    app = app_with(runs=[run(1, fold, folds=40) for fold in range(1, 41)])
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: grid_of(pilot).row is not None)
        assert "›" in text_of(app)
        await pilot.press(*["l"] * 39)
        await until(pilot, lambda: " 40" in text_of(app).splitlines()[3])
        assert "‹" in text_of(app)
        assert "›" not in text_of(app).splitlines()[3]


async def test_thousands_of_experiments_are_drawn_line_by_line() -> None:
    runs = [run(number, fold) for number in range(1000, 0, -1) for fold in range(1, 11)]
    app = app_with(runs=runs)
    async with app.run_test(size=(160, 48)) as pilot:
        await until(pilot, lambda: grid_of(pilot).row is not None, seconds=10)
        assert len(list(app.screen.walk_children())) < 30  # not a widget a row, let alone a cell
        await pilot.press("G")
        await until(pilot, lambda: grid_of(pilot).row.id == 1)
        assert len(grid_of(pilot)._page.rows) < 250  # a page of them, not all
        start = time.perf_counter()
        for y in range(48):
            grid_of(pilot).render_line(y)
        assert time.perf_counter() - start < 0.5


# charts


async def test_the_event_loop_goes_on_while_curves_are_drawn() -> None:
    app = app_with(runs=[training(2, 3, 500, epochs=500), done(2, 1, 0.8)])
    reader = app._poller._reader
    async with app.run_test(size=(200, 50)) as pilot:
        await until(pilot, lambda: grid_of(pilot).row is not None)
        await pilot.press("enter")
        await until(pilot, lambda: app.screen.query_one("#loss", Chart).plot)
        lags = []
        for epoch in range(40):
            if epoch % 8 == 0:
                reader.runs = (training(2, 3, 501 + epoch, epochs=600),)
            start = time.perf_counter()
            await asyncio.sleep(0.02)
            lags.append(time.perf_counter() - start - 0.02)
        assert sorted(lags)[len(lags) // 2] < 0.03


async def test_another_theme_recolours_what_was_drawn_before() -> None:
    app = app_with()
    async with app.run_test(size=(160, 48)) as pilot:
        await until(pilot, lambda: grid_of(pilot).row is not None)
        for key in ("enter", "l"):
            for colours in (LIGHT, DARK):
                app.theme = colours.name
                await until(
                    pilot, lambda colours=colours: colours.states[RunState.RUNNING] in _colours_of(app, "2.3 EMODB")
                )
            await pilot.press(key)
        await until(pilot, lambda: "epoch 39 of 20" in text_of(app))
        for colours in (LIGHT, DARK):
            app.theme = colours.name
            await until(pilot, lambda colours=colours: colours.text in _colours_of(app, "epoch 39 of 20"))
            await until(pilot, lambda colours=colours: colours.validation in _colours_of(app, "⠉"))


def _colours_of(app: TimnetApp, text: str) -> set[tuple[int, int, int] | None]:
    """The colours in which ``text`` stands on the screen."""
    parts = (part for line in app.screen._compositor.render_strips(app.size) for part in line)
    return {
        tuple(part.style.color.triplet) if part.style and part.style.color and part.style.color.triplet else None
        for part in parts
        if text in part.text
    }


# what is not loaded


def test_the_interface_loads_no_library_of_the_engine() -> None:
    heavy = ("tensorflow", "keras", "librosa", "sklearn", "matplotlib", "numba", "scipy", "sqlite_utils")
    code = (
        "import sys, pkgutil, importlib, timnet_tui\n"
        "found = pkgutil.walk_packages(timnet_tui.__path__, 'timnet_tui.')\n"
        "names = [one.name for one in found if '__main__' not in one.name]\n"
        "[importlib.import_module(name) for name in names]\n"
        "import plotext\n"
        f"print(len(names), [name for name in {heavy!r} if name in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split(
        maxsplit=1
    )
    assert int(said[0]) > 20
    assert said[1].strip() == "[]"


async def test_the_facts_and_the_strip_follow_the_run() -> None:
    app = app_with()
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: grid_of(pilot).row is not None)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, RunScreen) and app.screen.targets())
        await until(pilot, lambda: "12/20" in text_of(app))
        app._poller._reader.runs = (training(2, 3, 13), done(2, 1, 0.8))
        await until(pilot, lambda: "13/20" in text_of(app))
        assert app.screen.query_one(Facts).display
        assert app.screen.query_one(StatusStrip)._snapshot is app.snapshot
