"""The warm process without TensorFlow: its children write a line to their log and end as their assignment says."""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import Any

from timnet.training import warm
from timnet.training.process import leave_with


def become(assignment: dict[str, Any], parent: int, strange: tuple[int, ...], lock: int, log: int) -> None:
    for descriptor in strange:
        os.close(descriptor)
    os.write(log, f"run {assignment['run_id']}\n".encode())
    leave_with(parent)
    time.sleep(assignment["sleep"])
    os._exit(assignment["status"])


def load() -> None:
    how = os.environ.get("NURSERY", "")
    if how == "fails":
        sys.exit(3)
    if how == "threads":
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()


warm._load = load
warm._become = become  # type: ignore[assignment]

if __name__ == "__main__":
    sys.exit(warm.main())
