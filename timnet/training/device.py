"""Which device trains, and with how many threads. To be settled before TensorFlow does any work."""

from __future__ import annotations

import platform

from timnet.errors import BadInput


def prepare(device: str, threads: int) -> str:
    """Settle TensorFlow's device and threads; returns a line that names them with the versions in use.

    ``auto`` takes a CUDA GPU where there is one, else the CPU. On a Mac that means the CPU: for a network
    of this size Metal is slower (about 2 s a step of 481 x 188 x 39 in the logs this project started from).
    Raises :class:`BadInput` where a GPU was asked for and TensorFlow sees none.
    """
    import keras
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    gpus = tf.config.list_physical_devices("GPU")
    if device == "gpu" and not gpus:
        raise BadInput(
            "a GPU was asked for, but TensorFlow sees none; set TIMNET_DEVICE=cpu, or install the [cuda] extra"
        )
    use_gpu = bool(gpus) and (device == "gpu" or (device == "auto" and platform.system() != "Darwin"))
    if use_gpu:
        for gpu in gpus:
            tf.config.experimental.set_memory_growth(gpu, True)
    elif gpus:
        tf.config.set_visible_devices([], "GPU")
    name = "the GPU" if use_gpu else f"the CPU, {threads} thread{'s' if threads > 1 else ''}"
    return f"{name} (TensorFlow {tf.__version__}, Keras {keras.__version__}, {platform.machine()})"
