"""Why a run waits, in words. Every waiting run can say it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from timnet.records import Run, RunState, Worker


def explain(runs: Sequence[Run], workers: Sequence[Worker]) -> list[Run]:
    """The same runs, each waiting one with ``waiting_for`` filled in; others have None."""
    return [_explained(run, workers) for run in runs]


def _explained(run: Run, workers: Sequence[Worker]) -> Run:
    why = reason(run, workers)
    return run if why == run.waiting_for else replace(run, waiting_for=why)


def reason(run: Run, workers: Sequence[Worker]) -> str | None:
    """What ``run`` waits for, or None when it does not wait."""
    if run.state is RunState.PAUSED:
        return f"you to resume it: timnet queue resume {run.key}"
    if run.state is not RunState.QUEUED:
        return None
    before = f"{run.waiting_for}; " if run.waiting_for else ""
    taking = [worker for worker in workers if worker.want is None]
    if not taking:
        return f"{before}no worker takes runs; start one: timnet work"
    jobs = sum(worker.jobs for worker in taking)
    busy = sum(len(worker.running) for worker in taking)
    if busy >= jobs:
        return f"{before}a free place ({busy} of {jobs} busy)"
    return f"{before}its turn"
