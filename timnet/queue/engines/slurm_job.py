"""What runs inside a job of Slurm: submitit loads it on the node and calls it. It loads no TensorFlow."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import psutil

from timnet import __version__
from timnet.clock import now
from timnet.files import write_text
from timnet.paths import AttemptPaths
from timnet.queue.engines.slurm_words import in_hours
from timnet.remote.carrier import LEFT, Carrier, carry

WARNING = signal.SIGUSR2
"""What submitit has Slurm send before the time limit, and where the cluster wants it so, at preemption."""

EARLY_SECONDS = 70.0
"""How much earlier than asked for the warning may come, and more: Slurm looks about twice a minute."""

NOT_ONE_EPOCH = 1
"""The exit status of a job that could go on for ever without finishing an epoch."""


@dataclass
class Attempt:
    """One attempt, in its ``folder``. ``minutes``: its time limit. ``warned``: seconds before it that Slurm warns.

    Picklable before it is called: it then goes to the node, and again into the queue when it leaves for a while.
    """

    folder: str
    minutes: int
    warned: int
    _carrier: Carrier | None = field(default=None, repr=False)
    _goes_on: bool = False

    def __call__(self) -> int:
        """Train. A status that is not 0 becomes the job's own, so that Slurm's tools show a failed job."""
        submitits = signal.getsignal(WARNING)
        # Slurm signals every process of the step; what the training process inherits as ignored does not end it
        signal.signal(WARNING, signal.SIG_IGN)
        self._carrier = self.start()
        signal.signal(WARNING, self._on_signal)
        signal.signal(signal.SIGALRM, self._on_signal)
        signal.signal(signal.SIGTERM, self._on_signal)
        status = self._carrier.wait()
        assert status is not None
        signal.setitimer(signal.ITIMER_REAL, 0)
        if self._goes_on and status in (LEFT, -signal.SIGTERM):  # the latter before it could listen
            self._go_on_later(submitits)
        if status:
            sys.exit(status if status > 0 else 128 - status)
        return status

    def start(self) -> Carrier:
        """Start the training process."""
        return carry(AttemptPaths(Path(self.folder)), job_id())

    def checkpoint(self) -> Any:
        """Called by submitit before it has Slurm start this job again: what to call then, None for nothing."""
        from submitit.helpers import DelayedSubmission

        if self._carrier is not None:
            self._carrier.leave()
            if self._lacks_time():
                return None
        return DelayedSubmission(type(self)(self.folder, self.minutes, self.warned))

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        """Before the time limit, at preemption, when it is cancelled: leave, with what is done so far.

        A warning that comes too early for the time limit, and too late to be anything else, is put off.
        """
        early = self._seconds_left() - self.warned
        if number == WARNING and 0 < early < EARLY_SECONDS:
            signal.setitimer(signal.ITIMER_REAL, early)
        elif self._carrier is not None:
            self._goes_on = number != signal.SIGTERM  # who sends that one starts the job again by himself, or never
            self._carrier.leave()

    def _go_on_later(self, submitits: Any) -> None:
        """Have Slurm start this job again, by submitit's own handler of the signal, which exits."""
        if self._lacks_time():
            self._say(
                f"not one epoch fits into the time limit of {in_hours(self.minutes)}; ask for more with --time, "
                "then retry the run"
            )
            sys.exit(NOT_ONE_EPOCH)
        signal.signal(WARNING, submitits)
        try:
            signal.raise_signal(WARNING)
        except (subprocess.SubprocessError, OSError) as error:  # Slurm is away; the head sees to it that it goes on
            print(f"not given back to the queue: {error}", flush=True)

    def _lacks_time(self) -> bool:
        """Whether the time limit comes, and no epoch was finished: the next time would be no better."""
        assert self._carrier is not None
        return self._seconds_left() < self.warned + EARLY_SECONDS and not self._carrier.made_progress()

    def _seconds_left(self) -> float:
        """Until the time limit, as well as this process knows."""
        told = os.environ.get("SLURM_JOB_END_TIME", "")  # from Slurm 23.02 on
        end = float(told) if told.isdecimal() else psutil.Process().create_time() + self.minutes * 60
        return end - time.time()

    def _say(self, line: str) -> None:
        """Into the attempt's log, and where the engine looks how a job ended."""
        print(line, flush=True)
        with suppress(OSError), AttemptPaths(Path(self.folder)).log.open("a") as log:
            log.write(f"{now()} {line}\n")
        with suppress(OSError):
            write_text(said_by(Path(os.environ["SUBMITIT_FOLDER"]), job_id()), line)


@dataclass(frozen=True)
class Probe:
    """A tiny job that tells where it ran and what it found: ``nonce`` is in a file that the head has just written."""

    folder: str
    nonce: str

    def __call__(self) -> None:
        """Write ``answer.json``."""
        try:
            seen = (Path(self.folder) / "nonce").read_text() == self.nonce
        except OSError:
            seen = False
        answer = {
            "nonce": self.nonce,
            "sees": seen,
            "host": socket.gethostname(),
            "node": os.environ.get("SLURMD_NODENAME", ""),
            "python": sys.executable,
            "timnet": __version__,
            "tensorflow": _has("tensorflow"),
            "devices": os.environ.get("CUDA_VISIBLE_DEVICES", ""),
            "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        }
        write_text(Path(self.folder) / "answer.json", json.dumps(answer))


def job_id() -> str:
    """The id of the job around this process, as ``squeue`` shows it: ``12``, or ``12_3`` for a task of an array."""
    array, task = os.environ.get("SLURM_ARRAY_JOB_ID"), os.environ.get("SLURM_ARRAY_TASK_ID")
    return f"{array}_{task}" if array and task else os.environ.get("SLURM_JOB_ID", "")


def said_by(folder: Path, job: str) -> Path:
    """Where a job leaves its last words, in submitit's folder."""
    return folder / f"{job}_said.txt"


def _has(library: str) -> bool:
    from importlib.util import find_spec

    return find_spec(library) is not None
