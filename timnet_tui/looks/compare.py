"""Following several experiments or runs at once, for their curves; what is computed of them is done elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

from timnet.errors import BadInput, UnknownName
from timnet.records import EpochMetrics, Experiment, Run, RunState, Worker
from timnet.registry import Registry
from timnet_tui.looks.history import History
from timnet_tui.watch import Follower

#: what tells one state of a run's results from another
Sign = tuple[tuple[int, int, RunState, float | None], ...]


@dataclass(frozen=True, slots=True)
class CompareWatch:
    """Experiments (``7``) and runs (``7.3``), as users type them."""

    keys: tuple[str, ...]

    def follower(self, before: Follower | None) -> CompareFollower:
        """The follower of before goes on: most of what is compared is the same."""
        follower = before if isinstance(before, CompareFollower) else CompareFollower()
        follower.keys = self.keys
        return follower


@dataclass(frozen=True, slots=True)
class FoldCurve:
    """One run with its epochs."""

    run: Run
    epochs: tuple[EpochMetrics, ...]


@dataclass(frozen=True, slots=True)
class Compared:
    """One side: an experiment, or a single run of it where ``key`` has a dot."""

    key: str
    experiment: Experiment
    folds: tuple[FoldCurve, ...]


@dataclass(frozen=True, slots=True)
class ComparePage:
    """The sides that are there, in order. ``gone`` are those that are not (any more).

    ``sign`` changes when a result does, and then the comparison has to be made again.
    """

    sides: tuple[Compared, ...] = ()
    gone: tuple[str, ...] = ()
    sign: Sign = ()


class CompareFollower:
    """Reads the curves of all sides incrementally. Belongs to the poller's thread."""

    def __init__(self) -> None:
        self.keys: tuple[str, ...] = ()
        self._known: dict[int, tuple[object, History]] = {}

    def read(self, registry: Registry, workers: tuple[Worker, ...]) -> ComparePage:
        """All sides as they are now."""
        sides: list[Compared] = []
        gone: list[str] = []
        for key in self.keys:
            try:
                sides.append(self._side(registry, key))
            except (UnknownName, BadInput):
                gone.append(key)
        runs = [fold.run for side in sides for fold in side.folds]
        self._known = {run.id: self._known[run.id] for run in runs}
        return ComparePage(tuple(sides), tuple(gone), tuple((run.id, run.attempt, run.state, run.uar) for run in runs))

    def grew(self, registry: Registry) -> bool:
        """No file is shown."""
        return False

    def _side(self, registry: Registry, key: str) -> Compared:
        experiment = registry.experiments.get(int(key.partition(".")[0]))
        runs = [registry.runs.get(key)] if "." in key else registry.runs.of_experiment(experiment.id)
        return Compared(key, experiment, tuple(self._fold(registry, run) for run in runs))

    def _fold(self, registry: Registry, run: Run) -> FoldCurve:
        sign = (run.attempt, run.epoch, run.updated, run.state)
        known, history = self._known.get(run.id, (None, History()))
        if known != sign or run.state is RunState.RUNNING:
            history.advance(registry, run)
        self._known[run.id] = (sign, history)
        return FoldCurve(run, history.epochs)
