"""The whole state machine against a model of it: users, workers, training processes and reapers in any order."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.support import PROOF, add_corpus, add_experiment, epoch_record
from timnet.errors import BadInput, Fenced
from timnet.records import CHECK_KINDS, EventKind, RunState, Want
from timnet.registry import Registry
from timnet.states import COMMANDS, INTENT_LEADS_TO, INTENTS, TRANSITIONS, Command, after_crash

FOLDS = 3
MAX_CRASHES = 3


@dataclass
class Expected:
    """What one run should look like."""

    state: RunState = RunState.QUEUED
    want: Want | None = None
    attempt: int = 0
    crashes: int = 0
    epoch: int = 0
    saved: int = 0
    """The last epoch of the resume point, which a new attempt goes on after."""
    locked: bool = False
    """Whether a process (dead or alive for the registry) still holds the run's lock."""
    zombies: list[int] = field(default_factory=list)
    """Attempts that are over but do not know it."""


class Queue(RuleBasedStateMachine):
    """Every rule does the same to the registry and to the model; the invariants compare them."""

    folds = st.integers(1, FOLDS)

    @initialize()
    def start(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="timnet-test-"))
        self.registry = Registry.open(self.folder / "runs.db")
        self.registry.db.connection.execute("PRAGMA synchronous = OFF")
        add_experiment(self.registry, add_corpus(self.registry, utterances=7), folds=FOLDS)
        self.model = {run.fold: Expected() for run in self.registry.runs.ls()}
        self.ids = {run.fold: run.id for run in self.registry.runs.ls()}
        self.fold_of_uid = {run.uid: run.fold for run in self.registry.runs.ls()}
        self.seen = dict.fromkeys(self.model, RunState.QUEUED)

    def teardown(self) -> None:
        self.registry.close()
        shutil.rmtree(self.folder)

    def move(self, run: Expected, to: RunState) -> None:
        if run.state is RunState.RUNNING:
            run.zombies.append(run.attempt)
        run.state, run.want = to, None

    @rule(fold=folds, command=st.sampled_from(Command))
    def a_user_commands(self, fold: int, command: Command) -> None:
        run = self.model[fold]
        froms, to = COMMANDS[command]
        resumes = command is Command.RESUME and run.want is Want.PAUSE
        allowed = run.state in froms or (run.state is RunState.RUNNING and (command in INTENTS or resumes))
        if not allowed:
            with pytest.raises(BadInput, match=f"cannot {command} run 1.{fold}: it is {run.state}"):
                self.registry.runs.command(command, [f"1.{fold}"])
            return
        self.registry.runs.command(command, [f"1.{fold}"])
        if run.state is RunState.RUNNING:
            run.want = INTENTS.get(command)
        else:
            run.state, run.want = to, None
            run.crashes = 0 if command is Command.RETRY else run.crashes

    @rule()
    def a_worker_claims(self) -> None:
        claimable = [fold for fold, run in self.model.items() if run.state is RunState.QUEUED and not run.locked]
        found = self.registry.runs.claim(
            lambda uid: None if self.model[self.fold_of_uid[uid]].locked else 5, PROOF, "local", None
        )
        assert (found is None) == (not claimable)
        if found is None:
            return
        claim, _ = found
        fold = min(claimable)
        run = self.model[fold]
        assert (claim.run_id, claim.attempt, claim.from_epoch) == (self.ids[fold], run.attempt + 1, run.epoch)
        run.state, run.attempt, run.locked, run.want = RunState.RUNNING, run.attempt + 1, True, None
        self.registry.journal(claim.run_id, claim.attempt).begin(
            [epoch_record(epoch) for epoch in range(1, run.saved + 1)], "begins"
        )
        run.epoch = run.saved

    @rule(fold=folds, saves=st.booleans())
    def an_epoch_ends(self, fold: int, saves: bool) -> None:
        """``saves``: its resume point is on disk before anything happens."""
        run = self.model[fold]
        if run.state is RunState.RUNNING:
            want = self.registry.journal(self.ids[fold], run.attempt).epoch(epoch_record(run.epoch + 1))
            assert want == run.want
            run.epoch, run.crashes = run.epoch + 1, 0
            run.saved = run.epoch if saves else run.saved

    @rule(fold=folds)
    def an_intent_is_honoured(self, fold: int) -> None:
        run = self.model[fold]
        journal = self.registry.journal(self.ids[fold], run.attempt)
        if run.state is RunState.RUNNING and run.want is not None:
            assert journal.want() is run.want
            to = INTENT_LEADS_TO[run.want]
            journal.end(to, EventKind.PAUSED, "left")
            self.move(run, to)
            run.locked = False

    @rule(fold=folds, to=st.sampled_from([RunState.DONE, RunState.FAILED]))
    def a_run_ends(self, fold: int, to: RunState) -> None:
        run = self.model[fold]
        if run.state is RunState.RUNNING:
            journal = self.registry.journal(self.ids[fold], run.attempt)
            if to is RunState.DONE:
                journal.done(0.5, 0.5, [], None, "done")
            else:
                journal.end(to, EventKind.FAILED, "failed", "why")
            self.move(run, to)
            run.locked = False

    @rule(fold=folds)
    def a_worker_ends(self, fold: int) -> None:
        self.registry.runs.want_stop([self.ids[fold]])
        run = self.model[fold]
        if run.state is RunState.RUNNING and run.want is None:
            run.want = Want.STOP

    @rule(fold=folds)
    def a_process_dies_and_is_reaped(self, fold: int) -> None:
        run = self.model[fold]
        state = self.registry.runs.reap(
            self.ids[fold], run.attempt, exit_code=-9, error="killed", max_crashes=MAX_CRASHES, back_off=0
        )
        if run.state is not RunState.RUNNING:
            assert state is None
            return
        run.crashes += run.want is None
        to = after_crash(run.want, run.crashes, MAX_CRASHES)
        assert state is to
        self.move(run, to)
        run.locked = False

    @rule(fold=folds)
    def a_reaper_comes_late(self, fold: int) -> None:
        """It read an older attempt before it got the lock."""
        for attempt in self.model[fold].zombies:
            assert self.registry.runs.reap(
                self.ids[fold], attempt, exit_code=None, error="late", max_crashes=1, back_off=0
            ) is None  # fmt: skip

    @precondition(lambda self: any(run.zombies for run in self.model.values()))
    @rule(data=st.data())
    def a_zombie_tries_to_write(self, data: st.DataObject) -> None:
        fold = data.draw(st.sampled_from([fold for fold, run in self.model.items() if run.zombies]))
        journal = self.registry.journal(self.ids[fold], data.draw(st.sampled_from(self.model[fold].zombies)))
        epoch = data.draw(st.integers(1, 4))
        write = data.draw(
            st.sampled_from([
                lambda: journal.begin([epoch_record(1)], "zombie"),
                lambda: journal.epoch(epoch_record(epoch)),
                lambda: journal.event(EventKind.EARLY_STOP, "zombie"),
                lambda: journal.checkpoint("last", 1, self.folder / "runs.db"),
                lambda: journal.done(1, 1, [], None, "zombie"),
                lambda: journal.end(RunState.CANCELLED, EventKind.CANCELLED, "zombie"),
                journal.want,
            ])
        )  # fmt: skip
        rows = list(self.registry.db.connection.iterdump())
        with pytest.raises(Fenced):
            write()
        assert list(self.registry.db.connection.iterdump()) == rows

    @invariant()
    def the_registry_is_as_expected(self) -> None:
        for run in self.registry.runs.ls():
            expected = self.model[run.fold]
            assert (run.state, run.want, run.attempt, run.crashes, run.epoch) == (
                expected.state, expected.want, expected.attempt, expected.crashes, expected.epoch,
            )  # fmt: skip

    @invariant()
    def no_state_is_reached_but_by_a_transition(self) -> None:
        for run in self.registry.runs.ls():
            before = self.seen[run.fold]
            assert run.state is before or (before, run.state) in TRANSITIONS
            self.seen[run.fold] = run.state

    @invariant()
    def only_a_running_run_has_an_intent(self) -> None:
        assert all(run.want is None or run.state is RunState.RUNNING for run in self.registry.runs.ls())

    @invariant()
    def each_epoch_and_its_check_are_there_once(self) -> None:
        for fold, run_id in self.ids.items():
            expected = list(range(1, self.model[fold].epoch + 1))
            assert [epoch.epoch for epoch in self.registry.results.epochs(run_id)] == expected
            events = self.registry.results.events(run_id)
            assert sorted(e.epoch or 0 for e in events if e.kind in CHECK_KINDS) == expected

    @invariant()
    def attempts_are_numbered_without_a_gap_and_only_the_last_is_open(self) -> None:
        for fold, run_id in self.ids.items():
            attempts = self.registry.results.attempts(run_id)
            assert [attempt.attempt for attempt in attempts] == list(range(1, self.model[fold].attempt + 1))
            running = self.model[fold].state is RunState.RUNNING
            assert [attempt.ended is None for attempt in attempts] == [False] * (len(attempts) - running) + [
                True
            ] * running


TestQueue = Queue.TestCase
TestQueue.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
