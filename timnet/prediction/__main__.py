"""``python -m timnet.prediction ORDER``: predict recordings in a process of its own (see ``service.py``)."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from timnet.cores import cores
from timnet.prediction.engine import predict
from timnet.prediction.order import Order
from timnet.tasks import Progress, serve_task
from timnet.training.device import prepare


def work(report: Callable[[Progress], None]) -> dict[str, Any]:
    """Carry out the order whose file the command line names, on the CPU."""
    order = Order.read(Path(sys.argv[1]))
    prepare("cpu", cores())
    return predict(order, report)


if __name__ == "__main__":
    sys.exit(serve_task(work))
