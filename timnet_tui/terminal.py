"""The terminal that the interface is shown on may go: a window is closed, ssh drops."""

from __future__ import annotations

import errno
import os
import sys
import termios
import threading
import time

LOOK_SECONDS = 1.0
HUNG_UP = 129
"""The exit status of what a hang-up has ended (128 + SIGHUP), as shells have it."""


def is_gone(descriptor: int) -> bool:
    """Whether the terminal behind ``descriptor`` was hung up."""
    try:
        termios.tcgetattr(descriptor)
    except termios.error as error:
        return error.args[0] in (errno.EIO, errno.ENXIO, errno.EBADF)
    return False


def end_with_terminal() -> None:
    """From now on, end this process when its terminal is gone; does nothing where it has none.

    A hang-up sends SIGHUP, which ends a process by itself, but not one that was started with that ignored (``nohup``).
    The event loop cannot do it: it waits for a writer that a hung-up terminal has ended.
    """
    descriptor = sys.__stdin__.fileno() if sys.__stdin__ is not None else -1
    if descriptor < 0 or not os.isatty(descriptor):
        return

    def watch() -> None:
        while not is_gone(descriptor):
            time.sleep(LOOK_SECONDS)
        os._exit(HUNG_UP)  # what the interface remembers is on the disk, and all it shows is the registry's

    threading.Thread(target=watch, name="terminal-watch", daemon=True).start()
