"""The state machine as data: what users may do leads where the table of transitions says."""

from __future__ import annotations

import pytest

from timnet.records import RunState, Want
from timnet.states import COMMANDS, ENDED, INTENT_LEADS_TO, INTENTS, TRANSITIONS, Command, after_crash

Q, R, P, D, F, C = (RunState(name) for name in ("queued", "running", "paused", "done", "failed", "cancelled"))


def test_these_are_all_transitions() -> None:
    expected = {(Q, R), (Q, P), (Q, C), (P, Q), (P, C), (R, D), (R, F), (R, P), (R, C), (R, Q), (F, Q), (C, Q)}
    assert expected == TRANSITIONS


def test_no_command_touches_a_running_or_a_done_run() -> None:
    assert set(COMMANDS) == set(Command)
    assert all(not befores & {R, D} for befores, _ in COMMANDS.values())
    assert all(before is not D for before, _ in TRANSITIONS)


def test_every_intent_leads_out_of_running() -> None:
    assert set(INTENT_LEADS_TO) == set(Want)
    assert all((R, state) in TRANSITIONS for state in INTENT_LEADS_TO.values())
    assert set(INTENTS.values()) == {Want.PAUSE, Want.CANCEL}, "only a worker asks a run to stop"


def test_what_has_ended_needs_a_user_to_go_on() -> None:
    assert {D, F, C} == ENDED


@pytest.mark.parametrize(
    ("want", "crashes", "most", "state"),
    [
        (None, 1, 5, Q), (None, 4, 5, Q), (None, 5, 5, F), (None, 9, 5, F), (None, 1, 1, F),
        (Want.PAUSE, 9, 5, P), (Want.CANCEL, 9, 5, C), (Want.STOP, 9, 5, Q),
    ],
)  # fmt: skip
def test_a_crash_requeues_fails_or_does_what_was_wanted(
    want: Want | None, crashes: int, most: int, state: RunState
) -> None:
    assert after_crash(want, crashes, most) is state
