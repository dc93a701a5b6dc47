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
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
from keras import layers, ops

MFCC_COEFFICIENTS = 39


@dataclass(frozen=True, slots=True)
class NetworkShape:
    """Everything that decides the network's shape. The defaults are the published ones.

    ``tabs`` is the number of temporal-aware blocks in each direction: 8, and 10 for IEMOCAP.
    """

    frames: int
    classes: int
    tabs: int = 8
    filters: int = 39
    kernel_size: int = 2
    dropout: float = 0.1
    coefficients: int = MFCC_COEFFICIENTS


@keras.saving.register_keras_serializable(package="timnet")
class DynamicFusion(layers.Layer):  # type: ignore[misc]  # Keras ships no types
    """A weighted sum of the levels, ``[batch, levels, filters] -> [batch, filters]``.

    One weight a level, without softmax, from U(-0.05, 0.05): paper section 2.4, ``WeightLayer`` upstream.
    """

    def build(self, input_shape: tuple[int | None, int, int]) -> None:
        """Make the weights, ``[levels, 1]``."""
        self.kernel = self.add_weight(
            name="kernel", shape=(input_shape[1], 1), initializer=keras.initializers.RandomUniform(-0.05, 0.05)
        )

    def call(self, levels: Any) -> Any:
        """Sum the levels."""
        return ops.squeeze(ops.matmul(ops.transpose(levels, (0, 2, 1)), self.kernel), axis=-1)


def build(shape: NetworkShape) -> keras.Model:
    """The network, from float32 ``[batch, frames, coefficients]`` to two outputs.

    They are logits ``[batch, classes]`` and the embedding ``[batch, filters]``.

    The embedding is the penultimate layer. Initial weights come from Keras's global generator: call
    :func:`keras.utils.set_random_seed` first. 106 992 parameters for EMODB (188 frames, 7 classes, 8 TABs).
    """
    mfcc = keras.Input((shape.frames, shape.coefficients), name="mfcc")
    forward = _stem(mfcc, "forward", shape)
    backward = _stem(ops.flip(mfcc, axis=1), "backward", shape)
    levels = []
    for number in range(1, shape.tabs + 1):
        forward = _temporal_aware_block(forward, f"forward_tab{number}", 2 ** (number - 1), shape)
        backward = _temporal_aware_block(backward, f"backward_tab{number}", 2 ** (number - 1), shape)
        both = layers.Add(name=f"level{number}")([forward, backward])
        levels.append(layers.GlobalAveragePooling1D(name=f"level{number}_mean")(both))
    embedding = DynamicFusion(name="fusion")(ops.stack(levels, axis=1))
    logits = layers.Dense(shape.classes, name="head")(embedding)
    return keras.Model(mfcc, [logits, embedding], name="timnet")


def _stem(x: Any, direction: str, shape: NetworkShape) -> Any:
    return layers.Conv1D(shape.filters, 1, padding="causal", name=f"{direction}_stem")(x)


def _temporal_aware_block(x: Any, name: str, dilation: int, shape: NetworkShape) -> Any:
    """A TAB: two dilated causal convolutions make a gate in (0, 1) that the block's input is multiplied with."""
    gate = x
    for half in (1, 2):
        gate = layers.Conv1D(
            shape.filters, shape.kernel_size, padding="causal", dilation_rate=dilation, name=f"{name}_conv{half}"
        )(gate)
        gate = layers.BatchNormalization(name=f"{name}_norm{half}")(gate)
        gate = layers.ReLU(name=f"{name}_relu{half}")(gate)
        gate = layers.SpatialDropout1D(shape.dropout, name=f"{name}_dropout{half}")(gate)
    gate = layers.Activation("sigmoid", name=f"{name}_gate")(gate)
    return layers.Multiply(name=name)([x, gate])


def layer_order(tabs: int) -> dict[str, list[str]]:
    """Our layer names in the order in which the published code creates its layers, for each kind of layer."""
    blocks = [f"{way}_tab{number}" for number in range(1, tabs + 1) for way in ("forward", "backward")]
    return {
        "conv1d": ["forward_stem", "backward_stem", *(f"{block}_conv{half}" for block in blocks for half in (1, 2))],
        "batch_normalization": [f"{block}_norm{half}" for block in blocks for half in (1, 2)],
        "weight_layer": ["fusion"],
        "dense": ["head"],
    }
