"""Means with their n."""

import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from timnet.evaluation.summary import CurvePoint, Summary, fold_scores, mean_curve, summarise

fractions = st.floats(0, 1)


@given(st.lists(fractions, min_size=2, max_size=20))
def test_agrees_with_the_standard_library(values):
    summary = summarise(values)
    assert summary.n == len(values)
    assert summary.mean == pytest.approx(statistics.fmean(values), abs=1e-12)
    assert summary.sd == pytest.approx(statistics.stdev(values), abs=1e-9)


@given(st.lists(fractions | st.none() | st.sampled_from([math.nan, math.inf]), max_size=20))
def test_what_is_no_value_is_not_counted(values):
    kept = [value for value in values if value is not None and math.isfinite(value)]
    assert summarise(values) == summarise(kept)
    assert summarise(values).n == len(kept)


def test_few_values():
    assert summarise([]) == Summary(0, None, None)
    assert summarise([0.5]) == Summary(1, 0.5, None)
    assert summarise([0.5, 0.5]) == Summary(2, 0.5, 0.0)


def test_what_is_too_large_to_square_has_a_mean_and_no_spread():
    assert summarise([1e308, 1.5e308]) == Summary(2, 1.25e308, None)
    assert summarise([-1e200, 1e200]) == Summary(2, 0.0, None)


def test_fold_scores_leave_out_folds_that_are_not_finished():
    scores = fold_scores([(0.8, 0.9), (None, None), (0.6, 0.7)])
    assert (scores.uar.n, scores.war.n) == (2, 2)
    assert scores.uar.mean == pytest.approx(0.7)
    assert scores.war.mean == pytest.approx(0.8)
    assert scores.uar.sd == pytest.approx(math.sqrt(0.02))


def test_a_mean_curve_says_how_many_folds_each_epoch_is_over():
    points = mean_curve([[0.2, 0.4, 0.6], [0.4], [0.6, None]])
    assert [(point.epoch, point.n) for point in points] == [(1, 3), (2, 1), (3, 1)]
    assert points[0].mean == pytest.approx(0.4)
    assert points[1] == CurvePoint(2, 0.4, None, 1)


def test_an_epoch_without_any_value_is_left_out():
    assert [point.epoch for point in mean_curve([[0.1, None, 0.3], [None, None, 0.5]])] == [1, 3]
    assert mean_curve([]) == []
    assert mean_curve([[], []]) == []
