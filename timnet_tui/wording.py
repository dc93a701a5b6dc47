"""The sentences that screens say about runs. Pure, so that tests read them without a screen."""

from __future__ import annotations

from collections.abc import Sequence

from timnet.records import Run, RunState, Want
from timnet.registry.runs import Outcome
from timnet.selection import selection_text
from timnet.settings import AUTO, Jobs
from timnet.states import COMMANDS, Command
from timnet.text import clean

WANTED = {Want.PAUSE: "asked to pause", Want.CANCEL: "asked to cancel", Want.STOP: "asked to go back to the queue"}
NAMES_AT_MOST = 4
SUBMITTED = "submitted"
"""In the place of a state: of a run that waits in an engine of other machines."""


def percent(score: float | None, digits: int = 1) -> str:
    """A score in per cent, or a dash."""
    return "–" if score is None else f"{100 * score:.{digits}f}"


def state_of(run: Run) -> str:
    """The state in words, with what has been asked of it."""
    return f"{standing_of(run)}, {WANTED[run.want]}" if run.want else standing_of(run)


def standing_of(run: Run) -> str:
    """The state in a word."""
    return SUBMITTED if run.submitted else str(run.state)


def selection_of(selection: str, *, optimistic: bool) -> str:
    """The selection rule as it stands beside every score."""
    return selection_text(selection, optimistic, " optimistic")


def at_once(jobs: Jobs, *, more: bool = False) -> str:
    """How many runs a worker trains."""
    if jobs == AUTO:
        return f"as many{' more' if more else ''} at once as are best here"
    return f"{jobs}{' more' if more else ''} at once"


def outcome(outcomes: Sequence[Outcome], passed: Sequence[str]) -> str:
    """What a command did, in a line or two."""
    lines = []
    for text, keys in _grouped(outcomes).items():
        lines.append(f"{_names(keys)}: {text}")
    if passed:
        lines.append(f"{len(passed)} passed over: {passed[0]}")
    return clean_lines(lines) or "nothing to do"


def cancel_question(runs: Sequence[Run]) -> tuple[str, str] | None:
    """What to ask before cancelling, or None when no training is lost."""
    training = [run for run in runs if run.state is RunState.RUNNING and not run.submitted]
    if not training:
        return None
    if len(runs) == 1:
        run = training[0]
        return f"Cancel run {run.key}?", f"It is training and has finished epoch {run.epoch} of {run.epochs}."
    concerned = [run for run in runs if run.state is RunState.RUNNING or run.state in COMMANDS[Command.CANCEL][0]]
    waiting = len(concerned) - len(training)
    keys = _names([run.key for run in training])
    return (
        f"Cancel {len(concerned)} runs of experiment {runs[0].experiment_id}?",
        f"Training: {keys}." + (f" Waiting or paused: {waiting}." if waiting else ""),
    )


def clean_lines(lines: Sequence[str]) -> str:
    """Lines made safe one by one, so that their breaks stay."""
    return "\n".join(clean(line) for line in lines)


def _grouped(outcomes: Sequence[Outcome]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for one in outcomes:
        text = f"{WANTED[one.intent]}, within an epoch" if one.intent else f"now {one.now}"
        groups.setdefault(text, []).append(one.key)
    return groups


def _names(keys: Sequence[str]) -> str:
    more = len(keys) - NAMES_AT_MOST
    return ", ".join(keys[:NAMES_AT_MOST]) + (f" and {more} more" if more > 0 else "")
