"""A training process that trains nothing: ``python -m tests.slurm.pretend FOLDER EPOCHS SECONDS`` (of each epoch).

It keeps a spool and a resume point (a number) and leaves when it is told to, as the real one does.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tests.support import REPOSITORY, epoch_record
from timnet.files import write_text
from timnet.paths import AttemptPaths
from timnet.queue.engines.slurm_job import Attempt, job_id
from timnet.records import EventKind, RunState, Want
from timnet.remote.carrier import LEFT, Carrier
from timnet.remote.spool import Spool
from timnet.training.process import leave_with

SETTINGS = "pretended"


@dataclass
class Pretended(Attempt):
    """The job's side as it is, with this as its training process."""

    def start(self) -> Carrier:
        folder = AttemptPaths(Path(self.folder))
        with folder.log.open("ab") as log:
            process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "tests.slurm.pretend",
                    self.folder,
                    *(folder.folder / SETTINGS).read_text().split(),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=REPOSITORY,
            )
        return Carrier(folder, process, len(folder.spools()))


def prepare(folder: Path, epochs: int, seconds: float) -> AttemptPaths:
    """An attempt's folder, as a head makes it."""
    paths = AttemptPaths(folder)
    paths.engine.mkdir(parents=True)
    write_text(paths.want, "")
    write_text(folder / SETTINGS, f"{epochs} {seconds}")
    return paths


def train(folder: AttemptPaths, epochs: int, seconds: float) -> int:
    """Epoch after epoch."""
    leave_with(os.getppid())
    left: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _frame: left.append(number))
    spool = Spool.begin_in(folder)
    spool.hello(host=socket.gethostname(), pid=os.getpid(), job=job_id())
    point = folder.folder / "point"
    done = int(point.read_text()) if point.exists() else 0
    spool.begin([epoch_record(epoch) for epoch in range(1, done + 1)], "pretends")
    for epoch in range(done + 1, epochs + 1):
        over = time.monotonic() + seconds
        while time.monotonic() < over:
            if left:
                spool.left("leaves for a while")
                return LEFT
            if spool.want() is Want.CANCEL:
                spool.end(RunState.CANCELLED, EventKind.CANCELLED, "cancelled")
                return 0
            time.sleep(0.02)
        spool.epoch(epoch_record(epoch))
        write_text(point, str(epoch))
    spool.done(0.5, 0.5, [], None, "pretended")
    return 0


if __name__ == "__main__":
    sys.exit(train(AttemptPaths(Path(sys.argv[1])), int(sys.argv[2]), float(sys.argv[3])))
