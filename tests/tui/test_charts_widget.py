"""The chart widgets: drawn in a thread, moved by keys and mouse, linked, and never late with another run's picture."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from rich.segment import Segment
from textual.app import App, ComposeResult
from textual.events import MouseScrollDown, MouseScrollUp
from textual.pilot import Pilot
from textual.strip import Strip

from tests.tui.charting import alone, fold, ten, wave
from tests.tui.conftest import until
from timnet_tui.charts import pictured, widget
from timnet_tui.charts.curves import Curves, Group, Look, Metric
from timnet_tui.charts.draw import Picture
from timnet_tui.charts.messages import PointRead, ViewChanged
from timnet_tui.charts.model import Plot, Role, XAxis
from timnet_tui.charts.scatter import Point, Scatter
from timnet_tui.charts.scatter_widget import ScatterChart
from timnet_tui.charts.view import View
from timnet_tui.charts.widget import Chart

RUN = alone(wave(100))


class Bare(App[None]):
    """Charts below each other, linked as a screen links them."""

    def __init__(self, *shown: Curves | Plot | Scatter | None, ascii_only: bool = False) -> None:
        super().__init__()
        self.shown = shown
        self.ascii_only = ascii_only
        self.views: list[View] = []
        self.read: list[int | None] = []

    def compose(self) -> ComposeResult:
        for one in self.shown:
            yield ScatterChart() if isinstance(one, Scatter) else Chart()

    def on_mount(self) -> None:
        for chart, one in zip(self.query("Chart, ScatterChart"), self.shown, strict=True):
            chart.show(one, "nothing yet")  # type: ignore[attr-defined]

    def on_view_changed(self, message: ViewChanged) -> None:
        self.views.append(message.view)
        for chart in self.query(Chart):
            chart.set_view(message.view)

    def on_point_read(self, message: PointRead) -> None:
        self.read.append(message.point)


async def settled(pilot: Pilot[None]) -> None:
    """Everything that is wanted is drawn."""
    await until(pilot, lambda: all(chart.settled for chart in pilot.app.query("Chart, ScatterChart")))  # type: ignore[attr-defined]


def lines_of(app: App[None]) -> list[str]:
    """What stands on the screen."""
    return [strip.text for strip in app.screen._compositor.render_strips(app.size)]


# keys


async def test_keys_zoom_pan_read_and_reset() -> None:
    app = Bare(RUN)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        chart = app.query_one(Chart)
        chart.zoom_in()
        await settled(pilot)
        assert chart.drawn.picture.high == 100
        assert chart.drawn.picture.low == pytest.approx(1 + 0.3 * 99)
        assert chart.view.follows
        chart.pan_left()
        assert not chart.view.follows
        chart.pan_right()
        assert chart.view.follows
        chart.cursor_left()
        chart.cursor_left()
        chart.cursor_left(big=True)
        assert chart.view.cursor == 89
        chart.cursor_right()
        assert "epoch 90" in chart.caption(80)[0].plain
        assert [reading.x for reading in chart.readings()] == [90, 90]
        for _ in range(3):
            chart.zoom_out()
        assert chart.view.whole
        chart.reset()
        assert chart.view == View()
        await settled(pilot)
        assert (chart.drawn.picture.low, chart.drawn.picture.high) == (1, 100)


async def test_the_cursor_is_a_line_through_the_picture_and_needs_no_new_one() -> None:
    app = Bare(RUN)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        chart = app.query_one(Chart)
        before = chart.drawn
        chart.cursor_left()
        chart.cursor_left(big=True)
        await pilot.pause()
        assert chart.settled
        assert chart.drawn is before
        column = before.picture.column_of(90.0)
        assert sum(line[column] == "│" for line in lines_of(app)) > 12


async def test_look_smoothing_and_log_are_drawn_anew() -> None:
    app = Bare(RUN)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        chart = app.query_one(Chart)
        chart.toggle_log()
        chart.set_smoothing(0.9)
        await settled(pilot)
        assert chart.plot.log
        assert chart.plot.smoothing == 0.9
        assert "ema 0.9" in chart.caption(80)[0].plain
        chart.zoom_in()
        chart.set_look(replace(chart.look, x_axis=XAxis.MINUTES))
        assert chart.view == View()  # epochs and minutes are other places
        await settled(pilot)
        assert chart.drawn.picture.high == pytest.approx(100 * 2 / 60)


async def test_linked_charts_share_the_view_and_the_cursor() -> None:
    app = Bare(RUN, replace(RUN, key="other", metric=Metric.ACCURACY))
    async with app.run_test(size=(80, 40)) as pilot:
        await settled(pilot)
        first, second = app.query(Chart)
        first.zoom_in()
        first.cursor_left()
        await settled(pilot)
        await until(pilot, lambda: second.view == first.view)
        assert len(app.views) == 2  # the other chart told nobody
        assert "epoch 100" in second.caption(80)[0].plain
        assert first.drawn.picture.low == second.drawn.picture.low


async def test_a_chart_zoomed_at_the_tail_moves_with_new_epochs() -> None:
    app = Bare(RUN)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        chart = app.query_one(Chart)
        chart.zoom_in()
        await settled(pilot)
        width = chart.drawn.picture.high - chart.drawn.picture.low
        chart.show(alone(wave(130)))
        await settled(pilot)
        assert chart.drawn.picture.high == 130
        assert chart.drawn.picture.high - chart.drawn.picture.low == pytest.approx(width)
        chart.pan_left()
        await settled(pilot)
        before = chart.drawn.picture.low, chart.drawn.picture.high
        chart.show(alone(wave(160)))
        await settled(pilot)
        assert (chart.drawn.picture.low, chart.drawn.picture.high) == pytest.approx(before)


# the mouse


async def test_the_wheel_zooms_at_the_pointer() -> None:
    app = Bare(RUN)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        chart = app.query_one(Chart)
        x = chart.drawn.picture.x_at(40)
        await pilot._post_mouse_events([MouseScrollUp], Chart, (40, 10))
        await settled(pilot)
        low, high = chart.drawn.picture.low, chart.drawn.picture.high
        assert high - low == pytest.approx(0.7 * 99)
        assert chart.drawn.picture.x_at(40) == pytest.approx(x, abs=1.5)
        await pilot._post_mouse_events([MouseScrollDown], Chart, (40, 10))
        assert chart.view.whole


async def test_dragging_pans_and_a_double_click_shows_all() -> None:
    app = Bare(RUN)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        chart = app.query_one(Chart)
        chart.zoom_in()
        chart.zoom_in()
        await settled(pilot)
        low = chart.drawn.picture.low
        await pilot.mouse_down(Chart, offset=(30, 10))
        await pilot.hover(Chart, offset=(50, 10))
        await pilot.mouse_up(Chart, offset=(50, 10))
        await settled(pilot)
        unit = (chart.drawn.picture.high - chart.drawn.picture.low) / chart.drawn.picture.columns
        assert low - chart.drawn.picture.low == pytest.approx(20 * unit, rel=0.05)
        assert not chart._pinned
        await pilot.click(Chart, offset=(30, 10), times=2)
        assert chart.view.whole


async def test_hovering_reads_and_a_click_pins() -> None:
    app = Bare(RUN)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        chart = app.query_one(Chart)
        await pilot.hover(Chart, offset=(40, 10))
        read = chart.view.cursor
        assert read == pytest.approx(chart.drawn.picture.x_at(40), abs=1)
        await pilot.click(Chart, offset=(40, 10))
        await pilot.hover(Chart, offset=(60, 10))
        assert chart.view.cursor == read
        await asyncio.sleep(0.6)  # two clicks in a row would be a double click
        await pilot.click(Chart, offset=(40, 10))
        await pilot.hover(Chart, offset=(60, 10))
        assert chart.view.cursor > read
        chart.on_leave(None)  # type: ignore[arg-type]
        assert chart.view.cursor is None


# what is shown when


async def test_nothing_to_draw_is_said() -> None:
    app = Bare(alone(fold([])), None)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        text = "\n".join(lines_of(app))
        assert text.count("nothing yet") == 2
        assert "loss" in text
        for act in (Chart.zoom_in, Chart.pan_left, Chart.cursor_left, Chart.reset):
            act(app.query(Chart).first())


@contextmanager
def gated(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[threading.Event, set[str], list[object]]]:
    """Drawing that waits; the threads it ran in, and what was drawn."""
    gate, threads, drawn = threading.Event(), set(), []

    def slow(plot: Plot, width: int, height: int, ink: object, view: View) -> Picture:
        threads.add(threading.current_thread().name)
        drawn.append(plot.key)
        gate.wait(5)
        return Picture((Strip([Segment(str(plot.key).ljust(width)[:width])], width),) * height)

    monkeypatch.setattr(widget, "draw", slow)
    try:
        yield gate, threads, drawn
    finally:
        gate.set()


async def test_charts_are_drawn_in_a_thread_and_late_ones_of_another_run_dropped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with gated(monkeypatch) as (gate, threads, drawn):
        app = Bare(replace(RUN, key="first"))
        async with app.run_test(size=(80, 24)) as pilot:
            await until(pilot, lambda: drawn == ["first"])
            chart = app.query_one(Chart)
            for key in ("second", "third"):
                chart.show(replace(RUN, key=key))
            assert "first" not in "\n".join(lines_of(app))
            gate.set()
            await until(pilot, lambda: "third" in "\n".join(lines_of(app)))
            assert drawn == ["first", "third"]  # of those that waited only the newest
    assert threading.main_thread().name not in threads


async def test_what_changes_by_itself_rests_but_a_users_zoom_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictured, "REST", 60.0)
    app = Bare(RUN)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        chart = app.query_one(Chart)
        before = chart.drawn
        chart.show(alone(wave(101)))
        await pilot.pause(0.1)
        assert chart.drawn is before
        chart.zoom_in()
        await settled(pilot)
        assert chart.drawn.xs[-1] == 101


async def test_a_failed_drawing_leaves_the_chart_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    real = widget.draw

    def broken(plot: Plot, *given: object) -> Picture:
        if len(plot.xs) == 100:
            raise ValueError("no")
        return real(plot, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(widget, "draw", broken)
    app = Bare(RUN)
    async with app.run_test(size=(80, 24)) as pilot:
        chart = app.query_one(Chart)
        await until(pilot, lambda: chart.settled)
        assert chart.drawn is None
        assert "could not be drawn" in "\n".join(lines_of(app))
        chart.show(alone(wave(50)))
        await until(pilot, lambda: chart.drawn is not None)


async def test_another_size_or_theme_is_drawn_anew() -> None:
    app = Bare(ten())
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        chart = app.query_one(Chart)
        first = chart.drawn
        await pilot.resize_terminal(100, 30)
        await settled(pilot)
        assert chart.drawn.picture.columns > first.picture.columns
        second = chart.drawn
        app.theme = "textual-light"
        await until(pilot, lambda: chart.drawn is not second and chart.settled)


async def test_ascii_alone_where_the_app_says_so() -> None:
    app = Bare(RUN, ascii_only=True)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        app.query_one(Chart).cursor_left()
        await pilot.pause()
        assert "\n".join(lines_of(app)).isascii()


async def test_no_colour_is_told_to_the_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = Bare(RUN)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        assert app.query_one(Chart).ink.monochrome
        assert "•" in "\n".join(lines_of(app))


async def test_many_compared_runs_get_more_lines_for_their_caption() -> None:
    groups = tuple(Group((wave(30, i),), f"experiment {i}", colour=i) for i in range(8))
    app = Bare(Curves("compare", Metric.ACCURACY, groups))
    async with app.run_test(size=(80, 24)) as pilot:
        app.query_one(Chart).set_look(Look(roles=(Role.VALIDATION,)))
        await settled(pilot)
        text = "\n".join(lines_of(app))
        assert all(f"experiment {i}" in text for i in range(8))


async def test_the_job_is_not_described_by_all_its_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Textual describes a worker by its job's repr; spelling out ten folds took the event loop 70 ms."""
    seen: list[str] = []
    real = Chart.run_worker

    def noted(self: Chart, work: object, **more: object) -> object:
        seen.append(repr(work))
        return real(self, work, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(Chart, "run_worker", noted)
    app = Bare(ten())
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
    assert seen
    assert max(map(len, seen)) < 300


# scatter

CLASSES = ("angry", "happy", "sad")
POINTS = tuple(
    Point(float(i % 20), float(i // 20), i % 3, (i % 3 if i % 5 else 0), f"u/{i:03d}.wav") for i in range(60)
)
SCATTER = Scatter("tsne", "t-SNE of 60 test utterances", CLASSES, POINTS, "axes have no unit")


async def test_hovering_reads_the_point() -> None:
    app = Bare(SCATTER)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        chart = app.query_one(ScatterChart)
        assert "axes have no unit" in lines_of(app)[-1]
        place = 25  # angry for happy
        column, row = chart.drawn.cells[place]
        await pilot.hover(ScatterChart, offset=(column, row + 1))
        await until(pilot, lambda: app.read == [place])
        said = chart.caption().plain
        assert "u/025.wav" in said
        assert "happy  taken for angry" in said
        await pilot.hover(ScatterChart, offset=(79, 20))
        await until(pilot, lambda: app.read == [place, None])


async def test_a_class_stands_out_by_key_and_by_click_and_errors_are_counted() -> None:
    app = Bare(SCATTER)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        chart = app.query_one(ScatterChart)
        for wanted in (0, 1, 2, None, 0):
            chart.next_class()
            assert chart.choice.highlight == wanted
        chart.next_class(-1)
        assert chart.choice.highlight is None
        await settled(pilot)
        column, row, _ = chart.drawn.legend[1]
        await pilot.click(ScatterChart, offset=(column + 2, row + 1))
        assert chart.choice.highlight == 1
        await pilot.click(ScatterChart, offset=(column + 2, row + 1))
        assert chart.choice.highlight is None
        chart.toggle_wrong()
        await settled(pilot)
        assert "8 wrong" in chart.caption().plain
        assert "×" in "\n".join(lines_of(app)[1:])


async def test_keys_go_from_point_to_point_of_what_stands_out() -> None:
    app = Bare(SCATTER)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        chart = app.query_one(ScatterChart)
        chart.highlight(2)
        chart.toggle_wrong()
        await settled(pilot)
        wrong = [place for place, point in enumerate(POINTS) if point.truth == 2 and point.wrong]
        seen = []
        for _ in wrong:
            chart.step_point()
            seen.append(chart.point)
        assert sorted(seen) == wrong
        chart.step_point()
        assert chart.point == seen[0]
        chart.step_point(-1)
        assert chart.point == seen[-1]
