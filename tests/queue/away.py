"""An engine whose jobs are detached processes of this machine, and a head for it: all of a cluster but the cluster.

``python -m tests.queue.away DB SHARED JOBS`` is the head. A job lives in a session of its own; its id is its process's.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from tests.support import REPOSITORY
from timnet import settings as settings_module
from timnet.paths import AttemptPaths
from timnet.queue.engines.engine import Phase, Status
from timnet.queue.head import Head, Terms
from timnet.queue.liveness import new_worker_uid
from timnet.registry import Registry

JOB = """
import os, sys
from pathlib import Path
from timnet.paths import AttemptPaths
from timnet.remote.carrier import carry
folder = AttemptPaths(Path(sys.argv[1]))
sys.exit(abs(carry(folder, str(os.getpid())).wait()))
"""


class Away:
    """Implements :class:`timnet.queue.engines.engine.RemoteEngine`; a job's id is its process's."""

    name = "away"

    def submit(self, tasks: Sequence[AttemptPaths]) -> list[str]:
        """Start a process for each folder."""
        return [self._start(folder) for folder in tasks]

    def _start(self, folder: AttemptPaths) -> str:
        with (folder.engine / "output").open("ab") as out:
            process = subprocess.Popen(
                [sys.executable, "-c", JOB, str(folder.folder)],
                stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True, cwd=REPOSITORY,
                env={**os.environ, "PYTHONPATH": str(REPOSITORY), "CUDA_VISIBLE_DEVICES": ""},
            )  # fmt: skip
        (folder.engine / f"{process.pid}.job").touch()
        return str(process.pid)

    def poll(self, ids: Sequence[str]) -> Mapping[str, Status]:
        """Look for the processes."""
        return {job: self._status(job) for job in ids}

    def _status(self, job: str) -> Status:
        try:
            alive = psutil.Process(int(job)).status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            alive = False
        return Status(Phase.RUNNING) if alive else Status(Phase.GONE, "its process is gone")

    def cancel(self, ids: Iterable[str]) -> None:
        """Kill the processes."""
        for job in ids:
            with suppress(ProcessLookupError):
                os.kill(int(job), 9)

    def find(self, folder: AttemptPaths) -> str | None:
        """The job of a folder."""
        return next((path.stem for path in folder.engine.glob("*.job")), None)

    def exchange(self, job: str, folder: AttemptPaths) -> None:
        """Both see one file system."""

    def forget(self, job: str, folder: AttemptPaths) -> None:
        """Nothing is kept elsewhere."""


def main() -> None:
    """Be a head."""
    db, shared, jobs = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    settings = settings_module.load()
    with Registry.open(db) as registry:
        Head(registry, settings, Away(), Terms(shared, jobs), new_worker_uid()).run()


if __name__ == "__main__":
    main()
