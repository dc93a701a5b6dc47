"""TIM-Net layer by layer, as the paper draws it: the plain Keras build that the fast network must equal.

It is written for any Keras: the tests build it with Keras 3, the benchmarks with legacy Keras, in which the published
code runs. Source: Ye et al., "Temporal Modeling Matters", ICASSP 2023, sections 2.2-2.4.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from timnet.model.network import NetworkShape, TimNet


def build(keras: Any, shape: NetworkShape, *, softmax: bool = False) -> Any:
    """Batch first, both directions apart; outputs logits ``[batch, classes]`` and the embedding ``[batch, filters]``.

    With ``softmax`` the one output is probabilities, as the published network's.
    """
    layers = keras.layers
    mfcc = keras.Input((shape.frames, shape.coefficients))
    backward = layers.Lambda(lambda x: x[:, ::-1], name="reverse")(mfcc)
    ways = {
        "forward": layers.Conv1D(shape.filters, 1, padding="causal", name="forward_stem")(mfcc),
        "backward": layers.Conv1D(shape.filters, 1, padding="causal", name="backward_stem")(backward),
    }
    levels = []
    for tab in range(shape.tabs):
        ways = {way: _block(layers, x, f"{way}{tab}", 2**tab, shape) for way, x in ways.items()}
        level = layers.GlobalAveragePooling1D()(layers.Add()(list(ways.values())))
        levels.append(layers.Reshape((shape.filters, 1))(level))
    embedding = _fusion(keras)(layers.Concatenate(axis=2)(levels))
    head = layers.Dense(shape.classes, activation="softmax" if softmax else None, name="head")(embedding)
    return keras.Model(mfcc, head if softmax else [head, embedding])


def _block(layers: Any, x: Any, name: str, dilation: int, shape: NetworkShape) -> Any:
    """One temporal-aware block."""
    gate = x
    for half in range(2):
        gate = layers.Conv1D(
            shape.filters, shape.kernel_size, padding="causal", dilation_rate=dilation, name=f"{name}_conv{half}"
        )(gate)
        gate = layers.ReLU()(layers.BatchNormalization(name=f"{name}_norm{half}")(gate))
        if shape.dropout:
            gate = layers.SpatialDropout1D(shape.dropout)(gate)
    return layers.Multiply()([x, layers.Activation("sigmoid")(gate)])


def _fusion(keras: Any) -> Any:
    class Fusion(keras.layers.Layer):  # type: ignore[misc, name-defined]
        """A learned weighted sum: ``[batch, filters, levels] -> [batch, filters]``."""

        def build(self, input_shape: Any) -> None:
            start = keras.initializers.RandomUniform(-0.05, 0.05)
            self.kernel = self.add_weight(name="kernel", shape=(int(input_shape[2]),), initializer=start)

        def call(self, levels: Any) -> Any:
            return tf.linalg.matvec(levels, tf.convert_to_tensor(self.kernel))

    return Fusion(name="fusion")


def copy_weights(source: TimNet, target: Any) -> None:
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


def stacked(target: Any, shape: NetworkShape, values: dict[str, Any]) -> dict[str, Any]:
    """What ``values`` holds for the plain network's trained weights, by name, laid out as ours are."""

    def of(layer: str, which: int) -> Any:
        return values[name_of(target.get_layer(layer).trainable_weights[which])]

    ways, halves, tabs = ("forward", "backward"), range(2), range(shape.tabs)

    def each(part: str, which: int) -> Any:
        return np.array([[[of(f"{way}{tab}_{part}{half}", which) for way in ways] for half in halves] for tab in tabs])

    return {
        "stem_kernel": np.array([of(f"{way}_stem", 0)[0].T for way in ways]),
        "stem_bias": np.array([of(f"{way}_stem", 1) for way in ways]),
        "kernel": each("conv", 0).swapaxes(-1, -2),
        "gamma": each("norm", 0),
        "beta": each("norm", 1),
        "fusion": of("fusion", 0),
        "head_kernel": of("head", 0),
        "head_bias": of("head", 1),
    }


def name_of(weight: Any) -> str:
    """A weight's own name, with its layer's where legacy Keras puts that before it."""
    return str(weight.name)
