"""How to find the runs that pass a filter without reading the others.

A list is read from its index, passing over runs that the filter leaves out. That is quick unless few pass. So each
part of a filter that an index can answer is tried first, up to :data:`FEW` runs: when one finds fewer, the list is
made of those alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from timnet.registry.database import Database
from timnet.registry.filters import Condition, Term
from timnet.registry.order import Order, Stretch
from timnet.registry.schema import SORTED_BY

#: so many runs are looked up and sorted in a moment
FEW = 2000
#: and so many in less time than reading the whole table would take
SOME = 12_000
#: how far a list is read in search of runs that pass: so many for each run of the page, then so many in all
STEPS = 8
WINDOW = 4000

#: columns of ``runs`` that an index finds
INDEXED = ("id", "state", *SORTED_BY)

Place = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Narrow:
    """A query for the ids (``id``) of ``count`` runs, among which are all that pass."""

    sql: str
    parameters: tuple[Any, ...]
    count: int


def walk(db: Database, condition: Condition, parts: Sequence[Stretch], order: Order, limit: int | None) -> list[Place]:
    """The first ``limit`` runs of a list that pass: for each its id, then its values of ``order.columns``."""
    one = Walk(db, condition, parts, order)
    if limit is None or not condition.terms:
        return one.along_index(limit)
    few = narrow(db, condition, FEW)
    if few is not None:
        return one.among(few, limit)
    for reach in (STEPS * limit, max(WINDOW, STEPS * limit)):
        found = one.near(reach, limit)
        if len(found) == limit:
            return found
    some = narrow(db, condition, SOME)
    return one.among(some, limit) if some is not None else one.among_all(limit)


class Walk:
    """The ways to read one list from one place."""

    def __init__(self, db: Database, condition: Condition, parts: Sequence[Stretch], order: Order) -> None:
        self._db = db
        self._condition = condition
        self._parts = parts
        self._order = order
        self._columns = ", ".join(f"runs.{column}" for column in ("id", *order.columns))

    def along_index(self, limit: int | None) -> list[Place]:
        """Read the index, looking at each run, until enough have passed."""
        return self._read(f"runs INDEXED BY {self._order.index}", (), limit)

    def among(self, few: Narrow, limit: int) -> list[Place]:
        """Look at a set of runs and sort those that pass."""
        return self._read(f"({few.sql}) AS few CROSS JOIN runs ON runs.id = few.id", few.parameters, limit)

    def among_all(self, limit: int) -> list[Place]:
        """Look at every run and sort those that pass: sooner done than jumping about along an index."""
        return self._read("runs NOT INDEXED", (), limit)

    def reached(self, reach: int, limit: int) -> tuple[list[Place], Place | None]:
        """The runs that pass among the next ``reach`` of the first part, and the place of the last that was looked at.

        That one is None where the part ends before.
        """
        [part, *_] = self._parts
        next_, parameters = self._next(part)
        columns = ", ".join(f"runs.{column}" for column in self._order.columns)
        found = self._one(part, _near(next_), (*parameters, reach), limit)
        last = self._db.tuples(f"SELECT {columns} {next_} 1 OFFSET ?", (*parameters, reach - 1))
        return found, last[0] if last else None

    def near(self, reach: int, limit: int) -> list[Place]:
        """The runs that pass among the next ``reach`` of the list; the last of them are perhaps not the next of all."""
        found: list[Place] = []
        for part in self._parts:
            if reach <= 0 or len(found) >= limit:
                break
            next_, parameters = self._next(part)
            found += self._one(part, _near(next_), (*parameters, reach), limit - len(found))
            reach -= self._db.number(f"SELECT count(*) FROM (SELECT id {next_} ?)", (*parameters, reach))
        return found

    def _next(self, part: Stretch) -> tuple[str, tuple[Any, ...]]:
        """Reads the next runs of a part along the index, for between a SELECT and the number for its LIMIT.

        What the index itself can tell is asked before the runs are counted.
        """
        own = [term for term in self._condition.of_runs if term.column == self._order.columns[0]]
        where = " AND ".join([part.sql, *(term.sql for term in own)])
        parameters = (*part.parameters, *(value for term in own for value in term.parameters))
        return f"FROM runs INDEXED BY {self._order.index} WHERE {where} ORDER BY {part.by} LIMIT", parameters

    def _read(self, source: str, parameters: tuple[Any, ...], limit: int | None) -> list[Place]:
        found: list[Place] = []
        for part in self._parts:
            if limit is not None and len(found) >= limit:
                break
            found += self._one(part, source, parameters, -1 if limit is None else limit - len(found))
        return found

    def _one(self, part: Stretch, source: str, parameters: tuple[Any, ...], limit: int) -> list[Place]:
        return self._db.tuples(
            f"SELECT {self._columns} FROM {source} "
            f"WHERE runs.hidden = 0 AND {part.sql} AND {self._condition.sql} ORDER BY {part.by} LIMIT ?",
            (*parameters, *part.parameters, *self._condition.parameters, limit),
        )


def _near(next_: str) -> str:
    return f"(SELECT id {next_} ?) AS near CROSS JOIN runs ON runs.id = near.id"


def narrow(db: Database, condition: Condition, few: int) -> Narrow | None:
    """The smallest set of fewer than ``few`` runs that an index finds for ``condition``; None where none is so small."""
    best: list[int] | None = None
    for sql, parameters in _ways(condition):
        limit = few if best is None else len(best)
        found = db.tuples(f"{sql} LIMIT ?", (*parameters, limit))
        if len(found) < limit:
            best = [row[0] for row in found]
    if best is None:
        return None
    # found once, looked at perhaps more often; in the order of the table, where neighbours lie on one page
    return Narrow("SELECT value AS id FROM json_each(?)", (json.dumps(sorted(best)),), len(best))


def _ways(condition: Condition) -> Iterator[tuple[str, tuple[Any, ...]]]:
    for term in condition.of_runs:
        if term.column in INDEXED:
            yield f"SELECT runs.id AS id FROM runs WHERE {term.sql}", term.parameters
    terms = condition.of_experiments
    if terms:
        terms = (*terms, *(corpus_id(term) for term in condition.of_runs if term.column == "corpus"))
        yield (
            "SELECT runs.id AS id FROM experiments CROSS JOIN runs ON runs.experiment_id = experiments.id "
            f"WHERE {' AND '.join(term.sql for term in terms)}",
            tuple(value for term in terms for value in term.parameters),
        )


def corpus_id(term: Term) -> Term:
    """The same corpora, asked of an experiment."""
    names = term.sql.replace("runs.corpus", "name")
    return Term(f"experiments.corpus_id IN (SELECT id FROM corpora WHERE {names})", term.parameters)
