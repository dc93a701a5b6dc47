"""Users' commands, claims, and what becomes of a run whose process died."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from tests.support import PROOF, add_corpus, add_experiment, epoch_record, start_next
from timnet.errors import BadInput
from timnet.queue.service import command_where_it_applies, expand_ids
from timnet.records import EventKind, RunState, Want
from timnet.registry import Registry
from timnet.registry.runs import Outcome
from timnet.states import Command


@pytest.fixture
def queue(registry: Registry) -> Registry:
    """Experiment 1 of ten queued folds."""
    add_experiment(registry, add_corpus(registry))
    return registry


def claim(registry: Registry, lock=lambda _uid: 0):  # type: ignore[no-untyped-def]
    return registry.runs.claim(lock, PROOF, "local", "w1")


def die(registry: Registry, run_id: int, *, max_crashes: int = 3, back_off: float = 0.0) -> RunState | None:
    run = registry.runs.by_id(run_id)
    return registry.runs.reap(
        run_id, run.attempt, exit_code=-9, error="killed", max_crashes=max_crashes, back_off=back_off
    )


def kinds(registry: Registry, run_id: int) -> list[str]:
    return [event.kind for event in registry.results.events(run_id)]


def test_commands_change_waiting_runs_at_once(queue: Registry) -> None:
    def state_after(command: Command) -> RunState:
        [outcome] = queue.runs.command(command, ["1.4"])
        run = queue.runs.get("1.4")
        assert outcome == Outcome("1.4", run.state)
        return run.state

    assert state_after(Command.PAUSE) is RunState.PAUSED
    assert state_after(Command.RESUME) is RunState.QUEUED
    assert state_after(Command.CANCEL) is RunState.CANCELLED
    assert state_after(Command.RETRY) is RunState.QUEUED
    assert kinds(queue, queue.runs.get("1.4").id) == ["queued", "paused", "queued", "cancelled", "retried"]


def test_a_command_for_several_runs_is_for_all_or_none(queue: Registry) -> None:
    queue.runs.command(Command.CANCEL, ["1.3"])
    with pytest.raises(BadInput, match=r"cannot pause run 1\.3: it is cancelled, and pause is for runs that are q"):
        queue.runs.command(Command.PAUSE, ["1.1", "1.2", "1.3"])
    assert [queue.runs.get(key).state for key in ("1.1", "1.2")] == [RunState.QUEUED] * 2
    outcomes, passed = command_where_it_applies(queue, Command.PAUSE, ["1.1", "1.2", "1.3"])
    assert [outcome.key for outcome in outcomes] == ["1.1", "1.2"]
    assert len(passed) == 1
    with pytest.raises(BadInput, match="it is cancelled"):
        command_where_it_applies(queue, Command.PAUSE, ["1.3"])


def test_a_running_run_only_gets_an_intent_and_the_last_word_counts(queue: Registry) -> None:
    run_id = start_next(queue)
    journal = queue.journal(run_id, 1)
    assert journal.want() is None
    for command, want in ((Command.PAUSE, Want.PAUSE), (Command.CANCEL, Want.CANCEL), (Command.PAUSE, Want.PAUSE)):
        assert queue.runs.command(command, ["1.1"]) == [Outcome("1.1", RunState.RUNNING, want)]
        assert journal.want() is want
    assert queue.runs.command(Command.RESUME, ["1.1"]) == [Outcome("1.1", RunState.RUNNING)]
    assert journal.want() is None
    with pytest.raises(BadInput, match="cannot resume"):
        queue.runs.command(Command.RESUME, ["1.1"])
    with pytest.raises(BadInput, match="cannot retry"):
        queue.runs.command(Command.RETRY, ["1.1"])


def test_a_worker_that_ends_never_overrules_a_user(queue: Registry) -> None:
    first, second = start_next(queue), start_next(queue)
    queue.runs.command(Command.CANCEL, ["1.1"])
    queue.runs.want_stop([first, second, queue.runs.get("1.3").id])
    assert [queue.runs.get(key).want for key in ("1.1", "1.2", "1.3")] == [Want.CANCEL, Want.STOP, None]
    queue.runs.command(Command.PAUSE, ["1.2"])
    assert queue.runs.get("1.2").want is Want.PAUSE


def test_the_most_urgent_run_is_claimed_first_then_the_oldest(queue: Registry) -> None:
    queue.runs.prioritise(["1.7"], 5)
    queue.runs.prioritise(["1.9"], None)
    queue.runs.command(Command.PAUSE, ["1.1"])
    order = []
    while (found := claim(queue)) is not None:
        order.append(found[0].key)
    assert order == ["1.9", "1.7", "1.2", "1.3", "1.4", "1.5", "1.6", "1.8", "1.10"]
    with pytest.raises(BadInput, match=r"cannot move run 1\.9: it is running"):
        queue.runs.prioritise(["1.1", "1.9"], 7)
    assert queue.runs.get("1.1").priority == 0
    assert claim(queue) is None


def test_a_run_whose_lock_somebody_holds_is_passed_over(queue: Registry) -> None:
    held = {queue.runs.get(key).uid for key in ("1.1", "1.2")}
    found = claim(queue, lambda uid: None if uid in held else 17)
    assert found is not None
    assert (found[0].key, found[1]) == ("1.3", 17)
    assert claim(queue, lambda _uid: None) is None
    assert queue.runs.get("1.1").attempt == 0


def test_a_claim_tells_who_tries_and_from_where(queue: Registry) -> None:
    run_id = start_next(queue)
    queue.journal(run_id, 1).epoch(epoch_record(1))
    die(queue, run_id)
    found = claim(queue)
    assert found is not None
    assert (found[0].run_id, found[0].attempt, found[0].from_epoch) == (run_id, 2, 1)
    run = queue.runs.by_id(run_id)
    assert (run.state, run.engine, run.host, run.pid) == (RunState.RUNNING, "local", PROOF.host, None)
    queue.runs.started(found[0], replace(PROOF, pid=77))
    assert queue.runs.by_id(run_id).pid == 77
    proof = queue.db.row(
        "SELECT host, boot_id, pid, pid_started FROM attempts WHERE run_id = ? AND attempt = 2", (run_id,)
    )
    assert proof == {"host": "testhost", "boot_id": "boot-1", "pid": 77, "pid_started": 1000.0}
    first, second = queue.results.attempts(run_id)
    assert (first.outcome, first.exit_code, first.ended is None) == ("crashed", -9, False)
    assert (second.outcome, second.from_epoch, second.worker, second.ended) == (None, 1, "w1", None)


def test_a_dead_run_waits_again_with_its_reason_and_goes_on_after_its_last_epoch(queue: Registry) -> None:
    run_id = start_next(queue)
    journal = queue.journal(run_id, 1)
    for epoch in (1, 2, 3):
        journal.epoch(epoch_record(epoch))
    assert die(queue, run_id) is RunState.QUEUED
    run = queue.runs.by_id(run_id)
    assert (run.state, run.epoch, run.crashes, run.error) == (RunState.QUEUED, 3, 1, "killed")
    assert run.waiting_for == "killed; goes on after epoch 3"
    assert kinds(queue, run_id)[-2:] == [EventKind.CRASHED, EventKind.REQUEUED]
    assert die(queue, run_id) is None, "it is no longer running"
    assert queue.runs.by_id(run_id) == run


@pytest.mark.parametrize(
    ("want", "state"),
    [(Want.PAUSE, RunState.PAUSED), (Want.CANCEL, RunState.CANCELLED), (Want.STOP, RunState.QUEUED)],
)
def test_a_death_after_a_wish_does_what_was_wished_and_counts_as_no_crash(
    queue: Registry, want: Want, state: RunState
) -> None:
    run_id = start_next(queue)
    if want is Want.STOP:
        queue.runs.want_stop([run_id])
    else:
        queue.runs.command(Command(want.value), ["1.1"])
    assert die(queue, run_id, max_crashes=1, back_off=100.0) is state
    run = queue.runs.by_id(run_id)
    assert (run.state, run.want, run.crashes) == (state, None, 0)
    if state is RunState.QUEUED:
        found = claim(queue)
        assert found is not None
        assert found[0].run_id == run_id, "nothing keeps it waiting"


def test_a_run_that_only_crashes_is_given_up(queue: Registry) -> None:
    run_id = start_next(queue)
    for crash in (1, 2):
        assert die(queue, run_id) is RunState.QUEUED
        assert queue.runs.by_id(run_id).crashes == crash
        assert claim(queue) is not None
    assert die(queue, run_id) is RunState.FAILED
    run = queue.runs.by_id(run_id)
    assert (run.state, run.attempt, run.error) == (RunState.FAILED, 3, "killed")
    assert queue.results.events(run_id)[-1].text == "given up after 3 crashes"
    queue.runs.command(Command.RETRY, ["1.1"])
    run = queue.runs.by_id(run_id)
    assert (run.state, run.crashes, run.error) == (RunState.QUEUED, 0, None)


def test_progress_makes_up_for_a_crash(queue: Registry) -> None:
    run_id = start_next(queue)
    for epoch in range(1, 7):
        run = queue.runs.by_id(run_id)
        queue.journal(run_id, run.attempt).epoch(epoch_record(epoch))
        assert queue.runs.by_id(run_id).crashes == 0
        assert die(queue, run_id, max_crashes=2) is RunState.QUEUED
        assert claim(queue) is not None
    assert queue.runs.by_id(run_id).attempt == 7


def test_each_crash_in_a_row_makes_the_wait_longer(queue: Registry) -> None:
    run_id = start_next(queue)
    waits = []
    for _ in range(4):
        before = time.time()
        assert die(queue, run_id, max_crashes=9, back_off=2.0) is RunState.QUEUED
        row = queue.db.row("SELECT not_before FROM runs WHERE id = ?", (run_id,))
        assert row is not None
        waits.append(round(row["not_before"] - before))
        found = claim(queue)
        assert found is not None
        assert (found[0].run_id == run_id) == (waits[-1] == 0), "others go first while it waits"
        if found[0].run_id != run_id:
            queue.runs.command(Command.PAUSE, ["1.1"])
            queue.runs.command(Command.RESUME, ["1.1"])
            queue.runs.prioritise(["1.1"], None)
            again = claim(queue)
            assert again is not None
            assert again[0].run_id == run_id, "a user who resumes it need not wait"
    assert waits == [0, 2, 6, 14]


def test_ids_are_expanded_as_users_type_them(queue: Registry) -> None:
    add_experiment(queue, queue.corpora.get("EMODB"), only=(2, 4))
    assert expand_ids(queue, ["2"]) == ["2.2", "2.4"]
    assert expand_ids(queue, ["1.9-10", "2.4", "1.10"]) == ["1.9", "1.10", "2.4"]
    for bad in ("x", "1.x", "1.2-", "1-2", "", "1.2.3", "-1", "9" * 40, "1." + "9" * 40):
        with pytest.raises(BadInput, match="is no id"):
            expand_ids(queue, [bad])
    for gone, message in (("3", "no experiment 3"), ("2.1", "no run 2.1"), ("2.5-9", "no folds 5-9")):
        with pytest.raises(BadInput, match=message):
            expand_ids(queue, [gone])


@pytest.mark.parametrize("ended", [RunState.FAILED, RunState.CANCELLED])
def test_a_fold_that_was_trained_elsewhere_is_not_gone_on_with_here(registry: Registry, ended: RunState) -> None:
    add_experiment(registry, add_corpus(registry), folds=2, source="keras-log", preset="seed")
    registry.journal(start_next(registry), 1).end(ended, EventKind.FAILED, "the log ends here", "the log ends here")
    with pytest.raises(BadInput, match=r"cannot retry run 1\.1: it was trained elsewhere .* --only 1"):
        registry.runs.command(Command.RETRY, ["1.1"])
    assert registry.runs.get("1.1").state is ended
