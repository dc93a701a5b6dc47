"""Whether the fast network is the published one: outputs and gradients of both, in float64 and in float32.

Both are built in one process: ours by Keras 3, the plain one by legacy Keras.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from benchmarks.shapes import BATCH, SHAPES


def subject(shape: str) -> dict[str, Callable[[], Any]]:
    """``compare``: the largest differences, relative to the largest value of what is compared."""
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    return {"compare": lambda: compare(shape)}


def compare(shape: str) -> dict[str, float]:
    """Ours and plain against plain float64: ``forward64``, ``gradients64``, ``ours32`` and ``plain32``."""
    ours64, plain64 = answers(shape, "float64")
    ours32, plain32 = answers(shape, "float32")
    return {
        "forward64": furthest(ours64, plain64, ["logits"]),
        "gradients64": furthest(ours64, plain64, [name for name in plain64 if name != "logits"]),
        "ours32": furthest(ours32, plain64, list(plain64)),
        "plain32": furthest(plain32, plain64, list(plain64)),
    }


def furthest(found: dict[str, Any], expected: dict[str, Any], names: list[str]) -> float:
    """The largest difference of the named arrays, each relative to its largest expected value."""
    import numpy as np

    return max(float(np.abs(found[name] - expected[name]).max() / np.abs(expected[name]).max()) for name in names)


def answers(shape: str, precision: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Logits and the gradients of all trained weights, ours and the plain build's, laid out alike, as float64."""
    import keras
    import tensorflow as tf

    from benchmarks.peers import plain
    from timnet.model.network import NetworkShape, TimNet

    one = SHAPES[shape]
    keras.config.set_floatx(precision)
    keras.config.set_dtype_policy(precision)
    tf.keras.backend.set_floatx(precision)
    size = NetworkShape(one.frames, one.classes, one.tabs, dropout=0.0)
    fast = TimNet(size)
    _draw(fast)
    slow = plain.build(tf.keras, size)
    plain.copy_weights(fast, slow)
    features, labels = one.arrays(BATCH, 1)
    batch = tf.constant(features[:BATCH], precision)
    targets = tf.one_hot(labels[:BATCH], one.classes, dtype=precision)
    ours, theirs = (_answer(model, batch, targets) for model in (fast, slow))
    logits = theirs.pop("logits")
    return ours, {"logits": logits, **plain.stacked(slow, size, theirs)}


def _draw(network: Any) -> None:
    """Give a network the same weights in every precision, spread as at the start of training."""
    import numpy as np

    generator = np.random.default_rng(3)
    for weight in network.trainable_weights:
        start = 1.0 if weight.name == "gamma" else 0.0
        weight.assign(start + generator.uniform(-0.2, 0.2, weight.shape))


def _answer(model: Any, batch: Any, targets: Any) -> dict[str, Any]:
    """``logits`` and, by the weights' names, the gradients of the cross-entropy."""
    import numpy as np
    import tensorflow as tf

    from benchmarks.peers.plain import name_of

    with tf.GradientTape() as tape:
        logits = model(batch, training=True)[0]
        loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(targets, logits))
    trained = model.trainable_weights
    gradients = tape.gradient(loss, [weight if isinstance(weight, tf.Variable) else weight.value for weight in trained])
    found = {name_of(w): np.asarray(g, np.float64) for w, g in zip(trained, gradients, strict=True)}
    return {"logits": np.asarray(logits, np.float64), **found}
