"""Drawing: pictures fill their room, show what there is, and nothing odd can break them."""

from __future__ import annotations

import math
import threading
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from textual.strip import Strip

from tests.tui.charting import alone, fold, ten, wave
from tests.tui.fakes import detail, training
from timnet_tui.charts import axes, glyphs, readout
from timnet_tui.charts.curves import Curves, Fold, Group, Look, Metric
from timnet_tui.charts.draw import Picture, draw
from timnet_tui.charts.inks import Ink
from timnet_tui.charts.model import Band, BandKind, Mark, MarkKind, Plot, Role, Series, XAxis
from timnet_tui.charts.plot import accuracy_plot, loss_plot
from timnet_tui.charts.raster import Scale, envelope
from timnet_tui.charts.view import View
from timnet_tui.palette import DARK, LIGHT, RGB

INKS = [Ink(DARK), Ink(LIGHT), Ink(DARK, monochrome=True), Ink(DARK, ascii_only=True)]
VALIDATION = (Role.VALIDATION,)


def picture(plot: Plot, width: int = 60, height: int = 15, ink: Ink = INKS[0], view: View | None = None) -> Picture:
    """A picture."""
    return draw(plot, width, height, ink, view)


def text_of(plot: Plot, *more: object) -> str:
    """Its text."""
    return "\n".join(strip.text for strip in picture(plot, *more).strips)  # type: ignore[arg-type]


def colours_of(strips: tuple[Strip, ...], *, behind: bool = False) -> set[RGB]:
    """The colours in which something is drawn."""
    styles = (segment.style for strip in strips for segment in strip if segment.style)
    found = (style.bgcolor if behind else style.color for style in styles)
    return {tuple(colour.triplet) for colour in found if colour is not None and colour.triplet is not None}


# room


@pytest.mark.parametrize("size", [(16, 4), (38, 9), (40, 10), (80, 20), (160, 40), (200, 60)])
@pytest.mark.parametrize("ink", INKS, ids=["dark", "light", "mono", "ascii"])
def test_a_picture_fills_exactly_its_room(size: tuple[int, int], ink: Ink) -> None:
    of = detail(training(2, 3, 12, best_epoch=10))
    for plot in (accuracy_plot(of), loss_plot(of, log=False), loss_plot(of, log=True), ten().plot(Look(smoothing=0.9))):
        strips = picture(plot, *size, ink).strips
        assert len(strips) == size[1]
        assert {strip.cell_length for strip in strips} == {size[0]}
        assert not ink.ascii_only or "".join(strip.text for strip in strips).isascii()


@pytest.mark.parametrize("size", [(0, 0), (1, 1), (15, 30), (80, 3), (-3, 5)])
def test_where_there_is_no_room_there_is_no_picture(size: tuple[int, int]) -> None:
    assert picture(ten().plot(Look()), *size) == Picture()


def test_columns_and_x_belong_together() -> None:
    found = picture(alone(wave(100)).plot(Look()))
    assert found.column_of(1.0) == found.start
    assert found.column_of(100.0) == found.start + found.columns - 1 == 59
    for column in range(found.start, 60):
        assert found.column_of(found.x_at(column)) == column
    assert found.x_at(0) is None
    assert found.column_of(101.0) is None


# what is drawn


def test_the_line_goes_where_the_values_are() -> None:
    """A falling line: the top left and the bottom right, nothing in the other corners."""
    strips = picture(alone(fold([1.0, 0.0])).plot(Look(roles=VALIDATION))).strips
    canvas = [strip.text[5:] for strip in strips[:-2]]
    assert canvas[0][:2].strip()
    assert canvas[-1][-2:].strip()
    assert not canvas[0][20:].strip()
    assert not canvas[-1][:20].strip()


def test_spikes_stay_however_many_points_there_are() -> None:
    values = [0.5] * 5000
    values[2345] = 9.0
    strips = picture(alone(fold(values)).plot(Look(roles=VALIDATION))).strips
    tall = [strip.text for strip in strips if "9" in strip.text[:5] or "8" in strip.text[:5]]
    assert any(character > "\u2800" for line in tall for character in line)


def test_a_missing_value_is_a_gap() -> None:
    one = fold([1.0] * 20 + [None] * 20 + [1.0] * 20)
    asked = Fold(tuple(replace(metrics, val_accuracy=0.5) for metrics in one.epochs))  # its loss was no number
    strips = picture(alone(asked).plot(Look(roles=VALIDATION))).strips
    drawn = "".join(
        "x" if any(strip.text[column] > "\u2800" for strip in strips[:-2]) else " " for column in range(6, 60)
    )
    assert drawn.strip().count("x" * 10) >= 2
    assert " " * 12 in drawn.strip()


def test_a_mean_has_its_folds_faint_behind_and_its_band_in_the_background() -> None:
    ink, plot = Ink(DARK), ten().plot(Look(roles=VALIDATION))
    strips, line = picture(plot).strips, plot.strong[0]
    assert {ink.colour(line), ink.faint(line)} <= colours_of(strips)
    assert ink.tint(line) in colours_of(strips, behind=True)
    bare = picture(ten().plot(Look(roles=VALIDATION, band=BandKind.NONE, every_fold=False))).strips
    assert ink.faint(line) not in colours_of(bare)
    assert not colours_of(bare, behind=True)


def test_what_was_measured_is_faint_behind_what_is_smoothed() -> None:
    ink, plot = Ink(DARK), alone(wave(200)).plot(Look(smoothing=0.95, roles=VALIDATION))
    assert {ink.colour(plot.series[0]), ink.faint(plot.series[0])} <= colours_of(picture(plot).strips)


def test_without_colours_lines_and_bands_differ_in_shape() -> None:
    plot = accuracy_plot(detail(training(2, 3, 12)))
    assert glyphs.DOT in text_of(plot, 60, 15, Ink(DARK, monochrome=True))
    assert glyphs.DOT not in text_of(plot)
    assert glyphs.SHADE in text_of(ten().plot(Look(roles=VALIDATION)), 60, 15, Ink(DARK, monochrome=True))
    shaded = text_of(ten().plot(Look(every_fold=False, roles=(Role.TRAIN,))), 60, 15, Ink(DARK, monochrome=True))
    assert sum(character > "\u2800" for character in shaded) >= 50  # the line goes through its band
    groups = tuple(Group((fold([0.1 * i, 0.1 * i + 0.3]),), f"{i}", colour=i) for i in range(5))
    compared = Curves("k", Metric.LOSS, groups).plot(Look(roles=VALIDATION))
    shown = text_of(compared, 60, 25, Ink(DARK, monochrome=True))
    assert all(marker in shown for marker in glyphs.MARKERS[:5])


def test_marks_stand_where_things_happened() -> None:
    about = {"improved": (2, 40), "best": 30, "resumed": (20,)}
    plot = alone(fold([1 - e / 100 for e in range(60)], **about)).plot(Look())
    strips = picture(plot).strips
    assert glyphs.MARKS[MarkKind.RESUMED].sign in strips[0].text
    assert strips[-3].text.count(glyphs.MARKS[MarkKind.IMPROVED].sign) == 2
    text = "\n".join(strip.text for strip in strips)
    assert text.count(glyphs.MARKS[MarkKind.BEST].sign) == 1
    assert "*" in text_of(plot, 60, 15, Ink(DARK, ascii_only=True))
    closer = text_of(plot, 60, 15, INKS[0], View(width=10.0))
    assert glyphs.MARKS[MarkKind.RESUMED].sign not in closer


def test_a_zoomed_picture_shows_only_what_is_in_view_and_fits_the_axis_to_it() -> None:
    plot = alone(fold([1000.0] * 50 + [1.0] * 50)).plot(Look(roles=VALIDATION))
    assert "1000" in text_of(plot)
    closer = picture(plot, view=View(width=20.0))
    assert (closer.low, closer.high) == (80.0, 100.0)
    assert "1000" not in "".join(strip.text for strip in closer.strips)


def test_the_axis_does_not_grow_for_an_interval_of_two() -> None:
    values = [[0.5] * 10, [0.6] * 10, [0.55] * 5]
    curves = Curves("k", Metric.LOSS, (Group(tuple(fold(one) for one in values)),))
    wide = text_of(curves.plot(Look(roles=VALIDATION, band=BandKind.CI)))
    assert " 1.5" not in wide  # at n 2 the interval reaches from -0.1 to 1.2
    assert "-0.2" not in wide


@pytest.mark.parametrize("epochs", [0, 1, 2])
def test_few_epochs_are_no_trouble(epochs: int) -> None:
    strips = picture(loss_plot(detail(training(2, 3, epochs)), log=True)).strips
    assert len(strips) == (15 if epochs else 0)
    assert not epochs or glyphs.DOT in "".join(strip.text for strip in strips) or epochs > 1


def test_nothing_above_0_has_no_place_on_a_logarithmic_axis() -> None:
    flat = alone(fold([0.0, 0.0]))
    assert picture(flat.plot(Look(roles=VALIDATION))).strips
    assert not picture(flat.plot(Look(roles=VALIDATION, log=True))).strips


def test_pictures_drawn_in_many_threads_at_once_are_the_same() -> None:
    plots = [loss_plot(detail(training(2, 3, epoch)), log=False) for epoch in range(5, 17)]
    alone_ = [picture(plot) for plot in plots]
    found: dict[int, Picture] = {}
    threads = [
        threading.Thread(target=lambda i=i, plot=plot: found.update({i: picture(plot)})) for i, plot in enumerate(plots)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[i] for i in range(len(plots))] == alone_


# odd values

ODD = st.one_of(
    st.none(),
    st.floats(allow_nan=True, allow_infinity=True),
    st.sampled_from([0.0, -0.0, 1e30, -1e30, 1.7e308, -1.7e308, 5e-324, 1e-300, math.nan, math.inf, -math.inf, 1.0]),
    st.floats(-2, 2),
)


@st.composite
def plots(found: st.DrawFn) -> Plot:
    """Any plot that could be made, and some that could not."""
    series = []
    for _ in range(found(st.integers(1, 4))):
        x = tuple(sorted(found(st.lists(st.floats(0, 1e6), max_size=12, unique=True))))
        column = st.lists(ODD, min_size=len(x), max_size=len(x)).map(tuple)
        n = found(st.lists(st.integers(0, 10), min_size=len(x), max_size=len(x)).map(tuple))
        band = Band(found(st.sampled_from(BandKind)), found(column), found(column), n)
        role, faint, colour = found(st.sampled_from(Role)), found(st.booleans()), found(st.none() | st.integers(0, 25))
        raw, band = found(st.none() | column), found(st.none() | st.just(band))
        series.append(Series(role, x, found(column), "one", faint, colour, raw, band))
    places = st.none() | st.integers(0, len(series) - 1)
    marks = st.builds(Mark, st.sampled_from(MarkKind), st.floats(0, 1e6), places)
    return Plot(
        "odd", "odd", tuple(series), tuple(found(st.lists(marks, max_size=4))), log=found(st.booleans()),
        x_axis=found(st.sampled_from(XAxis)), within=found(st.none() | st.just((0.0, 100.0))),
    )  # fmt: skip


@settings(max_examples=120, deadline=None)
@given(
    plots(),
    st.integers(1, 70),
    st.integers(1, 14),
    st.sampled_from(INKS),
    st.builds(View, st.none() | st.floats(0, 1e6), st.none() | st.floats(-10, 1e6), st.none() | st.floats(0, 1e6)),
)
def test_no_values_and_no_room_break_a_chart(plot: Plot, width: int, height: int, ink: Ink, view: View) -> None:
    strips = picture(plot, width, height, ink, view).strips
    assert len(strips) in (0, height)
    assert {strip.cell_length for strip in strips} <= {width}
    for cursor in (None, view.cursor):
        assert readout.caption(plot, ink, width, readout.lines_for(plot, width, height), cursor)
    assert len(readout.note(plot, width)) <= max(0, width)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(ODD, max_size=8), min_size=1, max_size=4), st.sampled_from(BandKind), st.sampled_from(XAxis))
def test_no_epochs_break_a_mean(values: list, band: BandKind, axis: XAxis) -> None:
    curves = Curves("odd", Metric.LOSS, (Group(tuple(fold(one) for one in values), mean=True),))
    for smoothing in (0.0, 0.9):
        plot = curves.plot(Look(band=band, smoothing=smoothing, x_axis=axis))
        assert len(picture(plot, 40, 8).strips) in (0, 8)


# lines as envelopes


@given(st.lists(st.floats(-50, 150), min_size=2, max_size=60))
def test_an_envelope_holds_every_point_and_is_unbroken(values: list[float]) -> None:
    columns = 30
    x = [0.5 + place * (columns - 1) / (len(values) - 1) for place in range(len(values))]
    found = envelope(x, values, Scale(0, 99, 100), columns)
    for at, value in zip(x, values, strict=True):
        place = math.floor(Scale(0, 99, 100).place(value))
        assert found.low[int(at)] <= place <= found.high[int(at)]
    for column in range(columns - 1):
        assert found.low[column] <= found.high[column + 1] + 1
        assert found.low[column + 1] <= found.high[column] + 1


# axes


@pytest.mark.parametrize(
    ("low", "high"),
    [(0.0, 1.0), (0.61, 0.64), (5.0, 5.0), (-3.0, 12000.0), (0.0, 0.0), (1e30, 1e30), (-1e300, 1e300), (1e-12, 3e-12)],
)
def test_ticks_frame_the_values_with_round_numbers(low: float, high: float) -> None:
    ticks = axes.value_ticks(low, high, 5)
    assert ticks[0] <= low
    assert ticks[-1] >= high
    assert 2 <= len(ticks) <= 8
    names = axes.labels(ticks, log=False)
    assert len({len(name) for name in names}) == 1
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(("low", "high"), [(0.45, 1.9), (1e-5, 3.0), (2.0, 2.0), (1e-280, 1e290)])
def test_log_ticks_frame_the_values(low: float, high: float) -> None:
    ticks = axes.log_ticks(low, high, 5)
    assert ticks[0] <= low * 1.001
    assert ticks[-1] >= high * 0.999
    assert ticks == sorted(set(ticks))
    assert len(ticks) <= 10


def test_epoch_ticks_name_first_and_last() -> None:
    assert axes.epoch_ticks(1, 5) == [1]
    ticks = axes.epoch_ticks(173, 4)
    assert (ticks[0], ticks[-1]) == (1, 173)
    assert ticks == sorted(set(ticks))


@pytest.mark.parametrize(
    ("value", "text"), [(1, "1"), (250, "250"), (9600, "9600"), (48000, "48k"), (1_250_000, "1.25M")]
)
def test_counts_are_short(value: float, text: str) -> None:
    assert axes.count_label(value) == text
