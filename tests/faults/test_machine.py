"""The registry and the queue against a model: users, workers, training processes, crashes, zombies and clock jumps.

Everything is real but the network: one SQLite file, a connection for each stand-in, locks held by descriptors.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from copy import copy
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.faults.model import MAX_CRASHES, Model, ModelRun
from tests.faults.stand_in import Training, Work
from tests.support import add_corpus, add_experiment, epoch_record
from timnet import clock
from timnet.errors import BadInput, Fenced, UnknownName
from timnet.queue import liveness, service
from timnet.records import CHECK_KINDS, EventKind, RunState, TrainingConfig, Want
from timnet.registry import Registry
from timnet.registry.lineup import Held, Move
from timnet.registry.taking_back import take_back
from timnet.states import INTENT_LEADS_TO, TRANSITIONS, Command

WORKERS = 2
MOST_RUNS = 12
CALM = 15
STEPS = 10_000
MOMENTS = ("in the row", "before the resume point", "in the resume point", "after the resume point")
JUMPS = (0.5, 3.0, 20.0, 3600.0, -3600.0, 86400.0, -86400.0)
TAGS = ("paper", "night")


class Queue(RuleBasedStateMachine):
    """Every rule does the same to the registry and to the model; the invariants compare them."""

    pick = st.integers(0, 1000)
    steps = 0
    place: Path | None = None
    """Where registries are made: in memory, as no disk is to be waited for."""
    happened: ClassVar[Counter[str]] = Counter()

    @initialize()
    def start(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="timnet-test-", dir=self.place))
        self.db = self.folder / "runs.db"
        self.time = 1_800_000_000.0
        self.wall, clock.wall = clock.wall, lambda: self.time
        self.users = [Registry.open(self.db) for _ in range(2)]
        self.users[0].db.connection.execute("PRAGMA synchronous = OFF")
        self.corpus = add_corpus(self.users[0], utterances=7)
        self.workers: list[Work | None] = [Work(self.db) for _ in range(WORKERS)]
        self.trainings: list[Training] = []
        self.over: list[Training] = []
        self.model = Model()
        self.commanded: list[tuple[Command, Any, ModelRun]] = []
        self.calm = 0
        self.seen: dict[int, RunState] = {}
        self.deleted: list[str] = []
        for folds in (2, 3, 1):
            self.queue(0, folds, 0)

    def teardown(self) -> None:
        clock.wall = self.wall
        with Registry.open(self.db) as registry:
            assert registry.db.row("PRAGMA integrity_check") == {"integrity_check": "ok"}
            assert registry.db.rows("PRAGMA foreign_key_check") == []
        for one in (*self.trainings, *(worker for worker in self.workers if worker)):
            one.kill()
        for user in self.users:
            user.close()
        shutil.rmtree(self.folder)

    def user(self, pick: int) -> Registry:
        return self.users[pick % len(self.users)]

    def any_run(self, pick: int) -> ModelRun | None:
        runs = [run for run in self.model.runs.values() if not run.hidden]
        return runs[pick % len(runs)] if runs else None

    def of(self, training: Training) -> ModelRun | None:
        return self.model.runs.get(training.claim.run_id)

    def owns(self, training: Training) -> bool:
        run = self.of(training)
        return run is not None and run.state is RunState.RUNNING and run.attempt == training.claim.attempt

    def ended(self, training: Training) -> None:
        """A process is gone: its share of the lock too, if its run is still there."""
        self.trainings.remove(training)
        self.over.append(training)
        run = self.of(training)
        if run is not None:
            run.holders -= 1

    # users

    @precondition(lambda self: len(self.model.runs) < MOST_RUNS)
    @rule(pick=pick, folds=st.integers(1, 3), priority=st.integers(0, 1))
    def queue(self, pick: int, folds: int, priority: int) -> None:
        experiment = add_experiment(
            self.user(pick), self.corpus, folds=folds, priority=priority, config=TrainingConfig(epochs=20)
        )
        self.model.tags[experiment.id] = set()
        for run in self.user(pick).runs.of_experiment(experiment.id):
            assert run.place == run.id
            self.model.runs[run.id] = ModelRun(run.id, experiment.id, run.fold, priority, run.id)
            self.seen[run.id] = RunState.QUEUED

    @rule(pick=pick, command=st.sampled_from(Command))
    def command(self, pick: int, command: Command) -> None:
        run = self.any_run(pick)
        if run is None:
            return
        registry = self.user(pick)
        if not run.takes(command):
            with pytest.raises(BadInput, match=f"cannot {command} run {run.key}: it is {run.state}"):
                registry.runs.command(command, [run.key])
            return
        was = registry.runs.get(run.key), copy(run)
        [outcome] = registry.runs.command(command, [run.key])
        self.happened["commands"] += 1
        run.command(command)
        assert (outcome.now, outcome.intent) == (run.state, run.want)
        self.commanded.append((command, *was))

    @precondition(lambda self: self.calm > CALM)
    @rule(pick=pick, what=st.sampled_from((*Command, Command.RESUME, Command.RETRY, "hold", "back", "release")))
    def everything(self, pick: int, what: Command | str) -> None:
        """What users do to all runs at once, and now and then only: else nothing would ever get on."""
        self.calm = 0
        if isinstance(what, Command):
            self.command_every_run(pick, what)
        elif what == "release":
            self.release(pick, None)
        else:
            self.hold_all(pick, what == "back")

    def command_every_run(self, pick: int, command: Command) -> None:
        meant = [run for run in self.model.runs.values() if not run.hidden and run.takes(command)]
        if command is Command.RETRY:
            meant = [run for run in meant if run.state is RunState.FAILED]
        if command is Command.RESUME:
            meant = [run for run in meant if run.state is RunState.PAUSED]
        outcomes, passed = service.command_every(self.user(pick), command)
        assert passed == []
        assert {one.key for one in outcomes} == {run.key for run in meant}
        for run in meant:
            run.command(command)

    @precondition(lambda self: self.commanded)
    @rule(pick=pick)
    def take_a_command_back(self, pick: int) -> None:
        command, was, expected = self.commanded[-1 - pick % min(4, len(self.commanded))]
        run = self.model.runs.get(expected.id)
        done = run is not None and run.take_back(command, expected)
        outcomes, passed = take_back(self.user(pick), command, [was])
        assert ([one.key for one in outcomes], len(passed)) == (([expected.key], 0) if done else ([], 1))

    def hold_all(self, pick: int, back: bool) -> None:
        runs = [run for run in self.model.runs.values() if not run.hidden]
        held = self.user(pick).lineup.hold_all()
        paused = {run.id for run in runs if run.state is RunState.QUEUED}
        asked = {run.id for run in runs if run.state is RunState.RUNNING and run.want in (None, Want.STOP)}
        assert (set(held.paused), set(held.asked)) == (paused, asked)
        for run in runs:
            if run.id in paused | asked:
                run.state, run.want = (run.state, Want.PAUSE) if run.id in asked else (RunState.PAUSED, None)
        if back:
            self.release(pick, held)

    def release(self, pick: int, held: Held | None) -> None:
        freed = self.user(pick).lineup.release(held)
        for run in self.model.runs.values():
            if run.hidden or (held is not None and run.id not in (*held.paused, *held.asked)):
                continue
            if run.state is RunState.PAUSED:
                assert run.id in freed.paused
                run.leave(RunState.QUEUED)
            elif run.state is RunState.RUNNING and run.want is Want.PAUSE:
                assert run.id in freed.asked
                run.want = None

    @rule(pick=pick, move=st.sampled_from((*Move, -1, 1)), back=st.booleans())
    def move(self, pick: int, move: Move | int, back: bool) -> None:
        line = self.model.line()
        if not line:
            return
        run, registry = line[pick % len(line)], self.user(pick)
        if not isinstance(move, Move):
            registry.lineup.shift_priority([run.key], move)
            run.priority += move
            return
        expected = self.model.moved(run, move)
        spots = registry.lineup.move([run.key], move)
        self.compare_line(registry, expected)
        if back:
            registry.lineup.put_back(spots)
            self.compare_line(registry, [one.id for one in line])

    def compare_line(self, registry: Registry, expected: list[int]) -> None:
        """The order must be as expected; the numbers that make it so are the registry's own affair."""
        runs = registry.lineup.line("state:queued", count=1000).runs
        assert [run.id for run in runs] == expected
        self.model.adopt((run.id, run.priority, run.place) for run in runs)

    @precondition(lambda self: self.model.tags)
    @rule(pick=pick, what=st.sampled_from(("restore", "remove", "restore", "delete")))
    def remove(self, pick: int, what: str) -> None:
        """One that trains cannot go, neither for a while nor for good."""
        number = sorted(self.model.tags)[pick % len(self.model.tags)]
        registry, removed = self.user(pick), number in self.model.removed
        what = "restore" if what == "delete" and removed and pick % 2 else what
        busy = any(run.state is RunState.RUNNING for run in self.model.of(number))
        act: Callable[[list[int]], object] = {
            "remove": lambda ids: service.remove_experiments(registry, ids),
            "restore": lambda ids: service.restore_experiments(registry, ids),
            "delete": lambda ids: service.delete_experiments(registry, ids),
        }[what]
        refused = (removed if what == "remove" else not removed if what == "restore" else False) or (
            busy and what != "restore"
        )
        if refused:
            with pytest.raises((BadInput, UnknownName)):
                act([number])
            return
        act([number])
        if what == "delete":
            self.deleted += [f"{run.id}" for run in self.model.of(number)]
        getattr(self.model, what)(number)

    @precondition(lambda self: self.model.tags)
    @rule(pick=pick, tag=st.sampled_from(TAGS), add=st.booleans())
    def tag(self, pick: int, tag: str, add: bool) -> None:
        number = sorted(self.model.tags)[pick % len(self.model.tags)]
        if number in self.model.removed:
            with pytest.raises(UnknownName, match="was removed"):
                self.user(pick).experiments.tag(number, [tag])
            return
        tags = self.model.tags[number]
        (tags.add if add else tags.discard)(tag)
        found = self.user(pick).experiments.tag(number, [tag] if add else [], [] if add else [tag])
        assert set(found.tags) == tags

    # workers and training processes

    @rule(pick=pick, count=st.integers(1, 3), begin=st.sampled_from((True, True, True, False)))
    def claim(self, pick: int, count: int, begin: bool) -> None:
        """A worker takes runs; a dead one is started again."""
        worker = self.workers[pick % WORKERS] = self.workers[pick % WORKERS] or Work(self.db)
        for _ in range(count):
            expected = self.model.next(self.time)
            training = worker.claim()
            assert (training is None) == (expected is None), (training and training.claim, expected)
            if training is None or expected is None:
                return
            claim = training.claim
            assert (claim.run_id, claim.key) == (expected.id, expected.key)
            assert (claim.attempt, claim.from_epoch) == (expected.attempt + 1, expected.epoch)
            expected.leave(RunState.RUNNING)
            expected.attempt, expected.holders = expected.attempt + 1, 2
            self.trainings.append(training)
            if begin:
                self.begin(training, expected)

    def begin(self, training: Training, run: ModelRun) -> None:
        training.begin()
        assert training.epoch == run.saved
        run.epoch = run.saved

    @precondition(lambda self: self.trainings)
    @rule(epochs=st.integers(1, 3))
    def train(self, epochs: int) -> None:
        """All that train go on for some epochs, and leave where they are asked to."""
        for training in list(self.trainings):
            self.step(training, epochs, "")

    @precondition(lambda self: self.trainings)
    @rule(pick=pick, epochs=st.integers(1, 3), dies=st.sampled_from(MOMENTS))
    def train_one(self, pick: int, epochs: int, dies: str) -> None:
        """One goes on, and perhaps dies in the middle of an epoch."""
        self.step(self.trainings[pick % len(self.trainings)], epochs, dies)

    # what happens most, so that runs get on between two troubles

    @precondition(lambda self: self.trainings)
    @rule(epochs=st.integers(1, 3))
    def train_on(self, epochs: int) -> None:
        self.train(epochs)

    @precondition(lambda self: self.trainings)
    @rule(pick=pick, epochs=st.integers(1, 3), dies=st.sampled_from(MOMENTS))
    def train_another(self, pick: int, epochs: int, dies: str) -> None:
        self.train_one(pick, epochs, dies)

    @precondition(lambda self: self.model.next(self.time) is not None)
    @rule(pick=pick)
    def claim_what_waits(self, pick: int) -> None:
        self.claim(pick, 3, True)

    @precondition(lambda self: any(run.state is RunState.RUNNING for run in self.model.runs.values()))
    @rule(pick=pick)
    def look_again(self, pick: int) -> None:
        self.look(pick, True, True)

    def step(self, training: Training, epochs: int, dies: str) -> None:
        run = self.of(training)
        assert run is not None, "a run that is deleted was not running"
        assert self.owns(training), "nobody else may decide for a run whose lock is held"
        if not training.begun:
            self.begin(training, run)
            return
        for _ in range(epochs):
            asked = run.want
            assert training.journal.want() is asked
            want = training.train(dies=dies)
            self.happened["epochs"] += 1
            self.happened["processes killed"] += bool(dies)
            if dies != "in the row":
                run.epoch, run.crashes = run.epoch + 1, 0
                run.saved += dies not in ("before the resume point", "in the resume point")
            if dies:
                self.ended(training)
                return
            assert want is asked
            if want is not None:
                training.leave(want)
                run.leave(INTENT_LEADS_TO[want])
                self.ended(training)
                return

    @precondition(lambda self: self.trainings)
    @rule(pick=pick, to=st.sampled_from((RunState.DONE, RunState.FAILED, RunState.PAUSED)))
    def finish(self, pick: int, to: RunState) -> None:
        training = self.trainings[pick % len(self.trainings)]
        run = self.of(training)
        assert run is not None
        if training.begun:
            training.finish(to)
            run.leave(to)
            self.ended(training)

    @rule(pick=pick, what=st.sampled_from(("training", "worker", "stop", "stall")))
    def trouble(self, pick: int, what: str) -> None:
        if what == "training" and self.trainings:
            self.kill_training(pick)
        elif what == "worker":
            self.kill_worker(pick)
        elif what == "stop":
            self.stop_worker(pick)
        else:
            self.stall(pick)

    def kill_training(self, pick: int) -> None:
        training = self.trainings[pick % len(self.trainings)]
        training.kill()
        self.happened["processes killed"] += 1
        self.ended(training)

    def kill_worker(self, pick: int) -> None:
        """Its children live on for a moment, and hold their locks."""
        worker = self.workers[pick % WORKERS]
        if worker is not None:
            for child, _ in worker.children:
                run = self.of(child)
                if run is not None:
                    run.holders -= 1
            worker.kill()
            self.workers[pick % WORKERS] = None
            self.happened["workers killed"] += 1

    def stop_worker(self, pick: int) -> None:
        """It asks its children to give their runs back."""
        worker = self.workers[pick % WORKERS]
        if worker is not None:
            worker.registry.runs.want_stop([child.claim.run_id for child, _ in worker.children])
            for child, _ in worker.children:
                run = self.of(child)
                if run is not None and run.state is RunState.RUNNING and run.want is None:
                    run.want = Want.STOP

    @rule(pick=pick, buries=st.booleans(), reaps=st.booleans())
    def look(self, pick: int, buries: bool, reaps: bool) -> None:
        if buries:
            self.bury(pick)
        if reaps:
            self.reap(pick)

    def bury(self, pick: int) -> None:
        """A worker looks at its children, and decides for those that ended without a word."""
        worker = self.workers[pick % WORKERS]
        if worker is None:
            return
        for child in [child for child, _ in worker.children if not child.alive]:
            owned, run = self.owns(child), self.of(child)
            state = worker.bury(child, MAX_CRASHES)
            assert state is (run.crash(self.time) if owned and run is not None else None)
            if run is not None:
                run.holders -= 1

    def reap(self, pick: int) -> None:
        """Anybody looks for the dead: those whose lock is free, and no others."""
        found = liveness.reap(self.user(pick), MAX_CRASHES)
        dead = [run for run in self.model.runs.values() if run.state is RunState.RUNNING and not run.holders]
        assert {run.id: state for run, state in found} == {run.id: run.crash(self.time) for run in dead}

    def stall(self, pick: int) -> None:
        """A standstill is told of the attempt that owns its run, and of no other."""
        training = (self.trainings + self.over)[pick % len(all_)] if (all_ := self.trainings + self.over) else None
        if training is not None:
            count = "SELECT count(*) FROM events WHERE kind = 'stalled'"
            before = self.users[0].db.number(count)
            self.user(pick).runs.stalled(training.claim.run_id, training.claim.attempt, "no epoch")
            assert self.users[0].db.number(count) - before == self.owns(training)

    @precondition(lambda self: self.over)
    @rule(pick=pick, data=st.data())
    def zombie(self, pick: int, data: st.DataObject) -> None:
        """An attempt that is over comes back: every write is refused, and none leaves a trace."""
        training = self.over[-1 - pick % min(6, len(self.over))]
        if self.owns(training):
            return  # not yet found dead: nobody has decided, and the dead do not write
        journal = self.user(pick).journal(training.claim.run_id, training.claim.attempt)
        write = data.draw(
            st.sampled_from([
                lambda: journal.begin([epoch_record(1)], "zombie"),
                lambda: journal.epoch(epoch_record(training.epoch + 1)),
                lambda: journal.event(EventKind.EARLY_STOP, "zombie"),
                lambda: journal.checkpoint("last", 1, self.db),
                lambda: journal.artifact("embeddings", self.db),
                lambda: journal.done(1, 1, [], None, "zombie"),
                lambda: journal.end(RunState.CANCELLED, EventKind.CANCELLED, "zombie"),
                journal.want,
            ])
        )  # fmt: skip
        before = self.user(pick + 1).db.data_version()
        with pytest.raises(Fenced):
            write()
        self.happened["writes of zombies refused"] += 1
        assert self.user(pick + 1).db.data_version() == before
        late = self.user(pick).runs.reap(
            training.claim.run_id, training.claim.attempt, exit_code=None, error="late", max_crashes=1, back_off=0
        )
        assert late is None

    @rule(jump=st.sampled_from(JUMPS))
    def clock_jumps(self, jump: float) -> None:
        self.time += jump
        self.happened["clock jumps"] += abs(jump) > 3000

    # what must always hold

    @invariant()
    def the_registry_is_as_expected(self) -> None:
        type(self).steps += 1
        self.calm += 1
        told = {run.id: (run.state, run.want, run.attempt, run.crashes, run.epoch, run.priority, run.place)
                for run in self.users[0].runs.ls()}  # fmt: skip
        assert told == {run.id: run.told for run in self.model.runs.values() if not run.hidden}
        hidden = self.users[0].db.tuples("SELECT id, state, hidden_from FROM runs WHERE hidden")
        assert set(hidden) == {(run.id, run.state, run.hidden_from) for run in self.model.runs.values() if run.hidden}

    @invariant()
    def no_state_is_reached_but_by_a_transition(self) -> None:
        for run in self.users[1].runs.ls():
            before = self.seen[run.id]
            assert run.want is None or run.state is RunState.RUNNING
            assert (run.uar is not None) == (run.state is RunState.DONE)
            undone = run.state is not RunState.RUNNING and (run.state, before) in TRANSITIONS
            assert run.state is before or (before, run.state) in TRANSITIONS or undone
            self.seen[run.id] = run.state

    @invariant()
    def each_epoch_and_its_check_are_there_once(self) -> None:
        db = self.users[0].db
        kept = db.tuples("SELECT run_id, count(*), min(epoch), max(epoch) FROM epochs GROUP BY run_id ORDER BY run_id")
        runs = sorted((run for run in self.model.runs.values() if run.epoch), key=lambda run: run.id)
        assert kept == [(run.id, run.epoch, 1, run.epoch) for run in runs]
        kinds = ", ".join(f"'{kind}'" for kind in CHECK_KINDS)
        checks = "SELECT run_id, count(*), count(DISTINCT epoch), max(epoch) FROM events "
        told = db.tuples(f"{checks} WHERE kind IN ({kinds}) GROUP BY run_id ORDER BY run_id")
        assert told == [(run.id, run.epoch, run.epoch, run.epoch) for run in runs]

    @invariant()
    def attempts_have_no_gap_and_only_the_last_is_open(self) -> None:
        told = self.users[1].db.tuples(
            "SELECT run_id, count(*), max(attempt), sum(ended IS NULL) FROM attempts GROUP BY run_id ORDER BY run_id"
        )
        runs = sorted((run for run in self.model.runs.values() if run.attempt), key=lambda run: run.id)
        assert told == [(run.id, run.attempt, run.attempt, int(run.state is RunState.RUNNING)) for run in runs]

    @invariant()
    def nobody_has_a_twin(self) -> None:
        ids = [training.claim.run_id for training in self.trainings]
        assert len(ids) == len(set(ids))

    @invariant()
    def locks_are_held_by_those_who_live(self) -> None:
        for run in self.users[0].runs.ls():
            held = liveness.is_held(self.users[0].paths.run(run.uid).lock)
            assert held == (self.model.runs[run.id].holders > 0)


@pytest.fixture
def in_memory(swift: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Queue, "place", swift)


@pytest.mark.usefixtures("in_memory")
def test_a_few_hundred_steps_do_not_diverge() -> None:
    run_state_machine_as_test(Queue, settings=settings(max_examples=10, stateful_step_count=40, deadline=None))


@pytest.mark.chaos
@pytest.mark.usefixtures("in_memory")
def test_ten_thousand_steps_do_not_diverge(seconds: float, figure: Callable[[str], None]) -> None:
    """Goes on until they are done, however long that takes, and then for as long as there is time."""
    began = time.monotonic()
    Queue.steps = 0
    Queue.happened.clear()
    while Queue.steps < STEPS or time.monotonic() - began < seconds:
        run_state_machine_as_test(
            Queue,
            settings=settings(
                max_examples=20, stateful_step_count=100, deadline=None, suppress_health_check=list(HealthCheck)
            ),
        )
    happened = ", ".join(f"{count} {what}" for what, count in Queue.happened.items())
    figure(f"{Queue.steps} steps ({happened}), {time.monotonic() - began:.0f} s")
    assert min(Queue.happened.values()) > STEPS / 100, "everything must happen often enough"
