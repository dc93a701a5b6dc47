"""Drawing a plot. Runs in a worker thread and touches no widget.

Plotext draws the axes, :mod:`timnet_tui.charts.raster` the lines. One lock lets one picture at a time be drawn:
two would only take the interpreter from each other and the screen.
"""

from __future__ import annotations

import math
import threading
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rich.segment import Segment
from textual.strip import Strip

from timnet_tui.charts import axes, glyphs
from timnet_tui.charts.frame import Axes, Frame, frame
from timnet_tui.charts.inks import Ink
from timnet_tui.charts.model import Band, Mark, MarkKind, Plot, Series, XAxis
from timnet_tui.charts.raster import TALL, WIDE, Canvas, Envelope, Scale, envelope
from timnet_tui.charts.view import View, extent_of
from timnet_tui.palette import RGB
from timnet_tui.render import style

#: narrower or lower than this there is no room for a curve beside its axes
SMALLEST = (16, 4)
#: larger numbers are drawn as if they were this: their differences would have no place in a float
LARGEST = 1e300
#: below every logarithm there is
DEEP = -400.0
#: so few folds have no band that the axis would have to hold
FEW = 2
#: what covers what, from the back: single folds, lines that are read, marks
BACK, FRONT, TOP = 1, 2, 3
_ONE_AT_A_TIME = threading.Lock()

Values = Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Picture:
    """Lines for the screen, and how its columns and the plot's x belong together."""

    strips: tuple[Strip, ...] = ()
    start: int = 0
    columns: int = 0
    rows: int = 0
    low: float = 0.0
    high: float = 0.0

    @property
    def scale(self) -> Scale:
        """From x to columns of the canvas."""
        return Scale(self.low, self.high, self.columns)

    def x_at(self, column: int) -> float | None:
        """The x in the middle of a column of the picture; None where there is no canvas."""
        inside = column - self.start
        return self.scale.value(inside) if 0 <= inside < self.columns else None

    def column_of(self, x: float) -> int | None:
        """The column of the picture in which an x lies; None for one that is not in view."""
        if not self.columns or not self.low <= x <= self.high:
            return None
        return self.start + min(self.columns - 1, math.floor(self.scale.place(x)))


def draw(plot: Plot, width: int, height: int, ink: Ink, view: View | None = None) -> Picture:
    """``plot`` as ``height`` lines of ``width`` cells; a picture without lines where it cannot be shown."""
    xs = plot.xs or tuple(sorted({x for series in plot.series for x in series.x}))
    if width < SMALLEST[0] or height < SMALLEST[1] or not xs:
        return Picture()
    low, high = (view or View()).range(extent_of(xs))
    shown = [_Shown(series, plot.log, low, high) for series in plot.series]
    bounds = [bound for one in shown for bound in one.bounds()]
    if not bounds:
        return Picture()
    if high <= low:
        high = low + 1
    around = _axes(plot, min(bounds), max(bounds), (low, high), (width, height))
    with _ONE_AT_A_TIME:
        framed = frame(around, width, height)
        if not framed.width or not framed.height:
            return Picture()
        canvas = _paint(plot, shown, framed, around, ink)
        return Picture(_strips(framed, canvas, ink), framed.start, framed.width, framed.height, low, high)


class _Shown:
    """The part of a series that is in view, with one point beyond on either side, ready to be drawn."""

    def __init__(self, series: Series, log: bool, low: float, high: float) -> None:
        self.series, self.log = series, log
        first, last = bisect_left(series.x, low), bisect_right(series.x, high)
        self.part = slice(max(0, first - 1), last + 1)
        self.within = slice(first - self.part.start, last - self.part.start)
        self.x = series.x[self.part]
        self.y = self._ready(series.y)
        self.raw = None if series.raw is None else self._ready(series.raw)
        self.lower: Values | None = None
        self.upper: Values | None = None
        #: what the vertical axis must hold
        self.held = [self.y] if self.raw is None else [self.y, self.raw]
        if series.band is not None and any(value is not None for value in series.band.lower[self.part]):
            self._take_band(series.band)

    def _take_band(self, band: Band) -> None:
        """The band. The axis need not hold it where it is over two folds: an interval of so few can be enormous."""
        lower, upper, counts = self._ready(band.lower), self._ready(band.upper), band.n[self.part]
        for line in (lower, upper):
            self.held.append([value if n > FEW else None for value, n in zip(line, counts, strict=True)])
        # on a logarithmic axis what reaches below 0 goes to the floor, it does not vanish
        pairs = zip(lower, upper, strict=True)
        self.lower = [DEEP if low is None and high is not None else low for low, high in pairs]
        self.upper = upper

    def _ready(self, values: Values) -> list[float | None]:
        return [_log(value) if self.log else _finite(value) for value in values[self.part]]

    def bounds(self) -> Iterator[float]:
        """The lowest and highest values in view; of the points beyond where there is none within."""
        within = [_present(line[self.within]) for line in self.held]
        if not any(within):
            within = [_present(line) for line in self.held]
        for line in within:
            if line:
                yield min(line)
                yield max(line)


def _present(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def _finite(value: float | None) -> float | None:
    if value is None or not math.isfinite(value):
        return None
    return min(max(value, -LARGEST), LARGEST)


def _log(value: float | None) -> float | None:
    value = _finite(value)
    return math.log10(max(value, 1 / LARGEST)) if value is not None and value > 0 else None


# axes


def _axes(plot: Plot, low: float, high: float, x: tuple[float, float], room: tuple[int, int]) -> Axes:
    count = max(2, room[1] // 3)
    if plot.log:
        named = axes.log_ticks(10.0**low, 10.0**high, count)
        ticks = [math.log10(value) for value in named]
    else:
        named = ticks = axes.value_ticks(low, high, count)
        if plot.within is not None:
            inside = [tick for tick in ticks if plot.within[0] <= tick <= plot.within[1]]
            named = ticks = inside if len(inside) > 1 else ticks
    values = tuple(zip(ticks, axes.labels(named, log=plot.log), strict=True))
    return Axes(ticks[0], ticks[-1], values, *x, _places(plot.x_axis, x, max(1, room[0] // 12)))


def _places(axis: XAxis, x: tuple[float, float], count: int) -> tuple[tuple[float, str], ...]:
    low, high = x
    if axis is XAxis.EPOCH and low == 1 and high == int(high):
        return tuple((tick, str(tick)) for tick in axes.epoch_ticks(int(high), count) if tick <= high)
    if axis is XAxis.MINUTES:
        ticks = axes.inner_ticks(low, high, count, whole=False)
        return tuple(zip(ticks, (text.strip() for text in axes.labels(ticks, log=False)), strict=True))
    return tuple((tick, axes.count_label(tick)) for tick in axes.inner_ticks(low, high, count, whole=True))


# the canvas


def _paint(plot: Plot, shown: Sequence[_Shown], framed: Frame, around: Axes, ink: Ink) -> Canvas:
    painter = _Painter(Canvas(framed.width, framed.height), around, ink)
    for one in shown:
        painter.band(one)
    for one in sorted(shown, key=lambda one: not one.series.faint):
        painter.series(one)
    for mark in plot.marks:
        painter.mark(mark, plot)
    return painter.canvas


class _Painter:
    def __init__(self, canvas: Canvas, around: Axes, ink: Ink) -> None:
        self.canvas, self.around, self.ink = canvas, around, ink
        self._columns: dict[tuple[int, int], tuple[Sequence[float], list[float]]] = {}

    def _envelope(self, x: Sequence[float], y: Values, columns: int, rows: int) -> Envelope:
        return envelope(self._at(x, columns), y, Scale(self.around.low, self.around.high, rows), columns)

    def _at(self, x: Sequence[float], columns: int) -> list[float]:
        """The columns at which points stand, worked out once for all lines that share their x."""
        key = (hash(x), columns)
        known = self._columns.get(key)
        if known is not None and known[0] == x:
            return known[1]
        scale = Scale(self.around.left, self.around.right, columns)
        zero, factor = 0.5 - scale.low * scale.factor, scale.factor
        found = [zero + one * factor for one in x]
        self._columns[key] = (x, found)
        return found

    def band(self, one: _Shown) -> None:
        if one.lower is None or one.upper is None:
            return
        coloured = not (self.ink.monochrome or self.ink.ascii_only)
        columns, rows = self.canvas.width, self.canvas.height * (8 if coloured else 1)
        lower, upper = (self._envelope(one.x, line, columns, rows) for line in (one.lower, one.upper))
        if coloured:
            self.canvas.band(lower, upper, self.ink.tint(one.series))
        else:
            sign = glyphs.SHADE_ASCII if self.ink.ascii_only else glyphs.SHADE
            self.canvas.shade(lower, upper, sign, self.ink.faint(one.series))

    def series(self, one: _Shown) -> None:
        if one.raw is not None:
            self._line(one, one.raw, self.ink.faint(one.series), BACK)
        self._line(one, one.y, self.ink.line(one.series), BACK if one.series.faint else FRONT)

    def _line(self, one: _Shown, y: Values, colour: RGB, rank: int) -> None:
        sign = self.ink.marker(one.series)
        behind = rank == BACK
        if sum(value is not None for value in y) == 1:
            self.canvas.signs_along(self._cells(one.x, y), sign or self.ink.dot, colour, rank)
        elif sign is None or (behind and not self.ink.ascii_only):
            line = self._envelope(one.x, y, self.canvas.width * WIDE, self.canvas.height * TALL)
            self.canvas.line(line, colour, rank, dotted=behind and self.ink.monochrome)
        else:
            self.canvas.signs_along(self._cells(one.x, y), "'" if behind else sign, colour, rank)

    def _cells(self, x: Sequence[float], y: Values) -> Envelope:
        return self._envelope(x, y, self.canvas.width, self.canvas.height)

    # marks

    def mark(self, mark: Mark, plot: Plot) -> None:
        if not self.around.left <= mark.x <= self.around.right:
            return
        column = min(self.canvas.width - 1, math.floor(self._at((mark.x,), self.canvas.width)[0]))
        glyph = glyphs.MARKS[mark.kind]
        row = self._row(mark, plot) if glyph.place is glyphs.Place.LINE else 0
        if glyph.place is glyphs.Place.TOP:
            row = self.canvas.height - 1
        if row is not None:
            colour = self._mark_colour(mark, plot)
            self.canvas.sign(column, row, glyph.shown(ascii_only=self.ink.ascii_only), colour, TOP)

    def _row(self, mark: Mark, plot: Plot) -> int | None:
        """The row in which the marked line is at the mark."""
        if mark.series is None:
            return None
        series = plot.series[mark.series]
        place = bisect_left(series.x, mark.x)
        if place == len(series.x) or series.x[place] != mark.x:
            return None
        value = _log(series.y[place]) if plot.log else _finite(series.y[place])
        if value is None:
            return None
        row = Scale(self.around.low, self.around.high, self.canvas.height).place(value)
        return min(max(math.floor(row), 0), self.canvas.height - 1)

    def _mark_colour(self, mark: Mark, plot: Plot) -> RGB:
        palette = self.ink.palette
        if mark.kind is MarkKind.DIVERGED:
            return palette.error
        if mark.kind in (MarkKind.RESUMED, MarkKind.COUNT, MarkKind.LEARNING_RATE):
            return palette.warning
        if mark.kind is MarkKind.IMPROVED:
            return palette.faint
        compared = mark.series is not None and plot.series[mark.series].colour is not None
        return self.ink.colour(plot.series[mark.series]) if compared and mark.series is not None else palette.text


# lines for the screen


def _strips(framed: Frame, canvas: Canvas, ink: Ink) -> tuple[Strip, ...]:
    faint = style(ink.palette.faint)
    lines = [line.translate(glyphs.AXES_TO_ASCII) for line in framed.lines] if ink.ascii_only else framed.lines
    strips = []
    for row, line in enumerate(lines):
        if row >= framed.height:
            strips.append(Strip([Segment(line, faint)], framed.start + framed.width))
            continue
        segments = [Segment(line[: framed.start], faint)]
        segments += [Segment(text, style(colour, tint)) for text, colour, tint in canvas.row(framed.height - 1 - row)]
        strips.append(Strip(segments, framed.start + framed.width))
    return tuple(strips)
