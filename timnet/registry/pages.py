"""Pages of long lists of runs, found from a place in the list and not by counting from its start.

A :class:`Cursor` is such a place. It stays good when runs come, go or move: the page after it holds the runs that
come after it now.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

from timnet.records import Run
from timnet.registry.completion import Values, values_of
from timnet.registry.database import Database
from timnet.registry.filters import Condition, parse
from timnet.registry.groups import Group, grouping, groups
from timnet.registry.load import Load, load
from timnet.registry.narrow import FEW, INDEXED, SOME, Narrow, Place, narrow, walk
from timnet.registry.order import Order, Stretch, order_of, stretches
from timnet.registry.runs import Runs
from timnet.registry.search import Search, tally

#: where a filter lets so many runs pass that they cannot all be counted in a moment, counting ends here
MOST = 10_000


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in a list: a run's row id and the values it is sorted by. Only good for the same sort."""

    run_id: int
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class RunPage:
    """Runs in the order of the list, with the place of each; ``before`` and ``after`` tell whether more follow there."""

    runs: tuple[Run, ...] = ()
    cursors: tuple[Cursor, ...] = ()
    before: bool = False
    after: bool = False


@dataclass(frozen=True, slots=True)
class Count:
    """How many runs pass; at least so many where not ``exact``."""

    runs: int
    exact: bool = True


@dataclass(frozen=True, slots=True)
class _List:
    condition: Condition
    order: Order
    descending: bool

    def parts(self, start: Cursor | None = None, *, backwards: bool = False, inclusive: bool = False) -> list[Stretch]:
        values = None if start is None else start.values
        return stretches(self.order, descending=self.descending, backwards=backwards, start=values, inclusive=inclusive)


class Pages:
    """Reads pages, counts and groups of runs. A filter and a sort that do not exist raise :class:`BadInput`."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self._runs = Runs(db)

    def runs(
        self,
        filter_text: str = "",
        *,
        sort: str = "id",
        descending: bool = False,
        after: Cursor | None = None,
        before: Cursor | None = None,
        around: int | None = None,
        limit: int = 100,
    ) -> RunPage:
        """A page of at most ``limit`` runs: from the start, ``after`` or ``before`` a place, or ``around`` a run's row id.

        Around a run that is not in the list (any more), it is the first page.
        """
        one = _List(parse(filter_text), order_of(sort), descending)
        if before is not None:
            return self._before(one, before, limit)
        if around is not None:
            page = self._around(one, around, limit)
            if page is not None:
                return page
        places = self._walk(one, one.parts(after), limit + 1)
        return self._page(places[:limit], before=after is not None, after=len(places) > limit)

    def count(self, filter_text: str = "", most: int = MOST) -> Count:
        """How many runs pass a filter; counting may end at ``most`` where no index can tell."""
        condition = parse(filter_text)
        few = narrow(self.db, condition, SOME)
        if few is not None:
            return Count(self._count(condition, few))
        if not condition.of_experiments and len(condition.terms) <= 1:
            return Count(self._visible(condition))
        if not condition.of_runs:
            return Count(
                self.db.number(
                    "SELECT count(*) FROM experiments CROSS JOIN runs ON runs.experiment_id = experiments.id "
                    f"WHERE experiments.deleted IS NULL AND {' AND '.join(term.sql for term in condition.terms)}",
                    condition.parameters,
                )
            )
        found = self.db.number(
            f"SELECT count(*) FROM (SELECT 1 FROM runs NOT INDEXED WHERE hidden = 0 AND {condition.sql} LIMIT ?)",
            (*condition.parameters, most + 1),
        )
        return Count(min(found, most), exact=found <= most)

    def rank(self, cursor: Cursor, filter_text: str = "", *, sort: str = "id", descending: bool = False) -> int:
        """How many runs of the list come before a place."""
        one = _List(parse(filter_text), order_of(sort), descending)
        conditions = _preceding(one, cursor)
        known = self._rank_of_few(one, conditions, SOME)
        if known is not None:
            return known
        sql, parameters = _either(conditions)
        return self.db.number(  # in the table's own order, which takes less than jumping about in it
            f"SELECT count(*) FROM runs NOT INDEXED WHERE hidden = 0 AND {sql}", parameters
        )

    def counting(self, filter_text: str = "") -> Generator[int, None, int]:
        """Like :meth:`count` to the end, in short steps; yields how many passed so far."""
        condition = parse(filter_text)
        few = narrow(self.db, condition, FEW)
        if few is not None:
            return self._count(condition, few)
        if all(term.column in INDEXED for term in condition.terms) and len(condition.terms) <= 1:
            return self._visible(condition)
        return (yield from tally(self.db, condition.sql, condition.parameters))

    def ranking(
        self, cursor: Cursor, filter_text: str = "", *, sort: str = "id", descending: bool = False
    ) -> Generator[int, None, int]:
        """Like :meth:`rank`, in short steps."""
        one = _List(parse(filter_text), order_of(sort), descending)
        conditions = _preceding(one, cursor)
        known = self._rank_of_few(one, conditions, FEW)
        return known if known is not None else (yield from tally(self.db, *_either(conditions)))

    def page_of(self, search: Search) -> RunPage:
        """The runs that a search has found so far, in the order of the list."""
        return self._page(search.places[:: -1 if search.backwards else 1], before=False, after=False)

    def find(self, run_id: int, filter_text: str = "", *, sort: str = "id") -> Cursor | None:
        """The place of a run in a list; None where the filter leaves it out."""
        return self._find(_List(parse(filter_text), order_of(sort), descending=False), run_id)

    def groups(self, filter_text: str = "", by: tuple[str, ...] = ("corpus", "preset")) -> list[Group]:
        """The runs that pass, put together by fields (see :func:`timnet.registry.groups.groups`)."""
        return groups(self.db, parse(filter_text), by)

    def grouping(self, filter_text: str, by: tuple[str, ...]) -> Generator[None, None, list[Group]]:
        """Like :meth:`groups`, in short steps."""
        return grouping(self.db, parse(filter_text), by)

    def values(self) -> Values:
        """What text fields hold, for completing a filter (:func:`timnet.registry.completion.complete`)."""
        return values_of(self.db)

    def load(self) -> Load:
        """What is still to be trained, and at which pace."""
        return load(self.db)

    def _rank_of_few(self, one: _List, conditions: Sequence[_Both], most: int) -> int | None:
        """How many runs pass one of ``conditions``; None where neither an index nor fewer than ``most`` runs tell."""
        few = narrow(self.db, one.condition, most)
        if few is not None:
            return sum(self._count(condition, few) for condition in conditions)
        if not one.condition.terms:
            return sum(self._visible(condition) for condition in conditions)
        return None

    def _walk(self, one: _List, parts: list[Stretch], limit: int) -> list[Place]:
        return walk(self.db, one.condition, parts, one.order, limit)

    def _before(self, one: _List, cursor: Cursor, limit: int) -> RunPage:
        places = self._walk(one, one.parts(cursor, backwards=True), limit + 1)
        return self._page(places[:limit][::-1], before=len(places) > limit, after=True)

    def _around(self, one: _List, run_id: int, limit: int) -> RunPage | None:
        cursor = self._find(one, run_id)
        if cursor is None:
            return None
        earlier = self._walk(one, one.parts(cursor, backwards=True), limit + 1)
        later = self._walk(one, one.parts(cursor, inclusive=True), limit + 1)
        # in the middle, but for the ends of the list, where the page is still to be full
        ahead = max(min(len(earlier), limit // 2), limit - len(later))
        shown = earlier[:ahead][::-1] + later[: limit - ahead]
        return self._page(shown, before=len(earlier) > ahead, after=len(later) > limit - ahead)

    def _find(self, one: _List, run_id: int) -> Cursor | None:
        columns = ", ".join(f"runs.{column}" for column in one.order.columns)
        found = self.db.tuples(
            f"SELECT {columns} FROM runs WHERE runs.id = ? AND runs.hidden = 0 AND {one.condition.sql}",
            (run_id, *one.condition.parameters),
        )
        return Cursor(run_id, found[0]) if found else None

    def _page(self, places: list[Place], *, before: bool, after: bool) -> RunPage:
        runs = self._runs.by_ids([place[0] for place in places])
        there = {run.id for run in runs}
        cursors = tuple(Cursor(place[0], place[1:]) for place in places if place[0] in there)
        return RunPage(tuple(runs), cursors, before, after)

    def _count(self, condition: _Sql, few: Narrow) -> int:
        return self.db.number(
            f"SELECT count(*) FROM ({few.sql}) AS few CROSS JOIN runs ON runs.id = few.id WHERE hidden = 0 AND {condition.sql}",
            (*few.parameters, *condition.parameters),
        )

    def _visible(self, condition: _Sql) -> int:
        """All but the hidden ones: so an index alone can tell, where it would not know which are hidden."""
        every = self.db.number(f"SELECT count(*) FROM runs WHERE {condition.sql}", condition.parameters)
        return every - self.db.number(
            f"SELECT count(*) FROM runs INDEXED BY runs_hidden WHERE hidden AND {condition.sql}", condition.parameters
        )


@dataclass(frozen=True, slots=True)
class _Both:
    sql: str
    parameters: tuple[Any, ...]


_Sql = Condition | _Both


def _either(conditions: Sequence[_Sql]) -> tuple[str, tuple[Any, ...]]:
    sql = " OR ".join(f"({condition.sql})" for condition in conditions)
    return f"({sql})", tuple(value for condition in conditions for value in condition.parameters)


def _preceding(one: _List, cursor: Cursor) -> list[_Both]:
    """What the runs pass that come before a place in the list."""
    own = one.condition
    return [
        _Both(f"{part.sql} AND {own.sql}", (*part.parameters, *own.parameters))
        for part in one.parts(cursor, backwards=True)
    ]
