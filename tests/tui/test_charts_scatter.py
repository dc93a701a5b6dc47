"""The scatter as a picture: classes in their colours, one scale, a legend with counts, and no odd point breaks it."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tui.fakes import HOSTILE
from timnet.export.colours import CLASS_COLOURS
from timnet_tui.charts.inks import Ink
from timnet_tui.charts.scatter import (
    LEAST_CONTRAST,
    Choice,
    Placed,
    Point,
    Scatter,
    class_colours,
    class_letters,
    draw_scatter,
)
from timnet_tui.palette import DARK, LIGHT, PALETTES, contrast

CLASSES = ("angry", "happy", "sad")


def scatter(points: list[Point], classes: tuple[str, ...] = CLASSES) -> Scatter:
    """A scatter of points."""
    return Scatter("s", "t-SNE", classes, tuple(points))


def text_of(placed: Placed) -> str:
    """Its text."""
    return "\n".join(strip.text for strip in placed.strips)


def style_at(placed: Placed, point: int):  # type: ignore[no-untyped-def]
    """The style in which the cell of a point is drawn."""
    column, row = placed.cells[point]
    (segment,) = placed.strips[row].crop(column, column + 1)
    return segment.style


CORNERS = [Point(0, 0, 0), Point(1, 0, 1), Point(0, 1, 2), Point(1, 1, 0)]


def test_up_is_up_and_both_axes_have_one_scale() -> None:
    placed = draw_scatter(scatter(CORNERS), 40, 10, Ink(DARK), Choice())
    (x0, y0), (x1, y1), (x2, y2), _ = placed.cells
    assert y2 < y0 == y1
    assert x0 == x2 < x1
    assert x1 - x0 == pytest.approx(2 * (y0 - y2), abs=2)  # a cell is twice as high as wide


@pytest.mark.parametrize("size", [(12, 3), (40, 10), (80, 20), (160, 40)])
@pytest.mark.parametrize("ink", [Ink(DARK), Ink(LIGHT), Ink(DARK, True), Ink(DARK, ascii_only=True)])
def test_a_picture_fills_its_room_and_counts_every_class(size: tuple[int, int], ink: Ink) -> None:
    placed = draw_scatter(scatter(CORNERS), *size, ink, Choice())
    assert len(placed.strips) == size[1]
    assert {strip.cell_length for strip in placed.strips} == {size[0]}
    if size[1] > 9:
        assert all(part in text_of(placed) for part in ("angry (2)", "happy (1)", "sad (1)"))
    assert not ink.ascii_only or text_of(placed).isascii()


def test_classes_have_the_colours_of_the_figures() -> None:
    seen = class_colours(("angry", "disgust", "happy", "neutral"), Ink(DARK))
    assert [f"#{red:02X}{green:02X}{blue:02X}" for red, green, blue in seen] == [
        CLASS_COLOURS[name] for name in ("angry", "disgust", "happy", "neutral")
    ]


@pytest.mark.parametrize("palette", list(PALETTES.values()), ids=lambda one: one.name)
def test_every_class_can_be_seen_on_every_theme(palette) -> None:  # type: ignore[no-untyped-def]
    for colour in class_colours(tuple(CLASS_COLOURS), Ink(palette)):
        assert contrast(colour, palette.background) >= LEAST_CONTRAST


def test_classes_have_letters_of_their_own() -> None:
    letters = class_letters([*CLASS_COLOURS, "angst", "über", "", "x" * 50])
    assert len(set(letters)) == len(letters)
    assert all(len(letter) == 1 and letter.isascii() for letter in letters)
    assert class_letters(["angry", "sad"]) == ["a", "s"]


def test_a_highlighted_class_stands_before_the_others() -> None:
    same_place = [Point(0, 0, 0), Point(0, 0, 0), Point(0, 0, 1), Point(1, 1, 0)]
    ink = Ink(DARK)
    colours = class_colours(CLASSES, ink)
    plain = draw_scatter(scatter(same_place), 40, 10, ink, Choice())
    assert tuple(style_at(plain, 0).color.triplet) == colours[0]  # the most of that cell
    chosen = draw_scatter(scatter(same_place), 40, 10, ink, Choice(highlight=1))
    assert tuple(style_at(chosen, 0).color.triplet) == colours[1]
    assert tuple(style_at(chosen, 3).color.triplet) not in colours  # stepped back


def test_wrong_predictions_are_marked_in_the_true_classs_colour() -> None:
    points = [Point(0, 0, 0, 0), Point(1, 1, 1, 2)]
    ink = Ink(DARK)
    assert "×" not in text_of(draw_scatter(scatter(points), 40, 10, ink, Choice()))
    placed = draw_scatter(scatter(points), 40, 10, ink, Choice(wrong=True))
    assert text_of(placed).count("×") == 1
    assert tuple(style_at(placed, 1).color.triplet) == class_colours(CLASSES, ink)[1]
    assert "X" in text_of(draw_scatter(scatter(points), 40, 10, Ink(DARK, ascii_only=True), Choice(wrong=True)))


def test_the_pointer_finds_the_nearest_point_and_the_legend() -> None:
    shown = scatter(CORNERS)
    placed = draw_scatter(shown, 80, 20, Ink(DARK), Choice())
    for place, (column, row) in enumerate(placed.cells):
        assert placed.nearest(column, row, shown, None) == place
    column, row = placed.cells[0]
    assert placed.nearest(column + 1, row, shown, None) == 0
    assert placed.nearest(column + 9, row, shown, None) is None
    assert placed.nearest(column, row, shown, 1) is None  # not of the class that stands out
    x, y, _ = placed.legend[2]
    assert placed.class_at(x, y) == 2
    assert placed.class_at(0, 0) is None


def test_foreign_class_names_do_nothing() -> None:
    placed = draw_scatter(scatter([Point(0, 0, 0), Point(1, 1, 1)], (HOSTILE, "b")), 160, 20, Ink(DARK), Choice())
    assert "\x1b" not in text_of(placed)
    assert "[/x]" in text_of(placed)


ODD = st.floats(allow_nan=True, allow_infinity=True) | st.sampled_from([0.0, 1.7e308, -1.7e308, 5e-324, math.nan])


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.builds(Point, ODD, ODD, st.integers(0, 2), st.none() | st.integers(0, 2), st.just("u")), max_size=20),
    st.integers(0, 90),
    st.integers(0, 12),
    st.builds(Choice, st.none() | st.integers(0, 2), st.booleans()),
)
def test_no_points_and_no_room_break_it(points: list[Point], width: int, height: int, choice: Choice) -> None:
    placed = draw_scatter(scatter(points), width, height, Ink(DARK), choice)
    assert len(placed.strips) in (0, height)
    assert {strip.cell_length for strip in placed.strips} <= {width}
    for cell, point in zip(placed.cells, points, strict=False):
        assert (cell is None) == (not (math.isfinite(point.x) and math.isfinite(point.y)))
        assert cell is None or (0 <= cell[0] < width and 0 <= cell[1] < height)
