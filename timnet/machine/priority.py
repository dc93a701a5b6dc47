"""How training steps back, so that a key in the interface is answered at once and a desktop stays quick.

Where nothing else wants the processor this costs nothing.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

OF_SESSION = Path("/proc/self/autogroup")


def step_back(nice: int) -> None:
    """Let other programs go before this process, by ``nice`` (0 to 19) and never by less than before.

    Systems without priorities are left as they are.
    """
    if hasattr(os, "setpriority"):
        now = os.getpriority(os.PRIO_PROCESS, 0)
        if nice > now:
            os.setpriority(os.PRIO_PROCESS, 0, nice)


def step_back_as_session(nice: int) -> None:
    """The same for this process's session, where it leads one: Linux may share the processor out between sessions.

    There a process's own priority counts only within its session (sched(7), "The autogroup feature"), and a worker
    in the background has one of its own. A session that others lead, a user's terminal, is left as it is.
    """
    if os.getsid(0) != os.getpid():
        return
    with suppress(OSError, ValueError):  # another system, or one that does not share out so
        if nice > int(OF_SESSION.read_text().rpartition(" ")[2]):
            OF_SESSION.write_text(str(nice))
