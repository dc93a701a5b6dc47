"""Steps that tests of several screens share."""

from __future__ import annotations

from typing import Any

from textual.geometry import Region
from textual.pilot import Pilot
from textual.widget import Widget

from tests.tui.conftest import until
from timnet_tui.app import TimnetApp
from timnet_tui.widgets.grid import FoldGrid


def text_of(app: TimnetApp) -> str:
    """The whole screen as text."""
    return "\n".join("".join(part.text for part in line) for line in app.screen._compositor.render_strips(app.size))


def grid_of(pilot: Pilot[None]) -> FoldGrid:
    return pilot.app.screen.query_one(FoldGrid)


async def at_run(pilot: Pilot[None], key: str) -> None:
    """Select the run ``key`` in the grid of a real registry."""
    experiment, fold = map(int, key.split("."))
    app = pilot.app
    assert isinstance(app, TimnetApp)
    await until(pilot, lambda: grid_of(pilot).row is not None)
    grid_of(pilot).move_to(experiment, fold)
    await until(pilot, lambda: grid_of(pilot).run is not None and grid_of(pilot).run.key == key)


async def click(pilot: Pilot[None], selector: str | Widget, **how: Any) -> None:
    """Click on a widget once it stands still: on a busy machine a layout may come between a look and a click."""
    places: list[Region] = []

    def still() -> bool:
        widget = pilot.app.screen.query_one(selector) if isinstance(selector, str) else selector
        places.append(widget.region)
        return bool(widget.region) and places[-3:] == [widget.region] * 3

    await until(pilot, still)
    assert await pilot.click(selector, **how), f"something lies over {selector}"


def toasts(pilot: Pilot[None]) -> str:
    return "\n".join(one.message for one in pilot.app._notifications)
