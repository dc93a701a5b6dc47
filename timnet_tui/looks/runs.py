"""A window on a list of runs of any length, or what becomes of it when runs are put together.

Only the window is read. Where it stands in the list is known from a place that has been counted once and is carried
along; only a far jump, or something that was written, makes the registry count again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace

from timnet.errors import BadInput, UnknownName
from timnet.queue import waiting
from timnet.records import Experiment, Run, Worker
from timnet.registry import Registry
from timnet.registry.groups import Group
from timnet.registry.pages import Count, Cursor, RunPage
from timnet.registry.seek import cursor_at
from timnet_tui.watch import Follower

#: these are never in one mean, whatever runs are grouped by
APART = ("corpus", "protocol", "selection")
#: more runs than any list has
ALL = 1_000_000_000


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
    filter cannot be used.
    """

    rows: tuple[RunRow, ...] | tuple[GroupRow, ...] = ()
    first: int = 0
    total: int = 0
    exact: bool = True
    asked: Hashable = None
    place: int | None = None
    problem: str = ""


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
    """Reads the window, or the groups."""

    def __init__(self) -> None:
        self._watch = RunsWatch()
        self._list = _RunList("", "id", descending=False)
        self._groups: tuple[object, tuple[GroupRow, ...]] | None = None

    def ask(self, watch: RunsWatch) -> None:
        """Answer another question from now on."""
        self._watch = watch
        if not self._list.is_of(watch):
            self._list = self._list.turned(watch)

    def read(self, registry: Registry, workers: tuple[Worker, ...]) -> RunsPage:
        """The page as it is now."""
        watch = self._watch
        try:
            if watch.group:
                return _window(self._grouped(registry), watch)
            return self._listed(registry, workers)
        except BadInput as error:
            self._list.owes = False
            return RunsPage(problem=str(error), asked=watch.asked)

    def grew(self, registry: Registry) -> bool:
        """Whether the list has not been counted to its end yet."""
        return not self._watch.group and self._list.owes

    def _listed(self, registry: Registry, workers: tuple[Worker, ...]) -> RunsPage:
        watch, found = self._watch, self._list
        total = found.count(registry, at_once=watch.first > 0)
        first, page = found.window(registry, watch.first, watch.count)
        runs = waiting.explain(page.runs, workers)
        known = {run.experiment_id for run in runs} if watch.experiments else set()
        of = {experiment.id: experiment for experiment in _experiments(registry, known)}
        shown = RunsPage(rows=tuple(RunRow(run, of.get(run.experiment_id)) for run in runs), first=first)
        if not page.after:
            found.owes = False
            shown = replace(shown, total=first + len(runs))
        else:
            least = first + len(runs) + watch.count
            shown = replace(shown, total=max(total.runs, least) if not total.exact else total.runs, exact=total.exact)
        if found.uncounted and found.owes:
            return shown  # the rows first; where the one asked for stands takes longer to find
        place = found.place(registry, watch.asked) if isinstance(watch.asked, int) else None
        if place is not None and not shown.exact:
            shown = replace(shown, total=max(shown.total, place + 1))
        return replace(shown, asked=watch.asked, place=place)

    def _grouped(self, registry: Registry) -> tuple[GroupRow, ...]:
        watch = self._watch
        key = (registry.db.data_version(), watch.filter_text, watch.group)
        if self._groups is None or self._groups[0] != key:
            fields = (watch.group, *(field for field in APART if field != watch.group))
            found = registry.pages.groups(watch.filter_text, fields)
            self._groups = key, tuple(GroupRow(watch.group, fields, group) for group in found)
        return _sorted(self._groups[1], watch.sort, descending=watch.descending)


class _RunList:
    """One list of runs, and the rank of one place in it."""

    def __init__(self, filter_text: str, sort: str, *, descending: bool) -> None:
        self.filter_text, self.sort, self.descending = filter_text, sort, descending
        self._version: int | None = None
        self._count: Count | None = None
        #: the rank of the first of some places that follow each other
        self._known: tuple[int, tuple[Cursor, ...]] | None = None
        self.owes = False

    def is_of(self, watch: RunsWatch) -> bool:
        """Whether this is the list that is asked for."""
        return (self.filter_text, self.sort, self.descending) == (watch.filter_text, watch.sort, watch.descending)

    def turned(self, watch: RunsWatch) -> _RunList:
        """The list that is asked for. In another order it is as long as before."""
        other = _RunList(watch.filter_text, watch.sort, descending=watch.descending)
        if other.filter_text == self.filter_text:
            other._version, other._count, other.owes = self._version, self._count, self.owes
        return other

    @property
    def uncounted(self) -> bool:
        """Whether it is not known at all how long the list is."""
        return self._count is None

    def count(self, registry: Registry, *, at_once: bool) -> Count:
        """How many runs there are: at first none are counted, then as many as takes a moment, then all.

        ``at_once`` does not wait with the first count.
        """
        pages, version = registry.pages, registry.db.data_version()
        if self._count is None and not self.owes and not at_once:
            self.owes = True
            return Count(0, exact=False)
        if version != self._version or self._count is None:
            self._version = version
            self._count = pages.count(self.filter_text)
            self.owes = not self._count.exact
            self._carry(registry)
        elif self.owes:
            self._count = pages.count(self.filter_text, most=ALL)
            self.owes = False
        return self._count

    def _carry(self, registry: Registry) -> None:
        """Something was written: count again where the window stands."""
        if self._known is None or not self._known[0]:
            self._known = None
            return
        cursor = self._known[1][0]
        rank = registry.pages.rank(cursor, self.filter_text, sort=self.sort, descending=self.descending)
        # what stood after that place may be others now, but the place itself is as good as before
        self._known = rank, (cursor,)

    def window(self, registry: Registry, first: int, count: int) -> tuple[int, RunPage]:
        """``count`` runs from ``first`` on, or the last ones where the list is shorter; and where they really begin."""
        total = self._count
        if total is not None and total.exact:
            first = max(0, min(first, total.runs - count))
        start = self._before(registry, first)
        if start is None:
            first = 0
        page = registry.pages.runs(
            self.filter_text, sort=self.sort, descending=self.descending, after=start, limit=count
        )
        self._known = (first - 1, (start, *page.cursors)) if start is not None else (0, page.cursors)
        return first, page

    def _before(self, registry: Registry, first: int) -> Cursor | None:
        """The place of the run just before ``first``; None for the start of the list."""
        if first <= 0:
            return None
        if self._known is not None:
            rank, cursors = self._known
            if 0 <= first - 1 - rank < len(cursors):
                return cursors[first - 1 - rank]
        total = self._count.runs if self._count is not None and self._count.exact else None
        return cursor_at(registry.db, first - 1, total, self.filter_text, sort=self.sort, descending=self.descending)

    def place(self, registry: Registry, run_id: int) -> int | None:
        """Where a run stands."""
        if self._known is not None:
            rank, cursors = self._known
            ids = [cursor.run_id for cursor in cursors]
            if run_id in ids:
                return rank + ids.index(run_id)
        cursor = registry.pages.find(run_id, self.filter_text, sort=self.sort)
        if cursor is None:
            return None
        return registry.pages.rank(cursor, self.filter_text, sort=self.sort, descending=self.descending)


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
