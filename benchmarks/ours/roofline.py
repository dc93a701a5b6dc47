"""A step over what this machine can do: operations and bytes counted in its graph, peaks measured, and a profile."""

from __future__ import annotations

import math
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.shapes import BATCH, COEFFICIENTS, SHAPES

PRODUCTS = ("MatMul", "BatchMatMulV2", "BatchMatMulV3")
FREE = ("Reshape", "Identity", "IdentityN", "Const", "ReadVariableOp", "ExpandDims", "Squeeze", "Shape", "NoOp",
        "Placeholder", "StridedSlice", "Unpack", "VarHandleOp", "BroadcastGradientArgs")  # fmt: skip
"""Kinds of operations that move no numbers to speak of."""
SQUARE, BIG_BYTES = 1536, 256_000_000
REPEATS = 5


def subject(shape: str) -> dict[str, Callable[[], Any]]:
    """``count``: what a step's graph does; ``peaks``: what one core can; ``profile``: where a step's time goes."""
    from timnet.training.device import prepare

    prepare("cpu", 1)
    import numpy as np
    import tensorflow as tf

    from timnet.model.network import NetworkShape, TimNet
    from timnet.records import TrainingConfig
    from timnet.training.rows import Rows
    from timnet.training.step import Trainer, smooth

    one = SHAPES[shape]
    features, labels = one.arrays(2 * BATCH, 1)
    config = TrainingConfig(batch_size=BATCH, tabs=one.tabs)
    model = TimNet(NetworkShape(one.frames, one.classes, one.tabs))
    trainer = Trainer(model, config, Rows.all_of(features[:-1]), smooth(labels[:-1], one.classes, 0.1))
    order = np.arange(BATCH)

    def counted() -> dict[str, float]:
        sizes = ([BATCH, one.frames, COEFFICIENTS], [BATCH, one.classes])
        step = tf.function(trainer._one_step).get_concrete_function(*[tf.TensorSpec(size) for size in sizes])
        return count(step.graph)

    def profile() -> list[tuple[str, float]]:
        trainer.epoch(order, lambda: None)
        return profiled(lambda: trainer.epoch(order, lambda: None))

    return {"count": counted, "peaks": lambda: peaks(2 * one.frames * BATCH * 39), "profile": profile}


def count(graph: Any) -> dict[str, float]:
    """``flops`` of the matrix products and of everything else (one for each number written), and ``bytes``.

    Bytes are what all operations together read and write, were each to take its inputs from memory and put its outputs
    there. A product of ``[m, k]`` and ``[k, n]`` is ``2 m k n``.
    """
    flops = other = moved = 0.0
    for operation in graph.get_operations():
        if operation.type in FREE:
            continue
        sizes = [_numbers(tensor) for tensor in (*operation.inputs, *operation.outputs)]
        moved += 4 * sum(sizes)
        written = sum(_numbers(tensor) for tensor in operation.outputs)
        if operation.type in PRODUCTS:
            turned = operation.get_attr("adj_x" if "Batch" in operation.type else "transpose_a")
            inner = int(operation.inputs[0].shape[-2 if turned else -1])
            flops += 2 * written * inner
        else:
            other += written
    return {"flops": flops, "other": other, "bytes": moved}


def peaks(numbers: int) -> dict[str, float]:
    """One core's best: ``flops`` a second of a float32 product, bytes a second copied in cache and in memory."""
    import numpy as np

    left = np.random.default_rng(1).standard_normal((SQUARE, SQUARE), np.float32)
    small, big = np.ones(numbers, np.float32), np.ones(BIG_BYTES // 4, np.float32)
    small_target, big_target = small.copy(), big.copy()
    return {
        "flops": 2 * SQUARE**3 / _best(lambda: left @ left),
        "cached": 2 * small.nbytes / _best(lambda: np.copyto(small_target, small)),
        "memory": 2 * big.nbytes / _best(lambda: np.copyto(big_target, big)),
    }


def profiled(run: Callable[[], Any]) -> list[tuple[str, float]]:
    """Seconds by kind of operation, the dearest first, as TensorFlow's profiler saw one run of one thread."""
    import tensorflow as tf
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    with tempfile.TemporaryDirectory() as folder:
        tf.profiler.experimental.start(folder)
        run()
        tf.profiler.experimental.stop()
        (found,) = Path(folder).rglob("*.xplane.pb")
        space = xplane_pb2.XSpace.FromString(found.read_bytes())
    seconds: defaultdict[str, float] = defaultdict(float)
    for plane in space.planes:
        for event in (event for line in plane.lines for event in line.events):
            name, colon, kind = plane.event_metadata[event.metadata_id].name.rpartition(":")
            if colon and kind.isidentifier() and not name.endswith(":"):  # operations are NAME:KIND; what runs them,
                # which would be counted once more, is A::B, A: B, or has no colon
                seconds[kind] += event.duration_ps / 1e12
    return sorted(seconds.items(), key=lambda one: one[1], reverse=True)


def _numbers(tensor: Any) -> int:
    if tensor.shape.rank is None or not tensor.dtype.is_floating:
        return 0
    return math.prod(int(extent or 1) for extent in tensor.shape)


def _best(work: Callable[[], Any]) -> float:
    """CPU seconds of the quickest of some repeats."""
    found = []
    for _turn in range(REPEATS):
        started = time.process_time()
        work()
        found.append(time.process_time() - started)
    return min(found)
