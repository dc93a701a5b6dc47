"""Ending with the process that started this one, however that ended, so that nobody works on unwatched."""

from __future__ import annotations

import ctypes
import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress

LOOK_SECONDS = 0.25
_PR_SET_PDEATHSIG = 1


def kill_with_parent() -> None:
    """Have the kernel kill this process when its parent ends, where it can (Linux): also where no thread may run.

    It looks at nothing that was before: ask afterwards whether the parent is still there.
    """
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def when_orphaned(parent: int, then: Callable[[], None], meanwhile: Callable[[], object] | None = None) -> None:
    """Call ``then`` in a thread once ``parent`` is gone, and ``meanwhile`` at each look until it is."""

    def watch() -> None:
        while os.getppid() == parent:
            if meanwhile is not None:
                meanwhile()
            time.sleep(LOOK_SECONDS)
        then()

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()


def end_with(parent: int, patience: float, status: int) -> None:
    """End this process once ``parent`` is gone: as by a user's signal, and after ``patience`` seconds in any case."""

    def end() -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(patience)
        os._exit(status)

    when_orphaned(parent, end)
