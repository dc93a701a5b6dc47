"""``python -m timnet.prediction ORDER``: predict recordings in a process of its own (see ``service.py``)."""

from __future__ import annotations

import sys
from pathlib import Path

from timnet.prediction.engine import predict
from timnet.prediction.order import Order
from timnet.tasks import serve_task

if __name__ == "__main__":
    sys.exit(serve_task(lambda report: predict(Order.read(Path(sys.argv[1])), report)))
