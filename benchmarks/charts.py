"""How long a chart keeps the event loop: ten folds x 600 epochs with mean and band, ours and plain plotext, in one run.

    python benchmarks/charts.py [--seconds 5] [--freeze] [--json]

Each picture is drawn again and again in a thread while an event loop ticks every 5 ms, with the switch interval that
the interface sets. ``thread`` is CPU time a picture, ``stall`` the longest time that the loop was late, ``p95`` what
95 % of its ticks stayed below. The last line is what the event loop itself spends to show a new picture.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import math
import random
import statistics
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from timnet.records import EpochMetrics
from timnet_tui.app import SWITCH_SECONDS
from timnet_tui.charts.curves import Curves, Fold, Group, Look, Metric
from timnet_tui.charts.draw import draw
from timnet_tui.charts.inks import Ink
from timnet_tui.charts.scatter import Choice, Point, Scatter, draw_scatter
from timnet_tui.palette import DARK

if TYPE_CHECKING:
    from timnet_tui.charts.widget import Chart

SIZES = ((40, 10), (80, 20), (160, 40), (200, 50))
FOLDS, EPOCHS = 10, 600
TICK = 0.005
UTTERANCES = 5531


@dataclass(frozen=True)
class Measured:
    """Milliseconds: CPU time a picture (median), the loop's lateness (95 %, longest), pictures drawn."""

    what: str
    width: int
    height: int
    thread: float
    p95: float
    stall: float
    pictures: int


def folds() -> Curves:
    """Ten noisy folds, three of which end earlier."""
    chance = random.Random(46)
    runs = []
    for number in range(FOLDS):
        last = EPOCHS if number > 2 else 400 + 50 * number
        runs.append(Fold(tuple(_epoch(epoch, chance) for epoch in range(1, last + 1))))
    return Curves("ten", Metric.ACCURACY, (Group(tuple(runs)),))


def _epoch(epoch: int, chance: random.Random) -> EpochMetrics:
    learnt = 1 - 0.85 * math.exp(-epoch / 60) + chance.gauss(0, 0.02)
    return EpochMetrics(epoch, 1 - learnt, learnt, 1.1 - learnt, learnt - 0.06, learnt - 0.08, 1e-3, 1.5)


def ours(curves: Curves, width: int, height: int, look: Look) -> Callable[[], object]:
    """From epochs to lines for the screen, nothing kept from the picture before."""
    return lambda: draw(curves.plot(look), width, height, Ink(DARK))


def zoomed(curves: Curves, width: int, height: int) -> Callable[[], object]:
    """What zooming and panning cost: the plot is known, the axes change every time."""
    from timnet_tui.charts.view import View

    plot, chance = curves.plot(Look()), random.Random(1)
    return lambda: draw(plot, width, height, Ink(DARK), View(chance.uniform(100, 500), chance.uniform(300, 600)))


def plotext(curves: Curves, width: int, height: int) -> Callable[[], object]:
    """The same lines by plotext alone: every fold, the means, and the bands' edges."""
    from plotext._figure import _figure_class

    plot = curves.plot(Look())
    lines = [(series.x, series.y) for series in plot.series]
    for series in plot.strong:
        if series.band is not None:
            lines += [(series.x, series.band.lower), (series.x, series.band.upper)]

    def picture() -> object:
        figure = _figure_class()
        figure._limit_size(False, False)
        figure.plot_size(width, height)
        for x, y in lines:
            figure.plot(list(x), list(y), marker="braille", color=(92, 176, 255))
        return figure.build()

    return picture


def points() -> Scatter:
    """As many utterances as IEMOCAP has."""
    chance = random.Random(46)
    classes = ("angry", "happy", "neutral", "sad")
    found = (
        Point(chance.gauss(n % 4, 1), chance.gauss(n % 4 // 2, 1), n % 4, (n + n // 9) % 4) for n in range(UTTERANCES)
    )
    return Scatter("points", "t-SNE", classes, tuple(found))


def scattered(scatter: Scatter, width: int, height: int) -> Callable[[], object]:
    """A scatter of all of them."""
    return lambda: draw_scatter(scatter, width, height, Ink(DARK), Choice(wrong=True))


async def measure(what: str, width: int, height: int, picture: Callable[[], object], seconds: float) -> Measured:
    """Draw in a thread for some seconds beside a loop that ticks."""
    picture()  # imports and caches
    spent: list[float] = []
    over = threading.Event()

    def work() -> None:
        while not over.is_set():
            begun = time.thread_time()
            picture()
            spent.append(time.thread_time() - begun)
            over.wait(0.02)  # as a chart rests between two pictures, only shorter

    thread = threading.Thread(target=work)
    thread.start()
    late = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        begun = time.perf_counter()
        await asyncio.sleep(TICK)
        late.append(time.perf_counter() - begun - TICK)
    over.set()
    thread.join()
    late.sort()
    middle = sorted(spent)[len(spent) // 2]
    return Measured(what, width, height, 1e3 * middle, 1e3 * late[int(0.95 * len(late))], 1e3 * late[-1], len(spent))


async def loop_times(curves: Curves, size: tuple[int, int]) -> list[float]:
    """Milliseconds of event-loop CPU time from a new epoch to a new frame, the thread's drawing not counted."""
    from textual.app import App, ComposeResult

    from timnet_tui.charts.widget import Chart

    class Bare(App[None]):
        def compose(self) -> ComposeResult:
            yield Chart()

    app = Bare()
    async with app.run_test(size=size) as pilot:
        chart = app.query_one(Chart)
        chart.show(curves)
        spent = []
        for number in range(20):
            while not chart.settled or chart._resting:
                await pilot.pause(0.02)
            begun = time.thread_time()
            chart.show(replace(curves, key=("ten", number)))
            await _settled(chart)
            app.screen._compositor.render_strips(app.size)
            spent.append(1e3 * (time.thread_time() - begun))
    return spent


async def _settled(chart: Chart) -> None:
    """Wait, looking often: a pilot's pauses are longer than what is measured."""
    while not chart.settled:
        await asyncio.sleep(0.001)


async def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3.0, help="for each measurement")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--freeze", action="store_true", help="leave what is loaded at the start out of collections")
    asked = parser.parse_args()
    sys.setswitchinterval(SWITCH_SECONDS)
    curves, scatter = folds(), points()
    if asked.freeze:
        gc.collect()
        gc.freeze()
    found = [await measure("nothing", 0, 0, lambda: None, asked.seconds)]
    for width, height in SIZES:
        for what, picture in (
            ("ours", ours(curves, width, height, Look())),
            ("ours, smoothed", ours(curves, width, height, Look(smoothing=0.9))),
            ("ours, zooming", zoomed(curves, width, height)),
            ("plotext alone", plotext(curves, width, height)),
            ("scatter", scattered(scatter, width, height)),
        ):
            found.append(await measure(what, width, height, picture, asked.seconds))
    spent = statistics.median(await loop_times(curves, (160, 40)))
    if asked.json:
        print(json.dumps({"pictures": [asdict(one) for one in found], "loop_ms": spent}, indent=2))
        return
    print(f"{FOLDS} folds x {EPOCHS} epochs, train and validation, mean and band; scatter: {UTTERANCES} points; ms")
    print(f"{'':16} {'size':>8} {'thread':>8} {'loop p95':>9} {'stall':>7} {'pictures':>9}")
    for one in found:
        size = f"{one.width}x{one.height}" if one.width else ""
        print(f"{one.what:16} {size:>8} {one.thread:8.1f} {one.p95:9.1f} {one.stall:7.1f} {one.pictures:9}")
    print(f"the event loop's own time to show a new picture, 160x40: {spent:.1f}")


if __name__ == "__main__":
    asyncio.run(main())
