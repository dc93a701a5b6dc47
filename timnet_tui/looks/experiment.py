"""Following all folds of an experiment. Only the folds that something happened to are read again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from timnet.errors import UnknownName
from timnet.evaluation.summary import Summary, summarise
from timnet.queue import waiting
from timnet.records import Artifact, Checkpoint, EpochMetrics, Event, Experiment, Run, RunState, Worker
from timnet.registry import Registry
from timnet_tui.looks.background import Background, background_of
from timnet_tui.looks.history import EVENTS_AT_MOST, History
from timnet_tui.looks.tested import Answered, AnsweredReader
from timnet_tui.watch import Follower

#: what tells one state of a run from another, as far as its epochs and events go
Sign = tuple[int, int, str, RunState]


@dataclass(frozen=True, slots=True)
class ExperimentWatch:
    """The experiment that the run with this row id belongs to; ``tested`` asks for the folds' answers as well."""

    run_id: int
    tested: bool = False

    def follower(self, before: Follower | None) -> ExperimentFollower:
        """The follower of before goes on where it reads the same experiment."""
        if not isinstance(before, ExperimentFollower) or not before.knows(self.run_id):
            before = ExperimentFollower(self.run_id)
        before.wants_tested = self.tested
        return before


@dataclass(frozen=True, slots=True)
class FoldHistory:
    """One fold with all its epochs and its newest events."""

    run: Run
    epochs: tuple[EpochMetrics, ...]
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class Whole:
    """Everything about an experiment. ``events`` are of all folds, in order of time.

    ``checkpoints`` and ``artifacts`` are of all folds, fold by fold. ``tested`` is None where nobody asked.
    """

    experiment: Experiment
    histories: tuple[FoldHistory, ...] = ()
    events: tuple[Event, ...] = ()
    checkpoints: tuple[Checkpoint, ...] = ()
    artifacts: tuple[Artifact, ...] = ()
    background: Background = field(default_factory=Background)
    tested: Answered | None = None

    @property
    def folds(self) -> tuple[Run, ...]:
        """The runs, by fold."""
        return tuple(history.run for history in self.histories)

    @property
    def uar(self) -> Summary:
        """The final UARs there are, with their own n."""
        return summarise(run.uar for run in self.folds)

    @property
    def war(self) -> Summary:
        """The final WARs there are, with their own n."""
        return summarise(run.war for run in self.folds)


class ExperimentFollower:
    """Reads the folds incrementally. Belongs to the poller's thread."""

    def __init__(self, run_id: int) -> None:
        self.run_id = run_id
        self.wants_tested = False
        self._histories: dict[int, tuple[Sign, History]] = {}
        self._files: dict[int, tuple[tuple[Checkpoint, ...], tuple[Artifact, ...]]] = {}
        self._events: tuple[Event, ...] = ()
        self._background: Background | None = None
        self._tested = AnsweredReader()

    def knows(self, run_id: int) -> bool:
        """Whether a run belongs to the experiment that is followed."""
        return run_id == self.run_id or run_id in self._histories

    def read(self, registry: Registry, workers: tuple[Worker, ...]) -> Whole | None:
        """The experiment as it is now; None once it is deleted."""
        try:
            experiment = registry.experiments.get(registry.runs.by_id(self.run_id).experiment_id)
        except UnknownName:
            return None
        runs = waiting.explain(registry.runs.of_experiment(experiment.id), workers)
        changed = [run for run in runs if self._advance(registry, run)]
        histories = tuple(
            FoldHistory(run, history.epochs, history.events)
            for run in runs
            for _, history in (self._histories[run.id],)
        )
        if changed:
            self._events = _together(histories)
        background = self._background = self._background or background_of(registry, experiment)
        return Whole(
            experiment=experiment,
            histories=histories,
            events=self._events,
            checkpoints=tuple(one for run in runs for one in self._files[run.id][0]),
            artifacts=tuple(one for run in runs for one in self._files[run.id][1]),
            background=background,
            tested=self._tested.read(registry, runs, background.classes) if self.wants_tested else None,
        )

    def _advance(self, registry: Registry, run: Run) -> bool:
        """Read a fold again where something may have happened to it; whether it has other events now."""
        sign = (run.attempt, run.epoch, run.updated, run.state)
        known, history = self._histories.get(run.id, (None, History()))
        if known == sign and run.state is not RunState.RUNNING:  # a running one may have an event alone that is new
            return False
        before = history.events
        history.advance(registry, run)
        self._histories[run.id] = (sign, history)
        self._files[run.id] = (
            tuple(registry.results.checkpoints(run.id)),
            tuple(registry.results.artifacts(run.id)),
        )
        return history.events is not before

    def grew(self, registry: Registry) -> bool:
        """No file is shown."""
        return False


def _together(histories: Sequence[FoldHistory]) -> tuple[Event, ...]:
    """The newest events of all folds, in the order in which they happened."""
    every = sorted((event for history in histories for event in history.events), key=lambda event: event.id)
    return tuple(every[-EVENTS_AT_MOST:])
