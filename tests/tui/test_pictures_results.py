"""Results, corpora and the export dialog as pictures. After a wanted change: ``pytest --snapshot-update``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from tests.support import filled_registry
from tests.tui.conftest import until
from tests.tui.fakes import app_with
from timnet.corpora.emodb import EMODB
from timnet.features.shelf import Standing
from timnet_tui.app import TimnetApp
from timnet_tui.looks.corpora import Corpora, CorporaWatch, CorpusRow, Count, not_registered
from timnet_tui.looks.results import ResultsFollower, ResultsPage, ResultsWatch
from timnet_tui.screens.add_corpus import AddCorpus
from timnet_tui.screens.corpora import CorporaScreen
from timnet_tui.screens.export import ExportDialog
from timnet_tui.screens.results import ResultsScreen

SIZES = pytest.mark.parametrize("size", [(80, 24), (160, 48)], ids=["80x24", "160x48"])
THEMES = pytest.mark.parametrize("theme", ["timnet-dark", "timnet-light"], ids=["dark", "light"])


def corpora(_watch: CorporaWatch) -> Corpora:
    """EMODB with two recordings missing, a corpus of one's own, and what is known beside."""
    counts = {name: count - 2 * (name == "sad") for name, count in EMODB.class_counts.items()}
    emodb = CorpusRow(
        "EMODB", 1, "/data/EMODB/wav", "emodb", "2026-01-31T09:00:00.000Z", "d1",
        tuple(Count(name, count, EMODB.class_counts[name]) for name, count in counts.items()),
        533, 535, 10, 10, 96_000, 8, Standing(True, 15_700_000, 4_000_000), 3, True, "open",
    )  # fmt: skip
    mine = CorpusRow(
        "MINE", 2, "/home/me/recordings", "folders", "2026-01-31T09:00:00.000Z", "d2",
        (Count("calm", 40), Count("excited", 31)), 71, None, 0, None, 88_000, 8,
    )  # fmt: skip
    return Corpora((emodb, mine, *not_registered({"EMODB"}, {})))


@pytest.fixture
def app(tmp_path: Path, theme: str) -> TimnetApp:
    """The app whose results are of a small registry, read once."""
    with filled_registry(tmp_path / "runs.db") as registry:
        answers: dict[Any, ResultsPage] = {}
        for behind in ((), (1,), (2,)):
            watch = ResultsWatch(behind=behind)
            answer = watch.follower(ResultsFollower()).read(registry, ())
            assert isinstance(answer, ResultsPage)
            answers[watch] = answer
    return app_with(theme=theme, answers={ResultsWatch: answers.__getitem__, CorporaWatch: corpora})


async def at_results(pilot: Pilot[None]) -> None:
    await pilot.press("4")
    await until(pilot, lambda: isinstance(pilot.app.screen, ResultsScreen) and pilot.app.screen.table.selected)
    await pilot.press("down")
    await until(pilot, lambda: pilot.app.screen.runs.row is not None)
    await pilot.pause()


@SIZES
@THEMES
def test_results(snap_compare, app: TimnetApp, size: tuple[int, int]) -> None:  # type: ignore[no-untyped-def]
    assert snap_compare(app, terminal_size=size, run_before=at_results)


@pytest.mark.parametrize("theme", ["timnet-dark"])
def test_export(snap_compare, app: TimnetApp) -> None:  # type: ignore[no-untyped-def]
    async def ready(pilot: Pilot[None]) -> None:
        await at_results(pilot)
        await pilot.press("x")
        await until(pilot, lambda: isinstance(pilot.app.screen, ExportDialog))
        await pilot.press("right")
        await pilot.pause()

    assert snap_compare(app, terminal_size=(80, 24), run_before=ready)


async def at_corpora(pilot: Pilot[None]) -> None:
    await pilot.press("5")
    await until(pilot, lambda: isinstance(pilot.app.screen, CorporaScreen) and pilot.app.screen.row is not None)
    await pilot.pause()


@SIZES
@THEMES
def test_corpora(snap_compare, app: TimnetApp, size: tuple[int, int]) -> None:  # type: ignore[no-untyped-def]
    assert snap_compare(app, terminal_size=size, run_before=at_corpora)


@pytest.mark.parametrize("theme", ["timnet-light"])
def test_adding(snap_compare, app: TimnetApp) -> None:  # type: ignore[no-untyped-def]
    async def ready(pilot: Pilot[None]) -> None:
        await at_corpora(pilot)
        await pilot.press("a")
        await until(pilot, lambda: isinstance(pilot.app.screen, AddCorpus))
        for field in pilot.app.screen.query(Input):
            field.cursor_blink = False
        await pilot.pause(0.3)

    assert snap_compare(app, terminal_size=(80, 24), run_before=ready)
