"""``python -m timnet.training.devices``: the devices that TensorFlow sees, for ``timnet doctor --devices``."""

from __future__ import annotations

import sys
from collections.abc import Callable

from timnet.tasks import Progress, serve_task


def devices(_: Callable[[Progress], None]) -> list[str]:
    """Type and name of every physical device, with the versions in use first."""
    import keras
    import tensorflow as tf

    found = [f"{device.device_type} {device.name}" for device in tf.config.list_physical_devices()]
    return [f"TensorFlow {tf.__version__}, Keras {keras.__version__}", *found]


if __name__ == "__main__":
    sys.exit(serve_task(devices))
