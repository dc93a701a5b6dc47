"""What the form and the queue ask of the registry. Called in a worker thread; each call opens its own connection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from timnet.queue import service
from timnet.queue.enqueue import enqueue
from timnet.queue.plan import Request, plan
from timnet.records import RunState, Worker
from timnet.registry import Registry
from timnet.registry.lineup import Held, Move, Spot
from timnet.settings import Jobs
from timnet_tui.attempts import attempt
from timnet_tui.messages import CommandEnded, Undo


@dataclass(frozen=True, slots=True)
class Queued:
    """What was queued; ``ids`` of experiments, none where it failed."""

    ended: CommandEnded
    ids: tuple[int, ...] = ()


def queue_experiments(db: Path, request: Request, jobs: Jobs | None) -> Queued:
    """Queue what ``request`` asks for; with ``jobs``, also start a worker where none takes runs."""
    ids: list[int] = []

    def job(registry: Registry) -> CommandEnded:
        made = enqueue(registry, plan(registry, request))
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
        service.take_back(registry, ids)
        return CommandEnded(f"took {_counted(len(ids), 'experiment')} back from the queue")

    return attempt(db, job)


def _with_worker(db: Path, jobs: Jobs, ended: CommandEnded) -> CommandEnded:
    """Start a worker if need be; what is queued stays queued when that fails."""

    def job(registry: Registry) -> CommandEnded:
        started = service.ensure_worker(registry, jobs)
        return CommandEnded("a worker has started" if started else "the worker takes them")

    worker = attempt(db, job)
    return CommandEnded(f"{ended.text}; {worker.text}", failed=worker.failed, undo=ended.undo)


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


# the order of the queue


def move(db: Path, keys: Sequence[str], *, move: Move) -> CommandEnded:
    """Move waiting runs; where they stood can be brought back."""
    return attempt(db, lambda registry: _moved(db, registry.lineup.move(keys, move), f"moved {WHERE[move]}"))


def shift_priority(db: Path, keys: Sequence[str], *, by: int) -> CommandEnded:
    """Raise or lower the priority of waiting runs."""

    def job(registry: Registry) -> CommandEnded:
        spots = registry.lineup.shift_priority(keys, by)
        now = sorted({spot.priority + by for spot in spots})
        return _moved(db, spots, f"priority {', '.join(map(str, now))}")

    return attempt(db, job)


def _moved(db: Path, spots: Sequence[Spot], done: str) -> CommandEnded:
    if not spots:
        return CommandEnded("nothing to move: it stands there already", failed=True)
    keys = [spot.key for spot in spots]
    named = keys[0] if len(keys) == 1 else _counted(len(keys), "run")
    return CommandEnded(f"{named}: {done}", undo=Undo("the order", partial(_put_back, db, tuple(spots))))


def _put_back(db: Path, spots: Sequence[Spot]) -> CommandEnded:
    def job(registry: Registry) -> CommandEnded:
        registry.lineup.put_back(spots)
        return CommandEnded("the order is as it was")

    return attempt(db, job)


WHERE = {Move.UP: "up", Move.DOWN: "down", Move.TOP: "to the top", Move.BOTTOM: "to the end"}


def hold_or_release(db: Path) -> CommandEnded:
    """Pause all that wait, and ask all that train to pause; where nothing does either, queue all that is paused again.

    Which of the two it is, the registry says: what a screen shows of it may be older than the key.
    """

    def job(registry: Registry) -> CommandEnded:
        counts = registry.runs.counts()
        if counts[RunState.QUEUED] or counts[RunState.RUNNING]:
            return _hold_all(db, registry)
        if counts[RunState.PAUSED]:
            return _released(registry.lineup.release())
        return CommandEnded("nothing waits, trains or is paused", failed=True)

    return attempt(db, job)


def _hold_all(db: Path, registry: Registry) -> CommandEnded:
    held = registry.lineup.hold_all()
    told = [f"paused {_counted(len(held.paused), 'run')}"] if held.paused else []
    told += [f"asked {_counted(len(held.asked), 'run')} to pause after the epoch"] if held.asked else []
    if not told:
        return CommandEnded("nothing to hold: all were asked to pause already", failed=True)
    said = "\n".join([", ".join(told), *service.unheard(registry, registry.runs.by_ids(held.asked))])
    return CommandEnded(said, undo=Undo("the queue", partial(_release_held, db, held)))


def _release_held(db: Path, held: Held) -> CommandEnded:
    return attempt(db, lambda registry: _released(registry.lineup.release(held)))


def _released(freed: Held) -> CommandEnded:
    return CommandEnded(f"{_counted(len(freed.paused) + len(freed.asked), 'run')} released")


def end_worker(db: Path, worker: Worker, *, drain: bool) -> CommandEnded:
    """Ask one worker to end: at once, or after the runs it is at."""

    def job(registry: Registry) -> CommandEnded:
        service.stop_worker(registry, worker.uid, drain=drain)
        if worker.engine != "local":
            then = "after its jobs" if drain else "and its jobs go on"
            return CommandEnded(f"the head of {worker.engine} ends {then}")
        when = "after its runs" if drain else "and gives its runs back"
        return CommandEnded(f"worker {worker.pid} ends {when}")

    return attempt(db, job)
