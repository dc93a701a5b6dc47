"""Masks for training: in each epoch every utterance loses a stretch of frames and a band of coefficients.

What is masked reads as the training rows' mean, which is 0 in standardised features. Source: Park et al.,
"SpecAugment: A Simple Data Augmentation Method for Automatic Speech Recognition", Interspeech 2019, section 2, one
mask of each kind and no time warping; there on log mel spectrograms, here on MFCCs.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from timnet.records import TrainingConfig


def spans_of(
    config: TrainingConfig, rows: int, shape: tuple[int, int], seed: int, fold: int, epoch: int
) -> NDArray[np.int64] | None:
    """What is masked in each of ``rows`` utterances of ``shape`` (frames, coefficients) in one epoch.

    int64 ``[rows, 4]``: first frame, frames, first coefficient, coefficients; widths are uniform from 0 to the
    configuration's, and so are the places where they fit. None where the configuration masks nothing. Like the order of
    the samples it is a function of seed, fold and epoch, so that a resume repeats it.
    """
    widest = (min(config.mask_frames, shape[0]), min(config.mask_coefficients, shape[1]))
    if not any(widest):
        return None
    random = np.random.default_rng([seed, fold, epoch, 1])
    spans = []
    for size, most in zip(shape, widest, strict=True):
        width = random.integers(0, most, rows, endpoint=True)
        spans += [random.integers(0, size - width, endpoint=True), width]
    return np.stack(spans, axis=1)


def masked(batch: Any, spans: Any) -> Any:
    """``batch`` [n, frames, coefficients] with 0 in the ``spans`` [n, 4] of each utterance."""
    _, frames, coefficients = batch.shape
    kept = _outside(spans[:, :2], frames)[:, :, None] & _outside(spans[:, 2:], coefficients)[:, None, :]
    return tf.where(kept, batch, tf.zeros_like(batch))


def _outside(span: Any, size: int) -> Any:
    """True for the places of ``size`` that lie outside ``span`` [n, 2] (first, width): ``[n, size]``."""
    place, first, width = tf.range(size, dtype=tf.int64)[None, :], span[:, :1], span[:, 1:]
    return (place < first) | (place >= first + width)
