"""``python -m tests.faults.crowd``: processes that write to one registry, and some that read it ten times a second.

Arguments: the registry, how many write, how many read, for how many seconds, and the seconds that an epoch takes.

Prints one JSON object: what each did, how long writes took (all of them, and those after the first that everybody
begins with at once), the processor seconds of all writers, waiting among them, and every error that anybody met.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from tests.support import PROOF, epoch_record
from timnet.queue import liveness
from timnet.records import EventKind
from timnet.registry import Registry

LEAST = 3
"""Epochs that everybody writes, however slow the machine is."""


def write(db: Path, end: float, pause: float) -> dict[str, Any]:
    """Claim a run with its lock, and train it without a network until ``end``."""
    took: list[float] = []

    def timed(call: Callable[[], Any]) -> Any:
        began = time.monotonic()
        value = call()
        took.append(time.monotonic() - began)
        return value

    with Registry.open(db) as registry:
        found = timed(
            lambda: registry.runs.claim(
                lambda uid: liveness.try_lock(registry.paths.run(uid).lock), PROOF, "local", str(os.getpid())
            )
        )
        claim, lock = found
        journal = registry.journal(claim.run_id, claim.attempt)
        timed(lambda: journal.begin([], "started"))
        begun = len(took) + LEAST
        epochs = 0
        while epochs < LEAST or time.monotonic() < end:
            epochs += 1
            timed(partial(journal.epoch, epoch_record(epochs)))
            time.sleep(random.uniform(0.5, 1.5) * pause)
            if epochs % 10 == 0:
                timed(lambda: journal.event(EventKind.STALLED, "a line"))
        timed(lambda: journal.done(0.5, 0.5, [], None, "done"))
        liveness.unlock(lock)
    took = [round(one, 5) for one in took]
    return {
        "run": claim.run_id, "epochs": epochs, "cpu": time.process_time(), "took": took, "took_later": took[begun:]
    }  # fmt: skip


def read(db: Path, end: float) -> dict[str, Any]:
    """List runs and read epochs; a run's epochs never become fewer, and none is missing among them."""
    looks, seen = 0, dict[int, int]()
    with Registry.open_read_only(db) as registry:
        while not looks or time.monotonic() < end:
            registry.db.data_version()
            for run in registry.runs.ls(limit=20):
                epochs = [epoch.epoch for epoch in registry.results.epochs(run.id, max(0, run.epoch - 50))]
                assert epochs == list(range(epochs[0], epochs[0] + len(epochs))) if epochs else True
                newest = epochs[-1] if epochs else 0
                assert newest >= max(seen.get(run.id, 0), run.epoch)
                seen[run.id] = newest
            looks += 1
            time.sleep(0.1)  # as often as an interface looks
    return {"looks": looks}


def fork(work: Callable[[], dict[str, Any]]) -> int:
    """Do ``work`` in a process of its own; returns the descriptor that its answer can be read from."""
    answer, theirs = os.pipe()
    if os.fork():
        os.close(theirs)
        return answer
    try:
        said: dict[str, Any] = work()
    except BaseException as error:
        said = {"error": repr(error)}
    with os.fdopen(theirs, "w") as stream:
        stream.write(json.dumps(said))
    os._exit(0)


def main() -> None:
    import sqlite_utils.db  # noqa: F401  # each process would load it for itself

    db, writers, readers, seconds = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
    pause = float(sys.argv[5])
    end = time.monotonic() + seconds
    answers = [fork(lambda: write(db, end, pause)) for _ in range(writers)] + [
        fork(lambda: read(db, end)) for _ in range(readers)
    ]
    said = []
    for answer in answers:
        with os.fdopen(answer) as stream:
            said.append(json.loads(stream.read()))
    told = {"errors": [each["error"] for each in said if "error" in each], "cpu": sum(e.get("cpu", 0) for e in said)}
    for name, which in ("took", ""), ("took_later", "_later"):
        took = sorted(one for each in said for one in each.pop(name, []))
        told["writes" + which] = len(took)
        if took:
            told |= {
                "median" + which: took[len(took) // 2],
                "p99" + which: took[int(len(took) * 0.99)],
                "worst" + which: took[-1],
            }
    sys.stdout.write(json.dumps(told | {"each": said}))


if __name__ == "__main__":
    main()
