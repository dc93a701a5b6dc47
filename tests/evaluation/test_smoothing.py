"""The debiased moving average against its definition."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from timnet.errors import BadInput
from timnet.evaluation.smoothing import smooth

VALUES = st.lists(st.one_of(st.none(), st.floats(-1e6, 1e6)), max_size=40)
WEIGHTS = st.floats(0, 0.99)


def _by_definition(values: list[float], weight: float) -> float:
    """The weighted mean of all values, the last counting 1, the one before ``weight`` and so on."""
    weights = [weight**age for age in range(len(values))][::-1]
    return math.fsum(w * value for w, value in zip(weights, values, strict=True)) / math.fsum(weights)


@given(VALUES, WEIGHTS)
def test_every_value_is_the_weighted_mean_so_far_and_gaps_stay(values: list[float | None], weight: float) -> None:
    smoothed = smooth(values, weight)
    seen: list[float] = []
    for value, found in zip(values, smoothed, strict=True):
        if value is None:
            assert found is None
            continue
        seen.append(value)
        assert found == pytest.approx(_by_definition(seen, weight), rel=1e-9, abs=1e-6)


@given(VALUES)
def test_a_weight_of_0_changes_nothing(values: list[float | None]) -> None:
    assert smooth(values, 0) == values


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=30), WEIGHTS)
def test_any_numbers_stay_within_those_there_are(values: list[float], weight: float) -> None:
    finite = [value for value in values if math.isfinite(value)]
    for value, found in zip(values, smooth(values, weight), strict=True):
        assert (found is None) == (not math.isfinite(value))
        if found is not None:
            slack = 1e-12 * max(map(abs, finite))
            assert min(finite) - slack <= found <= max(finite) + slack


def test_the_first_value_is_not_pulled_to_0() -> None:
    assert smooth([4.0, 4.0, 4.0], 0.9) == pytest.approx([4.0, 4.0, 4.0])
    assert smooth([1.0, 0.0], 0.5) == pytest.approx([1.0, 1 / 3])


@pytest.mark.parametrize("weight", [-0.1, 0.995, 1.0, math.nan])
def test_a_weight_out_of_range_is_refused(weight: float) -> None:
    with pytest.raises(BadInput, match=r"0\.99"):
        smooth([1.0], weight)
