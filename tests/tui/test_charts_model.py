"""From epochs to plots: means with their n and band, smoothing, axes, marks, and what the caption says of them."""

from __future__ import annotations

import math
import statistics
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tests.tui.charting import alone, fold, metrics, ten, wave
from tests.tui.fakes import HOSTILE, detail, training
from timnet.evaluation.smoothing import smooth
from timnet.records import Event, EventKind
from timnet_tui.charts import readout, spread
from timnet_tui.charts.curves import Curves, Fold, Group, Look, Metric
from timnet_tui.charts.inks import COMPARED_DARK, COMPARED_LIGHT, Ink
from timnet_tui.charts.marks import resumed_epochs
from timnet_tui.charts.model import BandKind, Change, Mark, MarkKind, Role, Series, XAxis
from timnet_tui.charts.plot import accuracy_plot, loss_plot
from timnet_tui.charts.student import quantile_975
from timnet_tui.palette import DARK, LIGHT, contrast

VALIDATION = (Role.VALIDATION,)


def mean_of(curves: Curves, **look: object) -> Series:
    """The mean line of the validation."""
    (series,) = curves.plot(Look(roles=VALIDATION, **look)).strong  # type: ignore[arg-type]
    return series


def folds(*values: list[float | None]) -> Curves:
    """Losses of the test folds."""
    return Curves("folds", Metric.LOSS, (Group(tuple(fold(one) for one in values)),))


# means


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 9, 10, 29, 200])
def test_students_t_is_that_of_the_tables(freedom: int) -> None:
    assert quantile_975(freedom) == pytest.approx(stats.t.ppf(0.975, freedom), rel=1e-10)


@pytest.mark.parametrize("kind", list(BandKind))
def test_a_band_is_what_its_name_says(kind: BandKind) -> None:
    values = [0.2, 0.5, 0.3, 0.7]
    series = mean_of(folds(*([value] for value in values)), band=kind)
    mean, sd = statistics.mean(values), statistics.stdev(values)
    half = {
        BandKind.SD: sd,
        BandKind.SE: sd / 2,
        BandKind.CI: stats.t.ppf(0.975, 3) * sd / 2,
    }
    wanted = {BandKind.NONE: (None, None), BandKind.RANGE: (0.2, 0.7)}.get(kind) or (
        mean - half[kind], mean + half[kind],
    )  # fmt: skip
    assert series.y == pytest.approx((mean,))
    assert (series.band.lower[0], series.band.upper[0]) == (wanted if None in wanted else pytest.approx(wanted))
    assert series.band.n == (4,)


def test_a_mean_is_over_the_folds_that_have_that_epoch_and_says_how_many() -> None:
    curves = folds([1.0, 1.0, 1.0], [3.0, 3.0], [5.0, None, 5.0])
    series = mean_of(curves)
    assert series.y == (3.0, 2.0, 3.0)
    assert series.band.n == (3, 2, 2)
    assert curves.plot(Look(roles=VALIDATION)).changes == (Change(2.0, 3, 2),)
    assert Mark(MarkKind.COUNT, 2.0) in curves.plot(Look(roles=VALIDATION)).marks


def test_one_fold_has_a_mean_with_n_1_and_no_band_where_a_mean_is_asked_for() -> None:
    one = Curves("one", Metric.LOSS, (Group((fold([0.5, 0.4]),), mean=True),))
    series = mean_of(one)
    assert series.band.n == (1, 1)
    assert series.band.lower == (None, None)
    assert readout.value_text(readout.readings(one.plot(Look(roles=VALIDATION)))[0], ".3f") == "0.400 n 1"
    assert mean_of(alone(fold([0.5]))).band is None


def test_every_fold_is_faint_behind_the_mean_unless_hidden() -> None:
    plot = ten().plot(Look(roles=VALIDATION))
    assert [series.faint for series in plot.series] == [True] * 10 + [False]
    assert len(ten().plot(Look(roles=VALIDATION, every_fold=False)).series) == 1


@given(st.lists(st.lists(st.none() | st.floats(-1e3, 1e3), min_size=5, max_size=5), min_size=1, max_size=6))
def test_no_mean_leaves_the_range_of_its_folds(values: list[list[float | None]]) -> None:
    mean, band = spread.average(values, BandKind.RANGE)
    for place, (found, n) in enumerate(zip(mean, band.n, strict=True)):
        there = [one[place] for one in values if one[place] is not None]
        assert n == len(there)
        assert (found is None) == (not there)
        if there:
            assert min(there) - 1e-9 <= found <= max(there) + 1e-9


def test_numbers_too_large_to_square_still_have_a_mean() -> None:
    mean, band = spread.average([[1e308], [1.5e308]], BandKind.SD)
    assert mean == (1.25e308,)
    assert (band.n, band.lower) == ((2,), (None,))


# smoothing


def test_smoothing_leaves_what_was_measured_and_what_is_read() -> None:
    curves = alone(wave(30))
    series = mean_of(curves, smoothing=0.9)
    plain = mean_of(curves)
    assert series.raw == plain.y == series.measured
    assert series.y == pytest.approx(smooth(plain.y, 0.9))
    assert series.last == plain.last


def test_folds_are_smoothed_before_their_mean_so_that_an_ended_fold_is_not_smeared_over() -> None:
    series = mean_of(folds([1.0] * 4, [3.0] * 2), smoothing=0.9)
    assert series.y == pytest.approx((2.0, 2.0, 1.0, 1.0))
    assert series.raw == (2.0, 2.0, 1.0, 1.0)


def test_the_smoothed_mean_is_the_mean_smoothed_while_n_stays() -> None:
    plain, series = mean_of(ten()), mean_of(ten(), smoothing=0.8)
    assert series.y == pytest.approx(smooth(plain.y, 0.8))
    assert series.band == plain.band  # the spread is of what was measured


# the horizontal axis


def test_steps_are_the_optimisers() -> None:
    curves = alone(fold([1.0, 2.0, 3.0], steps=8))
    assert mean_of(curves, x_axis=XAxis.STEP).x == (8, 16, 24)
    assert mean_of(curves).x == (1, 2, 3)


def test_minutes_are_those_of_training() -> None:
    curves = alone(Fold((metrics(1, seconds=30.0), metrics(2, seconds=60.0), metrics(3, seconds=math.nan))))
    assert mean_of(curves, x_axis=XAxis.MINUTES).x == pytest.approx((0.5, 1.5, 1.5))


def test_folds_of_other_paces_are_interpolated_on_a_common_grid_and_never_beyond_their_ends() -> None:
    slow = Fold(tuple(metrics(e, val_loss=float(e), seconds=120.0) for e in (1, 2, 3)))
    fast = Fold(tuple(metrics(e, val_loss=float(2 * e), seconds=60.0) for e in (1, 2, 3)))
    series = mean_of(Curves("k", Metric.LOSS, (Group((slow, fast)),)), x_axis=XAxis.MINUTES)
    assert series.x == pytest.approx((1.0, 3.5, 6.0))
    # at 3.5 min the slow fold is between its epochs 1 (1.0 at 2 min) and 2 (2.0 at 4 min); the fast one ended at 3 min
    assert series.y == pytest.approx((2.0, 1.75, 3.0))
    assert series.band.n == (1, 1, 1)


def test_nothing_is_interpolated_across_a_gap() -> None:
    assert spread.at_each((0.0, 1.5, 2.0, 2.5, 4.0), (1.0, 2.0, 3.0), (1.0, 3.0, None)) == (None, 2.0, 3.0, None, None)


def test_folds_with_other_epochs_share_the_union_of_them() -> None:
    late = Fold(tuple(metrics(e, val_loss=1.0) for e in (3, 4)))
    early = Fold(tuple(metrics(e, val_loss=3.0) for e in (1, 2, 3)))
    series = mean_of(Curves("k", Metric.LOSS, (Group((late, early)),)))
    assert series.x == (1, 2, 3, 4)
    assert series.y == (3.0, 3.0, 2.0, 1.0)


# metrics


@pytest.mark.parametrize(
    ("metric", "roles", "last"),
    [
        (Metric.ACCURACY, 2, 40.0),
        (Metric.LOSS, 2, 0.4),
        (Metric.UAR, 1, 40.0),
        (Metric.LEARNING_RATE, 1, 1e-3),
        (Metric.SECONDS, 1, 2.0),
    ],
)
def test_every_metric_has_its_lines(metric: Metric, roles: int, last: float) -> None:
    plot = alone(fold([0.5, 0.4]), metric=metric).plot(Look())
    assert len(plot.strong) == roles
    assert plot.strong[-1].last == pytest.approx(last)


# marks


def kinds(curves: Curves) -> dict[MarkKind, list[float]]:
    """Where what is marked."""
    found: dict[MarkKind, list[float]] = {}
    for mark in curves.plot(Look()).marks:
        found.setdefault(mark.kind, []).append(mark.x)
    return found


def test_one_run_shows_its_checks_seams_rates_and_lost_losses() -> None:
    epochs = tuple(metrics(e, lr=1e-3 if e < 6 else 1e-4, diverged=e in (8, 9)) for e in range(1, 11))
    about = Fold(epochs, improved=(2, 4, 99), best=4, resumed=(5,))
    assert kinds(alone(about)) == {
        MarkKind.IMPROVED: [2],  # 4 is the best, 99 is no epoch
        MarkKind.BEST: [4],
        MarkKind.RESUMED: [5],
        MarkKind.LEARNING_RATE: [6],
        MarkKind.DIVERGED: [8, 9],
    }


def test_a_schedule_is_not_marked_at_every_epoch() -> None:
    epochs = tuple(metrics(e, lr=1e-3 / e) for e in range(1, 30))
    assert MarkKind.LEARNING_RATE not in kinds(alone(Fold(epochs)))


def test_beside_a_mean_no_single_folds_checks_are_marked() -> None:
    several = Group((fold([0.5] * 5, improved=(2,), best=3, resumed=(4,)), fold([0.4] * 5, improved=(4,), best=4)))
    assert kinds(Curves("k", Metric.LOSS, (several,))) == {}


def test_a_resume_leaves_its_seam() -> None:
    events = [Event(i, 1, "", EventKind.RESUMED, epoch, "") for i, epoch in enumerate((None, 7, 7, 9))]
    assert resumed_epochs(events) == (7, 9)


def test_compared_runs_keep_their_best_epochs_on_their_own_lines() -> None:
    groups = tuple(Group((fold([0.5, 0.4, 0.6], best=2, improved=(1,)),), f"run {i}", colour=i) for i in range(3))
    plot = Curves("k", Metric.LOSS, groups).plot(Look())
    assert [(mark.kind, plot.series[mark.series].colour, plot.series[mark.series].role) for mark in plot.marks] == [
        (MarkKind.BEST, i, Role.VALIDATION) for i in range(3)
    ]


# the two plots beside the grid


def test_plots_carry_both_curves_marks_and_the_warning() -> None:
    of = training(2, 3, 12, best_epoch=10)
    loss = loss_plot(detail(of), log=False)
    assert [len(series.points) for series in loss.series] == [12, 12]
    assert [mark.x for mark in loss.marks if mark.kind is MarkKind.IMPROVED] == [5]
    assert loss.best == 10
    assert "smoothed labels" in loss.note
    assert "not comparable" in loss.note
    assert len(loss.short_note) <= 38  # half of 80 columns
    accuracy = accuracy_plot(detail(of))
    assert accuracy.note == ""
    assert accuracy.series[0].last == pytest.approx(100 * detail(of).epochs[-1].accuracy)


def test_a_lost_loss_is_said() -> None:
    of = detail(training(2, 3, 3))
    lost = replace(of, epochs=tuple(replace(m, loss=None, diverged=m.epoch > 1) for m in of.epochs))
    assert "not finite from epoch 2" in loss_plot(lost, log=False).note


# what is said


def said(curves: Curves, width: int, cursor: float | None = None, lines: int = 1, **look: object) -> str:
    """The caption."""
    plot = curves.plot(Look(**look))  # type: ignore[arg-type]
    return "\n".join(line.plain for line in readout.caption(plot, Ink(DARK), width, lines, cursor))


@pytest.mark.parametrize("width", [38, 50, 60, 80, 120, 200])
@pytest.mark.parametrize("kind", list(BandKind))
@pytest.mark.parametrize("metric", [Metric.ACCURACY, Metric.LOSS])
def test_a_mean_never_stands_without_its_n(width: int, kind: BandKind, metric: Metric) -> None:
    curves = ten(60, ends=(30, 40), metric=metric)
    lines = readout.lines_for(curves.plot(Look(band=kind)), width, 12)
    caption = said(curves, width, lines=lines, band=kind)
    shown = caption.count("━")
    assert shown == 2 or "+1 more" in caption
    assert caption.count("n 8") == shown or "n 8" in caption.split("━")[0]  # each its own, or one n for all of them
    assert all(len(line) <= width for line in caption.split("\n"))
    assert kind is BandKind.NONE or caption.count("±") + caption.count("–") >= shown


def test_half_of_80_columns_hold_both_means_with_spread_and_n() -> None:
    for metric in (Metric.ACCURACY, Metric.LOSS):
        caption = said(ten(60, ends=(30, 40), metric=metric), 39, 55.0, lines=2)
        assert caption.count("±") == 2
        assert "n 8" in caption
        assert "epoch 55" in caption


def test_the_caption_tells_where_n_changes_and_what_the_band_is() -> None:
    caption = said(ten(60, ends=(30, 40)), 120, band=BandKind.CI)
    assert "n 10 → 9 at 31, 8 at 41" in caption
    assert "mean, 95% CI" in caption
    many = said(ten(60, ends=(10, 20, 30, 40, 50)), 160)
    assert "n 10 → 9 at 11, 8 at 21, …, 5 at 51" in many


def test_the_cursor_reads_every_line_there() -> None:
    curves = alone(fold([0.5, 0.25, 0.125]))
    assert "epoch 2" in said(curves, 100, 2.0)
    assert "validation 0.250" in said(curves, 100, 2.0)
    assert "validation 0.125" in said(curves, 100)
    assert "step 3" in said(curves, 100, 3.0, x_axis=XAxis.STEP)
    assert "0.1 min" in said(curves, 100, 0.1, x_axis=XAxis.MINUTES)


def test_nothing_is_read_beyond_the_end_of_a_line() -> None:
    groups = (Group((fold([0.5, 0.4]),), "short", colour=0), Group((fold([0.5] * 9),), "long", colour=1))
    plot = Curves("k", Metric.LOSS, groups).plot(Look(roles=VALIDATION))
    short, long = readout.readings(plot, 8.0)
    assert (short.value, long.value) == (None, 0.5)
    assert "short –" in said(Curves("k", Metric.LOSS, groups), 100, 8.0, roles=VALIDATION)


def test_the_caption_tells_scale_smoothing_axis_and_marks() -> None:
    curves = alone(fold([0.5, 0.4, 0.3], improved=(1,), best=3, resumed=(2,)))
    caption = said(curves, 160, log=True, smoothing=0.9, x_axis=XAxis.STEP)
    for part in ("log y", "ema 0.9", "by step", "◆ best: epoch 3", "▴ improved", "↻ resumed"):
        assert part in caption


def test_many_compared_runs_flow_over_lines_and_what_has_no_room_is_counted() -> None:
    groups = tuple(Group((fold([0.5]),), f"run number {i}", colour=i) for i in range(20))
    curves = Curves("k", Metric.LOSS, groups)
    plot = curves.plot(Look(roles=VALIDATION))
    assert readout.lines_for(plot, 100, 48) == 5
    assert readout.lines_for(plot, 100, 12) == 3
    every = said(curves, 100, lines=5, roles=VALIDATION)
    assert all(f"run number {i}" in every for i in range(20))
    some = said(curves, 60, lines=2, roles=VALIDATION)
    assert "more" in some
    assert all(len(line) <= 60 for line in some.split("\n"))


def test_foreign_names_are_shown_and_do_nothing() -> None:
    caption = said(Curves("k", Metric.LOSS, (Group((fold([0.5]),), HOSTILE, colour=0),)), 200)
    assert "\x1b" not in caption
    assert "[/x]" in caption


def test_what_a_logarithmic_axis_leaves_out_is_counted() -> None:
    curves = alone(fold([0.5, 0.0, -1.0]))
    assert readout.note(curves.plot(Look(log=True, roles=VALIDATION)), 100) == "2 values at or below 0 left out"
    assert readout.note(curves.plot(Look(roles=VALIDATION)), 100) == ""


@pytest.mark.parametrize(("colours", "behind"), [(COMPARED_DARK, DARK), (COMPARED_LIGHT, LIGHT)])
def test_compared_colours_stand_out_and_differ(colours: tuple, behind) -> None:  # type: ignore[no-untyped-def]
    assert len(set(colours)) == len(colours)
    assert all(contrast(colour, behind.background) >= 3 for colour in colours)


def test_twenty_compared_lines_have_twenty_markers_without_colour() -> None:
    for ink in (Ink(DARK, monochrome=True), Ink(DARK, ascii_only=True)):
        markers = [ink.marker(Series(Role.VALIDATION, (1.0,), (1.0,), colour=i)) for i in range(20)]
        assert len(set(markers)) == 20
        assert not ink.ascii_only or all(marker.isascii() for marker in markers)


def test_a_line_goes_straight_between_epochs_that_were_validated() -> None:
    """``--validate-every 2`` of 5 epochs; the fourth's loss was not finite, which is a gap."""
    missing = {"val_loss": None, "val_accuracy": None, "val_uar": None}
    epochs = (metrics(1, **missing), metrics(2, 0.5), metrics(3, **missing), metrics(4, val_loss=None), metrics(5, 0.7))
    train, validation = alone(Fold(epochs)).plot(Look()).series
    assert len(train.x) == 5
    assert (validation.x, validation.y) == ((2.0, 4.0, 5.0), (0.5, None, 0.7))
