"""``python -m timnet_tui.serve.child``: the interface of one visitor, as the server starts it.

It ends when its server does, however that ended: it watches its parent, so a server that was killed leaves
nothing behind.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import time
from pathlib import Path

LOOK_SECONDS = 0.25
PATIENCE_SECONDS = 2.0
ORPHANED = 76


def leave_with(parent: int) -> None:
    """End this process as soon as its server is gone: first as by a user, then in any case."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(LOOK_SECONDS)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(PATIENCE_SECONDS)
        os._exit(ORPHANED)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()


def main() -> int:
    """Parse the command line and show the interface."""
    parser = argparse.ArgumentParser(prog="python -m timnet_tui.serve.child", description=__doc__)
    parser.add_argument("--db", type=Path, required=True)
    parser.add_argument("--parent", type=int, required=True)
    arguments = parser.parse_args()
    leave_with(arguments.parent)
    from timnet import settings
    from timnet_tui.app import run

    run(arguments.db, settings.load())
    return 0


if __name__ == "__main__":
    sys.exit(main())
