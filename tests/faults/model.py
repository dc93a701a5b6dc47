"""What the queue should be, without a database: plain objects that the state machine compares the registry with."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from timnet.records import RunState, Want
from timnet.registry.lineup import Move
from timnet.states import COMMANDS, INTENT_LEADS_TO, INTENTS, Command, after_crash

MAX_CRASHES = 3
BACK_OFF = 2.0
LONGEST_WAIT = 300.0


@dataclass
class ModelRun:
    """One run. ``saved`` is the last epoch of its resume point, ``holders`` how many hold its lock."""

    id: int
    experiment: int
    fold: int
    priority: int
    place: float
    state: RunState = RunState.QUEUED
    want: Want | None = None
    attempt: int = 0
    crashes: int = 0
    epoch: int = 0
    saved: int = 0
    not_before: float = 0.0
    hidden_from: RunState | None = None
    holders: int = 0

    @property
    def key(self) -> str:
        return f"{self.experiment}.{self.fold}"

    @property
    def hidden(self) -> bool:
        return self.hidden_from is not None

    @property
    def told(self) -> tuple[object, ...]:
        """What the registry must say of it."""
        return self.state, self.want, self.attempt, self.crashes, self.epoch, self.priority, self.place

    @property
    def turn(self) -> tuple[float, float, int]:
        """Runs are claimed in the order of this."""
        return -self.priority, self.place, self.id

    def takes(self, command: Command) -> bool:
        running = self.state is RunState.RUNNING
        resumes = running and command is Command.RESUME and self.want is Want.PAUSE
        return self.state in COMMANDS[command][0] or (running and command in INTENTS) or resumes

    def command(self, command: Command) -> None:
        if self.state is RunState.RUNNING:
            self.want = INTENTS.get(command)
            return
        self.leave(COMMANDS[command][1])
        if command is Command.RETRY:
            self.crashes = 0

    def leave(self, to: RunState) -> None:
        self.state, self.want, self.not_before = to, None, 0.0

    def crash(self, now: float) -> RunState:
        """Its process died without a word, and somebody who holds the lock decides."""
        self.crashes += self.want is None
        wait = 0.0 if self.want is not None else min(LONGEST_WAIT, BACK_OFF * (2 ** (self.crashes - 1) - 1))
        self.leave(after_crash(self.want, self.crashes, MAX_CRASHES))
        self.not_before = now + wait if self.state is RunState.QUEUED else 0.0
        return self.state

    def due(self, now: float) -> bool:
        """Whether it has waited long enough after a crash; a clock that was set back makes nobody wait for a day."""
        return not now < self.not_before <= now + LONGEST_WAIT

    def take_back(self, command: Command, was: ModelRun) -> bool:
        """Undo ``command`` of when it was as ``was`` tells; False where too much has happened since."""
        if self.hidden or self.attempt != was.attempt:
            return False
        if was.state is not RunState.RUNNING:
            if self.state is not COMMANDS[command][1]:
                return False
            self.state, self.crashes = was.state, was.crashes
            return True
        asked = INTENTS.get(command)
        if self.state is RunState.RUNNING:
            if self.want is not asked:
                return False
            self.want = was.want
            return True
        if asked is None or self.state is not INTENT_LEADS_TO[asked]:
            return False
        self.leave(RunState.QUEUED if was.want is None else INTENT_LEADS_TO[was.want])
        return True


@dataclass
class Model:
    """All runs, by row id, and what users keep on experiments."""

    runs: dict[int, ModelRun] = field(default_factory=dict)
    tags: dict[int, set[str]] = field(default_factory=dict)
    removed: set[int] = field(default_factory=set)

    def of(self, experiment: int) -> list[ModelRun]:
        return [run for run in self.runs.values() if run.experiment == experiment]

    def line(self) -> list[ModelRun]:
        """Those that wait, in the order of claims."""
        waiting = [run for run in self.runs.values() if run.state is RunState.QUEUED and not run.hidden]
        return sorted(waiting, key=lambda run: run.turn)

    def next(self, now: float) -> ModelRun | None:
        return next((run for run in self.line() if run.due(now) and not run.holders), None)

    def moved(self, run: ModelRun, move: Move) -> list[int]:
        """The ids of the line after one run was moved."""
        ids = [one.id for one in self.line()]
        here = ids.index(run.id)
        ids.remove(run.id)
        to = {Move.UP: max(0, here - 1), Move.DOWN: here + 1, Move.TOP: 0, Move.BOTTOM: len(ids)}[move]
        ids.insert(to, run.id)
        return ids

    def remove(self, experiment: int) -> None:
        self.removed.add(experiment)
        for run in self.of(experiment):
            run.hidden_from = run.state
            run.state = RunState.CANCELLED if run.state is RunState.QUEUED else run.state

    def restore(self, experiment: int) -> None:
        self.removed.discard(experiment)
        for run in self.of(experiment):
            assert run.hidden_from is not None
            run.state, run.hidden_from = run.hidden_from, None

    def delete(self, experiment: int) -> None:
        self.removed.discard(experiment)
        del self.tags[experiment]
        for run in self.of(experiment):
            del self.runs[run.id]

    def adopt(self, places: Iterable[tuple[int, int, float]]) -> None:
        """Take over ``(id, priority, place)``, after their order was compared."""
        for run_id, priority, place in places:
            self.runs[run_id] = replace(self.runs[run_id], priority=priority, place=place)
