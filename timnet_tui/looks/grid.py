"""The grid's page of experiments, wherever in the registry it stands, and the selected run's curves beside it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from timnet.errors import BadInput
from timnet.evaluation.summary import Summary, summarise
from timnet.queue import waiting
from timnet.records import Run, Worker
from timnet.registry import Registry
from timnet.registry.search import experiments
from timnet_tui.looks.pace import EVERY, MOMENT
from timnet_tui.looks.run import Detail, RunFollower, RunWatch
from timnet_tui.watch import Follower

#: so many experiments are read in one look
ROWS = 40


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
    the run that the question named. ``problem`` says why the filter cannot be used. While it is ``searching``, more
    experiments may pass than there are yet.
    """

    rows: tuple[ExperimentRow, ...] = ()
    first: int = 0
    total: int = 0
    asked: int | None = None
    place: int | None = None
    detail: Detail | None = None
    problem: str = ""
    searching: bool = False


@dataclass(frozen=True, slots=True)
class GridWatch:
    """``count`` experiments from place ``first`` on; where ``experiment`` stands; the curves of run ``run_id``.

    ``seen`` are the place of the first experiment that the screen shows, and how many it shows: they are read first.
    """

    first: int = 0
    count: int = 100
    seen: tuple[int, int] = (0, 0)
    experiment: int | None = None
    run_id: int | None = None
    filter_text: str = ""

    def follower(self, before: Follower | None) -> GridFollower:
        """The follower of before goes on: it knows the order of the experiments."""
        follower = before if isinstance(before, GridFollower) else GridFollower()
        follower.ask(self)
        return follower


class GridFollower:
    """Knows the ids of all experiments in order, and reads the runs of one page.

    Where no index helps a filter, the ids are found bit by bit, and so are the experiments read, those in view first:
    a new question never waits for an old one.
    """

    def __init__(self) -> None:
        self._watch = GridWatch()
        self._run: RunFollower | None = None
        self._ids: list[int] = []
        self._ids_of: tuple[int, str] | None = None
        self._search: Iterator[list[int]] | None = None
        self._found: list[int] = []
        self._next_page = 0.0
        self._rows: dict[int, ExperimentRow] = {}
        self._rows_of: tuple[int, tuple[Worker, ...]] | None = None
        #: the experiments whose rows are as they are now, and whether more are to be read
        self._fresh: set[int] = set()
        self._more = False
        self._page = GridPage(searching=True)

    def ask(self, watch: GridWatch) -> None:
        """Answer another question from now on."""
        if watch.filter_text != self._watch.filter_text:
            self._ids, self._ids_of, self._search = [], None, None
            self._page = GridPage(searching=True)
        self._watch = watch
        if watch.run_id is None:
            self._run = None
        elif self._run is None or self._run.run_id != watch.run_id:
            self._run = RunWatch(watch.run_id).follower(None)

    @property
    def unfinished(self) -> bool:
        """Whether experiments are still being looked for, or read."""
        return self._search is not None or self._more

    def read(self, registry: Registry, workers: tuple[Worker, ...]) -> GridPage:
        """The page as far as it is known now."""
        watch = self._watch
        try:
            partly = self._look_for_ids(registry, watch.filter_text)
        except BadInput as error:
            self._search, self._ids_of, self._more = None, None, False
            return GridPage(problem=str(error), asked=watch.experiment)
        ids = self._found if partly else self._ids
        if self._search is None or (self._page.searching and time.perf_counter() > self._next_page):
            self._page = self._page_of(registry, ids, workers)
            self._next_page = time.perf_counter() + EVERY
        return self._page

    def _page_of(self, registry: Registry, ids: list[int], workers: tuple[Worker, ...]) -> GridPage:
        watch = self._watch
        first = max(0, min(watch.first, len(ids) - watch.count))
        end = min(len(ids), first + watch.count)
        seen = min(max(first, watch.seen[0]), max(first, end - watch.seen[1]))
        self._read_rows(registry, [*ids[seen:end], *ids[first:seen]], workers)
        first, rows = self._known(ids, range(first, end), seen)
        return GridPage(
            rows=rows,
            first=first,
            total=len(ids),
            asked=watch.experiment,
            place=_place(ids, watch.experiment),
            detail=self._run.read(registry, workers) if self._run else None,
            searching=self._search is not None,
        )

    def _read_rows(self, registry: Registry, ids: Sequence[int], workers: tuple[Worker, ...]) -> None:
        """Read some of these experiments, the first ones first; until it is their turn, rows stay as they were."""
        current = (registry.db.data_version(), workers)
        if current != self._rows_of:
            self._fresh, self._rows_of = set(), current
        self._fresh &= set(ids)  # rows outside the window are let go
        missing = [i for i in ids if i not in self._fresh]
        self._more = len(missing) > ROWS
        if not missing:
            return
        now = {row.id: row for row in rows_of(waiting.explain(registry.runs.of_experiments(missing[:ROWS]), workers))}
        self._fresh.update(missing[:ROWS])
        # who is as before stays the same object, so that the screen need not draw it again
        kept = {i: self._rows[i] for i in ids if i in self._rows and (i not in now or self._rows[i] == now[i])}
        self._rows = now | kept

    def _known(self, ids: Sequence[int], window: range, seen: int) -> tuple[int, tuple[ExperimentRow, ...]]:
        """The rows that are known about the place ``seen``, and the place of the first of them."""

        def known(place: int) -> bool:  # one that was read and is not there was removed a moment ago
            return ids[place] in self._rows or ids[place] in self._fresh

        first = end = seen
        while end < window.stop and known(end):
            end += 1
        while first > window.start and known(first - 1):
            first -= 1
        return first, tuple(self._rows[i] for i in ids[first:end] if i in self._rows)

    def _look_for_ids(self, registry: Registry, filter_text: str) -> bool:
        """Find all ids, again only when something was written; True while only some of the first search are found.

        While they are searched for again, those of before stay.
        """
        current = (registry.db.data_version(), filter_text)
        if self._search is None and current != self._ids_of:
            self._search, self._found, self._ids_of = experiments(registry.db, filter_text), [], current
        end = time.perf_counter() + MOMENT
        while self._search is not None:
            some = next(self._search, None)
            if some is None:
                self._search, self._ids = None, self._found
                break
            self._found += some
            if time.perf_counter() > end:
                break
        return self._search is not None and self._page.searching

    def grew(self, registry: Registry) -> bool:
        """Whether there is more to find."""
        return self.unfinished


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
