"""No screen shows a score that the test fold has chosen without protocol, selection rule and ``optimistic``.

The screens are taken from the table of places and, of a run, from its panes' actions, in a registry whose only
experiments are ``best-test``: a place that nobody opens here fails, and so does a score without its label.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.screen import Screen

from tests.labels import SCORE, labelled, only_optimistic
from tests.tui.conftest import until
from tests.tui.steps import text_of
from tests.tui.test_table import PLACES
from timnet.settings import Settings
from timnet_tui.actions import Place
from timnet_tui.app import MAIN_SCREENS, TimnetApp
from timnet_tui.screens.base import RegistryScreen

#: where columns are left out for want of room; here everything else that a screen shows is opened too
NARROW = (80, 24)
#: keys that open what else a screen shows; a run's panes, an experiment's, the folds of a comparison
KEYS = {
    "run": ("e", "o", "i", "g", "k", "a", "l", "v", "f"),
    "experiment": ("o", "i", "g", "a"),
    Place.COMPARE: ("F",),
    Place.RESULTS: ("enter",),
    Place.RUNS: ("b", "down", "enter"),
}
#: what shows no score
SCORELESS = {Place.NEW, Place.CORPORA, Place.QUEUE}


def openers(app: TimnetApp) -> dict[str, Callable[[], object]]:
    """How to come to each place; a run's screen shows one fold or all."""
    from timnet_tui.screens.compare import CompareScreen

    found: dict[str, Callable[[], object]] = {place: lambda place=place: app.go_to(place) for place in MAIN_SCREENS}
    found |= {"run": lambda: app.open_run(1), "experiment": lambda: app.open_run(1, whole=True)}
    found[Place.COMPARE] = lambda: app.push_screen(CompareScreen(("1", "2")))
    found[Place.NEW] = lambda: app.open_new(1)
    return found


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("labelled") / "runs.db"
    only_optimistic(path)
    return path


@pytest.mark.parametrize("size", [NARROW, (160, 48)])
async def test_no_screen_shows_an_unlabelled_score(db: Path, size: tuple[int, int]) -> None:
    app = TimnetApp(db, Settings())
    seen: dict[str, bool] = {}
    async with app.run_test(size=size, notifications=True) as pilot:
        await until(pilot, lambda: app.snapshot is not None)
        assert {"experiment", *PLACES} == {*openers(app)}
        for place, go in openers(app).items():
            go()
            await at_rest(pilot, None if place in SCORELESS else lambda: SCORE.search(text_of(app)))
            texts = [text_of(app)]
            for key in KEYS.get(place, ()) if size == NARROW else ():
                await pilot.press(key)
                await at_rest(pilot, None)
                if isinstance(app.screen, RegistryScreen):  # a dialog lies over what labels the scores behind it
                    texts.append(text_of(app))
            for text in texts:
                assert not SCORE.search(text) or labelled(text), f"{place} at {size}:\n{text}"
            seen[place] = any(SCORE.search(text) for text in texts)
            while len(app.screen_stack) > 1:
                app.pop_screen()
                await pilot.pause()
    assert {place for place, shown in seen.items() if not shown} <= SCORELESS


async def at_rest(pilot: Pilot[None], holds: Callable[[], object] | None) -> None:
    """Once the screen has what it asked for, and where there is one, what it is waited for."""
    app = pilot.app

    def ready() -> bool:
        screen: Screen[object] = app.screen
        return not isinstance(screen, RegistryScreen) or screen.ready

    await until(pilot, lambda: ready() and (holds is None or holds()))
    before = ""
    for _ in range(10):
        await pilot.pause(0.05)
        now = text_of(app)  # type: ignore[arg-type]
        if now == before:
            return
        before = now
