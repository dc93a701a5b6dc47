"""A task that computes for ever and says nothing."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

from timnet.files import write_text
from timnet.tasks import Progress, serve_task


def spin(report: Callable[[Progress], None]) -> None:
    write_text(Path("began"), str(os.getpid()))
    while True:
        pass


if __name__ == "__main__":
    sys.exit(serve_task(spin))
