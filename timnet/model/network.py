"""TIM-Net, from top to bottom.

    MFCC [frames, 39] --+-- forward stem ---- TAB 1 -- TAB 2 -- ... -- TAB n
                        |                       |        |              |
                        +-- reversed, backward stem -- TAB 1 -- ... -- TAB n
                                                |        |              |
                             level j = mean over time of forward TAB j + backward TAB j
                                                |        |              |
                             embedding = learned weighted sum of the levels  -> Dense -> classes

Source: Ye et al., "Temporal Modeling Matters: A Novel Temporal Emotional Modeling Approach for Speech
Emotion Recognition", ICASSP 2023, sections 2.2-2.4, and the authors' code (TIM-Net_SER, ``Code/Model.py``
and ``Code/TIMNET.py``) for what the paper leaves open: kernel 2, batch normalisation, no residual sum.

It is the published function, arranged so that a CPU computes it quickly: activations are
``[2, filters, batch, frames]``, the two directions beside each other, time contiguous. A dilated causal
convolution is then one matrix product a tap and a shifted sum; and batch normalisation and dropout, which
both only scale and shift a channel, become one multiply-add before the ReLU.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Self

import keras
from keras import ops
from keras.initializers import GlorotUniform, RandomUniform

from timnet.model.normalise import normalised_relu

MFCC_COEFFICIENTS = 39
BATCH_NORM_MOMENTUM, BATCH_NORM_EPSILON = 0.99, 1e-3  # Keras's defaults, which the published code uses


@dataclass(frozen=True, slots=True)
class NetworkShape:
    """Everything that decides the network's shape. The defaults are the published ones.

    ``tabs`` is the number of temporal-aware blocks in each direction: 8, and 10 for IEMOCAP. ``variant`` is the
    published network, or one of the ablations in the paper's section 3.4 and table 3, as far as it describes them:
    ``no-backward`` reads forward in time alone, ``no-multi-scale`` keeps the last level alone, ``no-fusion`` takes the
    plain mean of the levels, and ``tcn`` is a stack of the same convolutions that adds its input instead of
    gating it, forward, last level alone.
    """

    frames: int
    classes: int
    tabs: int = 8
    filters: int = 39
    kernel_size: int = 2
    dropout: float = 0.1
    coefficients: int = MFCC_COEFFICIENTS
    variant: str = "timnet"

    @property
    def directions(self) -> int:
        """How many directions the blocks read in: both, or forward alone."""
        return 1 if self.variant in ("no-backward", "tcn") else 2


@keras.saving.register_keras_serializable(package="timnet")
class TimNet(keras.Model):  # type: ignore[misc]  # Keras ships no types
    """The network: float32 ``[batch, frames, coefficients]`` to two outputs.

    They are logits ``[batch, classes]`` and the embedding ``[batch, filters]``, the penultimate layer.
    106 992 parameters for EMODB (188 frames, 7 classes, 8 TABs). Weights of all TABs lie stacked in one
    variable: ``[tabs, 2 convolutions, 2 directions, ...]``, forward first.
    """

    def __init__(self, shape: NetworkShape, dtype: str | None = None, **options: Any) -> None:
        super().__init__(dtype=dtype, **options)
        self.shape = shape
        self._dropout_seed = keras.random.SeedGenerator()
        c, k = shape.filters, shape.kernel_size
        directions = shape.directions
        each = (shape.tabs, 2, directions)

        def weight(name: str, size: tuple[int, ...], start: Any, trainable: bool = True) -> Any:
            return self.add_weight(shape=size, initializer=start, trainable=trainable, name=name)

        self.stem_kernel = weight("stem_kernel", (directions, c, shape.coefficients), _glorot(shape.coefficients, c))
        self.stem_bias = weight("stem_bias", (directions, c), "zeros")
        self.kernel = weight("kernel", (*each, k, c, c), _glorot(k * c, k * c))
        # a bias before a batch normalisation has no gradient but rounding noise, so it is not trained
        self.bias = weight("bias", (*each, c), "zeros", trainable=False)
        self.gamma = weight("gamma", (*each, c), "ones")
        self.beta = weight("beta", (*each, c), "zeros")
        self.moving_mean = weight("moving_mean", (*each, c), "zeros", trainable=False)
        self.moving_variance = weight("moving_variance", (*each, c), "ones", trainable=False)
        fused = shape.variant in ("timnet", "no-backward")
        self.fusion = weight("fusion", (shape.tabs,), RandomUniform(-0.05, 0.05), trainable=fused)
        self.head_kernel = weight("head_kernel", (c, shape.classes), GlorotUniform())
        self.head_bias = weight("head_bias", (shape.classes,), "zeros")
        self.built = True

    def call(self, mfcc: Any, training: bool = False) -> tuple[Any, Any]:
        """Both outputs. In training, batch statistics are used and recorded, and dropout is applied."""
        masks = [[None, None]] * self.shape.tabs
        if training:
            masks = [ops.unstack(both) for both in ops.unstack(self._dropout_masks(ops.shape(mfcc)[0]))]
        levels, statistics = self._levels(mfcc, masks, measure=training)
        if training:
            self._record(statistics)
        embedding = self._fused(levels)
        return ops.matmul(embedding, self.head_kernel) + self.head_bias, embedding

    def statistics(self, mfcc: Any) -> tuple[Any, Any]:
        """Mean and variance before each batch normalisation for one batch, as the moving averages are laid out.

        Nothing is recorded and nothing dropped; each layer is normalised by the batch's own statistics.
        """
        _, found = self._levels(mfcc, [[None, None]] * self.shape.tabs, measure=True)
        mean, variance = zip(*found, strict=True)
        shape = self.moving_mean.shape
        return ops.reshape(ops.stack(mean), shape), ops.reshape(ops.stack(variance), shape)

    def _levels(self, mfcc: Any, masks: list[Any], *, measure: bool) -> tuple[list[Any], list[tuple[Any, Any]]]:
        """The level of each TAB, ``[filters, batch]``; with ``measure`` by batch statistics, which come as well."""
        x = self._stem(mfcc)
        parts = [ops.unstack(w) for w in (self.kernel, self.bias, self.gamma, self.beta)]
        moving = [ops.unstack(w) for w in (self.moving_mean, self.moving_variance)]
        levels, statistics = [], []
        for tab in range(self.shape.tabs):
            h = x
            for half in range(2):
                kernel, bias, gamma, beta = (part[tab][half] for part in parts)
                h = self._convolution(h, kernel, dilation=2**tab)
                if measure:  # the bias goes with the batch's mean
                    h, mean, variance = normalised_relu(h, gamma, beta, masks[tab][half], BATCH_NORM_EPSILON)
                    statistics.append((mean + bias, variance))
                else:
                    mean, variance = (part[tab][half] for part in moving)
                    scale = gamma * ops.rsqrt(variance + BATCH_NORM_EPSILON)
                    h = _scaled_relu(h, scale, beta + (bias - mean) * scale)
            x = x + h if self.shape.variant == "tcn" else x * ops.sigmoid(h)
            levels.append(ops.sum(ops.mean(x, axis=3), axis=0))
        return levels, statistics

    def _fused(self, levels: list[Any]) -> Any:
        """The embedding ``[batch, filters]``: the learned weighted sum of the levels, or what the variant has."""
        if self.shape.variant in ("tcn", "no-multi-scale"):
            return ops.transpose(levels[-1])
        if self.shape.variant == "no-fusion":
            return ops.transpose(ops.mean(ops.stack(levels), axis=0))
        return ops.transpose(ops.tensordot(self.fusion, ops.stack(levels), axes=1))

    def _stem(self, mfcc: Any) -> Any:
        """``[batch, frames, coefficients]`` to ``[2, filters, batch, frames]``; the second half reads reversed time."""
        forward = ops.transpose(mfcc, (2, 0, 1))
        both = ops.stack([forward, ops.flip(forward, axis=2)][: self.shape.directions])
        return _product(self.stem_kernel, both) + self.stem_bias[:, :, None, None]

    def _convolution(self, x: Any, kernel: Any, dilation: int) -> Any:
        """A dilated causal convolution: ``y[t] = sum over taps of kernel[tap] x[t - delay]``."""
        taps = ops.unstack(kernel, axis=1)
        result = None
        for place, tap in enumerate(taps):
            delay = (len(taps) - 1 - place) * dilation
            if delay < self.shape.frames:  # a tap that only ever reads the zeros before the start adds nothing
                part = _delayed(_product(tap, x), delay, self.shape.frames)
                result = part if result is None else result + part
        return result

    def _dropout_masks(self, batch: Any) -> Any:
        """Spatial dropout, ``[tabs, 2 convolutions, directions, filters, batch, 1]``: whole channels fall out."""
        s = self.shape
        noise = keras.random.uniform(
            (s.tabs, 2, s.directions, s.filters, batch, 1), seed=self._dropout_seed, dtype=self.compute_dtype
        )
        return ops.cast(noise >= s.dropout, self.compute_dtype) / (1 - s.dropout)

    def _record(self, statistics: list[tuple[Any, Any]]) -> None:
        """Move the moving averages, all TABs in one assignment."""
        for variable, values in zip(
            (self.moving_mean, self.moving_variance), zip(*statistics, strict=True), strict=True
        ):
            new = ops.reshape(ops.stack(values), variable.shape)
            variable.assign(variable * BATCH_NORM_MOMENTUM + new * (1 - BATCH_NORM_MOMENTUM))

    def get_config(self) -> dict[str, Any]:
        """What :meth:`from_config` needs."""
        return {**super().get_config(), "shape": asdict(self.shape)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """A network as :meth:`get_config` described it."""
        return cls(**{**config, "shape": NetworkShape(**config["shape"])})


def _product(kernel: Any, x: Any) -> Any:
    """``[directions, out, in]`` times ``[directions, in, batch, frames]``, as one batched matrix product."""
    directions, channels, batch, frames = ops.shape(x)
    flat = ops.matmul(kernel, ops.reshape(x, (directions, channels, batch * frames)))
    return ops.reshape(flat, (directions, kernel.shape[1], batch, frames))


def _delayed(x: Any, delay: int, frames: int) -> Any:
    """``x`` later by ``delay`` frames, zeros before. ``ops.slice`` because indexing has a slow gradient."""
    if not delay:
        return x
    two, channels, batch, _ = ops.shape(x)
    kept = ops.slice(x, (0, 0, 0, 0), (two, channels, batch, frames - delay))
    return ops.pad(kept, ((0, 0), (0, 0), (0, 0), (delay, 0)))


def _scaled_relu(h: Any, scale: Any, shift: Any) -> Any:
    """``relu(h * scale + shift)``, where scale and shift are one number a channel."""
    return ops.relu(h * scale[:, :, None, None] + shift[:, :, None, None])


def _glorot(fan_in: int, fan_out: int) -> RandomUniform:
    """Keras's default start for one convolution, which its own initialiser cannot see in a stacked variable."""
    limit = math.sqrt(6 / (fan_in + fan_out))
    return RandomUniform(-limit, limit)
