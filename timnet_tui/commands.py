"""What the screens ask of the queue. Called in a worker thread; each call opens its own connection."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from timnet.queue import service
from timnet.records import Run, RunState
from timnet.registry import Registry
from timnet.registry.taking_back import take_back
from timnet.settings import Jobs
from timnet.states import Command
from timnet_tui import wording
from timnet_tui.attempts import attempt
from timnet_tui.messages import CommandEnded, Undo


def apply(db: Path, command: Command, keys: Sequence[str]) -> CommandEnded:
    """Apply ``command`` to the runs that can take it, and say what happened."""

    def job(registry: Registry) -> CommandEnded:
        with registry.db.write():
            before = [registry.runs.get(key) for key in keys]
            outcomes, passed = service.command_where_it_applies(registry, command, keys)
        changed = {one.key for one in outcomes}
        concerned = tuple(run for run in before if run.key in changed)
        undo = Undo(f"the {command}", partial(unapply, db, command, concerned)) if concerned else None
        said = "\n".join([wording.outcome(outcomes, passed), *service.heads_missing(registry, outcomes)])
        return CommandEnded(said, failed=not outcomes, undo=undo)

    return attempt(db, job)


def unapply(db: Path, command: Command, before: Sequence[Run]) -> CommandEnded:
    """Make runs what they were before ``command``, where nothing has happened to them since, and say what became so."""

    def job(registry: Registry) -> CommandEnded:
        outcomes, passed = take_back(registry, command, before)
        said = wording.outcome(outcomes, passed)
        return CommandEnded(f"taken back; {said}" if outcomes else f"too late: {said}", failed=not outcomes)

    return attempt(db, job)


def start_worker(db: Path, jobs: Jobs) -> CommandEnded:
    """Start a worker that outlives this terminal, where anything waits for one."""

    def job(registry: Registry) -> CommandEnded:
        if not registry.runs.counts()[RunState.QUEUED]:
            return CommandEnded("nothing waits, so a worker would end at once", failed=True)
        pid = service.start_worker(db, jobs)
        return CommandEnded(f"a worker has started (pid {pid}, {wording.at_once(jobs)})")

    return attempt(db, job)
