"""The axes round a picture, drawn by plotext in a figure of its own (the module's own one is shared state)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

_ANSI = re.compile(r"\x1b\[[0-9;]*m")
#: rows below the canvas: the axis and its labels
BELOW = 2


@dataclass(frozen=True, slots=True)
class Axes:
    """Where both axes begin and end, and what is named on them: value and text of each tick."""

    low: float
    high: float
    values: tuple[tuple[float, str], ...]
    left: float
    right: float
    places: tuple[tuple[float, str], ...]


@dataclass(frozen=True, slots=True)
class Frame:
    """``lines`` of text from the top, which leave a canvas of ``width`` x ``height`` cells free after ``start``."""

    lines: tuple[str, ...]
    start: int
    width: int
    height: int


@lru_cache(maxsize=64)
def frame(axes: Axes, width: int, height: int) -> Frame:
    """Axes that fill ``width`` x ``height`` cells, the labels of the vertical one of equal width.

    The canvas may be of no size at all where there is no room for one. Only one thread at a time may draw.
    """
    from plotext._figure import _figure_class

    figure = _figure_class()
    figure._limit_size(False, False)
    figure.plot_size(width, height)
    figure.canvas_color("default")
    figure.axes_color("default")
    figure.ticks_color("default")
    figure.xaxes(True, False)
    figure.yaxes(True, False)
    # shares of the axis, so that numbers of any size are drawn alike
    figure.scatter([0], [0], marker=" ")  # without a point it draws no ticks
    figure.xlim(0, 1)
    figure.ylim(0, 1)
    figure.xticks([_share(at, axes.left, axes.right) for at, _ in axes.places], [text for _, text in axes.places])
    figure.yticks([_share(at, axes.low, axes.high) for at, _ in axes.values], [text for _, text in axes.values])
    lines = tuple(_ANSI.sub("", line).ljust(width)[:width] for line in figure.build().rstrip("\n").split("\n"))
    start = max((len(text) for _, text in axes.values), default=0) + 1
    return Frame(lines, start, max(0, width - start), max(0, height - BELOW))


def _share(at: float, low: float, high: float) -> float:
    return (at - low) / (high - low) if high > low else 0.0
