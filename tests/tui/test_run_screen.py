"""The run screen by its keys and the mouse: curves, folds, panes."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.pilot import Pilot

from tests.support import CLASSES, filled_registry, start_next, train
from tests.tui.conftest import until
from tests.tui.fakes import HOSTILE
from tests.tui.proofs import proves
from tests.tui.steps import at_run, grid_of, text_of, toasts
from timnet.export import placed as placing
from timnet.records import EventKind, RunState
from timnet.registry import Registry
from timnet.settings import Settings
from timnet_tui.app import TimnetApp
from timnet_tui.charts.curves import Metric
from timnet_tui.charts.model import BandKind, XAxis
from timnet_tui.charts.scatter import Point, Scatter
from timnet_tui.looks.experiment import Whole
from timnet_tui.looks.run import Detail
from timnet_tui.screens.run import RunScreen
from timnet_tui.widgets import plane
from timnet_tui.widgets.lines import Lines
from timnet_tui.widgets.pane_tabs import PaneTabs
from timnet_tui.widgets.plane import compute as compute_really
from timnet_tui.widgets.search import SearchLine

FORBIDDEN = ("\x1b", "\x07", "\x9b", "\u202e", "\u2028")
NARROW, BROAD = (80, 24), (160, 48)


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return filled_registry(tmp_path / "runs.db")


@pytest.fixture(autouse=True)
def no_child(monkeypatch: pytest.MonkeyPatch) -> list[plane.Key]:
    """A t-SNE of three points, without the child process; what was asked for."""
    asked: list[plane.Key] = []

    def compute(_db, key, report, _stop):  # type: ignore[no-untyped-def]
        asked.append(key)
        points = tuple(Point(float(x), float(x % 2), x % 2, 0, f"{x}.wav") for x in range(4))
        return Scatter(key, "t-SNE of 4 test utterances", CLASSES[:2], points)

    monkeypatch.setattr(plane, "compute", compute)
    return asked


@asynccontextmanager
async def opened(
    registry: Registry, key: str, size: tuple[int, int] = NARROW, *, whole: bool = False
) -> AsyncIterator[tuple[TimnetApp, Pilot[None], RunScreen]]:
    """The screen of a run, or of its whole experiment, its curves drawn."""
    app = TimnetApp(registry.paths.db, Settings())
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: app.snapshot is not None)
        app.open_run(registry.runs.get(key).id, whole=whole)
        await until(pilot, lambda: isinstance(app.screen, RunScreen) and app.screen.targets())
        screen = app.screen
        assert isinstance(screen, RunScreen)
        await until(pilot, lambda: not registry.runs.get(key).epoch or screen.charts.upper.plot is not None)
        yield app, pilot, screen


def shown(screen: RunScreen) -> Detail | Whole:
    found = screen._shown
    assert found is not None
    return found


# folds and the experiment


@proves("run.next_fold", "run.previous_fold")
async def test_fold_keys_turn_the_pages_and_go_round(registry: Registry) -> None:
    async with opened(registry, "2.3") as (_app, pilot, screen):
        for key, wanted in (("]", "2.4"), ("[", "2.3"), ("[", "2.2"), ("[", "2.1"), ("[", "2.10"), ("]", "2.1")):
            await pilot.press(key)
            await until(pilot, lambda wanted=wanted: [run.key for run in screen.targets()] == [wanted])
        await pilot.press("escape")
        await until(pilot, lambda: grid_of(pilot).run is not None and grid_of(pilot).run.key == "2.1")


@proves("run.whole")
async def test_all_folds_and_back_to_this_one(registry: Registry) -> None:
    async with opened(registry, "2.2", BROAD) as (app, pilot, screen):
        assert "2.2 EMODB" in text_of(app)
        await pilot.press("f")
        await until(pilot, lambda: isinstance(screen._shown, Whole))
        await until(pilot, lambda: "±" in screen.charts.upper.caption(90)[0].plain)
        assert "n 2/10" in text_of(app)  # of the final scores
        assert len(screen.targets()) == 10
        caption = screen.charts.upper.caption(150)[0].plain
        assert "n 2" in caption  # at the newest epoch two folds are left of five
        assert "n 5 → 4 at 2" in caption
        await pilot.press("f")
        await until(pilot, lambda: [run.key for run in screen.targets()] == ["2.2"])
        await pilot.press("f", "]")
        await until(pilot, lambda: [run.key for run in screen.targets()] == ["2.2"])


async def test_folds_are_turned_as_often_as_the_key_was_pressed(registry: Registry) -> None:
    async with opened(registry, "2.2") as (_app, pilot, screen):
        for turn in (screen.action_next_fold, screen.action_next_fold, screen.action_previous_fold):
            turn()  # before any of them has been read
        await until(pilot, lambda: [run.key for run in screen.targets()] == ["2.3"])
        screen.action_whole()
        screen.action_next_fold()
        await until(pilot, lambda: [run.key for run in screen.targets()] == ["2.3"])


async def test_enter_on_a_whole_experiment_opens_all_folds_and_escape_selects_it_again(registry: Registry) -> None:
    app = TimnetApp(registry.paths.db, Settings())
    async with app.run_test(size=NARROW) as pilot:
        await at_run(pilot, "2.1")
        await pilot.press("a", "enter")
        await until(pilot, lambda: isinstance(app.screen, RunScreen) and isinstance(app.screen._shown, Whole))
        await pilot.press("escape")
        await until(pilot, lambda: grid_of(pilot).fold == 0 and grid_of(pilot).row.id == 2)


async def test_the_screen_follows_what_trains(registry: Registry) -> None:
    async with opened(registry, "2.3", BROAD) as (app, pilot, screen):
        await until(pilot, lambda: "12/20" in text_of(app))
        train(registry, registry.runs.get("2.3").id, 14)
        await until(pilot, lambda: "14/20" in text_of(app))
        await until(pilot, lambda: screen.charts.loss.plot is not None and screen.charts.loss.plot.xs[-1] == 14)
        await pilot.press("f")
        await until(pilot, lambda: isinstance(screen._shown, Whole))
        train(registry, registry.runs.get("2.3").id, 15)
        await until(pilot, lambda: len(shown(screen).histories[2].epochs) == 15)  # type: ignore[union-attr]


async def test_a_deleted_run_is_said(registry: Registry) -> None:
    async with opened(registry, "1.1") as (app, pilot, screen):
        screen._run_id = 10**6
        screen._shown = None
        screen.rewatch()
        await until(pilot, lambda: "not in the registry any more" in text_of(app))
        await pilot.press("]", "f", "p", "Y", "e", "o")
        assert app.is_running


# curves


@proves("run.zoom_in", "run.zoom_out", "run.pan_left", "run.pan_right", "run.reset_view")
async def test_both_charts_zoom_and_pan_together(registry: Registry) -> None:
    async with opened(registry, "1.1") as (app, pilot, screen):
        upper, loss = screen.charts.upper, screen.charts.loss
        assert upper.view.whole
        await pilot.press("z", "+")
        assert not upper.view.whole
        assert upper.view.follows
        assert loss.view == upper.view
        assert "zoomed, following" in text_of(app)
        await pilot.press("shift+left")
        assert not upper.view.follows
        end = upper.view.end
        await pilot.press("shift+left")
        assert upper.view.end < end
        assert "0 shows all" in text_of(app)
        await pilot.press(*["shift+right"] * 9)
        assert upper.view.follows
        await pilot.press("-", "Z", "-")
        assert upper.view.whole
        await pilot.press("z", "0")
        assert upper.view.whole
        assert loss.view == upper.view


@proves("run.cursor_left", "run.cursor_right", "run.cursor_far_left", "run.cursor_far_right")
async def test_the_cursor_reads_every_line(registry: Registry) -> None:
    async with opened(registry, "1.1", (100, 30)) as (app, pilot, screen):
        await until(pilot, lambda: screen.charts.loss.plot is not None)
        await pilot.press("comma")
        assert screen.charts.upper.view.cursor == 20
        await pilot.press("less_than_sign", "comma")
        assert screen.charts.loss.view.cursor == 9
        await until(pilot, lambda: "epoch 9  accuracy %" in text_of(app))
        metrics = shown(screen).epochs[8]  # type: ignore[union-attr]
        assert f"val {100 * metrics.val_accuracy:.1f}" in text_of(app)
        assert f"train {metrics.loss:.3f}" in text_of(app)
        await pilot.press("full_stop")
        assert screen.charts.upper.view.cursor == 10
        await pilot.press("greater_than_sign", "greater_than_sign")
        assert screen.charts.upper.view.cursor == 20


@proves("run.log_scale", "run.smoother", "run.rougher", "run.x_axis", "run.band", "run.every_fold", "run.metric")
async def test_how_curves_are_shown(registry: Registry) -> None:
    async with opened(registry, "1.1", BROAD, whole=True) as (app, pilot, screen):
        charts = screen.charts
        await pilot.press("y")
        await until(pilot, lambda: charts.loss.plot is not None and charts.loss.plot.log)
        assert charts.upper.plot is not None
        assert not charts.upper.plot.log  # an accuracy has no use for it
        await pilot.press("y")
        await pilot.press("s", "s")
        assert charts.look.smoothing == 0.9
        assert "smoothed 0.9" in text_of(app)
        await pilot.press("S")
        assert charts.upper.look.smoothing == 0.6
        await pilot.press("S", "S")
        assert charts.look.smoothing == 0.99
        await pilot.press("s")
        assert charts.look.smoothing == 0
        seen = []
        for _ in range(3):
            await pilot.press("X")
            seen.append(charts.look.x_axis)
        assert seen == [XAxis.STEP, XAxis.MINUTES, XAxis.EPOCH]
        kinds = []
        for _ in range(4):
            await pilot.press("b")
            kinds.append(charts.look.band)
        assert kinds == [BandKind.SE, BandKind.CI, BandKind.RANGE, BandKind.SD]
        await pilot.press("F")
        await until(pilot, lambda: not any(series.faint for series in charts.upper.plot.series))
        await pilot.press("F")
        await until(pilot, lambda: sum(series.faint for series in charts.upper.plot.series) == 6)
        for metric, title in ((Metric.UAR, "UAR %"), (Metric.LEARNING_RATE, "learning rate"), (Metric.SECONDS, "sec")):
            await pilot.press("M")
            assert charts.metric is metric
            await until(pilot, lambda title=title: charts.upper.plot and charts.upper.plot.title.startswith(title))
        assert charts.loss.plot.title == "loss"


@proves("run.enlarge")
async def test_one_chart_takes_all_the_room(registry: Registry) -> None:
    async with opened(registry, "1.1") as (_app, pilot, screen):
        await pilot.press("v")
        await until(pilot, lambda: screen.charts.upper.size.height > 15)
        assert not screen.charts.loss.display
        assert not screen.panes.display
        await pilot.press("v")
        await until(pilot, lambda: screen.charts.loss.size.height > 15)
        assert not screen.charts.upper.display
        await pilot.press("z")  # keys are for the chart that is seen
        assert not screen.charts.loss.view.whole
        await pilot.press("escape")
        assert screen.charts.upper.display
        assert screen.charts.upper.view == screen.charts.loss.view
        await pilot.press("v", "v", "v")
        assert screen.charts.enlarged is None
        await pilot.press("v", "k")  # a pane's key needs the panes
        assert screen.charts.enlarged is None
        assert screen.panes.open == "files"


async def test_the_mouse_zooms_pans_and_reads_in_both_charts(registry: Registry) -> None:
    async with opened(registry, "1.1", BROAD) as (_app, pilot, screen):
        upper, loss = screen.charts.upper, screen.charts.loss
        await until(pilot, lambda: loss.plot is not None)
        await pilot.hover("#accuracy", offset=(40, 8))
        await until(pilot, lambda: loss.view.cursor is not None)
        assert loss.view == upper.view
        from textual.events import MouseScrollUp

        x, y = upper.region.x + 40, upper.region.y + 8
        upper.post_message(MouseScrollUp(upper, 40, 8, 0, 0, 0, False, False, False, x, y))
        await until(pilot, lambda: not loss.view.whole)
        await pilot.click("#loss", offset=(40, 8), times=2)
        await until(pilot, lambda: upper.view.whole)


async def test_the_note_on_smoothed_labels_stays(registry: Registry) -> None:
    async with opened(registry, "1.1", BROAD) as (app, pilot, screen):
        await until(pilot, lambda: "training loss is on smoothed labels" in text_of(app))
        await pilot.press("s", "X", "f")
        await until(pilot, lambda: isinstance(screen._shown, Whole))
        await until(pilot, lambda: "training loss is on smoothed labels" in text_of(app))


# panes


@proves("run.next_pane", "run.previous_pane", "run.facts", "run.settings", "run.files", "run.recall")
@pytest.mark.parametrize("size", [NARROW, BROAD])
async def test_every_pane_is_reached_by_keys_and_by_mouse(registry: Registry, size: tuple[int, int]) -> None:
    async with opened(registry, "1.2", size) as (app, pilot, screen):
        order = ["events", "log", "confusion", "recall", "plane", "settings", "files"]
        order = order if size == BROAD else [*order, "facts"]
        assert screen.panes.open == "events"
        for wanted in [*order[1:], order[0]]:
            await pilot.press("tab")
            assert screen.panes.open == wanted
            assert app.focused is not None
            assert app.focused.id == wanted
        await pilot.press("shift+tab")
        assert screen.panes.open == order[-1]
        said = {"e": "queued", "i": "recall  n", "g": "corpus version", "k": "embeddings", "a": "state"}
        for key, text in said.items():
            await pilot.press(key)
            await until(pilot, lambda text=text: text in text_of(app))
        tabs = screen.query_one(PaneTabs)
        for wanted in order:
            at = 0
            for pane, label in zip(tabs._panes, tabs._labels(), strict=True):
                width = len(label[0]) + len(label[1]) + 1 + bool(label[0])
                if pane.id == wanted:
                    await pilot.click(PaneTabs, offset=(at + 2, 0))
                at += width
            await until(pilot, lambda wanted=wanted: screen.panes.open == wanted)


@proves("run.events")
async def test_events_of_some_kinds(registry: Registry) -> None:
    async with opened(registry, "2.4") as (app, pilot, screen):
        events = screen.query_one("#events", Lines)
        await until(pilot, lambda: events.shown)
        assert EventKind.CHECK_SKIPPED not in {event.kind for event in events.shown}
        assert "3 hidden" in text_of(app)
        await pilot.press("e")
        assert {event.kind for event in events.shown} <= {EventKind.CHECK_IMPROVED, EventKind.CHECK_NOT_IMPROVED}
        await pilot.press("e")
        assert [event.kind for event in events.shown] == ["queued", "started", "failed"]
        await pilot.press("e")
        assert [event.kind for event in events.shown] == ["failed"]
        await pilot.press("e")
        assert len(events.shown) == 3
        await pilot.press("l", "e")  # from another pane it only comes back
        assert len(events.shown) == 3


async def test_events_of_all_folds_say_of_which(registry: Registry) -> None:
    async with opened(registry, "2.4", BROAD, whole=True) as (app, pilot, screen):
        await pilot.press("e", "e", "e")
        await until(pilot, lambda: "the loss is not finite" in text_of(app) or "failed" in text_of(app))
        events = screen.query_one("#events", Lines)
        assert [event.kind for event in events.shown] == ["failed"]
        assert "f4" in events.text


def log_of(registry: Registry, key: str, lines: list[str]) -> None:
    path = registry.paths.run(registry.runs.get(key).uid).log
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.writelines(f"{line}\n" for line in lines)


@proves("run.log")
async def test_the_log_is_followed_and_each_fold_has_its_own(registry: Registry) -> None:
    log_of(registry, "2.3", [f"epoch {epoch} of 20" for epoch in range(1, 40)])
    async with opened(registry, "2.3") as (app, pilot, screen):
        await pilot.press("l")
        log = screen.query_one("#log", Lines)
        await until(pilot, lambda: log.shown and log.shown[-1] == "epoch 39 of 20")
        await until(pilot, lambda: log.scroll_offset.y == log.max_scroll_y)
        log_of(registry, "2.3", [f"epoch {epoch} of 20" for epoch in range(40, 45)])
        await until(pilot, lambda: "epoch 44 of 20" in text_of(app))
        await pilot.press("pageup")
        log_of(registry, "2.3", [f"epoch {epoch} of 20" for epoch in range(45, 50)])
        await until(pilot, lambda: log.shown[-1] == "epoch 49 of 20")
        assert "epoch 49 of 20" not in text_of(app)  # a user who scrolled up stays there
        await pilot.press("]")
        await until(pilot, lambda: log.shown == ())
        await pilot.press("f")
        await until(pilot, lambda: "each fold has a log of its own" in text_of(app))


@proves("run.search", "run.find_next", "run.find_before")
async def test_a_text_is_found_in_the_log(registry: Registry) -> None:
    log_of(registry, "2.3", [f"line {number} {'[b]ODD[/b]' if number % 10 == 3 else ''}" for number in range(100)])
    async with opened(registry, "2.3") as (app, pilot, screen):
        await pilot.press("/", *"odd", "left_square_bracket")
        log = screen.query_one("#log", Lines)
        await until(pilot, lambda: log.shown)
        await until(pilot, lambda: log.found == (10, 10))
        assert "line 93" in text_of(app)
        assert "10 of 10" in text_of(app)
        await pilot.press("up")
        assert log.found == (9, 10)
        await pilot.press("down")
        await pilot.press("enter")
        assert not screen.query_one(SearchLine).typing
        await pilot.press("ctrl+n")
        assert log.found == (1, 10)
        await until(pilot, lambda: "line 3 " in text_of(app))
        await pilot.press("f3", "ctrl+b")
        assert log.found == (1, 10)
        await pilot.press("shift+f3")
        assert log.found == (10, 10)
        await pilot.press("e")
        assert not screen.query_one(SearchLine).display
        await pilot.press("l")
        assert screen.query_one(SearchLine).display
        await pilot.press("escape")
        assert log.found is None
        assert isinstance(app.screen, RunScreen)


async def test_what_is_not_there_is_said_and_keys_go_into_the_line(registry: Registry) -> None:
    log_of(registry, "2.3", ["one", "two"])
    async with opened(registry, "2.3") as (app, pilot, screen):
        await pilot.press("slash", *"pRc1q")
        await until(pilot, lambda: "not found" in text_of(app))
        assert screen.query_one(SearchLine).text == "pRc1q"
        assert registry.runs.get("2.3").want is None
        await pilot.press("escape")
        assert isinstance(app.screen, RunScreen)
        assert not screen.query_one(SearchLine).display
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, RunScreen))


@proves("run.confusion")
async def test_the_confusion_matrix_in_counts_and_per_cent(registry: Registry) -> None:
    async with opened(registry, "1.3") as (app, pilot, screen):
        await pilot.press("o")
        matrix = screen.query_one("#confusion", Lines)
        await until(pilot, lambda: matrix.shown)
        assert "counts, n 13" in text_of(app)
        rows = [line.split() for line in matrix.text.splitlines()[1:8]]
        assert [row[0] for row in rows] == list(CLASSES)
        assert sum(int(count) for row in rows for count in row[1:8]) == 13
        assert sum(int(row[1 + place]) for place, row in enumerate(rows)) == 10  # three are wrong
        assert [int(row[8]) for row in rows] == [sum(map(int, row[1:8])) for row in rows]
        await pilot.press("o")
        await until(pilot, lambda: "% of the row" in text_of(app))
        rows = [line.split() for line in matrix.text.splitlines()[1:8]]
        assert all(99.5 < sum(float(part) for part in row[1:8]) < 100.5 for row in rows)
        await pilot.press("f")
        await until(pilot, lambda: "n 40 over 3 of 3 folds" in text_of(app))
        await pilot.press("o")
        rows = [line.split() for line in matrix.text.splitlines()[1:8]]
        assert sum(int(count) for row in rows for count in row[1:8]) == 40


async def test_an_unfinished_run_says_why_there_is_no_matrix(registry: Registry) -> None:
    async with opened(registry, "2.3") as (app, pilot, _screen):
        for key in ("o", "i", "d"):
            await pilot.press(key)
            await until(pilot, lambda: "no result yet" in text_of(app))
        await pilot.press("f", "o")
        await until(pilot, lambda: "n 14 over 2 of 10 folds" in text_of(app))


async def test_recalls_stand_with_their_counts(registry: Registry) -> None:
    async with opened(registry, "1.1", whole=True) as (_app, pilot, screen):
        await pilot.press("i")
        bars = screen.query_one("#recall", Lines)
        await until(pilot, lambda: bars.shown)
        tested = shown(screen).tested
        assert tested is not None
        assert tested.scores is not None
        for one, line in zip(tested.scores.recalls, bars.text.splitlines(), strict=False):
            assert line.startswith(one.name)
            assert line.endswith(f"{one.hits}/{one.n}")
            assert f"{100 * one.hits / one.n:.1f} %" in line
        assert f"pooled UAR {100 * tested.scores.uar:.1f}" in bars.text


@proves("run.plane", "run.wrong")
async def test_the_t_sne_is_computed_once_and_read_point_by_point(
    registry: Registry, no_child: list[plane.Key]
) -> None:
    async with opened(registry, "1.2") as (app, pilot, screen):
        await pilot.press("d")
        chart = screen.panes.plane
        await until(pilot, lambda: chart.drawn is not None and "t-SNE of 4" in text_of(app))
        assert no_child == [(1, 2, ((registry.runs.get("1.2").id, 1),))]
        await pilot.press("full_stop")
        await until(pilot, lambda: "0.wav" in text_of(app))
        await pilot.press("full_stop")
        await until(pilot, lambda: "taken for" in text_of(app))
        await pilot.press("comma")
        await until(pilot, lambda: "recognised" in text_of(app))
        assert screen.charts.upper.view.cursor is None
        await pilot.press("d")
        assert chart.choice.highlight == 0
        await pilot.press("d", "d")
        assert chart.choice.highlight is None
        await pilot.press("D")
        assert chart.choice.wrong
        await pilot.press("e", "d")
        assert len(no_child) == 1
        await pilot.press("f")
        await until(pilot, lambda: len(no_child) == 2)
        assert no_child[1][1] == 0
        assert len(no_child[1][2]) == 3


async def test_what_hinders_the_t_sne_is_said(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_db, _key, _report, _stop):  # type: ignore[no-untyped-def]
        raise ValueError(HOSTILE)

    monkeypatch.setattr(plane, "compute", fail)
    async with opened(registry, "1.2") as (app, pilot, _screen):
        await pilot.press("d")
        await until(pilot, lambda: "[@click=app.quit]x[/x]" in text_of(app))
        assert not any(character in text_of(app) for character in FORBIDDEN)


def test_the_t_sne_of_a_run_names_its_utterances(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(placing, "tsne", lambda vectors, _seed: vectors[:, :2])
    placing.placed(registry, registry.experiments.get(1), 2)  # kept: no child process is needed
    key = plane.key_of(registry.experiments.get(1), registry.runs.get("1.2"), ())
    assert key is not None
    found = compute_really(registry.paths.db, key, lambda _progress: None, threading.Event())
    assert len(found.points) == 13
    labels = {utterance.path: utterance.label for utterance in registry.corpora.get("SAVEE").utterances}
    assert all(labels[point.name] == found.classes[point.truth] for point in found.points)
    assert sum(point.wrong for point in found.points) == 2
    assert "perplexity" in found.note
    assert plane.key_of(registry.experiments.get(2), registry.runs.get("2.9"), ()) is None


@proves("run.copy")
async def test_paths_and_ids_are_copied(registry: Registry) -> None:
    async with opened(registry, "1.2") as (app, pilot, screen):
        await pilot.press("Y")
        assert app.clipboard == "1.2"
        await pilot.press("f")
        await until(pilot, lambda: isinstance(screen._shown, Whole))
        await pilot.press("Y")
        assert app.clipboard == "1"
        await pilot.press("f", "k")
        files = screen.query_one("#files", Lines)
        await until(pilot, lambda: len(files.shown) == 2)
        await pilot.press("Y")
        assert Path(app.clipboard) == registry.paths.run(registry.runs.get("1.2").uid).embeddings
        assert Path(app.clipboard).exists()
        await pilot.press("down", "Y")
        assert app.clipboard.endswith("log.txt")
        await pilot.press("up")
        await pilot.click("#files", offset=(5, 2))
        await pilot.press("Y")
        assert app.clipboard.endswith("log.txt")
        assert "copied: " in toasts(pilot)


async def test_settings_that_differ_from_the_preset_are_marked(registry: Registry) -> None:
    async with opened(registry, "2.1", BROAD) as (app, pilot, screen):
        await pilot.press("g")
        sheet = screen.query_one("#settings", Lines)
        await until(pilot, lambda: sheet.shown)
        lines = sheet.text.splitlines()
        assert any(line.startswith("◆ batch_size") and line.endswith("preset 512") for line in lines)
        assert any(line.startswith("  filters") for line in lines)
        marked = [line for line in lines if line.startswith("◆")]
        assert f"◆ {len(marked)} differ from the preset" in text_of(app)


# the queue, and foreign text


@proves("run.start_worker")
async def test_a_worker_is_started_from_here(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("timnet.queue.service.start_worker", lambda _db, jobs: 4700 + jobs)
    async with opened(registry, "2.9") as (app, pilot, _screen):
        await pilot.press("w")
        await until(pilot, lambda: f"pid {4700 + app.settings.jobs_here}" in toasts(pilot))


@proves("run.back")
async def test_escape_goes_back_one_step_at_a_time(registry: Registry) -> None:
    app = TimnetApp(registry.paths.db, Settings())
    async with app.run_test(size=NARROW) as pilot:
        await at_run(pilot, "2.3")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, RunScreen) and app.screen.targets())
        await pilot.press("v", "backspace")
        assert isinstance(app.screen, RunScreen)
        await pilot.press("backspace")
        assert grid_of(pilot).run.key == "2.3"


async def test_a_whole_experiment_is_paused_from_here(registry: Registry) -> None:
    async with opened(registry, "2.1", whole=True) as (_app, pilot, _screen):
        await pilot.press("p")
        await until(pilot, lambda: toasts(pilot))
        assert not [run for run in registry.runs.of_experiment(2) if run.state is RunState.QUEUED]


async def test_hostile_text_is_shown_as_text_in_every_pane(registry: Registry) -> None:
    run = registry.runs.get("2.3")
    registry.experiments.note(2, HOSTILE)
    registry.experiments.tag(2, ["tag"])
    registry.journal(run.id, run.attempt).event(EventKind.STALLED, HOSTILE)
    log_of(registry, "2.3", [HOSTILE, "[/] [red]x"])
    async with opened(registry, "2.3", BROAD) as (app, pilot, _screen):
        for key in ("e", "l", "o", "i", "d", "g", "k", "f", "e", "slash"):
            await pilot.press(key)
            await pilot.pause(0.1)
            assert not any(character in text_of(app) for character in FORBIDDEN)
        await pilot.press("escape", "f", "l")
        await until(pilot, lambda: "[/] [red]x" in text_of(app))
        assert "[@click=app.quit]x[/x]" in text_of(app)
        await pilot.click("#log", offset=(5, 1))
        assert app.is_running


async def test_terminals_of_any_size_show_something(registry: Registry) -> None:
    start_next(registry)
    async with opened(registry, "2.1") as (app, pilot, screen):
        for size in ((20, 8), (40, 12), (80, 24), (119, 30), (120, 30), (300, 100)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
            for key in ("e", "o", "f", "f"):
                await pilot.press(key)
            assert screen.has_class("wide") is (size[0] >= 120)
            await until(pilot, lambda: "2.1 EMODB" in text_of(app) or app.size.width < 40)
