"""Stand-ins for workers and training processes: the same calls on the registry, the same locks, no network.

Each has a connection and descriptors of its own, so that one can be "killed": its connection and its descriptors are
closed, as the kernel does it, and nothing else is said.
"""

from __future__ import annotations

import json
import os
import socket
from contextlib import suppress
from pathlib import Path

from tests.support import epoch_record
from timnet import files
from timnet.paths import RunPaths
from timnet.queue import liveness
from timnet.records import EventKind, ProcessProof, RunState, Want
from timnet.registry import Registry
from timnet.registry.runs import Claim
from timnet.states import INTENT_LEADS_TO

HERE = ProcessProof(socket.gethostname(), "boot-1", 4242, 1000.0)


class Killed(Exception):
    """The process ends here, in the middle of what it does."""


class Training:
    """A training process: it inherited the run's lock, and keeps a resume point with the whole history."""

    def __init__(self, db: Path, claim: Claim, lock: int) -> None:
        self.claim = claim
        self.lock = os.dup(lock)  # one lock, two holders, as after a fork
        self.registry = Registry.open(db)
        self.journal = self.registry.journal(claim.run_id, claim.attempt)
        self.paths: RunPaths = self.registry.paths.run(claim.uid)
        self.epoch = 0
        self.begun = False
        self.alive = True

    @property
    def _saved(self) -> Path:
        return self.paths.checkpoint(0)

    def begin(self) -> None:
        """Make the registry equal to the resume point."""
        self.paths.drop_unfinished()
        self.epoch = json.loads(self._saved.read_text()) if self._saved.exists() else 0
        self.journal.begin([epoch_record(epoch) for epoch in range(1, self.epoch + 1)], "begins")
        self.begun = True

    def train(self, *, dies: str = "") -> Want | None:
        """One epoch: its row, then its resume point, then where that lies. ``dies`` at one of these moments."""
        record = epoch_record(self.epoch + 1)
        if dies == "in the row":
            with suppress(Killed), self.registry.db.write():
                self.journal.epoch(record)
                raise Killed
            return self.kill()
        want = self.journal.epoch(record)
        if dies == "before the resume point":
            return self.kill()
        if dies == "in the resume point":
            temporary = self._saved.with_name(f".{self._saved.name}.1.tmp")
            temporary.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_text("{half")
            return self.kill()
        files.write_text(self._saved, json.dumps(self.epoch + 1))
        self.epoch += 1
        if dies == "after the resume point":
            return self.kill()
        self.journal.checkpoint("last", self.epoch, self._saved)
        return want

    def leave(self, want: Want) -> None:
        """Do what was asked for, and end."""
        self.journal.end(INTENT_LEADS_TO[want], EventKind.PAUSED, "left")
        self.kill()

    def finish(self, to: RunState) -> None:
        """End with a result, with an error, or for want of room."""
        if to is RunState.DONE:
            self.journal.done(0.5, 0.5, [], None, "done")
        else:
            self.journal.end(to, EventKind.FAILED, "why", error="why")
        self.kill()

    def kill(self) -> None:
        """End without a word."""
        self.alive = False
        self.registry.close()
        os.close(self.lock)


class Work:
    """A worker: it claims, holds the locks of what it has started, and buries what has ended."""

    def __init__(self, db: Path) -> None:
        self.db = db
        self.registry = Registry.open(db)
        self.children: list[tuple[Training, int]] = []

    def claim(self) -> Training | None:
        """Start the next run; its training process has not yet done anything."""
        paths = self.registry.paths
        found = self.registry.runs.claim(lambda uid: liveness.try_lock(paths.run(uid).lock), HERE, "local", "w")
        if found is None:
            return None
        claim, lock = found
        self.registry.runs.started(claim, HERE)
        child = Training(self.db, claim, lock)
        self.children.append((child, lock))
        return child

    def bury(self, child: Training, max_crashes: int) -> RunState | None:
        """Decide for a child that ended without a word, and let go of its lock."""
        [lock] = [lock for one, lock in self.children if one is child]
        state = self.registry.runs.reap(
            child.claim.run_id, child.claim.attempt,
            exit_code=-9, error="killed", max_crashes=max_crashes, back_off=liveness.BACK_OFF_SECONDS,
        )  # fmt: skip
        self.children = [(one, held) for one, held in self.children if one is not child]
        liveness.unlock(lock)
        return state

    def kill(self) -> None:
        """End without a word; the children still hold their locks."""
        self.registry.close()
        for _, lock in self.children:
            os.close(lock)
        self.children = []
