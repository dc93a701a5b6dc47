"""The list of runs and comparisons as pictures. After a wanted change: ``pytest --snapshot-update``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from tests.tui.conftest import until
from tests.tui.fakes import app_with, some_runs
from tests.tui.test_compare_screen import fill
from timnet.export.comparison import compare
from timnet.registry import Registry
from timnet_tui import bookkeeping
from timnet_tui.bookkeeping import Compared
from timnet_tui.charts.widget import Chart
from timnet_tui.looks.compare import ComparePage, CompareWatch
from timnet_tui.looks.runs import RunRow, RunsPage, RunsWatch
from timnet_tui.screens.compare import CompareScreen
from timnet_tui.screens.runs import RunsScreen
from timnet_tui.widgets.table import RowTable

SIZES = pytest.mark.parametrize("size", [(80, 24), (160, 48)], ids=["80x24", "160x48"])
THEMES = pytest.mark.parametrize("theme", ["timnet-dark", "timnet-light"], ids=["dark", "light"])


def page(watch: RunsWatch) -> RunsPage:
    """All runs, whatever is asked for but groups; the first has tags and a pin."""
    first, *others = some_runs()
    runs = [replace(first, tags=("paper", "night"), pinned=True, waiting_for="its turn"), *others]
    ids = [run.id for run in runs]
    place = ids.index(watch.asked) if watch.asked in ids else None
    return RunsPage(tuple(RunRow(run) for run in runs), 0, len(runs), True, watch.asked, place)


async def listed(pilot: Pilot[None]) -> None:
    await pilot.press("2")
    await until(pilot, lambda: isinstance(pilot.app.screen, RunsScreen))
    await until(pilot, lambda: pilot.app.screen.query_one(RowTable).row is not None)
    await pilot.press("space", *["down"] * 6)
    await pilot.pause()


@SIZES
@THEMES
def test_runs(snap_compare, size: tuple[int, int], theme: str) -> None:  # type: ignore[no-untyped-def]
    app = app_with(theme=theme, answers={RunsWatch: page})
    assert snap_compare(app, terminal_size=size, run_before=listed)


def test_filter(snap_compare) -> None:  # type: ignore[no-untyped-def]
    async def typing(pilot: Pilot[None]) -> None:
        await listed(pilot)
        pilot.app.screen.query_one(Input).cursor_blink = False
        await pilot.press("slash", *"state:running", "space", *"pro")
        await until(pilot, lambda: pilot.app.screen.view.filter_text == "state:running pro")
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()

    app = app_with(answers={RunsWatch: page})
    assert snap_compare(app, terminal_size=(80, 24), run_before=typing)


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ComparePage]:
    """What a registry says of three experiments."""
    db = tmp_path_factory.mktemp("pictures") / "runs.db"
    fill(db)
    with Registry.open_read_only(db) as registry:
        found = CompareWatch(("1", "2", "3")).follower(None).read(registry, ())
    assert isinstance(found, ComparePage)
    return db, found


@SIZES
@THEMES
def test_comparison(  # type: ignore[no-untyped-def]
    snap_compare, compared: tuple[Path, ComparePage], size: tuple[int, int], theme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    db, found = compared

    def made(_db: Path, keys: tuple[str, ...]) -> Compared:
        with Registry.open_read_only(db) as registry:
            return Compared(compare(registry, keys))

    monkeypatch.setattr(bookkeeping, "compared", made)

    async def ready(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: pilot.app.snapshot is not None)
        pilot.app.push_screen(CompareScreen(("1", "2", "3")))
        await until(pilot, lambda: isinstance(pilot.app.screen, CompareScreen))
        await until(pilot, lambda: pilot.app.screen.query_one(RowTable).row is not None, 30)
        await pilot.app.workers.wait_for_complete()
        chart = pilot.app.screen.query_one(Chart)
        await until(pilot, lambda: chart.settled)
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()

    app = app_with(theme=theme, answers={CompareWatch: lambda _watch: found})
    assert snap_compare(app, terminal_size=size, run_before=ready)
