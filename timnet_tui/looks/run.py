"""Following one run: its epochs and events, the end of its log, what it left behind."""

from __future__ import annotations

from dataclasses import dataclass, field

from timnet.errors import UnknownName
from timnet.queue import waiting
from timnet.records import Artifact, Checkpoint, EpochMetrics, Event, Experiment, Run, Worker
from timnet.registry import Registry
from timnet_tui.logs import LogTail
from timnet_tui.looks.background import Background, background_of
from timnet_tui.looks.history import History
from timnet_tui.looks.tested import Answered, AnsweredReader
from timnet_tui.watch import Follower


@dataclass(frozen=True, slots=True)
class RunWatch:
    """One run by its row id; whether its log is wanted, and what it answered for its test utterances."""

    run_id: int
    log: bool = False
    tested: bool = False

    def follower(self, before: Follower | None) -> RunFollower:
        """The follower of before goes on where it reads the same run."""
        if not isinstance(before, RunFollower) or before.run_id != self.run_id:
            before = RunFollower(self.run_id)
        before.wants_log, before.wants_tested = self.log, self.tested
        return before


@dataclass(frozen=True, slots=True)
class Detail:
    """Everything about the run that is watched. ``log`` and ``tested`` are None where nobody asked for them.

    ``folds`` are all runs of its experiment, itself included, by fold. ``log_path`` is where its log lies.
    """

    run: Run
    experiment: Experiment
    epochs: tuple[EpochMetrics, ...] = ()
    events: tuple[Event, ...] = ()
    checkpoints: tuple[Checkpoint, ...] = ()
    log: tuple[str, ...] | None = None
    folds: tuple[Run, ...] = ()
    artifacts: tuple[Artifact, ...] = ()
    background: Background = field(default_factory=Background)
    tested: Answered | None = None
    log_path: str = ""
    alone: str = ""


class RunFollower:
    """Reads one run incrementally. Belongs to the poller's thread."""

    def __init__(self, run_id: int) -> None:
        self.run_id = run_id
        self.wants_log = self.wants_tested = False
        self._history = History()
        self._background: Background | None = None
        self._tested = AnsweredReader()
        self._tail: LogTail | None = None
        self._told: tuple[str, ...] = ()

    def read(self, registry: Registry, workers: tuple[Worker, ...]) -> Detail | None:
        """The run as it is now; None once it is deleted."""
        try:
            run = registry.runs.by_id(self.run_id)
        except UnknownName:
            return None
        if self._tail is None:
            self._tail = LogTail(registry.paths.run(run.uid).log)
        self._history.advance(registry, run)
        if self.wants_log:
            self._told = self._tail.read()
        folds = waiting.explain(registry.runs.of_experiment(run.experiment_id), workers)
        experiment = registry.experiments.get(run.experiment_id)
        background = self._background = self._background or background_of(registry, experiment)
        return Detail(
            run=next((fold for fold in folds if fold.id == run.id), run),
            experiment=experiment,
            epochs=self._history.epochs,
            events=self._history.events,
            checkpoints=tuple(registry.results.checkpoints(run.id)),
            log=self._told if self.wants_log else None,
            folds=tuple(folds),
            artifacts=tuple(registry.results.artifacts(run.id)),
            background=background,
            tested=self._tested.read(registry, [run], background.classes) if self.wants_tested else None,
            log_path=registry.paths.relative(self._tail.path),
            alone=waiting.alone(run, workers),
        )

    def grew(self, registry: Registry) -> bool:
        """Whether the log has lines that were not told yet."""
        return self.wants_log and self._tail is not None and self._tail.read() is not self._told
