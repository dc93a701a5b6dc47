"""Training processes on this machine: one fresh process an attempt, with its log and the run's lock."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass

from timnet.queue import liveness
from timnet.records import ProcessProof
from timnet.registry import Registry
from timnet.registry.runs import Claim
from timnet.settings import Settings

NAME = "local"


@dataclass(frozen=True, slots=True)
class Child:
    """A training process and the claim it executes. ``lock`` is the worker's own descriptor of the run's lock."""

    claim: Claim
    process: subprocess.Popen[bytes]
    lock: int

    @property
    def ended(self) -> bool:
        """Whether the process has exited."""
        return self.process.poll() is not None


def start(registry: Registry, claim: Claim, lock: int, settings: Settings) -> Child:
    """Start the training process of a claimed run; it inherits ``lock``."""
    paths = registry.paths.run(claim.uid)
    arguments = {
        "db": registry.paths.db,
        "run-id": claim.run_id,
        "attempt": claim.attempt,
        "parent": os.getpid(),
        "cache": settings.cache.absolute(),
        "threads": settings.threads,
        "device": settings.device,
    }
    with paths.log.open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "timnet.training", *(f"--{name}={value}" for name, value in arguments.items())],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            pass_fds=(lock,),
            env=_environment(settings.threads),
        )
    registry.runs.started(claim, _proof(process.pid))
    return Child(claim, process, lock)


def _environment(threads: int) -> dict[str, str]:
    """Threads pinned for every library: runs at once must not fight for cores."""
    pinned = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
    return {**os.environ, **pinned, "TF_CPP_MIN_LOG_LEVEL": "2", "PYTHONUNBUFFERED": "1"}


def _proof(pid: int) -> ProcessProof:
    import psutil

    try:
        return liveness.proof_of(pid)
    except psutil.NoSuchProcess:  # it ended at once; its exit status tells why
        here = liveness.proof_of(os.getpid())
        return ProcessProof(here.host, here.boot_id, pid, 0.0)
