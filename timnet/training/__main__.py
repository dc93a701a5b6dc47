"""``python -m timnet.training``: what a worker starts. Its output is the run's log."""

from __future__ import annotations

import argparse
import sys
from contextlib import suppress
from pathlib import Path

from timnet.clock import now
from timnet.training.process import Assignment, execute


def main() -> int:
    """Parse the assignment and execute it."""
    parser = argparse.ArgumentParser(prog="python -m timnet.training", description=__doc__)
    parser.add_argument("--db", type=Path, required=True)
    parser.add_argument("--run-id", type=int, required=True)
    parser.add_argument("--attempt", type=int, required=True)
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--nice", type=int, default=0)
    parser.add_argument("--device", default="auto")
    return execute(Assignment(**vars(parser.parse_args())), say)


def say(line: str) -> None:
    """Write a line of the run's log; on a full disk there is none, and that must not end what is trained."""
    with suppress(OSError):
        sys.stdout.write(f"{now()} {line}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
