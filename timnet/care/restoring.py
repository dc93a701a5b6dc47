"""What must be quiet before a registry is replaced, or written anew."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from timnet.errors import BadInput
from timnet.paths import RegistryPaths, RunPaths
from timnet.queue.liveness import is_held
from timnet.registry.backup import Restored, Vacuumed, restore, vacuum
from timnet.registry.database import refuse_missing

SHORT_BYTES = 64 * 2**20
"""A registry up to this size is written anew in about a second, which a training process can wait for."""


def restore_here(db: Path, source: Path) -> Restored:
    """Put the backup ``source`` in the place of ``db`` (:func:`timnet.registry.backup.restore`).

    Raises :class:`BadInput` while a worker or a run is at work there, or another process has it open.
    """
    busy = at_work(RegistryPaths(db.absolute()))
    if busy:
        raise BadInput(f"{busy[0]} is at work; end workers first: timnet workers stop")
    users = open_in(db)
    if users:
        raise BadInput(f"{db} is open in {', '.join(users)}; close that first")
    return restore(db, source)


def vacuum_here(db: Path) -> Vacuumed:
    """Write the registry anew without unused room. Raises :class:`BadInput` while runs train and it would take long."""
    refuse_missing(db)
    busy = at_work(RegistryPaths(db.absolute()))
    size = db.stat().st_size
    if busy and size > SHORT_BYTES:
        raise BadInput(
            f"{busy[0]} is at work and would have to wait while {size / 2**20:.0f} MiB are written; "
            "end workers first: timnet workers stop"
        )
    return vacuum(db)


def at_work(paths: RegistryPaths) -> list[str]:
    """The workers and runs whose locks are held, by the folders alone: the registry need not be readable."""
    return [*_workers(paths), *_runs(paths)]


def _workers(paths: RegistryPaths) -> Iterator[str]:
    for lock in paths.worker_locks():
        if is_held(lock):
            yield f"worker {lock.stem}"


def _runs(paths: RegistryPaths) -> Iterator[str]:
    folders = sorted(paths.runs.iterdir()) if paths.runs.is_dir() else []
    for folder in folders:
        if folder.is_dir() and is_held(RunPaths(folder).lock):
            yield f"run {folder.name}"


def open_in(db: Path) -> list[str]:
    """The other processes that have the registry open, as far as this user may see: ``process 4242 (python)``."""
    import os

    import psutil

    names = {str(db.absolute().with_name(db.name + suffix).resolve()) for suffix in ("", "-wal", "-shm")}
    found = []
    for process in psutil.process_iter(["pid", "name"]):
        if process.pid == os.getpid():
            continue
        try:
            opened = {file.path for file in process.open_files()}
        except (psutil.Error, OSError):  # it ended, or is somebody else's
            continue
        if opened & names:
            found.append(f"process {process.pid} ({process.info['name']})")
    return found
