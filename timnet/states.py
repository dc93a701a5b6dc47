"""The state machine of a run, as data. The registry applies it; nothing else decides a transition.

Front ends never write the state of a running run: they leave an intent (``want``) that the training
process, or whoever later holds the run's lock, acts on.
"""

from __future__ import annotations

from enum import StrEnum

from timnet.records import EventKind, RunState, Want

Q, R, P, D, F, C = (
    RunState.QUEUED,
    RunState.RUNNING,
    RunState.PAUSED,
    RunState.DONE,
    RunState.FAILED,
    RunState.CANCELLED,
)


class Command(StrEnum):
    """What a user can ask of a run."""

    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"
    RETRY = "retry"


#: command -> (states it applies to at once, the state it leads to)
COMMANDS: dict[Command, tuple[frozenset[RunState], RunState]] = {
    Command.PAUSE: (frozenset({Q}), P),
    Command.RESUME: (frozenset({P}), Q),
    Command.CANCEL: (frozenset({Q, P}), C),
    Command.RETRY: (frozenset({F, C}), Q),
}

#: command -> the intent it leaves on a running run, where it may
INTENTS: dict[Command, Want] = {Command.PAUSE: Want.PAUSE, Command.CANCEL: Want.CANCEL}

#: where a running run goes when its process acts on an intent
INTENT_LEADS_TO: dict[Want, RunState] = {Want.PAUSE: P, Want.CANCEL: C, Want.STOP: Q}

#: what a run's history says when it leaves the state ``running`` without a result
KIND_OF_END: dict[RunState, EventKind] = {
    P: EventKind.PAUSED,
    C: EventKind.CANCELLED,
    Q: EventKind.REQUEUED,
    F: EventKind.FAILED,
}

#: every transition there is; the registry refuses all others
TRANSITIONS: frozenset[tuple[RunState, RunState]] = frozenset(
    {(Q, R), (R, D), (R, F), (R, P), (R, C), (R, Q), (F, Q), (C, Q)}
    | {(before, after) for befores, after in COMMANDS.values() for before in befores}
)

#: nothing more happens to a run in these states unless a user asks
ENDED: frozenset[RunState] = frozenset({D, F, C})


def after_crash(want: Want | None, crashes: int, max_crashes: int) -> RunState:
    """Where a run goes whose process died without a word. ``crashes`` includes this one."""
    if want is not None:
        return INTENT_LEADS_TO[want]
    return F if crashes >= max_crashes else Q
