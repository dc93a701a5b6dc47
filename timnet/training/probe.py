"""``python -m timnet.training.probe``: short measurements of training steps on data that means nothing.

``places`` trains several runs at once in each of some ways; ``devices`` trains one on each device and in each
precision. Each run is a process of its own, as in the queue: a device, threads and memory are settled for good when
TensorFlow begins. The JSON that asks and answers is described by :mod:`timnet.machine`.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

from timnet.machine.known import PROBE, DeviceSpeed, Rate
from timnet.machine.places import most_in
from timnet.machine.shape import WorkShape
from timnet.records import TrainingConfig
from timnet.tasks import Progress, serve_task
from timnet.training.engine import load_engine
from timnet.training.process import leave_with

if TYPE_CHECKING:
    from timnet.training.step import Trainer

MEASURED_SECONDS = 2.0
READY_SECONDS = 120.0
"""A process that has not made its first step by then is given up."""

# forking spares the import; it is safe as long as this process has only imported TensorFlow
_CONTEXT: Any = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")

#: what Keras calls a precision -> the devices on which it is measured; halves of 16 bits are not for CPUs
PRECISIONS = {"float32": ("cpu", "gpu"), "mixed_bfloat16": ("cpu", "gpu"), "mixed_float16": ("gpu",)}


@dataclass(frozen=True, slots=True)
class Trial:
    """One process of a measurement: what it trains, where, and for how long once all are ready."""

    shape: WorkShape
    device: str
    threads: int
    precision: str = "float32"
    seconds: float = MEASURED_SECONDS


@dataclass(frozen=True, slots=True)
class Pace:
    """``steps`` in ``seconds``, and the ``memory`` that the process had at most, in bytes."""

    steps: int
    seconds: float
    memory: int


def rates(question: dict[str, Any], report: Callable[[Progress], None]) -> list[dict[str, Any]]:
    """The answer to ``places``: for each way (jobs, threads) that was measured in time and fits, its rate."""
    shape, started = WorkShape.from_dict(question["shape"]), time.monotonic()
    found: list[Rate] = []
    for number, (jobs, threads) in enumerate(question["ways"]):
        most = most_in(question["free"], max((one.memory for one in found), default=0))
        if (most is not None and jobs > most) or time.monotonic() - started > question["seconds"]:
            continue
        report(Progress(number, len(question["ways"]), f"{jobs} x {threads}"))
        trial = Trial(shape, question["device"], threads, seconds=question.get("each", MEASURED_SECONDS))
        paces = together([trial] * jobs)
        if paces:  # else one of them died, for want of memory perhaps
            rate = sum(pace.steps / pace.seconds for pace in paces) / shape.steps
            found.append(Rate(jobs, threads, round(rate, 6), PROBE, max(pace.memory for pace in paces)))
    return [asdict(one) for one in found]


def speeds(question: dict[str, Any], report: Callable[[Progress], None]) -> list[dict[str, Any]]:
    """The answer to ``devices``: how long a step takes on each of them in each precision that works there."""
    shape, threads = WorkShape.from_dict(question["shape"]), question["threads"]
    wanted = [
        (device, precision)
        for precision, devices in PRECISIONS.items()
        for device in question["devices"]
        if device in devices and precision in question["precisions"]
    ]
    if any(device == "gpu" for device, _ in wanted) and not _has_gpu():
        wanted = [one for one in wanted if one[0] != "gpu"]
    found = []
    for number, (device, precision) in enumerate(wanted):
        report(Progress(number, len(wanted), f"{device}, {precision}"))
        for pace in together([Trial(shape, device, threads, precision)]):
            ms = round(1000 * pace.seconds / pace.steps, 3)
            found.append(asdict(DeviceSpeed(device, precision, threads, ms, pace.memory)))
    return found


def _has_gpu() -> bool:
    """Asked in a process of its own, as looking for GPUs begins what a fork would not survive."""
    mine, theirs = _CONTEXT.Pipe()
    process = _CONTEXT.Process(target=_count_gpus, args=(theirs,), daemon=True)
    process.start()
    theirs.close()
    try:
        return bool(mine.recv())
    except EOFError:
        return False
    finally:
        process.join()


def _count_gpus(end: Connection) -> None:
    load_engine()
    import tensorflow as tf

    end.send(len(tf.config.list_physical_devices("GPU")))


def together(trials: Sequence[Trial]) -> list[Pace]:
    """Train all ``trials`` at the same time, from when the last is ready; empty where one of them died."""
    begun = []
    for trial in trials:
        mine, theirs = _CONTEXT.Pipe()
        process = _CONTEXT.Process(target=_serve, args=(trial, theirs, os.getpid()), daemon=True)
        process.start()
        theirs.close()
        begun.append((process, mine))
    try:
        for _, end in begun:
            if not end.poll(READY_SECONDS) or end.recv() != "ready":
                return []
        for _, end in begun:
            end.send("go")
        return [end.recv() for _, end in begun]
    except (EOFError, OSError):
        return []
    finally:
        for process, _ in begun:
            process.kill()
            process.join()


def _serve(trial: Trial, end: Connection, parent: int) -> None:
    """In a process of its own: get ready, wait for the others, measure."""
    leave_with(parent)
    from timnet.training.device import settle

    settle(trial.device, trial.threads)
    trainer = trainer_of(trial.shape, trial.precision)
    end.send("ready")
    end.recv()
    steps, seconds = count_steps(trainer, trial.shape.rows, trial.seconds)
    end.send(Pace(steps, seconds, peak_memory()))


def trainer_of(shape: WorkShape, precision: str = "float32") -> Trainer:
    """A trainer on random data that has made its first step and one evaluation, so that all is compiled."""
    import keras
    import numpy as np

    from timnet.model.network import NetworkShape
    from timnet.training.rows import Rows
    from timnet.training.step import EVALUATION_BATCH, Trainer, smooth

    random = np.random.default_rng(0)
    features = random.standard_normal((shape.rows, shape.frames, shape.coefficients), np.float32)
    labels = np.arange(shape.rows) % shape.classes
    config = TrainingConfig(
        batch_size=shape.batch_size, filters=shape.filters, kernel_size=shape.kernel_size, tabs=shape.tabs
    )
    network = NetworkShape(
        frames=shape.frames,
        coefficients=shape.coefficients,
        classes=shape.classes,
        tabs=shape.tabs,
        filters=shape.filters,
        kernel_size=shape.kernel_size,
    )
    keras.config.set_dtype_policy(precision)
    targets = smooth(labels, shape.classes, 0.1)
    trainer = Trainer(_network(network, precision), config, Rows.all_of(features), targets)
    trainer.epoch(np.arange(min(shape.rows, shape.batch_size)), lambda: None)
    some = features[:EVALUATION_BATCH]
    trainer.evaluate(Rows.all_of(some), labels[: len(some)], shape.classes)
    return trainer


def _network(shape: Any, precision: str) -> Any:
    """The network; where it computes in another precision, its outputs are float32 all the same, as losses need."""
    from keras import ops

    from timnet.model.network import TimNet

    if precision == "float32":
        return TimNet(shape)

    class Mixed(TimNet):
        def call(self, mfcc: Any, training: bool = False) -> tuple[Any, Any]:
            logits, embedding = super().call(mfcc, training=training)
            return ops.cast(logits, "float32"), ops.cast(embedding, "float32")

    return Mixed(shape)


class _Enough(Exception):
    """The time is up."""


def count_steps(trainer: Trainer, rows: int, seconds: float) -> tuple[int, float]:
    """Train for about ``seconds`` and at least three steps; returns the steps and the seconds they took."""
    import numpy as np

    steps, started = 0, time.perf_counter()

    def count() -> None:
        nonlocal steps
        steps += 1
        if steps >= 3 and time.perf_counter() - started >= seconds:
            raise _Enough

    with suppress(_Enough):
        while True:
            trainer.epoch(np.arange(rows), count)
    return steps, time.perf_counter() - started


def peak_memory() -> int:
    """The most bytes that this process has had in memory."""
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def main(arguments: Sequence[str]) -> int:
    """Answer the question in ``arguments``."""
    answer = {"places": rates, "devices": speeds}[arguments[0]]
    load_engine()
    import timnet.training.step  # noqa: F401

    return serve_task(lambda report: answer(json.loads(arguments[1]), report))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
