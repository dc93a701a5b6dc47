"""Why a run waits, and where it is, in words. Every waiting run can say it, whatever engine trains it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from timnet.records import Run, RunState, Worker

HERE = frozenset({None, "", "local", "import"})
"""Engines whose runs need no head."""


def explain(runs: Sequence[Run], workers: Sequence[Worker]) -> list[Run]:
    """The same runs, each waiting one with ``waiting_for`` filled in; others have None.

    A running one waits too while its job does in an engine of other machines (:attr:`timnet.records.Run.submitted`).
    """
    return [_explained(run, workers) for run in runs]


def _explained(run: Run, workers: Sequence[Worker]) -> Run:
    why = reason(run, workers)
    return run if why == run.waiting_for else replace(run, waiting_for=why)


def reason(run: Run, workers: Sequence[Worker]) -> str | None:
    """What ``run`` waits for, or None when it does not wait."""
    if run.submitted:
        return run.waiting_for if has_head(run.engine, workers) else f"{run.waiting_for}, when a head last looked"
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


def in_engine(engine: str, told: str) -> str:
    """Why a job waits, in its engine's own words, after the engine's name: ``Slurm: Resources``."""
    name = engine.capitalize()
    return told if told.startswith(name) else f"{name}: {told or 'no reason told'}"


def whereabouts(run: Run) -> str:
    """``slurm job 12_3 on node7, pid 4711``: the engine, its job, the machine and the process, as far as known."""
    parts = [run.engine or ""]
    if run.job:
        parts.append(f"job {run.job}")
    if run.node and not run.submitted:
        parts.append(f"on {run.node}{f', pid {run.pid}' if run.pid else ''}")
    return " ".join(part for part in parts if part)


# heads


def has_head(engine: str | None, workers: Iterable[Worker]) -> bool:
    """Whether somebody looks after the runs of ``engine``, as far as that needs somebody: it is here, or has a head."""
    return engine in HERE or any(worker.engine == engine for worker in workers)


def without_head(runs: Iterable[Run], workers: Sequence[Worker]) -> Mapping[str, int]:
    """How many running runs of each engine nobody looks after: they go on, and no word of them comes in."""
    engines = (run.engine or "" for run in runs if run.state is RunState.RUNNING)
    return Counter(engine for engine in engines if not has_head(engine, workers))


def alone(run: Run, workers: Iterable[Worker]) -> str:
    """What to do where ``run`` goes on elsewhere and no head brings in what it does; empty where that is not so."""
    if run.state is not RunState.RUNNING or has_head(run.engine, workers):
        return ""
    return f"nothing of it comes in; start one: {start_head(run.engine or '')}"


def start_head(engine: str) -> str:
    """How to start a head."""
    return f"timnet work --engine {engine}"
