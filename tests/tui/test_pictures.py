"""The screens as pictures, at two sizes, dark and light. After a wanted change: ``pytest --snapshot-update``."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.pilot import Pilot

from tests.tui.conftest import until
from tests.tui.fakes import app_with, snapshot
from timnet_tui.charts.widget import Chart
from timnet_tui.snapshot import Health
from timnet_tui.widgets.grid import FoldGrid

SIZES = pytest.mark.parametrize("size", [(80, 24), (160, 48)], ids=["80x24", "160x48"])
THEMES = pytest.mark.parametrize("theme", ["timnet-dark", "timnet-light"], ids=["dark", "light"])


async def _settled(pilot: Pilot[None]) -> None:
    """All that is going to be drawn is drawn."""
    for chart in pilot.app.screen.query(Chart):
        if chart.region.area:
            await until(pilot, lambda chart=chart: chart.settled)
    await pilot.app.workers.wait_for_complete()
    await pilot.pause()


@SIZES
@THEMES
def test_grid(snap_compare, size: tuple[int, int], theme: str) -> None:  # type: ignore[no-untyped-def]
    async def ready(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: pilot.app.screen.query_one(FoldGrid).row is not None)
        await _settled(pilot)

    assert snap_compare(app_with(theme=theme), terminal_size=size, run_before=ready)


def test_first_run(snap_compare) -> None:  # type: ignore[no-untyped-def]
    async def ready(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: pilot.app.snapshot is not None)
        await pilot.pause()

    empty = snapshot([], health=Health.ABSENT, workers=(), db=Path("/data/runs.db"))
    assert snap_compare(app_with(empty, runs=[]), terminal_size=(80, 24), run_before=ready)


def test_question(snap_compare) -> None:  # type: ignore[no-untyped-def]
    async def ready(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: pilot.app.screen.query_one(FoldGrid).row is not None)
        await pilot.press("c")
        await pilot.pause()

    assert snap_compare(app_with(), terminal_size=(80, 24), run_before=ready)
