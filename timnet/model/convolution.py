"""A dilated causal convolution over ``[directions, channels, batch, frames]``, as products of matrices.

Each tap is one product of its matrix with the frames that it reads; what it would read before the start is zero, and is
left out, in the gradient too. Every product takes the form that a CPU computes quickest. Measured on one core of Zen 4
(39 channels, 12,032 frames of a batch): one direction after another 77 GFLOP/s, both in one batched product 60; but
products that sum over all frames, for the kernel's gradient, 63 when batched, even as a batch of one, and 50 when not.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from keras import ops


def convolution(x: Any, kernel: Any, dilation: int) -> Any:
    """``y[t] = sum over taps of kernel[tap] x[t - delay]``; the last has no delay, each before it ``dilation`` more.

    ``x`` is ``[directions, in, batch, frames]``, the number of frames known; ``kernel`` is ``[directions, taps, out,
    in]``.
    """
    frames = x.shape[3]

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def of(x: Any, kernel: Any) -> tuple[Any, Any]:
        taps = tf.unstack(kernel, axis=1)
        delays = [(len(taps) - 1 - place) * dilation for place in range(len(taps))]
        heard = [(tap, delay) for tap, delay in zip(taps, delays, strict=True) if delay < frames]

        def gradient(upstream: Any) -> tuple[Any, Any]:
            by_x, by_taps = [], [tf.zeros_like(tap) for tap in taps[: len(taps) - len(heard)]]
            for tap, delay in heard:
                late = _frames(upstream, delay, frames)
                by_x.append(_with_zeros(product(tap, late, turned=True), 0, delay))
                with tf.control_dependencies([upstream]):  # else it is cut while going forward, and kept until here
                    early = _frames(x, 0, frames - delay)
                by_taps.append(_summed_product(late, early))
            return _sum(by_x), tf.stack(by_taps, axis=1)

        parts = [_with_zeros(product(tap, _frames(x, 0, frames - delay)), delay, 0) for tap, delay in heard]
        return _sum(parts), gradient

    return of(x, kernel)


def product(kernel: Any, x: Any, *, turned: bool = False) -> Any:
    """``[directions, out, in]`` times ``[directions, in, batch, frames]``; ``turned``, the kernel transposed."""
    directions, channels, batch, frames = ops.shape(x)
    flat = tf.reshape(x, (directions, channels, -1))
    if directions == 1:
        found = tf.matmul(kernel[0], flat[0], transpose_a=turned)
    else:
        found = tf.matmul(kernel, flat, transpose_a=turned)
    return tf.reshape(found, (directions, kernel.shape[2 if turned else 1], batch, frames))


def _summed_product(left: Any, right: Any) -> Any:
    """``[directions, channels of left, channels of right]``: their products, summed over batch and frames."""
    left, right = (tf.reshape(one, (one.shape[0], one.shape[1], -1)) for one in (left, right))
    return tf.matmul(left, right, transpose_b=True)


def _frames(x: Any, first: int, end: int) -> Any:
    """The frames from ``first`` to before ``end``. A slice by name, because the gradient of indexing is slow."""
    return x if end - first == x.shape[3] else tf.slice(x, (0, 0, 0, first), (-1, -1, -1, end - first))


def _with_zeros(x: Any, before: int, after: int) -> Any:
    return tf.pad(x, ((0, 0), (0, 0), (0, 0), (before, after))) if before or after else x


def _sum(parts: list[Any]) -> Any:
    return parts[0] if len(parts) == 1 else tf.add_n(parts)
