"""A window on a list of runs of any length, or what becomes of it when runs are put together.

Only the window is read. Where it stands in the list is known from a place that has been counted once and is carried
along; only a far jump, or something that was written, makes the registry count again.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar, cast

from timnet.errors import BadInput, UnknownName
from timnet.queue import waiting
from timnet.records import Experiment, Run, Worker
from timnet.registry import Registry
from timnet.registry.groups import Group
from timnet_tui.looks.pace import EVERY, MOMENT
from timnet_tui.looks.run_list import RunList
from timnet_tui.watch import Follower

#: these are never in one mean, whatever runs are grouped by
APART = ("corpus", "protocol", "selection")

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class RunsView:
    """How a user looks at the runs. It outlives the screen, so it names no run and no place.

    ``group`` is empty for single runs, or one of :data:`timnet.registry.groups.BY`, sorted by ``group_sort``.
    ``columns`` are keys of the table's columns; empty for those shown at first.
    """

    filter_text: str = ""
    sort: str = "created"
    descending: bool = True
    group: str = ""
    group_sort: str = "group"
    group_descending: bool = False
    columns: tuple[str, ...] = ()

    @property
    def order(self) -> tuple[str, bool]:
        """What the rows are sorted by, and whether it falls."""
        return (self.group_sort, self.group_descending) if self.group else (self.sort, self.descending)

    def sorted_by(self, sort: str) -> RunsView:
        """Sorted by something else, the highest first; by the same, the other way round."""
        now, descending = self.order
        falls = not descending if sort == now else sort != "group"
        if self.group:
            return replace(self, group_sort=sort, group_descending=falls)
        return replace(self, sort=sort, descending=falls)

    def same_rows(self, watch: RunsWatch) -> bool:
        """Whether ``watch`` asks for the rows of this view in its order."""
        asked = (watch.filter_text, watch.group, watch.sort, watch.descending)
        return asked == (self.filter_text, self.group, *self.order)


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run; ``experiment`` only where a column asks for what it alone knows."""

    run: Run
    experiment: Experiment | None = None

    @property
    def id(self) -> int:
        """The run's row id."""
        return self.run.id


@dataclass(frozen=True, slots=True)
class GroupRow:
    """Runs of one corpus, protocol and selection rule, and of one value of ``by``; ``fields`` name ``group.key``."""

    by: str
    fields: tuple[str, ...]
    group: Group

    @property
    def id(self) -> Hashable:
        """The values that the runs share."""
        return self.group.key

    def value(self, field: str) -> object:
        """What all its runs have in a field of :attr:`fields`."""
        return self.group.key[self.fields.index(field)]


@dataclass(frozen=True, slots=True)
class RunsPage:
    """The rows from place ``first`` on, out of ``total``, or more where not ``exact``.

    ``place`` tells where the row ``asked`` for stands, None where it is not among them. ``problem`` says why the
    filter cannot be used. While it is ``searching``, rows may follow those there are.
    """

    rows: tuple[RunRow, ...] | tuple[GroupRow, ...] = ()
    first: int = 0
    total: int = 0
    exact: bool = True
    asked: Hashable = None
    place: int | None = None
    problem: str = ""
    searching: bool = False


@dataclass(frozen=True, slots=True)
class RunsWatch:
    """``count`` rows from place ``first`` on; where the row ``asked`` stands.

    ``group`` is empty, or one of :data:`timnet.registry.groups.BY`; ``sort`` is then one of :data:`GROUP_SORTS`.
    ``experiments`` asks for each run's experiment.
    """

    filter_text: str = ""
    sort: str = "created"
    descending: bool = True
    group: str = ""
    first: int = 0
    count: int = 100
    asked: Hashable = None
    experiments: bool = False

    def follower(self, before: Follower | None) -> RunsFollower:
        """The follower of before goes on: it knows where the window stands."""
        follower = before if isinstance(before, RunsFollower) else RunsFollower()
        follower.ask(self)
        return follower


class RunsFollower:
    """Reads the window, or the groups: a little at each look, so that a new question never waits for an old one."""

    def __init__(self) -> None:
        self._watch = RunsWatch()
        first = self._watch
        self._list = RunList(first.filter_text, first.sort, descending=first.descending)
        #: what was asked for, of which version of the registry, and its groups, or how they are being found
        self._groups: tuple[tuple[str, str], int, tuple[GroupRow, ...]] | None = None
        self._grouping: tuple[tuple[str, str], int, Generator[None, None, list[Group]]] | None = None
        self._work: Iterator[bool] | None = None
        self._work_for: tuple[object, ...] = ()
        self._shown = RunsPage(searching=True)
        self._window: tuple[int, int] | None = None

    def ask(self, watch: RunsWatch) -> None:
        """Answer another question from now on."""
        if watch == self._watch:
            return
        self._watch, self._work, self._work_for = watch, None, ()
        if not self._list.is_of(watch.filter_text, watch.sort, descending=watch.descending):
            self._list = self._list.turned(watch.filter_text, watch.sort, descending=watch.descending)
            self._shown, self._window = RunsPage(searching=True), None

    def read(self, registry: Registry, workers: tuple[Worker, ...]) -> RunsPage:
        """The page as far as it is known now."""
        watch = self._watch
        try:
            if watch.group:
                rows = self._grouped(registry)
                return RunsPage(exact=False, searching=True) if rows is None else _window(rows, watch)
            self._grouping = None
            asked = (watch, registry.db.data_version(), workers)
            if self._work is None and asked != self._work_for:
                self._work, self._work_for = self._steps(registry, watch, workers), asked
            self._go_on()
        except BadInput as error:
            self._work, self._grouping, self._shown = None, None, RunsPage(problem=str(error), asked=watch.asked)
        return self._shown

    @property
    def unfinished(self) -> bool:
        """Whether there is more to find, which the next look can go on with at once."""
        return self._work is not None or self._grouping is not None

    def grew(self, registry: Registry) -> bool:
        """Whether there is more to find."""
        return self.unfinished

    def _go_on(self) -> None:
        """Work for a moment, or until there is something new to show."""
        end = time.perf_counter() + MOMENT
        while self._work is not None:
            told = next(self._work, None)
            if told is None:
                self._work = None
            elif told or time.perf_counter() > end:
                break

    def _steps(self, registry: Registry, watch: RunsWatch, workers: tuple[Worker, ...]) -> Iterator[bool]:
        """First the rows, then how many there are, then where the one that is asked for stands.

        Yields after each step, True where there is something new to show.
        """
        found = self._list
        yield from _quietly(found.carry(registry))
        again = 0.0
        for _ in found.window(registry, watch.first, watch.count):
            # rows appear as they are found, but those of another moment stay until all are found
            show = self._window != (watch.first, watch.count) and time.perf_counter() > again
            if show:
                self._show(registry, workers, searching=True)
                again = time.perf_counter() + EVERY
            yield show
        self._show(registry, workers, searching=False)
        self._window = (watch.first, watch.count)
        if not found.counted:
            yield True
            yield from _quietly(found.count(registry))
            self._shown = replace(self._shown, total=found.total(watch.count), exact=True)
        yield from self._find_place(registry, watch)

    def _find_place(self, registry: Registry, watch: RunsWatch) -> Iterator[bool]:
        place = None
        if isinstance(watch.asked, int):
            place = yield from _quietly(self._list.place(registry, watch.asked))
        self._shown = replace(self._shown, asked=watch.asked, place=place)

    def _show(self, registry: Registry, workers: tuple[Worker, ...], *, searching: bool) -> None:
        watch, found = self._watch, self._list
        page = found.page(registry, watch.count)
        runs = waiting.explain(page.runs, workers)
        known = {run.experiment_id for run in runs} if watch.experiments else set()
        of = {experiment.id: experiment for experiment in _experiments(registry, known)}
        # who is as before stays the same object, so that the screen need not draw it again
        before = {row.id: row for row in self._shown.rows if isinstance(row, RunRow)}
        rows = (RunRow(run, of.get(run.experiment_id)) for run in runs)
        self._shown = RunsPage(
            rows=tuple(before[row.id] if before.get(row.id) == row else row for row in rows),
            first=found.first,
            total=found.total(watch.count),
            exact=found.exact and not searching,
            asked=self._shown.asked,
            place=self._shown.place,
            searching=searching,
        )

    def _grouped(self, registry: Registry) -> tuple[GroupRow, ...] | None:
        """The groups, put together for a moment at each look; those of before stay until there are others."""
        watch, version = self._watch, registry.db.data_version()
        asked = (watch.filter_text, watch.group)
        fields = (watch.group, *(field for field in APART if field != watch.group))
        if self._grouping is not None and self._grouping[0] != asked:
            self._grouping = None
        if self._groups is not None and self._groups[0] != asked:
            self._groups = None
        if self._grouping is None and (self._groups is None or self._groups[1] != version):
            self._grouping = asked, version, registry.pages.grouping(watch.filter_text, fields)
        end = time.perf_counter() + MOMENT
        while self._grouping is not None:
            asked, version, steps = self._grouping
            try:
                next(steps)
            except StopIteration as ended:
                rows = tuple(GroupRow(watch.group, fields, group) for group in ended.value)
                self._groups, self._grouping = (asked, version, rows), None
            if time.perf_counter() > end:
                break
        return None if self._groups is None else _sorted(self._groups[2], watch.sort, descending=watch.descending)


def _quietly(steps: Generator[object, None, Answer]) -> Generator[bool, None, Answer]:
    """Steps that have nothing to show."""
    while True:
        try:
            next(steps)
        except StopIteration as ended:
            return cast("Answer", ended.value)
        yield False


def _experiments(registry: Registry, ids: set[int]) -> list[Experiment]:
    """Those of them that are there."""
    found = []
    for experiment_id in sorted(ids):
        try:
            found.append(registry.experiments.get(experiment_id))
        except UnknownName:  # removed a moment ago
            continue
    return found


def _window(rows: Sequence[GroupRow], watch: RunsWatch) -> RunsPage:
    ids = [row.id for row in rows]
    first = max(0, min(watch.first, len(rows) - watch.count))
    return RunsPage(
        rows=tuple(rows[first : first + watch.count]),
        first=first,
        total=len(rows),
        asked=watch.asked,
        place=ids.index(watch.asked) if watch.asked in ids else None,
    )


def _number(value: float | None) -> float:
    return -math.inf if value is None else value


#: what groups can be sorted by
GROUP_SORTS: dict[str, Callable[[GroupRow], float]] = {
    "uar": lambda row: _number(row.group.uar.mean),
    "war": lambda row: _number(row.group.war.mean),
    "best": lambda row: _number(row.group.best_uar),
    "n": lambda row: row.group.uar.n,
    "runs": lambda row: row.group.runs,
    "experiments": lambda row: row.group.experiments,
}


def _sorted(rows: Sequence[GroupRow], sort: str, *, descending: bool) -> tuple[GroupRow, ...]:
    """By a number, the groups without one last; else by the values they share, as the registry has them."""
    if sort not in GROUP_SORTS:
        return tuple(reversed(rows) if descending else rows)
    number = GROUP_SORTS[sort]
    ordered = sorted(rows, key=number, reverse=descending)
    missing = [row for row in ordered if number(row) == -math.inf]
    return (*(row for row in ordered if number(row) != -math.inf), *missing)
