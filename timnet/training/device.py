"""Which device trains, and with how many threads. To be settled before TensorFlow does any work."""

from __future__ import annotations

import platform
from collections.abc import Callable

from timnet.errors import BadInput
from timnet.training.engine import load_engine


def prepare(device: str, threads: int, choose: Callable[[], str] | None = None) -> str:
    """Settle TensorFlow's device and threads; returns a line that names them with the versions in use.

    With ``auto``, where there is a GPU, ``choose`` says whether that or the CPU trains (``gpu`` or ``cpu``); it is
    not asked where there is nothing to choose. Raises :class:`BadInput` where a GPU was asked for and TensorFlow
    sees none.
    """
    load_engine()
    import keras
    import tensorflow as tf

    if device == "auto" and choose is not None and tf.config.list_physical_devices("GPU"):
        device = choose()
    name = settle(device, threads)
    return f"{name} (TensorFlow {tf.__version__}, Keras {keras.__version__}, {platform.machine()})"


def settle(device: str, threads: int) -> str:
    """Have TensorFlow use ``device`` with so many threads; returns its name in words.

    ``auto`` is :func:`usual`. Raises as :func:`prepare`. Of several threads, two halves take a direction of the network
    each: they meet far less often than threads that share each operation, and wait as much less for one another.
    """
    load_engine()
    import tensorflow as tf

    at_once = 2 if threads > 1 else 1
    tf.config.threading.set_intra_op_parallelism_threads(threads // at_once)
    tf.config.threading.set_inter_op_parallelism_threads(at_once)
    gpus = tf.config.list_physical_devices("GPU")
    if device == "gpu" and not gpus:
        raise BadInput(
            "a GPU was asked for, but TensorFlow sees none; set TIMNET_DEVICE=cpu, or install the [cuda] extra"
        )
    use_gpu = bool(gpus) and (usual() if device == "auto" else device) == "gpu"
    if use_gpu:
        for gpu in gpus:
            tf.config.experimental.set_memory_growth(gpu, True)
    elif gpus:
        tf.config.set_visible_devices([], "GPU")
    return "the GPU" if use_gpu else f"the CPU, {threads} thread{'s' if threads > 1 else ''}"


def usual() -> str:
    """The device to take where none was measured and there is a GPU.

    On a Mac that is the CPU: for a network of this size Metal is slower (about 2 s a step of 481 x 188 x 39 in the
    logs this project started from).
    """
    return "cpu" if platform.system() == "Darwin" else "gpu"
