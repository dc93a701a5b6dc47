"""Configurations: their published defaults, their ranges, and what their selection rule is called."""

from __future__ import annotations

import itertools
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from timnet.errors import BadInput
from timnet.records import MONITORS, NORMALISATIONS, SCHEDULES, VARIANTS, TrainingConfig, is_optimistic


@pytest.mark.parametrize(("select", "monitor", "patience"), itertools.product(("last", "best"), MONITORS, (0, 1, 20)))
def test_the_selection_rule_names_the_data_that_chose_the_epoch(select: str, monitor: str, patience: int) -> None:
    config = TrainingConfig(select=select, monitor=monitor, patience=patience, inner=0.1)
    data = "test" if monitor.startswith("val_") else "inner" if monitor.startswith("inner_") else "train"
    if select == "best":
        expected = f"best-{data}"
    elif patience:
        expected = f"stop-{data}"
    else:
        expected = "last"
    assert config.selection == expected
    assert config.optimistic == is_optimistic(expected) == (expected in ("best-test", "stop-test"))


def test_a_loss_is_to_fall_and_a_score_to_rise() -> None:
    modes = {monitor: TrainingConfig(monitor=monitor, inner=0.1).monitor_mode for monitor in MONITORS}
    lower = {"loss", "val_loss", "inner_loss"}
    assert modes == {monitor: "min" if monitor in lower else "max" for monitor in MONITORS}


GOOD_AND_BAD = {
    "filters": ([1, 1024], [0, 1025, -1]),
    "kernel_size": ([1, 16], [0, 17]),
    "tabs": ([1, 14], [0, 15]),
    "dropout": ([0, 0.99], [-0.1, 1, math.nan, math.inf]),
    "learning_rate": ([1e-9, 10], [0, -1, 10.1, math.nan, math.inf]),
    "beta1": ([0, 0.999], [1, -0.1, math.nan]),
    "beta2": ([0, 0.999], [1, -0.1, math.nan]),
    "epsilon": ([1e-12, 1], [0, 1.1, math.nan]),
    "batch_size": ([1, 65536], [0, 65537]),
    "epochs": ([1, 1_000_000], [0, 1_000_001]),
    "label_smoothing": ([0, 0.9], [1, -0.1, math.nan]),
    "validate_every": ([1, 1000], [0, -1]),
    "check_every": ([1, 1000], [0, -1]),
    "check_from": ([1, 1000], [0, -1]),
    "monitor": (list(MONITORS), ["", "uar", "VAL_LOSS"]),
    "min_delta": ([0, 5], [-1e-9, math.nan, math.inf]),
    "patience": ([0, 1000], [-1]),
    "select": (["last", "best", "average"], ["", "first"]),
    "average": ([1, 10, 5000], [0, -1]),
    "inner": ([0, 0.1, 0.5], [-0.1, 0.51, math.nan]),
    "variant": (list(VARIANTS), ["", "transformer"]),
    "normalise": (list(NORMALISATIONS), ["", "test"]),
    "schedule": (list(SCHEDULES), ["", "linear"]),
    "mask_frames": ([0, 10_000], [-1, 10_001]),
    "mask_coefficients": ([0, 38], [-1, 39]),
    "warmup": ([0, 0.5], [-0.1, 0.51, math.nan]),
}


STANDARDISED = {"normalise": "training"}


@pytest.mark.parametrize("name", TrainingConfig.__dataclass_fields__)
def test_each_setting_has_its_range(name: str) -> None:
    good, bad = GOOD_AND_BAD[name]
    for value in good:
        needed = {"monitor": {"inner": 0.1}, "mask_frames": STANDARDISED, "mask_coefficients": STANDARDISED}.get(
            name, {}
        )
        assert getattr(TrainingConfig(**{name: value, **needed}), name) == value
    for value in bad:
        with pytest.raises(BadInput, match=f"^{name} = .* is out of range; allowed: "):
            TrainingConfig(**{name: value})


def test_masks_are_for_standardised_features() -> None:
    with pytest.raises(BadInput, match="masks need standardised features"):
        TrainingConfig(mask_coefficients=1)


@given(
    st.builds(
        TrainingConfig,
        learning_rate=st.floats(1e-6, 1),
        epochs=st.integers(1, 1000),
        min_delta=st.floats(0, 1e300),
        monitor=st.sampled_from(MONITORS),
        select=st.sampled_from(["last", "best"]),
        inner=st.floats(0.01, 0.5),
    )
)
def test_a_configuration_survives_json(config: TrainingConfig) -> None:
    text = json.dumps(config.to_dict(), allow_nan=False)
    assert TrainingConfig.from_dict(json.loads(text)) == config


def test_settings_of_another_version_are_refused() -> None:
    with pytest.raises(BadInput, match="unknown setting 'colour'; known: average, batch_size, "):
        TrainingConfig.from_dict({"epochs": 5, "colour": "red"})
