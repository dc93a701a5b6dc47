"""Taking a command back: runs become what they were before it, as long as nothing has happened to them since."""

from __future__ import annotations

from collections.abc import Iterable

from timnet.clock import now
from timnet.errors import UnknownName
from timnet.records import EventKind, Run, RunState
from timnet.registry.registry import Registry
from timnet.registry.runs import Outcome
from timnet.states import COMMANDS, INTENT_LEADS_TO, INTENTS, Command

TEXT = "the command was taken back"


def take_back(registry: Registry, command: Command, before: Iterable[Run]) -> tuple[list[Outcome], list[str]]:
    """Undo ``command`` on runs that were as ``before`` tells; returns what happened, and why others are as they are.

    A run that has started since stays as it is. One that trained and has meanwhile paused or ended as it was asked to
    is queued again, and goes on after its last epoch; or is what an earlier wish, which the command had replaced,
    would have made of it.
    """
    outcomes: list[Outcome] = []
    passed: list[str] = []
    with registry.db.write():
        for was in before:
            try:
                done = _one(registry, command, was)
            except UnknownName as error:
                passed.append(str(error))
                continue
            if done is None:
                passed.append(f"run {was.key} is {registry.runs.by_id(was.id).state} by now")
            else:
                outcomes.append(done)
    return outcomes, passed


def _one(registry: Registry, command: Command, was: Run) -> Outcome | None:
    run = registry.runs.by_id(was.id)
    if run.attempt != was.attempt:
        return None
    if was.state is not RunState.RUNNING:
        same = run.state is COMMANDS[command][1] and run.want is None
        return _set(registry, run, was, was.state) if same else None
    want = INTENTS.get(command)
    if run.state is RunState.RUNNING:
        return _set(registry, run, was, RunState.RUNNING) if run.want is want else None
    obeyed = want is not None and run.state is INTENT_LEADS_TO[want]
    to = RunState.QUEUED if was.want is None else INTENT_LEADS_TO[was.want]
    return _set(registry, run, was, to) if obeyed else None


def _set(registry: Registry, run: Run, was: Run, to: RunState) -> Outcome:
    want = was.want if to is RunState.RUNNING else None
    # of one that has trained since, these tell of now
    crashes, error = (run.crashes, None) if was.state is RunState.RUNNING else (was.crashes, was.error)
    registry.db.changed(
        "UPDATE runs SET state = ?, want = ?, crashes = ?, error = ?, updated = ? WHERE id = ? RETURNING id",
        (to, want, crashes, error, now(), run.id),
    )
    attempt = run.attempt if to is RunState.RUNNING else None
    registry.runs.event(run.id, EventKind.INTENT, TEXT, attempt=attempt, epoch=run.epoch or None)
    return Outcome(run.key, to, want)
