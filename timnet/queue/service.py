"""What front ends ask of the queue: start and stop workers, apply commands, look at what waits."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from timnet.errors import BadInput, DiskFull, RegistryBusy
from timnet.paths import RegistryPaths
from timnet.queue import liveness, waiting
from timnet.queue.engines.choose import Asked
from timnet.records import Experiment, Run, RunState, Worker
from timnet.registry import Registry
from timnet.registry.runs import Outcome
from timnet.settings import Jobs
from timnet.states import Command

START_SECONDS = 30.0
"""How long a worker may take to announce itself; a head asks its engine first."""


@dataclass(frozen=True, slots=True)
class QueueView:
    """The queue as it is now: runs with the reason each waits for, and the workers that live."""

    runs: tuple[Run, ...]
    workers: tuple[Worker, ...]


def look(
    registry: Registry, max_crashes: int, filter_text: str = "", *, sort: str = "id", limit: int | None = None
) -> QueueView:
    """List runs truthfully: first the dead are found, then the living are listed with their reasons."""
    with suppress(DiskFull, RegistryBusy):  # a list can be read where nothing can be written
        liveness.reap(registry, max_crashes)
    alive = liveness.workers(registry)
    runs = registry.runs.ls(filter_text, sort=sort, limit=limit)
    return QueueView(tuple(waiting.explain(runs, alive)), tuple(alive))


def expand_ids(registry: Registry, ids: Sequence[str]) -> list[str]:
    """Run ids from what a user types: ``7.3`` (a run), ``7`` (all its folds), ``7.1-4`` (a range of folds).

    Raises :class:`BadInput` for another form and :class:`timnet.errors.UnknownName` for what is not there.
    """
    keys: list[str] = []
    for text in ids:
        experiment, dot, folds = text.partition(".")
        first, dash, last = folds.partition("-")
        numbers = [experiment] + ([first] if dot else []) + ([last] if dash else [])
        if not all(number.isdecimal() and len(number) < 10 for number in numbers):
            raise BadInput(
                f"{text!r} is no id; ids look like 7 (an experiment), 7.3 (its fold 3) or 7.1-4 (folds 1 to 4)"
            )
        if not dot:
            registry.experiments.get(int(experiment))
            keys += [run.key for run in registry.runs.of_experiment(int(experiment))]
        elif dash:
            chosen = [
                run.key for run in registry.runs.of_experiment(int(experiment)) if int(first) <= run.fold <= int(last)
            ]
            if not chosen:
                raise BadInput(f"experiment {experiment} has no folds {folds} here")
            keys += chosen
        else:
            keys.append(registry.runs.get(text).key)
    return list(dict.fromkeys(keys))


def command_where_it_applies(
    registry: Registry, command: Command, keys: Sequence[str]
) -> tuple[list[Outcome], list[str]]:
    """Apply ``command`` to the runs that can take it; returns what happened and why others were passed over.

    A single run that cannot take it raises :class:`BadInput`: then the user meant just that run.
    """
    if len(keys) == 1:
        return registry.runs.command(command, keys), []
    return _each(registry, command, keys)


def heads_missing(registry: Registry, outcomes: Sequence[Outcome]) -> list[str]:
    """What to tell after a command; see :func:`unheard`."""
    asked = {one.key for one in outcomes if one.intent}
    return unheard(registry, [run for run in registry.runs.running() if run.key in asked]) if asked else []


def unheard(registry: Registry, runs: Iterable[Run]) -> list[str]:
    """What to tell where a wish is for runs elsewhere and no head passes it on; usually nothing.

    No head is started for it: one would hand waiting runs over as well, with an account, partition or address that
    nobody has named now.
    """
    return [
        f"no head for {engine} lives; {'it' if count == 1 else f'{count} runs'} will hear of it when there is one: "
        f"{waiting.start_head(engine)}"
        for engine, count in waiting.without_head(runs, liveness.workers(registry)).items()
    ]


#: the states that a command is for when it is given to every run
EVERY = {
    Command.PAUSE: "state:queued,running",
    Command.RESUME: "state:paused",
    Command.CANCEL: "state:queued,running,paused",
    Command.RETRY: "state:failed",
}


def command_every(registry: Registry, command: Command) -> tuple[list[Outcome], list[str]]:
    """Apply ``command`` to every run that can take it (retry: to every failed one); returns as above."""
    return _each(registry, command, [run.key for run in registry.runs.ls(EVERY[command])])


def _each(registry: Registry, command: Command, keys: Sequence[str]) -> tuple[list[Outcome], list[str]]:
    outcomes: list[Outcome] = []
    passed: list[str] = []
    with registry.db.write():  # one transaction, as there may be thousands; who is refused is left unchanged
        for key in keys:
            try:
                outcomes += registry.runs.command(command, [key])
            except BadInput as error:
                passed.append(str(error))
    return outcomes, passed


def remove_experiments(registry: Registry, ids: Sequence[int]) -> None:
    """Hide experiments until :func:`restore_experiments`; their files stay.

    All or none: none while a run of one is running.
    """
    registry.experiments.remove(ids)


def restore_experiments(registry: Registry, ids: Sequence[int]) -> list[Experiment]:
    """Bring removed experiments back as they were; runs that had waited wait again. All or none."""
    return registry.experiments.restore(ids)


def delete_experiments(registry: Registry, ids: Sequence[int]) -> None:
    """Delete experiments for good, with their runs and then the runs' files.

    All or none: none while a run of one is running.
    """
    with registry.db.write():
        uids = [uid for experiment_id in ids for uid in registry.experiments.delete(experiment_id)]
    _drop_files(registry, uids)


def take_back(registry: Registry, ids: Sequence[int]) -> None:
    """Delete experiments that have just been queued: all of them, or none once a run of one has started.

    Raises :class:`BadInput` naming that run.
    """
    with registry.db.write():
        uids = []
        for experiment_id in ids:
            for run in registry.runs.of_experiment(experiment_id):
                if run.attempt or run.state is RunState.RUNNING:
                    raise BadInput(f"run {run.key} has started; cancel it instead: timnet queue cancel {run.key}")
            uids += registry.experiments.delete(experiment_id)
    _drop_files(registry, uids)


def _drop_files(registry: Registry, uids: Sequence[str]) -> None:
    for uid in uids:
        shutil.rmtree(registry.paths.run(uid).folder, ignore_errors=True)


def start_worker(db: Path, jobs: Jobs, *, stay: bool = False) -> int:
    """Start a worker in a session of its own, which outlives this terminal; returns its pid.

    ``jobs``: how many runs at once, or "auto". Raises :class:`BadInput` with its last words when it ends at once.
    """
    return _start(db, "timnet.queue.worker", [f"--jobs={jobs}"], stay=stay)


def start_head(db: Path, asked: Asked, *, stay: bool = False) -> int:
    """Start the head of an engine of other machines, as :func:`start_worker` does a worker."""
    arguments = [f"--engine={asked.engine}", f"--options={json.dumps(dict(asked.options))}", f"--jobs={asked.jobs}"]
    shared = [] if asked.shared is None else [f"--shared={asked.shared.absolute()}"]
    return _start(db, "timnet.queue.head", [*arguments, *shared], stay=stay)


def _start(db: Path, module: str, arguments: Sequence[str], *, stay: bool) -> int:
    uid = liveness.new_worker_uid()
    log = RegistryPaths(db.absolute()).worker_log(uid)
    log.parent.mkdir(parents=True, exist_ok=True)
    common = [f"--db={db.absolute()}", f"--uid={uid}", *(["--stay"] if stay else [])]
    with log.open("wb") as out:
        worker = subprocess.Popen(
            [sys.executable, "-m", module, *common, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and worker.poll() is None:
        with Registry.open(db) as registry:
            if any(one.uid == uid for one in liveness.workers(registry)):
                return worker.pid
        time.sleep(0.05)
    if worker.poll() not in (None, 0):
        said = log.read_text(errors="replace").strip().splitlines()
        raise BadInput(_last_words(said[-1] if said else "", log))
    return worker.pid


def _last_words(said: str, log: Path) -> str:
    """What a worker that ended at once has said: its own complaint, else where its log is."""
    complaint = said.removeprefix("timnet: ")
    return complaint if complaint != said else f"the worker ended at once: {said or 'it said nothing'} (see {log})"


def ensure_worker(registry: Registry, jobs: Jobs) -> bool:
    """Start a worker if runs wait and none takes them; returns whether one was started."""
    if not registry.runs.counts()[RunState.QUEUED]:
        return False
    if any(worker.want is None for worker in liveness.workers(registry)):
        return False
    start_worker(registry.paths.db, jobs)
    return True


def stop_workers(registry: Registry, *, drain: bool = False) -> list[Worker]:
    """Ask all workers here to end: after their current runs (``drain``), or giving them back to the queue."""
    asked = liveness.workers(registry)
    for worker in asked:
        registry.workers.want(worker.uid, "drain" if drain else "stop")
    return asked


def stop_worker(registry: Registry, uid: str, *, drain: bool = False) -> Worker:
    """Ask one worker to end. ``uid`` may be the beginning of its id, or its pid.

    Raises :class:`BadInput` where none lives, or several, that are called so.
    """
    alive = liveness.workers(registry)
    named = [worker for worker in alive if uid and (worker.uid.startswith(uid) or str(worker.pid) == uid)]
    if len(named) != 1:
        there = ", ".join(f"{worker.uid} (pid {worker.pid})" for worker in named or alive) or "none"
        raise BadInput(f"{uid!r} names {len(named) or 'no'} living workers; there are: {there}")
    registry.workers.want(named[0].uid, "drain" if drain else "stop")
    return named[0]
