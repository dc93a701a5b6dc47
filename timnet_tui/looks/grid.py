"""The grid's page of experiments, wherever in the registry it stands, and the selected run's curves beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from timnet.errors import BadInput
from timnet.evaluation.summary import Summary, summarise
from timnet.queue import waiting
from timnet.records import Run, Worker
from timnet.registry import Registry
from timnet_tui.looks.run import Detail, RunFollower, RunWatch
from timnet_tui.watch import Follower


@dataclass(frozen=True, slots=True)
class ExperimentRow:
    """One experiment with its runs; ``cells[f - 1]`` is fold ``f``, None where that fold was never queued.

    ``uar`` and ``war`` sum up the final scores there are, each with its own n.
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
    war: Summary

    @property
    def runs(self) -> tuple[Run, ...]:
        """The runs there are, by fold."""
        return tuple(run for run in self.cells if run is not None)


@dataclass(frozen=True, slots=True)
class GridPage:
    """The experiments from place ``first`` on (the newest is 0), out of ``total`` that pass the filter.

    ``place`` tells where the experiment ``asked`` for stands, None where it is not among them. ``detail`` is of
    the run that the question named. ``problem`` says why the filter cannot be used.
    """

    rows: tuple[ExperimentRow, ...] = ()
    first: int = 0
    total: int = 0
    asked: int | None = None
    place: int | None = None
    detail: Detail | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class GridWatch:
    """``count`` experiments from place ``first`` on; where ``experiment`` stands; the curves of run ``run_id``."""

    first: int = 0
    count: int = 100
    experiment: int | None = None
    run_id: int | None = None
    filter_text: str = ""

    def follower(self, before: Follower | None) -> GridFollower:
        """The follower of before goes on: it knows the order of the experiments."""
        follower = before if isinstance(before, GridFollower) else GridFollower()
        follower.ask(self)
        return follower


class GridFollower:
    """Knows the ids of all experiments in order, and reads the runs of one page."""

    def __init__(self) -> None:
        self._watch = GridWatch()
        self._run: RunFollower | None = None
        self._ids: list[int] = []
        self._ids_of: tuple[int, str] | None = None
        self._rows: tuple[ExperimentRow, ...] = ()
        self._rows_of: tuple[int, list[int], tuple[Worker, ...]] | None = None

    def ask(self, watch: GridWatch) -> None:
        """Answer another question from now on."""
        self._watch = watch
        if watch.run_id is None:
            self._run = None
        elif self._run is None or self._run.run_id != watch.run_id:
            self._run = RunWatch(watch.run_id).follower(None)

    def read(self, registry: Registry, workers: tuple[Worker, ...]) -> GridPage:
        """The page as it is now."""
        watch = self._watch
        try:
            ids = self._order(registry, watch.filter_text)
        except BadInput as error:
            return GridPage(problem=str(error), asked=watch.experiment)
        first = max(0, min(watch.first, len(ids) - watch.count))
        return GridPage(
            rows=self._page(registry, ids[first : first + watch.count], workers),
            first=first,
            total=len(ids),
            asked=watch.experiment,
            place=_place(ids, watch.experiment),
            detail=self._run.read(registry, workers) if self._run else None,
        )

    def _page(self, registry: Registry, ids: list[int], workers: tuple[Worker, ...]) -> tuple[ExperimentRow, ...]:
        """The experiments with these ids; read again only when something was written."""
        current = (registry.db.data_version(), ids, workers)
        if current != self._rows_of:
            self._rows = rows_of(waiting.explain(registry.runs.of_experiments(ids), workers))
            self._rows_of = current
        return self._rows

    def _order(self, registry: Registry, filter_text: str) -> list[int]:
        """All ids in order; read again only when something was written."""
        current = (registry.db.data_version(), filter_text)
        if current != self._ids_of:
            self._ids = registry.experiments.ids(filter_text)
            self._ids_of = current
        return self._ids

    def grew(self, registry: Registry) -> bool:
        """The grid shows no files."""
        return False


def _place(ids: Sequence[int], experiment: int | None) -> int | None:
    if experiment is None:
        return None
    try:
        return ids.index(experiment)
    except ValueError:
        return None


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
        war=summarise(run.war for run in runs),
    )
