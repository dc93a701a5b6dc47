"""``python -m timnet.remote FOLDER``: what a job starts on its node. Its output is the attempt's log."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from timnet.paths import AttemptPaths
from timnet.remote.node import execute
from timnet.training.__main__ import say


def main() -> int:
    """Parse the command line and train."""
    parser = argparse.ArgumentParser(prog="python -m timnet.remote", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--job", default="")
    parser.add_argument("--parent", type=int, default=os.getppid())
    asked = parser.parse_args()
    return execute(AttemptPaths(asked.folder.absolute()), asked.job, asked.parent, say)


if __name__ == "__main__":
    sys.exit(main())
