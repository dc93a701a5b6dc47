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
``[directions, filters, batch, frames]``, time contiguous. A dilated causal convolution is then one matrix product a
tap and a shifted sum; and batch normalisation and dropout, which both only scale and shift a channel, become one
multiply-add before the ReLU. What a block consists of has gradients in closed form, a file each. On a CPU the two
directions are computed one after another, since smaller products are quicker there; on a GPU beside each other, since
fewer are.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Self

import keras
import tensorflow as tf
from keras import ops
from keras.initializers import GlorotUniform, RandomUniform

from timnet.model.convolution import convolution, product
from timnet.model.gate import gated, level
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
        self._sets = 1 if tf.config.list_logical_devices("GPU") else directions  # of directions computed together
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
        masks = self._pieces(self._dropout_masks(ops.shape(mfcc)[0])) if training else None
        levels, statistics = self._levels(mfcc, masks, measure=training)
        if training:
            self._record(statistics)
        embedding = self._fused(levels)
        return ops.matmul(embedding, self.head_kernel) + self.head_bias, embedding

    def statistics(self, mfcc: Any) -> tuple[Any, Any]:
        """Mean and variance before each batch normalisation for one batch, as the moving averages are laid out.

        Nothing is recorded and nothing dropped; each layer is normalised by the batch's own statistics.
        """
        _, found = self._levels(mfcc, None, measure=True)
        mean, variance = zip(*found, strict=True)
        shape = self.moving_mean.shape
        return ops.reshape(ops.stack(mean), shape), ops.reshape(ops.stack(variance), shape)

    def _levels(self, mfcc: Any, masks: Any, *, measure: bool) -> tuple[list[Any], list[tuple[Any, Any]]]:
        """The level of each TAB, ``[filters, batch]``; with ``measure`` by batch statistics, which come as well."""
        weights = (self.kernel, self.bias, self.gamma, self.beta, self.moving_mean, self.moving_variance)
        pieces = [self._pieces(weight) for weight in weights]
        ways = self._stem(mfcc)
        levels, statistics = [], []
        for tab in range(self.shape.tabs):
            found: list[tuple[Any, ...]] = []
            for way, x in enumerate(ways):
                halves = [
                    (*(piece[tab][half][way] for piece in pieces), masks and masks[tab][half][way]) for half in range(2)
                ]
                h, *measured = self._two_halves(x, halves, 2**tab, measure=measure)
                if self.shape.variant == "tcn":
                    ways[way] = x + h
                    found.append((level(ways[way]), *measured))
                else:
                    ways[way], part = gated(x, h)
                    found.append((part, *measured))
            parts, *measured = zip(*found, strict=True)
            levels.append(tf.add_n(parts))
            statistics += [tuple(ops.concatenate(one) for one in zip(*half, strict=True)) for half in measured]
        return levels, statistics

    def _two_halves(self, x: Any, halves: list[tuple[Any, ...]], dilation: int, *, measure: bool) -> tuple[Any, ...]:
        """What a TAB gates with, and with ``measure`` the batch's mean and variance of each half."""
        statistics = []
        for kernel, bias, gamma, beta, moving_mean, moving_variance, mask in halves:
            x = convolution(x, kernel, dilation)
            if measure:  # the bias goes with the batch's mean
                x, mean, variance = normalised_relu(x, gamma, beta, mask, BATCH_NORM_EPSILON)
                statistics.append((mean + bias, variance))
            else:
                scale = gamma * ops.rsqrt(moving_variance + BATCH_NORM_EPSILON)
                x = _scaled_relu(x, scale, beta + (bias - moving_mean) * scale)
        return x, *statistics

    def _pieces(self, values: Any) -> list[list[list[Any]]]:
        """``[tabs, 2 convolutions, directions, ...]`` by TAB, convolution, and set of directions computed together."""
        return [[ops.split(half, self._sets) for half in ops.unstack(tab)] for tab in ops.unstack(values)]

    def _fused(self, levels: list[Any]) -> Any:
        """The embedding ``[batch, filters]``: the learned weighted sum of the levels, or what the variant has."""
        if self.shape.variant in ("tcn", "no-multi-scale"):
            return ops.transpose(levels[-1])
        if self.shape.variant == "no-fusion":
            return ops.transpose(ops.mean(ops.stack(levels), axis=0))
        return ops.transpose(ops.tensordot(self.fusion, ops.stack(levels), axes=1))

    def _stem(self, mfcc: Any) -> list[Any]:
        """``[batch, frames, coefficients]`` to ``[directions, filters, batch, frames]``, the second in reversed time.

        A tensor for each set of directions that are computed together.
        """
        forward = ops.transpose(mfcc, (2, 0, 1))[None]
        heard = [forward, ops.flip(forward, axis=3)][: self.shape.directions]
        if self._sets == 1:
            heard = [ops.concatenate(heard)]
        kernels, biases = ops.split(self.stem_kernel, self._sets), ops.split(self.stem_bias, self._sets)
        return [
            product(kernel, x) + bias[:, :, None, None] for kernel, x, bias in zip(kernels, heard, biases, strict=True)
        ]

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


def _scaled_relu(h: Any, scale: Any, shift: Any) -> Any:
    """``relu(h * scale + shift)``, where scale and shift are one number a channel."""
    return ops.relu(h * scale[:, :, None, None] + shift[:, :, None, None])


def _glorot(fan_in: int, fan_out: int) -> RandomUniform:
    """Keras's default start for one convolution, which its own initialiser cannot see in a stacked variable."""
    limit = math.sqrt(6 / (fan_in + fan_out))
    return RandomUniform(-limit, limit)
