"""A run of a speaker-independent protocol with an inner validation set; and how curves are shown, the next time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from textual.widgets import Static
from typer.testing import CliRunner

from tests.support import add_corpus, add_experiment, epoch_record, start_next
from tests.tui.conftest import until
from tests.tui.steps import at_run
from timnet.cli.app import app as commands
from timnet.records import TrainingConfig
from timnet.registry import Registry
from timnet.settings import Settings
from timnet_tui.app import TimnetApp
from timnet_tui.charts.model import BandKind, Role, XAxis
from timnet_tui.memory import Memory
from timnet_tui.screens.grid import GridScreen
from timnet_tui.screens.run import RunScreen


def registry_of(path: Path) -> Path:
    """A fold that tests speaker 00, three epochs of it with values of the inner set."""
    with Registry.open(path) as registry:
        config = TrainingConfig(epochs=20, inner=0.1)
        add_experiment(registry, add_corpus(registry), protocol="loso", config=config)
        run = registry.runs.by_id(start_next(registry))
        journal = registry.journal(run.id, run.attempt)
        for epoch in range(1, 4):
            record = epoch_record(epoch)
            values = {"inner_loss": 1.5 / epoch, "inner_accuracy": 0.2 * epoch, "inner_uar": 0.1 * epoch}
            journal.epoch(replace(record, metrics=replace(record.metrics, **values)))
    return path


async def test_the_inner_set_has_curves_the_fold_a_name_and_the_look_is_found_again(tmp_path: Path) -> None:
    db = registry_of(tmp_path / "runs.db")
    app = TimnetApp(db, Settings(), memory=Memory(db, tmp_path))
    async with app.run_test(size=(140, 40)) as pilot:
        await at_run(pilot, "1.1")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, RunScreen) and app.screen.charts.upper.plot is not None)
        charts = app.screen.charts
        assert "tests speaker 00" in str(app.screen.query_one("#title", Static).content)
        for chart, values in ((charts.upper, (20.0, 40.0, 60.0)), (charts.loss, (1.5, 0.75, 0.5))):
            [inner] = [series for series in chart.plot.series if series.role is Role.INNER]
            assert [round(value, 6) for value in inner.y] == list(values)
        await pilot.press("s", "y", "X", "b")
        look = charts.look
        assert (look.smoothing, look.log, look.x_axis, look.band) == (0.6, True, XAxis.STEP, BandKind.SE)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, GridScreen))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, RunScreen) and app.screen.ready)
        assert app.screen.charts is not charts
        assert app.screen.charts.look == look
        await pilot.press("M", "q")
    kept = Memory(db, tmp_path).of("run")
    assert {name: kept[name] for name in ("smoothing", "log", "x_axis", "band", "metric")} == {
        "smoothing": 0.6, "log": True, "x_axis": "step", "band": "se", "metric": "uar",
    }  # fmt: skip


def test_the_command_line_names_what_a_fold_tests(tmp_path: Path) -> None:
    db = registry_of(tmp_path / "runs.db")
    shown = CliRunner().invoke(commands, ["--db", str(db), "runs", "show", "1.3"])
    assert "loso; this fold tests speaker 02" in shown.output
