"""Processes for tests of locks and claims; each function runs in a process of its own."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Callable
from multiprocessing.synchronize import Barrier
from pathlib import Path

from timnet.queue import liveness

SPAWN = multiprocessing.get_context("spawn")
START_SECONDS = 120.0
"""How long processes may take to begin, on a machine that is busy with much else."""


def wait_until(holds: Callable[[], object], seconds: float = 20.0, what: str = "") -> float:
    """Wait until ``holds()`` is true and return how long that took; fail after ``seconds``."""
    started = time.monotonic()
    while not holds():
        assert time.monotonic() - started < seconds, f"waited {seconds} s in vain {what}"
        time.sleep(0.005)
    return time.monotonic() - started


HOLD = """
import sys, subprocess
from pathlib import Path
from timnet.queue import liveness
lock = liveness.try_lock(Path(sys.argv[1]))
assert lock is not None
child = None
if sys.argv[2] == "with-child":
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], pass_fds=(lock,))
elif sys.argv[2] == "with-stranger":
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], close_fds=False)
print(child.pid if child else 0, flush=True)
sys.stdin.read()
"""


def holder(lock: Path, how: str = "alone") -> tuple[subprocess.Popen[str], int]:
    """A process that holds ``lock`` until its standard input ends, and the pid of its child (0: none)."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(lock), how], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    return process, int(process.stdout.readline())


def contend(db: str, start: Barrier, results: object) -> None:
    """Once all are there, claim runs with real locks until none waits; train one epoch of each; report it."""
    from tests.support import epoch_record
    from timnet.registry import Registry

    claimed: list[int] = []
    try:
        with Registry.open(Path(db)) as registry:
            proof = liveness.proof_of(os.getpid())
            start.wait(START_SECONDS)
            while True:
                found = registry.runs.claim(
                    lambda uid: liveness.try_lock(registry.paths.run(uid).lock), proof, "local", str(os.getpid())
                )
                if found is None:
                    break
                claim, lock = found
                registry.runs.started(claim, proof)
                journal = registry.journal(claim.run_id, claim.attempt)
                journal.begin([], "started")
                journal.epoch(epoch_record(1))
                journal.done(0.5, 0.5, [], None, "done")
                liveness.unlock(lock)
                claimed.append(claim.run_id)
        results.put((os.getpid(), claimed, ""))  # type: ignore[attr-defined]
    except BaseException as error:
        results.put((os.getpid(), claimed, repr(error)))  # type: ignore[attr-defined]
