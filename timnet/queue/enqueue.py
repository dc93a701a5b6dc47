"""Queueing what was planned, with the code that it is queued with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from timnet.errors import TimnetError
from timnet.provenance import Code, keep_diff, on_disk
from timnet.records import Experiment
from timnet.registry import Registry
from timnet.registry.experiments import NewExperiment


class _NotKept(Exception):
    """The text of the changes cannot be written."""


def enqueue(registry: Registry, planned: Sequence[NewExperiment]) -> list[Experiment]:
    """Insert experiments and queue their runs, all of them or none, each with timnet's code as it is now.

    Asking git takes some milliseconds, at most two seconds where it hangs: call it in a thread where somebody waits.
    """
    if not planned:
        return []
    found = on_disk()
    try:
        return _create(registry, planned, found.code, found.diff)
    except _NotKept:
        assert found.code.commit is not None  # or there were no changes
        return _create(registry, planned, replace(found.code, commit=replace(found.code.commit, diff=None, cut=False)))


def _create(
    registry: Registry, planned: Sequence[NewExperiment], code: Code, diff: bytes | None = None
) -> list[Experiment]:
    """Queue them, then keep the text of the changes: what cannot be queued leaves nothing. Raises :class:`_NotKept`."""
    with registry.db.write():
        made = registry.experiments.create([replace(one, code=code) for one in planned])
        if diff is not None:
            try:
                keep_diff(registry.paths, diff)
            except (OSError, TimnetError) as error:
                raise _NotKept from error
    return made
