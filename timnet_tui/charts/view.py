"""Which part of a chart is in view, and where its cursor stands. Pure: a view is a value, moving makes another.

A view that shows everything grows with the curve. One zoomed in at the end moves along with it; one that was
moved away from the end stays where it is, until it is moved back there or reset.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace

#: one step of a zoom, and of a pan as a share of what is in view
ZOOM, PAN = 0.7, 0.25
#: fewer points than this many are not zoomed into further
CLOSEST = 4


@dataclass(frozen=True, slots=True)
class Extent:
    """From where to where there is data, and the narrowest range that makes sense."""

    low: float
    high: float
    narrowest: float

    @property
    def width(self) -> float:
        """All of it."""
        return self.high - self.low


def extent_of(xs: Sequence[float]) -> Extent:
    """The extent of points that stand at ``xs``, in order and not empty."""
    low, high = xs[0], xs[-1]
    spacing = (high - low) / max(1, len(xs) - 1)
    return Extent(low, high, min(high - low, CLOSEST * spacing))


@dataclass(frozen=True, slots=True)
class View:
    """``width`` None: all there is. ``end`` None: up to the newest point, wherever that will be.

    ``cursor`` is the x that is read, None for none.
    """

    width: float | None = None
    end: float | None = None
    cursor: float | None = None

    @property
    def whole(self) -> bool:
        """Whether everything is in view."""
        return self.width is None

    @property
    def follows(self) -> bool:
        """Whether new points come into view by themselves."""
        return self.end is None

    def range(self, extent: Extent) -> tuple[float, float]:
        """From where to where the view goes; always inside the data."""
        if self.width is None or self.width >= extent.width:
            return extent.low, extent.high
        width = max(self.width, extent.narrowest)
        high = extent.high if self.end is None else min(max(self.end, extent.low + width), extent.high)
        return max(extent.low, high - width), high


def to(view: View, extent: Extent, low: float, high: float) -> View:
    """The view of ``low`` to ``high``, kept inside the data."""
    width = max(high - low, extent.narrowest)
    if not width < extent.width:
        return replace(view, width=None, end=None)
    high = min(max(high, extent.low + width), extent.high)
    return replace(view, width=width, end=None if high >= extent.high else high)


def zoom(view: View, extent: Extent, factor: float, at: float | None = None) -> View:
    """Show ``factor`` times as much; the x ``at`` stays where it is on the screen.

    Without ``at`` that is the cursor where it is in view, else the end where the view follows it, else the middle.
    """
    low, high = view.range(extent)
    if at is None:
        at = _still(view, low, high)
    at = min(max(at, low), high)
    return to(view, extent, at - (at - low) * factor, at + (high - at) * factor)


def _still(view: View, low: float, high: float) -> float:
    if view.cursor is not None and low <= view.cursor <= high:
        return view.cursor
    return high if view.follows else (low + high) / 2


def pan(view: View, extent: Extent, by: float) -> View:
    """Move by ``by`` in the units of x; to the right is above 0."""
    if view.whole:
        return view
    low, high = view.range(extent)
    by = min(max(by, extent.low - low), extent.high - high)
    moved = to(view, extent, low + by, high + by)
    return replace(moved, width=view.width) if moved.width is not None else moved


def pan_share(view: View, extent: Extent, share: float) -> View:
    """Move by a share of what is in view."""
    low, high = view.range(extent)
    return pan(view, extent, share * (high - low))


def reset(view: View) -> View:
    """Everything in view again; the cursor stays."""
    return replace(view, width=None, end=None)


def nearest(xs: Sequence[float], x: float) -> float | None:
    """The one of ``xs``, which are in order, that lies nearest to ``x``; None where there is none."""
    return xs[_place(xs, x)] if xs else None


def _place(xs: Sequence[float], x: float) -> int:
    after = bisect_left(xs, x)
    return min(range(max(0, after - 1), min(after + 1, len(xs))), key=lambda place: abs(xs[place] - x))


def point_at(view: View, xs: Sequence[float], x: float) -> View:
    """The cursor on the point nearest to ``x``."""
    return replace(view, cursor=nearest(xs, x))


def step(view: View, xs: Sequence[float], steps: int) -> View:
    """The cursor ``steps`` points on, no further than the ends; the view comes along where the cursor leaves it.

    Without a cursor it appears at the newest point in view.
    """
    if not xs:
        return replace(view, cursor=None)
    extent = extent_of(xs)
    low, high = view.range(extent)
    if view.cursor is None:
        return replace(view, cursor=xs[max(0, bisect_right(xs, high) - 1)])
    here = _place(xs, view.cursor)
    moved = replace(view, cursor=xs[min(max(here + steps, 0), len(xs) - 1)])
    if moved.cursor is None or low <= moved.cursor <= high:
        return moved
    return pan(moved, extent, moved.cursor - (low if moved.cursor < low else high))


def without_cursor(view: View) -> View:
    """No cursor."""
    return replace(view, cursor=None)
