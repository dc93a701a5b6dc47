"""``python -m timnet_tui.serve.child``: the interface of one visitor, as the server starts it.

It ends when its server does, however that ended: it watches its parent, so a server that was killed leaves
nothing behind.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from timnet.parent import end_with

PATIENCE_SECONDS = 2.0
ORPHANED = 76


def main() -> int:
    """Parse the command line and show the interface."""
    parser = argparse.ArgumentParser(prog="python -m timnet_tui.serve.child", description=__doc__)
    parser.add_argument("--db", type=Path, required=True)
    parser.add_argument("--parent", type=int, required=True)
    arguments = parser.parse_args()
    end_with(arguments.parent, PATIENCE_SECONDS, ORPHANED)
    from timnet import settings
    from timnet_tui.app import run

    run(arguments.db, settings.load())
    return 0


if __name__ == "__main__":
    sys.exit(main())
