"""The view of a chart as a value: whatever a user does, it stays inside the data and finds back to all of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from timnet_tui.charts import view
from timnet_tui.charts.view import Extent, View, extent_of

XS = st.lists(st.integers(1, 5000), min_size=1, max_size=200, unique=True).map(lambda xs: tuple(map(float, sorted(xs))))
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("zoom"), st.floats(0.05, 20), st.none() | st.floats(-100, 6000)),
        st.tuples(st.just("pan"), st.floats(-3, 3), st.none()),
        st.tuples(st.just("step"), st.integers(-50, 50), st.none()),
        st.tuples(st.just("point"), st.floats(-100, 6000), st.none()),
    ),
    max_size=20,
)


def _after(steps: list[tuple[str, float, float | None]], xs: tuple[float, ...]) -> View:
    """The view after what a user did."""
    seen, extent = View(), extent_of(xs)
    for what, much, at in steps:
        if what == "zoom":
            seen = view.zoom(seen, extent, much, at)
        elif what == "pan":
            seen = view.pan_share(seen, extent, much)
        elif what == "step":
            seen = view.step(seen, xs, int(much))
        else:
            seen = view.point_at(seen, xs, much)
    return seen


@given(XS, STEPS)
def test_whatever_is_done_the_range_stays_within_the_data(xs: tuple[float, ...], steps: list) -> None:
    seen, extent = _after(steps, xs), extent_of(xs)
    low, high = seen.range(extent)
    assert extent.low <= low <= high <= extent.high
    assert high - low >= extent.narrowest * (1 - 1e-9)
    assert seen.cursor is None or seen.cursor in xs


@given(XS, STEPS)
def test_zooming_out_returns_to_all_of_it(xs: tuple[float, ...], steps: list) -> None:
    seen, extent = _after(steps, xs), extent_of(xs)
    for _ in range(60):
        seen = view.zoom(seen, extent, 1 / view.ZOOM)
    assert seen.whole
    assert seen.follows
    assert seen.range(extent) == (extent.low, extent.high)


@given(XS, STEPS, st.integers(1, 500))
def test_a_view_at_the_tail_moves_with_it_and_others_stay(xs: tuple[float, ...], steps: list, more: int) -> None:
    seen, extent = _after(steps, xs), extent_of(xs)
    low, high = seen.range(extent)
    grown = Extent(extent.low, extent.high + more, extent.narrowest)
    new_low, new_high = seen.range(grown)
    if seen.follows:
        assert new_high == grown.high
    else:
        assert (new_low, new_high) == pytest.approx((low, high))


@given(XS, STEPS, st.floats(0.1, 0.9))
def test_zooming_keeps_the_place_under_the_pointer(xs: tuple[float, ...], steps: list, share: float) -> None:
    seen, extent = _after(steps, xs), extent_of(xs)
    low, high = seen.range(extent)
    at = low + share * (high - low)
    closer = view.zoom(seen, extent, 0.5, at)
    new_low, new_high = closer.range(extent)
    if (high - low) * 0.5 > extent.narrowest:
        assert (at - new_low) / (new_high - new_low) == pytest.approx(share, abs=1e-6)


@given(XS, STEPS, st.floats(-2, 2))
def test_panning_keeps_the_width_and_there_is_a_way_back(xs: tuple[float, ...], steps: list, share: float) -> None:
    seen, extent = _after(steps, xs), extent_of(xs)
    low, high = seen.range(extent)
    moved_low, moved_high = view.pan_share(seen, extent, share).range(extent)
    assert moved_high - moved_low == pytest.approx(high - low)
    end = view.pan_share(seen, extent, 1e6)
    assert end.follows
    assert end.range(extent)[1] == extent.high


@given(XS, STEPS, st.integers(-20, 20))
def test_the_cursor_goes_from_point_to_point_and_stays_in_view(xs: tuple[float, ...], steps: list, by: int) -> None:
    seen = _after(steps, xs)
    moved = view.step(seen, xs, by)
    assert moved.cursor in xs
    if seen.cursor is not None:
        assert xs.index(moved.cursor) == min(max(xs.index(seen.cursor) + by, 0), len(xs) - 1)
        low, high = moved.range(extent_of(xs))
        slack = 1e-9 * max(xs)
        assert low - slack <= moved.cursor <= high + slack


@given(XS, st.floats(-100, 6000))
def test_the_cursor_snaps_to_the_nearest_point(xs: tuple[float, ...], x: float) -> None:
    found = view.nearest(xs, x)
    assert found in xs
    assert abs(found - x) == min(abs(one - x) for one in xs)


def test_the_first_zoom_stays_at_the_tail_and_a_cursor_is_zoomed_at() -> None:
    extent = Extent(1, 601, 4)
    assert view.zoom(View(), extent, 0.5).range(extent) == (301, 601)
    assert view.zoom(View(), extent, 0.5).follows
    assert view.zoom(View(cursor=101), extent, 0.5).range(extent) == (51, 351)


def test_reset_shows_all_and_keeps_the_cursor() -> None:
    seen = View(width=10, end=50, cursor=45)
    assert view.reset(seen) == View(cursor=45)
    assert view.without_cursor(seen) == replace(seen, cursor=None)
    assert view.step(View(), (), 1) == View()
    assert view.nearest((), 1.0) is None
