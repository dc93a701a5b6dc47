"""Proof of life. A process that executes a run holds the run's lock; when the lock is free, it is gone.

The kernel drops a ``flock`` with its last holder however that died, so there is no lease that could
expire while a laptop sleeps, and no heartbeat whose delay could start a twin. The training process
inherits the descriptor from its worker: either of the two keeps the run.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import socket
from contextlib import suppress
from pathlib import Path

from timnet.errors import DiskFull, RegistryBusy
from timnet.records import ProcessProof, Run, RunState, Worker
from timnet.registry import Registry

BACK_OFF_SECONDS = 2.0


def try_lock(path: Path) -> int | None:
    """The descriptor that now holds the lock file at ``path``, or None while somebody else does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def unlock(descriptor: int) -> None:
    """Give up this holder's share of a lock."""
    os.close(descriptor)


def is_held(path: Path) -> bool:
    """Whether a living process holds the lock file at ``path``."""
    if not path.exists():
        return False
    descriptor = try_lock(path)
    if descriptor is None:
        return True
    unlock(descriptor)
    return False


def new_worker_uid() -> str:
    """A name for a worker that no other has."""
    return secrets.token_hex(6)


def proof_of(pid: int) -> ProcessProof:
    """Who the process ``pid`` is, so that a later process with the same pid is not taken for it.

    Raises :class:`psutil.NoSuchProcess` when it is gone.
    """
    import psutil

    return ProcessProof(socket.gethostname(), boot_id(), pid, psutil.Process(pid).create_time())


def boot_id() -> str:
    """A name for this machine's current boot: the kernel's own on Linux, the boot time elsewhere."""
    kernel = Path("/proc/sys/kernel/random/boot_id")
    if kernel.exists():
        return kernel.read_text().strip()
    import psutil

    return f"boot-{int(psutil.boot_time())}"


def reap(registry: Registry, max_crashes: int) -> list[tuple[Run, RunState]]:
    """Find the runs marked as running whose lock is free, and decide what becomes of them.

    Safe to call from any process at any time: whoever holds the lock decides, and the registry checks
    the attempt again. Returns what was changed. Does nothing on a read-only registry.
    """
    if not registry.db.writable:
        return []
    changed = []
    for run in registry.runs.running():
        if run.engine != "local" or run.host != socket.gethostname():
            continue
        descriptor = try_lock(registry.paths.run(run.uid).lock)
        if descriptor is None:
            continue
        try:
            state = registry.runs.reap(
                run.id,
                run.attempt,
                exit_code=None,
                error="its process was killed or the machine stopped",
                max_crashes=max_crashes,
                back_off=BACK_OFF_SECONDS,
            )
        finally:
            unlock(descriptor)
        if state is not None:
            changed.append((run, state))
    return changed


def workers(registry: Registry) -> list[Worker]:
    """The workers that live on this machine, proved by their locks; dead ones are noted as ended."""
    alive = []
    for row in registry.workers.open():
        here = row["host"] == socket.gethostname()
        if here and not is_held(registry.paths.worker_lock(row["uid"])):
            if registry.db.writable:
                with suppress(DiskFull, RegistryBusy):  # it is noted the next time; that it is gone is known
                    registry.workers.ended(row["uid"])
            continue
        alive.append(
            Worker(
                id=row["id"],
                uid=row["uid"],
                engine=row["engine"],
                host=row["host"],
                pid=row["pid"],
                jobs=row["jobs"],
                started=row["started"],
                seen=row["seen"],
                ended=row["ended"],
                alive=True,
                want=row["want"],
                running=row["running"],
                submitted=row["submitted"],
            )
        )
    return alive
