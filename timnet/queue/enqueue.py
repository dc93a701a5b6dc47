"""Queueing what was planned, with the code that it is queued with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from timnet.errors import TimnetError
from timnet.paths import RegistryPaths
from timnet.provenance import Code, Found, keep_diff, on_disk
from timnet.records import Experiment
from timnet.registry import Registry
from timnet.registry.experiments import NewExperiment


def enqueue(registry: Registry, planned: Sequence[NewExperiment]) -> list[Experiment]:
    """Insert experiments and queue their runs, all of them or none, each with timnet's code as it is now.

    Asking git takes some milliseconds, at most two seconds where it hangs: call it in a thread where somebody waits.
    """
    if not planned:
        return []
    code = _kept(registry.paths, on_disk())
    return registry.experiments.create([replace(one, code=code) for one in planned])


def _kept(paths: RegistryPaths, found: Found) -> Code:
    """The code, its changes' text kept beside the registry; where that cannot be written, the code without it."""
    if found.diff is None or found.code.commit is None:
        return found.code
    try:
        keep_diff(paths, found.diff)
    except (OSError, TimnetError):
        return replace(found.code, commit=replace(found.code.commit, diff=None, cut=False))
    return found.code
