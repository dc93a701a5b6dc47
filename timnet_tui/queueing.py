"""What the form and the queue ask of the registry. Called in a worker thread; each call opens its own connection."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from timnet.errors import TimnetError
from timnet.queue import service
from timnet.queue.plan import Request, plan, take_back
from timnet.registry import Registry
from timnet.text import clean
from timnet_tui.messages import CommandEnded, Undo


@dataclass(frozen=True, slots=True)
class Queued:
    """What was queued; ``ids`` of experiments, none where it failed."""

    ended: CommandEnded
    ids: tuple[int, ...] = ()


def attempt(db: Path, job: Callable[[Registry], CommandEnded]) -> CommandEnded:
    """Do ``job``; whatever goes wrong is told to the user and does not end the screen."""
    try:
        if not db.exists():
            return CommandEnded(f"{clean(str(db))} is gone", failed=True)
        with Registry.open(db) as registry:
            return job(registry)
    except Exception as error:
        text = str(error) if isinstance(error, TimnetError) else f"{type(error).__name__}: {error}"
        return CommandEnded(clean(text), failed=True)


def queue_experiments(db: Path, request: Request, jobs: int | None) -> Queued:
    """Queue what ``request`` asks for; with ``jobs``, also start a worker where none takes runs."""
    ids: list[int] = []

    def job(registry: Registry) -> CommandEnded:
        made = registry.experiments.create(plan(registry, request))
        ids.extend(one.id for one in made)
        runs = sum(len(registry.runs.of_experiment(experiment_id)) for experiment_id in ids)
        text = f"queued {_counted(len(ids), 'experiment')}, {_counted(runs, 'run')}"
        return CommandEnded(text, undo=Undo("the experiments", partial(unqueue, db, tuple(ids))))

    ended = attempt(db, job)
    if ids and jobs is not None:
        ended = _with_worker(db, jobs, ended)
    return Queued(ended, tuple(ids))


def unqueue(db: Path, ids: Sequence[int]) -> CommandEnded:
    """Delete what was just queued, unless a run of it has started."""

    def job(registry: Registry) -> CommandEnded:
        take_back(registry, ids)
        return CommandEnded(f"took {_counted(len(ids), 'experiment')} back from the queue")

    return attempt(db, job)


def _with_worker(db: Path, jobs: int, ended: CommandEnded) -> CommandEnded:
    """Start a worker if need be; what is queued stays queued when that fails."""

    def job(registry: Registry) -> CommandEnded:
        started = service.ensure_worker(registry, jobs)
        return CommandEnded("a worker has started" if started else "the worker takes them")

    worker = attempt(db, job)
    return CommandEnded(f"{ended.text}; {worker.text}", failed=worker.failed, undo=ended.undo)


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
