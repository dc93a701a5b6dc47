"""Fewer points that draw the same picture: the lowest and the highest of each column."""

from __future__ import annotations

from collections.abc import Sequence

Point = tuple[float, float]


def decimate(points: Sequence[Point], columns: int) -> list[Point]:
    """At most two points a column of a picture ``columns`` wide, in order; spikes stay.

    ``points`` come in order of x.
    """
    if columns < 1 or len(points) <= 2 * columns:
        return list(points)
    first, last = points[0][0], points[-1][0]
    step = (last - first) / columns or 1.0
    kept: list[Point] = []
    start = 0
    while start < len(points):
        column = int((points[start][0] - first) / step)
        end = start + 1
        while end < len(points) and int((points[end][0] - first) / step) == column:
            end += 1
        kept += _extremes(points, start, end)
        start = end
    return kept


def _extremes(points: Sequence[Point], start: int, end: int) -> list[Point]:
    lowest = min(range(start, end), key=lambda i: points[i][1])
    highest = max(range(start, end), key=lambda i: points[i][1])
    return [points[i] for i in sorted({lowest, highest})]


def stretches(points: Sequence[tuple[float, float | None]]) -> list[list[Point]]:
    """The unbroken pieces of a curve: a missing value is a gap, never a line across."""
    pieces: list[list[Point]] = [[]]
    for x, y in points:
        if y is None:
            pieces.append([])
        else:
            pieces[-1].append((x, y))
    return [piece for piece in pieces if piece]
