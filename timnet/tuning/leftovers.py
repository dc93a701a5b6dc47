"""What trials leave that nobody will use: the resume points and best weights of those that were given up."""

from __future__ import annotations

from timnet.queue.liveness import try_lock, unlock
from timnet.records import Run
from timnet.registry import Registry
from timnet.states import ENDED


def drop_leftovers(registry: Registry, experiment_id: int) -> int | None:
    """Drop what the runs of an experiment would need to go on; logs, and all that finished folds' scores rest on, stay.

    Returns how many bytes that gave back, or None while one of its runs has not ended. A run that is retried all the
    same begins anew.
    """
    runs = registry.runs.of_experiment(experiment_id)
    if any(run.state not in ENDED for run in runs):
        return None
    freed = [_drop(registry, run) for run in runs]
    return None if None in freed else sum(one for one in freed if one is not None)


def _drop(registry: Registry, run: Run) -> int | None:
    """The same of one run; None while its process is still there."""
    paths = registry.paths.run(run.uid)
    files = paths.for_going_on()
    if not files:
        return 0
    lock = try_lock(paths.lock)
    if lock is None:
        return None
    try:
        registry.runs.forget_checkpoints(run.id)
        freed = 0
        for path in files:
            freed += path.stat().st_size
            path.unlink()
    finally:
        unlock(lock)
    return freed


def size_text(size: int) -> str:
    """``0.4 MB``, ``12 MB``, ``1.3 GB``."""
    if size >= 1e9:
        return f"{size / 1e9:.1f} GB"
    return f"{size / 1e6:.0f} MB" if size >= 1e7 else f"{size / 1e6:.1f} MB"
