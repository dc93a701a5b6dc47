"""Masks: where they lie, how wide they are, and that another process draws the same."""

from __future__ import annotations

import numpy as np
import pytest

from timnet.records import TrainingConfig

pytestmark = pytest.mark.engine

MASKED = TrainingConfig(normalise="training", mask_frames=8, mask_coefficients=4)


def test_what_is_masked_is_one_stretch_and_one_band_of_each_utterance_and_nothing_else() -> None:
    from timnet.training.masks import masked, spans_of

    spans = spans_of(MASKED, 300, (20, 39), 46, 1, 1)
    assert spans is not None
    assert set(spans[:, 1].tolist()) == set(range(9))
    assert set(spans[:, 3].tolist()) == set(range(5))
    assert (spans >= 0).all()
    assert (spans[:, 0] + spans[:, 1]).max() == 20, "the last frame is masked at times, and none behind it"
    assert (spans[:, 2] + spans[:, 3]).max() == 39
    batch = np.random.default_rng(1).normal(5, 1, (300, 20, 39)).astype(np.float32)
    expected = batch.copy()
    for utterance, (frame, frames, first, coefficients) in zip(expected, spans, strict=True):
        utterance[frame : frame + frames] = 0
        utterance[:, first : first + coefficients] = 0
    np.testing.assert_array_equal(np.asarray(masked(batch, spans)), expected)


def test_masks_follow_from_seed_fold_and_epoch_and_there_are_none_as_published() -> None:
    from timnet.training.masks import spans_of

    first, again, other = (spans_of(MASKED, 30, (20, 39), 46, 1, epoch) for epoch in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert spans_of(TrainingConfig(), 30, (20, 39), 46, 1, 1) is None
    longer = spans_of(TrainingConfig(normalise="training", mask_frames=500), 30, (20, 39), 46, 1, 1)
    assert longer[:, 1].max() <= 20
    assert not longer[:, 3].any()
