"""What the screens show: frozen values that the poller builds from the registry and nobody changes after.

Everything here is pure, so a screen can be tested with a snapshot made by hand.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import groupby
from pathlib import Path

from timnet.evaluation.summary import Summary, summarise
from timnet.records import Checkpoint, EpochMetrics, Event, Experiment, Run, RunState, Worker
from timnet_tui.forecast import Forecast


class Health(StrEnum):
    """How the registry itself is doing."""

    OK = "ok"
    ABSENT = "absent"
    LOST = "lost"
    FAILING = "failing"


@dataclass(frozen=True, slots=True)
class ExperimentRow:
    """One experiment with its runs; ``cells[f - 1]`` is fold ``f``, None where that fold was never queued.

    ``uar`` sums up the final UARs there are.
    """

    id: int
    corpus: str
    preset: str
    protocol: str
    selection: str
    optimistic: bool
    seed: int
    folds: int
    cells: tuple[Run | None, ...]
    uar: Summary

    @property
    def runs(self) -> tuple[Run, ...]:
        """The runs there are, by fold."""
        return tuple(run for run in self.cells if run is not None)


@dataclass(frozen=True, slots=True)
class Watch:
    """What a screen looks at closely: a run's row id, and whether its log is shown."""

    run_id: int | None = None
    log: bool = False


@dataclass(frozen=True, slots=True)
class Detail:
    """Everything about the run that is watched. ``log`` is None where nobody asked for it."""

    run: Run
    experiment: Experiment
    epochs: tuple[EpochMetrics, ...] = ()
    events: tuple[Event, ...] = ()
    checkpoints: tuple[Checkpoint, ...] = ()
    log: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The registry at one moment. ``taken`` is on the reader's clock; ``problem`` says what is wrong with it."""

    db: Path
    rows: tuple[ExperimentRow, ...] = ()
    workers: tuple[Worker, ...] = ()
    depth: tuple[tuple[RunState, int], ...] = ()
    forecast: Forecast = field(default_factory=Forecast)
    detail: Detail | None = None
    health: Health = Health.OK
    problem: str = ""
    taken: float = 0.0

    def count(self, state: RunState) -> int:
        """How many runs are in ``state``."""
        return dict(self.depth).get(state, 0)

    def run(self, run_id: int | None) -> Run | None:
        """The run with this row id, if it is there."""
        return next((run for row in self.rows for run in row.runs if run.id == run_id), None)


def rows_of(runs: Sequence[Run]) -> tuple[ExperimentRow, ...]:
    """Group runs by experiment. ``runs`` come with the runs of one experiment side by side; that order stays."""
    return tuple(_row(list(group)) for _, group in groupby(runs, key=lambda run: run.experiment_id))


def _row(runs: list[Run]) -> ExperimentRow:
    first = runs[0]
    by_fold = {run.fold: run for run in runs}
    cells = tuple(by_fold.get(fold) for fold in range(1, max(first.folds, *by_fold) + 1))
    return ExperimentRow(
        id=first.experiment_id,
        corpus=first.corpus,
        preset=first.preset,
        protocol=first.protocol,
        selection=first.selection,
        optimistic=first.optimistic,
        seed=first.seed,
        folds=first.folds,
        cells=cells,
        uar=summarise(run.uar for run in runs),
    )
