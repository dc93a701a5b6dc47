"""The warm process with the pretended network, whose training processes do what their experiment's note says."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.faults import pretend

EPOCH_OF_THE_DEED = 3
SLOW_SECONDS = 0.2


def misbehave(note: str) -> None:
    """Do the deed; comes back where it is only slow."""
    if note == "fails":
        raise ZeroDivisionError("division by nothing")
    if note == "no memory":
        raise MemoryError
    if note == "killed by the kernel":
        Path(f"memory-ran-out-{time.monotonic_ns()}").touch()
        os.kill(os.getpid(), signal.SIGKILL)


class Trainer(pretend.Trainer):
    """Deaf from its third epoch on, or slow in each."""

    note = ""

    def epoch(self, order: Any, between_steps: Callable[[], None], spans: Any = None) -> tuple[float, float]:
        found = super().epoch(order, between_steps, spans)
        self.epochs = getattr(self, "epochs", 0) + 1
        if self.note == "slow":
            time.sleep(SLOW_SECONDS)
        if self.note == "deaf" and self.epochs == EPOCH_OF_THE_DEED:
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)
            ctypes.PyDLL(None).sleep(3600)  # with the interpreter in its hands: no other thread runs either
        return found


def prepare() -> None:
    """As :func:`tests.faults.pretend.prepare`, with the deed before training begins."""
    pretend.prepare()
    import timnet.training.fold
    from timnet.training import process

    train = process._train
    timnet.training.fold._trainer = Trainer  # type: ignore[assignment]

    def misbehaving(assignment: Any, registry: Any, *others: Any) -> None:
        run = registry.runs.by_id(assignment.run_id)
        Trainer.note = registry.experiments.get(run.experiment_id).note
        misbehave(Trainer.note)
        train(assignment, registry, *others)

    process._train = misbehaving


if __name__ == "__main__":
    from timnet.training import warm

    warm._load = prepare
    sys.exit(warm.main())
