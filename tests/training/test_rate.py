"""The learning rate of a step: its schedule's shape, from the first step to the last."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from timnet.records import TrainingConfig
from timnet.training.rate import rate_at

configs = st.builds(
    TrainingConfig,
    schedule=st.sampled_from(["constant", "cosine"]),
    warmup=st.floats(0, 0.5),
    epochs=st.integers(1, 40),
    learning_rate=st.floats(1e-5, 1),
)


@given(configs, st.integers(1, 9))
def test_it_rises_once_never_beyond_the_peak_and_then_never_again(config: TrainingConfig, steps: int) -> None:
    rates = [rate_at(config, step, steps) for step in range(config.epochs * steps)]
    peak = rates.index(max(rates))
    assert max(rates) == pytest.approx(config.learning_rate)
    assert all(rate > 0 for rate in rates)
    assert rates[: peak + 1] == sorted(rates[: peak + 1])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
    if config.schedule == "constant":
        assert rates[-1] == pytest.approx(config.learning_rate)


def test_a_cosine_is_half_way_down_in_the_middle_and_all_but_nothing_in_the_last_step() -> None:
    config = TrainingConfig(schedule="cosine", warmup=0.2, epochs=10, learning_rate=4e-3)
    rates = [rate_at(config, step, 10) for step in range(100)]
    assert rates[:20] == pytest.approx([4e-3 * (step + 1) / 20 for step in range(20)])
    assert (rates[20], rates[60]) == pytest.approx((4e-3, 2e-3))
    assert rates[-1] < 4e-3 / 1000


def test_the_published_rate_is_one_throughout() -> None:
    assert {rate_at(TrainingConfig(), step, 8) for step in range(4000)} == {1e-3}
