"""Training processes on this machine: a process an attempt, with its log and the run's lock.

Where the system allows, they are forked from one that has loaded TensorFlow already (:mod:`timnet.training.warm`).
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from timnet.cores import for_training
from timnet.errors import DiskFull, RegistryBusy
from timnet.queue import liveness
from timnet.queue.engines.warm import Forked, WarmProcess, possible
from timnet.records import ProcessProof
from timnet.registry import Registry
from timnet.registry.runs import Claim
from timnet.settings import Settings

NAME = "local"
IDLE_SECONDS = 300.0
"""How long the warm process is kept where nothing trains: it holds some 550 MB."""

COLD_VARIABLE = "TIMNET_COLD"
"""Set in the environment, each training process loads TensorFlow itself: for measurements, or where forking fails."""


class Process(Protocol):
    """What the worker needs of a training process; a ``Popen`` is one."""

    @property
    def pid(self) -> int | None:
        """Its id; None until it is known."""

    @property
    def returncode(self) -> int | None:
        """Its exit status, negative for a signal, once :meth:`poll` or :meth:`wait` saw its end."""

    def poll(self) -> int | None:
        """Look whether it has ended."""

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end."""

    def terminate(self) -> None:
        """Ask it to leave."""

    def kill(self) -> None:
        """End it."""


@dataclass(slots=True)
class Child:
    """A training process and the claim it executes. ``lock`` is the worker's own descriptor of the run's lock.

    ``known``: its pid is in the registry; ``log_from``: bytes of the log that earlier attempts have written.
    """

    claim: Claim
    process: Process
    lock: int
    known: bool = False
    log_from: int = 0

    @property
    def ended(self) -> bool:
        """Whether the process has exited."""
        return self.process.poll() is not None


class LocalEngine:
    """Starts training processes. ``say`` gets lines for the worker's log."""

    def __init__(self, registry: Registry, settings: Settings, say: Callable[[str], None]) -> None:
        self._registry = registry
        self._settings = settings
        self._say = say
        self._warm: WarmProcess | None = None
        self._may_warm = possible() and not os.environ.get(COLD_VARIABLE)
        self._idle_since = time.monotonic()

    def start(self, claim: Claim, lock: int) -> Child:
        """Start the training process of a claimed run; it inherits ``lock``."""
        warm = self._warm_process()
        written = self._log(claim).stat().st_size if self._log(claim).exists() else 0
        if warm is None:
            process: Process = self._fresh(claim, lock)
        else:
            with self._log(claim).open("ab") as log:
                process = warm.start(self._assignment(claim), lock, log.fileno())
        child = Child(claim, process, lock, log_from=written)
        with suppress(DiskFull, RegistryBusy):  # it is there now, and must not be lost; :meth:`look` notes it later
            self._note(child)
        return child

    def look(self, children: list[Child]) -> None:
        """Note which processes were forked since; start those anew that could not be; let go what nobody needs."""
        for child in children:
            process = child.process
            if isinstance(process, Forked) and process.poll() is not None and process.refused is not None:
                self._say(f"run {child.claim.key}: starts in a process of its own ({process.refused})")
                self._may_warm = False
                child.process = self._fresh(child.claim, child.lock)
            self._note(child)
        if children:
            self._idle_since = time.monotonic()
        elif self._warm is not None and time.monotonic() - self._idle_since > IDLE_SECONDS:
            self.close()

    def close(self) -> None:
        """Let go of the warm process."""
        if self._warm is not None:
            self._warm.close()
            self._warm = None

    def _warm_process(self) -> WarmProcess | None:
        """The warm process, made where there is none and it may be."""
        if self._warm is not None:
            self._warm.listen()
            if self._warm.ended:
                self._say("the warm process is gone" + ("; starting another" if self._warm.ready else ""))
                self._may_warm &= self._warm.ready  # one that never got ready will not the next time
                self.close()
        if self._warm is None and self._may_warm:
            self._warm = WarmProcess(for_training(self._settings.threads))
        return self._warm

    def _fresh(self, claim: Claim, lock: int) -> subprocess.Popen[bytes]:
        arguments = {**self._assignment(claim), "parent": os.getpid()}
        with self._log(claim).open("ab") as log:
            return subprocess.Popen(
                [
                    *(sys.executable, "-m", "timnet.training"),
                    *(f"--{name.replace('_', '-')}={value}" for name, value in arguments.items()),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=(lock,),
                env=for_training(self._settings.threads),
            )

    def _assignment(self, claim: Claim) -> dict[str, Any]:
        return {
            "db": str(self._registry.paths.db),
            "run_id": claim.run_id,
            "attempt": claim.attempt,
            "cache": str(self._settings.cache.absolute()),
            "threads": self._settings.threads,
            "nice": self._settings.nice,
            "device": self._settings.device,
        }

    def _log(self, claim: Claim) -> Path:
        return self._registry.paths.run(claim.uid).log

    def _note(self, child: Child) -> None:
        """Tell the registry the process's id, once it is known."""
        if not child.known and child.process.pid is not None:
            self._registry.runs.started(child.claim, _proof(child.process.pid))
            child.known = True


def _proof(pid: int) -> ProcessProof:
    import psutil

    try:
        return liveness.proof_of(pid)
    except psutil.NoSuchProcess:  # it ended at once; its exit status tells why
        here = liveness.proof_of(os.getpid())
        return ProcessProof(here.host, here.boot_id, pid, 0.0)
