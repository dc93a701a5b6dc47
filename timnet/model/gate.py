"""What ends a temporal-aware block: the gate, and the level that is the mean of what passes it, with one gradient.

The level's gradient is the same for every frame; in closed form it is added as one number a channel, where TensorFlow
would write it out for all frames first.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

FRAMES, DIRECTIONS = 3, 0


def gated(x: Any, h: Any) -> tuple[Any, Any]:
    """``x * sigmoid(h)``, and its level: the mean over time, summed over the directions.

    ``x`` and ``h`` are ``[directions, channels, batch, frames]``, the level is ``[channels, batch]``.
    """

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def of(x: Any, h: Any) -> tuple[Any, Any]:
        share = tf.sigmoid(h)
        out = x * share

        def gradient(upstream: Any, by_level: Any) -> tuple[Any, Any]:
            all_of_it = upstream + (by_level / x.shape[FRAMES])[None, :, :, None]
            return all_of_it * share, tf.raw_ops.SigmoidGrad(y=share, dy=all_of_it * x)

        return (out, level(out)), gradient

    found: tuple[Any, Any] = of(x, h)
    return found


def level(x: Any) -> Any:
    """The mean over time, summed over the directions: ``[channels, batch]``."""
    return tf.reduce_sum(tf.reduce_mean(x, FRAMES), DIRECTIONS)
