"""Drawing a plot with plotext. Runs in a worker thread and touches no widget.

Each picture has a plotext figure of its own (the module-level one is shared state), and one lock lets
one picture at a time be drawn: two would only take the interpreter from each other and the screen.
"""

from __future__ import annotations

import math
import re
import threading
from collections.abc import Sequence

from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from timnet_tui.charts import axes
from timnet_tui.charts.decimate import Point, decimate, stretches
from timnet_tui.charts.plot import Curve, Plot, Role
from timnet_tui.palette import RGB, Palette

#: narrower or lower than this there is no room for a curve beside its axes
SMALLEST = (16, 4)
IMPROVED, BEST = "▴", "◆"
_ONE_AT_A_TIME = threading.Lock()
_ANSI = re.compile(r"\x1b\[([0-9;]*)m|([^\x1b]+)")


def draw(plot: Plot, width: int, height: int, colours: Palette, *, monochrome: bool = False) -> list[Strip]:
    """``plot`` as ``height`` lines of ``width`` cells; no lines at all where it cannot be shown."""
    drawable = _scaled(plot)
    values = [y for curve in drawable for _, y in curve.points if y is not None]
    if width < SMALLEST[0] or height < SMALLEST[1] or not values:
        return []
    with _ONE_AT_A_TIME:
        picture = _Picture(plot, width, height, colours, monochrome)
        return to_strips(picture.ansi(drawable, values), width)


def _scaled(plot: Plot) -> list[Curve]:
    """The curves as they are drawn: on a logarithmic axis, what is not above 0 has no place."""
    if not plot.log:
        return list(plot.curves)
    return [
        Curve(
            curve.role,
            tuple((x, math.log10(y) if y is not None and y > 0 else None) for x, y in curve.points),
        )
        for curve in plot.curves
    ]


class _Picture:
    def __init__(self, plot: Plot, width: int, height: int, colours: Palette, monochrome: bool) -> None:
        from plotext._figure import _figure_class

        self.plot, self.width, self.height, self.colours = plot, width, height, colours
        self.monochrome = monochrome
        self.figure = _figure_class()
        self.figure._limit_size(False, False)
        self.figure.plot_size(width, height)

    def ansi(self, curves: Sequence[Curve], values: Sequence[float]) -> str:
        self._frame()
        low = self._vertical_axis(min(values), max(values))
        last = max(2, self.plot.last_epoch)
        self._horizontal_axis(last)
        for curve in curves:
            self._curve(curve)
        self._improvements(low, last)
        self._best(curves)
        return str(self.figure.build())

    def _frame(self) -> None:
        self.figure.canvas_color("default")
        self.figure.axes_color("default")
        self.figure.ticks_color(self.colours.faint)
        self.figure.xaxes(True, False)
        self.figure.yaxes(True, False)

    def _vertical_axis(self, low: float, high: float) -> float:
        """Frame the values with round numbers; returns where the axis begins."""
        count = max(2, self.height // 3)
        if self.plot.log:
            named = axes.log_ticks(10**low, 10**high, count)
            ticks = [math.log10(value) for value in named]
        else:
            named = ticks = axes.value_ticks(low, high, count)
            if self.plot.within is not None:
                bottom, top = self.plot.within
                named = ticks = [tick for tick in ticks if bottom <= tick <= top]
        self.figure.ylim(ticks[0], ticks[-1])
        self.figure.yticks(ticks, axes.labels(named, log=self.plot.log))
        return ticks[0]

    def _horizontal_axis(self, last: int) -> None:
        ticks = axes.epoch_ticks(last, max(1, self.width // 12))
        self.figure.xlim(1, last)
        self.figure.xticks(ticks, [str(tick) for tick in ticks])

    def _curve(self, curve: Curve) -> None:
        colour = colour_of(curve.role, self.colours)
        # without colour the two must differ in shape
        dotted = self.monochrome and curve.role is Role.VALIDATION
        for piece in stretches(curve.points):
            points: list[Point] = decimate(piece, self.width if dotted else 2 * self.width)
            x, y = [p[0] for p in points], [p[1] for p in points]
            if dotted or len(points) == 1:
                self.figure.scatter(x, y, marker="•", color=colour)
            else:
                self.figure.plot(x, y, marker="braille", color=colour)

    def _improvements(self, floor: float, last: int) -> None:
        shown = [epoch for epoch in self.plot.improved if epoch <= last and epoch != self.plot.best]
        if shown:
            self.figure.scatter(shown, [floor] * len(shown), marker=IMPROVED, color=self.colours.faint)

    def _best(self, curves: Sequence[Curve]) -> None:
        points = next((dict(curve.points) for curve in curves if curve.role is Role.VALIDATION), {})
        height = points.get(self.plot.best) if self.plot.best is not None else None
        if self.plot.best is not None and height is not None:
            self.figure.scatter([self.plot.best], [height], marker=BEST, color=self.colours.text)


def colour_of(role: Role, colours: Palette) -> RGB:
    """The colour of a curve."""
    return colours.train if role is Role.TRAIN else colours.validation


def to_strips(ansi: str, width: int) -> list[Strip]:
    """Plotext's coloured text as lines for the screen."""
    return [Strip(_segments(line), width) for line in ansi.rstrip("\n").split("\n")]


def _segments(line: str) -> list[Segment]:
    style: Style | None = None
    segments = []
    for codes, text in _ANSI.findall(line):
        if text:
            segments.append(Segment(text, style))
        else:
            style = _style(codes)
    return segments


def _style(codes: str) -> Style | None:
    parts = codes.split(";")
    if parts[:2] == ["38", "2"] and len(parts) == 5:
        return Style(color=Color.from_rgb(*map(int, parts[2:])))
    return None
