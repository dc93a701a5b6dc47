"""The training process: one attempt at one run, started by a worker, fenced by the registry.

It inherits the run's lock from the worker and so proves that it lives. It leaves when its worker is gone,
so that nobody trains unwatched: what it had is in the resume point.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from timnet.clock import AWAKE
from timnet.errors import (
    OUT_OF_ROOM,
    DiskFull,
    Fenced,
    OtherProgram,
    RegistryBusy,
    RegistryError,
    RegistryGone,
    TimnetError,
    as_disk_full,
    no_room,
)
from timnet.files import fenced
from timnet.machine.priority import step_back
from timnet.parent import kill_with_parent, when_orphaned
from timnet.records import EventKind, RunState, Want
from timnet.registry import Registry
from timnet.registry.journal import Journal
from timnet.states import INTENT_LEADS_TO
from timnet.training.journal import AttemptJournal

if TYPE_CHECKING:
    from timnet.provenance import Code

LOOK_SECONDS = 0.25
ORPHANED = 76

_WORDS = {
    Want.PAUSE: (EventKind.PAUSED, "paused by the user"),
    Want.CANCEL: (EventKind.CANCELLED, "cancelled by the user"),
    Want.STOP: (EventKind.REQUEUED, "given back to the queue"),
}


@dataclass(frozen=True, slots=True)
class Assignment:
    """What a worker tells its training process. ``parent`` is the worker's pid, ``nice`` as in the settings."""

    db: Path
    run_id: int
    attempt: int
    parent: int
    cache: Path
    threads: int
    nice: int = 0
    device: str = "auto"


class Ears:
    """What somebody wants of this process: rows in the registry, looked at a few times a second, and signals."""

    def __init__(self, journal: AttemptJournal) -> None:
        self._journal = journal
        self._next_look = 0.0
        self._signalled: Want | None = None
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal is for the front end
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def __call__(self) -> Want | None:
        """The want of the moment, cheap enough to ask between any two steps."""
        if self._signalled is not None:
            return self._journal.want() or self._signalled  # what the user asked for before comes first
        if time.monotonic() < self._next_look:
            return None
        self._next_look = time.monotonic() + LOOK_SECONDS
        return self._journal.want()

    def _on_signal(self, *_: object) -> None:
        self._signalled = Want.STOP


def leave_with(parent: int) -> None:
    """End this process as soon as its worker is gone: on Linux by the kernel, also where no thread can run any more."""
    kill_with_parent()
    AWAKE.watch()
    when_orphaned(parent, lambda: os._exit(ORPHANED), meanwhile=AWAKE.sign)


def execute(assignment: Assignment, say: Callable[[str], None]) -> int:
    """Train the assigned run as far as wanted and leave it in the right state; returns the exit status."""
    leave_with(assignment.parent)
    step_back(assignment.nice)
    try:
        with Registry.open(assignment.db) as registry:
            return _execute(assignment, registry, say)
    except DiskFull as error:  # not even room to open it, or to say how this ended
        say(str(error))
        return OUT_OF_ROOM


def _execute(assignment: Assignment, registry: Registry, say: Callable[[str], None]) -> int:
    journal = registry.journal(assignment.run_id, assignment.attempt)
    ears = Ears(journal)
    try:
        with fenced(journal.owning):
            _train(assignment, registry, journal, ears, say)
    except (Fenced, RegistryGone, RegistryBusy) as error:  # it has nothing more to say to the registry, or cannot
        say(str(error))
        return error.exit_code
    except Exception as error:
        return leave_run(journal, error, say)
    return 0


def leave_run(journal: AttemptJournal, error: Exception, say: Callable[[str], None]) -> int:
    """Put the run where the reason for leaving leads; a defect is raised again, for the log and the worker."""
    if isinstance(error, OtherProgram):
        say(str(error))
        journal.end(RunState.PAUSED, EventKind.PAUSED, str(error), error=str(error))
        return error.exit_code
    from timnet.training.fold import Interrupted

    if isinstance(error, Interrupted):
        kind, text = _WORDS[error.want]
        journal.end(INTENT_LEADS_TO[error.want], kind, text)
        say(text)
        return 0
    full = as_disk_full(error, "training")
    if full is not None:
        say(str(full))
        text = no_room(full)
        journal.end(RunState.PAUSED, EventKind.PAUSED, text, error=text)
        return full.exit_code
    if isinstance(error, TimnetError):
        say(str(error))
        journal.end(RunState.FAILED, EventKind.FAILED, str(error), error=str(error))
        return error.exit_code
    raise error


def _train(
    assignment: Assignment, registry: Registry, journal: Journal, ears: Ears, say: Callable[[str], None]
) -> None:
    run = registry.runs.by_id(assignment.run_id)
    experiment = registry.experiments.get(run.experiment_id)
    say(f"run {run.key}, attempt {assignment.attempt}: {run.corpus}, fold {run.fold} of {run.folds}")
    tell_changes(_queued_code(registry, experiment.id, say), journal, say)  # and go on: a defect may have been mended
    from timnet.machine.device import chosen
    from timnet.machine.known import Known
    from timnet.machine.shape import shape_of
    from timnet.training.device import prepare, usual

    corpus = registry.corpora.by_id(experiment.corpus_id)
    known, threads = Known(assignment.cache), assignment.threads
    note = prepare(
        assignment.device, threads, lambda: chosen(shape_of(corpus, experiment), known, threads, usual(), say)
    )
    from timnet.training.data import fold_of, load_corpus
    from timnet.training.fold import FoldJob, train_fold

    job = FoldJob(
        data=load_corpus(corpus, assignment.cache),
        fold=fold_of(corpus, experiment, run.fold),
        config=experiment.config,
        seed=experiment.seed,
        paths=registry.paths.run(run.uid),
    )
    train_fold(job, journal, ears, note, say)


def _queued_code(registry: Registry, experiment_id: int, say: Callable[[str], None]) -> Code | None:
    """What the experiment was queued with. It decides nothing here, so where it cannot be read the run goes on."""
    try:
        return registry.experiments.code(experiment_id)
    except RegistryError as error:
        say(str(error))
        return None


def tell_changes(queued: Code | None, journal: AttemptJournal, say: Callable[[str], None]) -> None:
    """Where this is not the code, or these are not the libraries, that the experiment was queued with, say so."""
    from timnet.provenance import differences, loaded

    text = "" if queued is None else differences(queued, loaded()).text
    if text:
        say(text)
        journal.event(EventKind.CODE_CHANGED, text)
