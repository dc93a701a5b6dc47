"""What ``timnet doctor`` finds in a registry's house: locks, the dead, leftovers; and setting right what is safe."""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from timnet.care.checking import check_runs
from timnet.care.clearing import Leftover, orphans, plain, remove
from timnet.care.mending import requeue_dead
from timnet.queue.liveness import is_held, workers
from timnet.queue.waiting import without_head
from timnet.registry import Registry
from timnet.registry.check import Check

#: a registry up to this many bytes is read from end to end in a moment
READ_WHOLE = 64 * 2**20
#: for so long nobody holds the gate, but who hangs
GATE_SECONDS = 1.0
LOCKS = Path("/proc/locks")
"""Where Linux tells who holds which lock."""


@dataclass(frozen=True, slots=True)
class Condition:
    """What was found. ``unsound`` and ``gate`` are problems; the rest heals by itself, or does no harm.

    ``unsound`` is None where the registry is too large to be read from end to end. ``without_head``: engines of other
    machines with so many runs, and nobody who brings in what these do.
    """

    unsound: tuple[str, ...] | None = None
    gate: str = ""
    dead_runs: tuple[str, ...] = ()
    dead_workers: tuple[str, ...] = ()
    leftovers: tuple[Leftover, ...] = ()
    orphans: tuple[Leftover, ...] = ()
    without_head: tuple[tuple[str, int], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "sound": None if self.unsound is None else not self.unsound,
            "gate": self.gate or None,
            "dead_runs": list(self.dead_runs),
            "dead_workers": list(self.dead_workers),
            "leftovers": [one.to_dict() for one in self.leftovers],
            "orphans": [one.to_dict() for one in self.orphans],
            "without_head": dict(self.without_head),
        }


def condition(registry: Registry, cache: Path) -> Condition:
    """Look at the registry's house; nothing is changed."""
    dead, _ = check_runs(registry)
    small = registry.paths.db.stat().st_size <= READ_WHOLE
    return Condition(
        unsound=tuple(one.text for one in Check(registry.db).structure()) if small else None,
        gate=_gate(registry.paths.gate),
        dead_runs=tuple(one.run for one in dead if one.run),
        dead_workers=tuple(_dead_workers(registry)),
        leftovers=tuple(plain(registry.paths, cache)),
        orphans=tuple(orphans(registry.paths, [])),
        without_head=tuple(without_head(registry.runs.running(), workers(registry)).items()),
    )


def fix(registry: Registry, cache: Path, max_crashes: int) -> list[str]:
    """Set right what is safe; a line for each thing done."""
    done = requeue_dead(registry, max_crashes)
    dead = _dead_workers(registry)
    workers(registry)  # it notes those that it does not find
    done += [f"worker {one}: noted as ended" for one in dead]
    gone, problems = remove(registry, cache, plain(registry.paths, cache))
    return [*done, *(f"removed {one.path} ({one.why})" for one in gone), *problems]


def _dead_workers(registry: Registry) -> list[str]:
    """The workers of this machine that the registry believes are at work, and whose lock is free."""
    here = [row["uid"] for row in registry.workers.open() if row["host"] == socket.gethostname()]
    return [uid for uid in here if not is_held(registry.paths.worker_lock(uid))]


def _gate(path: Path) -> str:
    """Who keeps all writers waiting; empty where the gate opens as it should."""
    deadline = time.monotonic() + GATE_SECONDS
    with suppress(OSError):  # a read-only disk has no writers
        while is_held(path):
            if time.monotonic() > deadline:
                return f"all writers wait for {_holder(path)}; if it hangs, end it"
            time.sleep(0.02)
    return ""


def _holder(path: Path) -> str:
    with suppress(OSError, ValueError, IndexError):
        inode = str(path.stat().st_ino)
        for line in LOCKS.read_text().splitlines():
            words = line.split()
            if words[1] == "FLOCK" and words[5].rpartition(":")[2] == inode:
                return f"process {int(words[4])}"
    return f"the process that holds {path}"
