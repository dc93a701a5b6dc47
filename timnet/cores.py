"""The cores that this process may use, and how libraries are held to a number of threads."""

from __future__ import annotations

import os

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)


def cores() -> int:
    """The cores that this process may use: a cluster's job is given fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1


def pinned(threads: int) -> dict[str, str]:
    """Environment variables for a process whose libraries are to use so many threads each.

    Libraries read them when they are loaded, so they are set for a child, or before the first import.
    """
    return dict.fromkeys(THREAD_VARIABLES, str(threads))


def for_training(threads: int) -> dict[str, str]:
    """The environment of a training process: runs at once must not fight for cores, and its log is written at once."""
    return {**os.environ, **pinned(threads), "TF_CPP_MIN_LOG_LEVEL": "2", "PYTHONUNBUFFERED": "1"}
