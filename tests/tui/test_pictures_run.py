"""The run screen as pictures: a fold and a whole experiment, with the panes that draw something."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from textual.pilot import Pilot

from tests.tui.conftest import until
from tests.tui.fakes import app_with, detail, some_runs, whole
from timnet.evaluation.statistics import pooled_scores
from timnet.records import Artifact, TrainingConfig
from timnet_tui.app import TimnetApp
from timnet_tui.charts.pictured import Pictured
from timnet_tui.charts.scatter import Point, Scatter
from timnet_tui.looks.background import Background
from timnet_tui.looks.experiment import ExperimentWatch, Whole
from timnet_tui.looks.run import Detail, RunWatch
from timnet_tui.looks.tested import Answered
from timnet_tui.screens.run import RunScreen
from timnet_tui.widgets import plane

SIZES = pytest.mark.parametrize("size", [(80, 24), (160, 48)], ids=["80x24", "160x48"])
THEMES = pytest.mark.parametrize("theme", ["timnet-dark", "timnet-light"], ids=["dark", "light"])
NAMES = ("angry", "boredom", "disgust", "fear", "happy", "neutral", "sad")
RUNS = [run for run in some_runs() if run.experiment_id == 2]
BACKGROUND = Background("/data/EMODB", "3f2a" * 16, NAMES, 535, TrainingConfig(epochs=20, batch_size=512))


def answers_of(folds: int) -> Answered:
    matrix = np.diag([11, 8, 4, 6, 6, 7, 6]) + np.eye(7, k=1, dtype=int) + 2 * np.eye(7, k=-4, dtype=int)
    return Answered(pooled_scores(NAMES, [(fold, matrix) for fold in range(1, folds + 1)]))


def of_run(watch: RunWatch) -> Detail | None:
    run = next((run for run in RUNS if run.id == watch.run_id), None)
    if run is None:
        return None
    log = tuple(f"epoch {epoch:3d}/20  loss {2 / epoch:.4f}  val_loss {2.2 / epoch:.4f}" for epoch in range(1, 13))
    kept = (Artifact(run.id, "embeddings", f"runs/{run.uid}/embeddings.npy", 83_588, run.created),)
    return replace(
        detail(run, log if watch.log else None),
        folds=tuple(RUNS),
        background=BACKGROUND,
        artifacts=kept,
        tested=answers_of(1) if watch.tested else None,
        log_path=f"runs/{run.uid}/log.txt",
    )


def of_experiment(watch: ExperimentWatch) -> Whole:
    return replace(whole(RUNS), background=BACKGROUND, tested=answers_of(2) if watch.tested else None)


def spiral(key: plane.Key) -> Scatter:
    points = []
    for place in range(210):
        truth, step = place % 7, place // 7
        angle = truth * math.tau / 7 + step / 40
        points.append(
            Point(
                math.cos(angle) * (3 + step % 5 / 3),
                math.sin(angle) * (3 + step % 6 / 3),
                truth,
                (truth + (place % 19 == 0)) % 7,
                f"{place:03d}.wav",
            )
        )
    return Scatter(
        key, "t-SNE of 210 test utterances, 2 folds", NAMES, tuple(points), "perplexity 30, axes have no unit"
    )


@pytest.fixture(autouse=True)
def no_child(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plane, "compute", lambda _db, key, _report, _stop: spiral(key))


def app(theme: str) -> TimnetApp:
    return app_with(runs=RUNS, answers={RunWatch: of_run, ExperimentWatch: of_experiment}, theme=theme)


async def settled(pilot: Pilot[None]) -> None:
    """All that is going to be drawn is drawn."""
    for drawn in pilot.app.screen.query(Pictured):
        if drawn.region.area:
            await until(pilot, lambda drawn=drawn: drawn.settled)
    await pilot.app.workers.wait_for_complete()
    await pilot.pause()
    for drawn in pilot.app.screen.query(Pictured):
        if drawn.region.area:
            await until(pilot, lambda drawn=drawn: drawn.settled)
    await pilot.pause()


def ready(key: str, press: list[str], *, all_folds: bool = False):  # type: ignore[no-untyped-def]
    async def steps(pilot: Pilot[None]) -> None:
        app = pilot.app
        assert isinstance(app, TimnetApp)
        await until(pilot, lambda: app.snapshot is not None)
        app.open_run(next(run.id for run in RUNS if run.key == key), whole=all_folds)
        await until(pilot, lambda: isinstance(app.screen, RunScreen) and app.screen.targets())
        await settled(pilot)
        for one in press:
            await pilot.press(one)
            await settled(pilot)

    return steps


@SIZES
@THEMES
def test_a_fold(snap_compare, size: tuple[int, int], theme: str) -> None:  # type: ignore[no-untyped-def]
    assert snap_compare(app(theme), terminal_size=size, run_before=ready("2.3", ["comma", "less_than_sign"]))


@SIZES
@THEMES
def test_all_folds(snap_compare, size: tuple[int, int], theme: str) -> None:  # type: ignore[no-untyped-def]
    assert snap_compare(app(theme), terminal_size=size, run_before=ready("2.3", ["o", "o", "s", "s"], all_folds=True))


@SIZES
@THEMES
def test_t_sne(snap_compare, size: tuple[int, int], theme: str) -> None:  # type: ignore[no-untyped-def]
    assert snap_compare(app(theme), terminal_size=size, run_before=ready("2.1", ["d", "D", "full_stop"]))


@pytest.mark.parametrize("pane", ["l", "i", "g", "k", "a"], ids=["log", "recall", "config", "files", "about"])
def test_other_panes(snap_compare, pane: str) -> None:  # type: ignore[no-untyped-def]
    assert snap_compare(app("timnet-dark"), terminal_size=(80, 24), run_before=ready("2.1", [pane]))


def test_a_search(snap_compare) -> None:  # type: ignore[no-untyped-def]
    steps = ready("2.3", ["slash", *"LOSS 0.2", "up"])
    assert snap_compare(app("timnet-dark"), terminal_size=(80, 24), run_before=steps)


def test_an_enlarged_chart(snap_compare) -> None:  # type: ignore[no-untyped-def]
    steps = ready("2.3", ["v", "v", "y", "z", "shift+left"], all_folds=True)
    assert snap_compare(app("timnet-dark"), terminal_size=(160, 48), run_before=steps)
