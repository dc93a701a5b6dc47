"""TIM-Net once more, layer by layer as the paper draws it: the reference that the fast network must equal."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers, ops

from timnet.model.network import NetworkShape, TimNet


class Fusion(layers.Layer):
    """A weighted sum of the levels, ``[batch, levels, filters] -> [batch, filters]``."""

    def build(self, input_shape: tuple[int | None, int, int]) -> None:
        self.kernel = self.add_weight(name="kernel", shape=(input_shape[1],))

    def call(self, levels: Any) -> Any:
        return ops.einsum("blf,l->bf", levels, self.kernel)


def build(shape: NetworkShape) -> keras.Model:
    """Plain Keras layers, batch first, both directions apart, without dropout."""
    mfcc = keras.Input((shape.frames, shape.coefficients))
    ways = {
        "forward": layers.Conv1D(shape.filters, 1, padding="causal", name="forward_stem")(mfcc),
        "backward": layers.Conv1D(shape.filters, 1, padding="causal", name="backward_stem")(ops.flip(mfcc, axis=1)),
    }
    levels = []
    for tab in range(shape.tabs):
        ways = {way: block(x, f"{way}{tab}", 2**tab, shape) for way, x in ways.items()}
        levels.append(layers.GlobalAveragePooling1D()(layers.Add()(list(ways.values()))))
    embedding = Fusion(name="fusion")(ops.stack(levels, axis=1))
    return keras.Model(mfcc, [layers.Dense(shape.classes, name="head")(embedding), embedding])


def block(x: Any, name: str, dilation: int, shape: NetworkShape) -> Any:
    """One temporal-aware block."""
    gate = x
    for half in range(2):
        gate = layers.Conv1D(
            shape.filters, shape.kernel_size, padding="causal", dilation_rate=dilation, name=f"{name}_conv{half}"
        )(gate)
        gate = layers.ReLU()(layers.BatchNormalization(name=f"{name}_norm{half}")(gate))
    return layers.Multiply()([x, layers.Activation("sigmoid")(gate)])


def copy_weights(source: TimNet, target: keras.Model) -> None:
    """Give the plain network the weights of the fast one."""
    value = {w.name: np.asarray(w) for w in source.weights}
    for way, direction in enumerate(("forward", "backward")):
        target.get_layer(f"{direction}_stem").set_weights([value["stem_kernel"][way].T[None], value["stem_bias"][way]])
        for tab in range(source.shape.tabs):
            for half in range(2):
                at = (tab, half, way)
                target.get_layer(f"{direction}{tab}_conv{half}").set_weights(
                    [value["kernel"][at].swapaxes(1, 2), value["bias"][at]]
                )
                target.get_layer(f"{direction}{tab}_norm{half}").set_weights(
                    [value[name][at] for name in ("gamma", "beta", "moving_mean", "moving_variance")]
                )
    target.get_layer("fusion").set_weights([value["fusion"]])
    target.get_layer("head").set_weights([value["head_kernel"], value["head_bias"]])
