"""Training processes on this machine: a process an attempt, with its log and the run's lock.

Where the system allows, they are forked from one that has loaded TensorFlow already (:mod:`timnet.training.warm`).
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from timnet.cores import for_training
from timnet.errors import DiskFull, RegistryBusy
from timnet.queue import liveness
from timnet.queue.engines.engine import Engine, Phase, Status
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
    """What is needed of a training process; a ``Popen`` is one."""

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


@dataclass(frozen=True, slots=True)
class Task:
    """A claimed run. ``lock`` is the worker's own descriptor of the run's lock, which the training process inherits.

    ``log_from``: bytes of the run's log that earlier attempts have written.
    """

    claim: Claim
    lock: int
    log_from: int = 0

    @property
    def job(self) -> str:
        """What the engine calls it."""
        return f"{self.claim.uid}-a{self.claim.attempt}"


@dataclass(slots=True)
class _Child:
    """The training process of a task. ``known``: its pid is in the registry."""

    task: Task
    process: Process
    known: bool = False


class LocalEngine:
    """Implements :class:`timnet.queue.engines.engine.Engine`. ``say`` gets lines for the worker's log.

    A process ends with its worker, so no later worker asks for its job: whoever finds the run's lock free knows it.
    """

    def __init__(self, registry: Registry, settings: Settings, say: Callable[[str], None]) -> None:
        self._registry = registry
        self._settings = settings
        self._say = say
        self._children: dict[str, _Child] = {}
        self._warm: WarmProcess | None = None
        self._may_warm = possible() and not os.environ.get(COLD_VARIABLE)
        self._idle_since = time.monotonic()

    @property
    def name(self) -> str:
        """What the registry calls it."""
        return NAME

    def submit(self, tasks: Sequence[Task]) -> list[str]:
        """Start a training process for each; it inherits the lock, and keeps the run when the worker lets go of it."""
        jobs: list[str] = []
        try:
            for task in tasks:
                self._children[task.job] = self._start(task)
                jobs.append(task.job)
        except BaseException:
            self.cancel(jobs)
            raise
        return jobs

    def poll(self, ids: Sequence[str]) -> Mapping[str, Status]:
        """Where each is. What could not be forked is started anew; what nobody has needed for long is let go."""
        if ids:
            self._idle_since = time.monotonic()
        elif self._warm is not None and time.monotonic() - self._idle_since > IDLE_SECONDS:
            self.close()
        for child in self._known(ids):
            self._look(child)
        gone = Status(Phase.GONE, "its worker has ended")
        return {job: _status(self._children[job]) if job in self._children else gone for job in ids}

    def cancel(self, ids: Iterable[str]) -> None:
        """Kill the processes."""
        for child in self._known(ids):
            child.process.kill()

    # what only processes of this machine can do

    def leave(self, ids: Iterable[str], seconds: float) -> Mapping[str, Status]:
        """Ask training processes to leave at their next step, and wait until they are gone.

        Those that take too long are killed; none is started anew.
        """
        children = list(self._known(ids))
        for child in children:
            child.process.terminate()
        deadline = time.monotonic() + seconds
        for child in children:
            with suppress(Exception):
                child.process.wait(max(0.1, deadline - time.monotonic()))
            if child.process.poll() is None:
                child.process.kill()
                child.process.wait()
        return {child.task.job: _status(child) for child in children}

    def forget(self, job: str) -> None:
        """Its end was seen to."""
        del self._children[job]

    def close(self) -> None:
        """Let go of the warm process."""
        if self._warm is not None:
            self._warm.close()
            self._warm = None

    def _known(self, ids: Iterable[str]) -> Iterator[_Child]:
        return (self._children[job] for job in ids if job in self._children)

    def _look(self, child: _Child) -> None:
        process = child.process
        if isinstance(process, Forked) and process.poll() is not None and process.refused is not None:
            self._say(f"run {child.task.claim.key}: starts in a process of its own ({process.refused})")
            self._may_warm = False
            child.process = self._fresh(child.task)
        self._note(child)

    def _start(self, task: Task) -> _Child:
        warm = self._warm_process()
        if warm is None:
            process: Process = self._fresh(task)
        else:
            with self._log(task).open("ab") as log:
                process = warm.start(self._assignment(task.claim), task.lock, log.fileno())
        child = _Child(task, process)
        with suppress(DiskFull, RegistryBusy):  # it is there now, and must not be lost; the next look notes it
            self._note(child)
        return child

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

    def _fresh(self, task: Task) -> subprocess.Popen[bytes]:
        arguments = {**self._assignment(task.claim), "parent": os.getpid()}
        with self._log(task).open("ab") as log:
            return subprocess.Popen(
                [
                    *(sys.executable, "-m", "timnet.training"),
                    *(f"--{name.replace('_', '-')}={value}" for name, value in arguments.items()),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=(task.lock,),
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

    def _log(self, task: Task) -> Path:
        return self._registry.paths.run(task.claim.uid).log

    def _note(self, child: _Child) -> None:
        """Tell the registry the process's id, once it is known."""
        if not child.known and child.process.pid is not None:
            self._registry.runs.started(child.task.claim, _proof(child.process.pid))
            child.known = True


def _status(child: _Child) -> Status:
    status = child.process.poll()
    if status is None:
        return Status(Phase.RUNNING if child.known else Phase.PENDING)
    ended = f"killed by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
    return Status(Phase.GONE, ended, exit_status=status)


def _proof(pid: int) -> ProcessProof:
    import psutil

    try:
        return liveness.proof_of(pid)
    except psutil.NoSuchProcess:  # it ended at once; its exit status tells why
        here = liveness.proof_of(os.getpid())
        return ProcessProof(here.host, here.boot_id, pid, 0.0)


if TYPE_CHECKING:
    _: type[Engine[Task]] = LocalEngine
