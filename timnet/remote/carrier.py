"""Starting the training process of an attempt on its node, and telling the head how it ended.

It loads no TensorFlow, so it outlives what that may do: a crash, a kill, the lack of memory.
"""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress

from timnet.clock import now
from timnet.cores import for_training
from timnet.errors import TimnetError
from timnet.files import write_text
from timnet.paths import AttemptPaths
from timnet.remote.parcel import Parcel
from timnet.remote.spool import read_lines

LEFT = 77
"""How a training process exits that leaves for a while, since its node is wanted for something else."""

GRACE_SECONDS = 30.0
LOOK_SECONDS = 0.05


class Carrier:
    """The training process of one attempt; ``status`` is its exit status, negative for a signal, once it has ended."""

    def __init__(self, folder: AttemptPaths, process: subprocess.Popen[bytes], starts: int) -> None:
        self.status: int | None = None
        self._folder = folder
        self._process = process
        self._starts = starts
        threading.Thread(target=self._await, name="await-training", daemon=True).start()

    def _await(self) -> None:
        status = self._process.wait()
        with suppress(OSError, TimnetError):  # on a full disk: that the job is gone says enough
            told = {"status": status, "time": now(), "start": len(self._folder.spools())}
            write_text(self._folder.outcome, json.dumps(told) + "\n")
        self.status = status

    @property
    def pid(self) -> int:
        """The training process's."""
        return self._process.pid

    def wait(self, seconds: float = math.inf) -> int | None:
        """Wait for its end, which is then written down; its status, or None where it goes on after ``seconds``.

        A signal's handler may call this while it is under way: it takes no lock.
        """
        deadline = time.monotonic() + seconds
        while self.status is None and time.monotonic() < deadline:
            time.sleep(LOOK_SECONDS)
        return self.status

    def leave(self) -> int:
        """Have it leave for a while, at its next step; what it cannot do in time is lost. Returns its status."""
        self._process.send_signal(signal.SIGTERM)
        if self.wait(GRACE_SECONDS) is None:
            self.kill()
        status = self.wait()
        assert status is not None
        return status

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()

    def made_progress(self) -> bool:
        """Whether an epoch was finished since it was started."""
        with suppress(OSError, TimnetError):
            for spool in self._folder.spools()[self._starts :]:
                if any(line.do in ("epoch", "done") for line in read_lines(spool, 0)[0]):
                    return True
        return False


def carry(folder: AttemptPaths, job: str) -> Carrier:
    """Start training what lies in ``folder`` as the engine's ``job``. Raises :class:`timnet.errors.BadInput`."""
    threads = Parcel.read(folder.parcel).threads
    starts = len(folder.spools())
    with folder.log.open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "timnet.remote", str(folder.folder), f"--job={job}", f"--parent={os.getpid()}"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=for_training(threads),
        )
    return Carrier(folder, process, starts)
