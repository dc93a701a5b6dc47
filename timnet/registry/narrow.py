"""How to find the runs that pass a filter without reading the others.

A list is read from its index, passing over runs that the filter leaves out. That is quick unless few pass. So each
part of a filter that an index can answer is tried first, up to :data:`FEW` runs: when one finds fewer, the list is
made of those alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from timnet.registry.database import Database
from timnet.registry.filters import Condition, Term
from timnet.registry.order import Order, Stretch
from timnet.registry.schema import SORTED_BY

#: so many runs are looked up and sorted in a few milliseconds
FEW = 4000


@dataclass(frozen=True, slots=True)
class Narrow:
    """A query for the ids (``id``) of ``count`` runs, among which are all that pass."""

    sql: str
    parameters: tuple[Any, ...]
    count: int


Place = tuple[Any, ...]


def walk(db: Database, condition: Condition, parts: Sequence[Stretch], order: Order, limit: int | None) -> list[Place]:
    """The first ``limit`` runs of a list that pass: for each its id, then its values of ``order.columns``."""
    if limit == 0:
        return []
    few = narrow(db, condition)
    source = f"({few.sql}) AS few CROSS JOIN runs ON runs.id = few.id" if few else f"runs INDEXED BY {order.index}"
    columns = ", ".join(f"runs.{column}" for column in ("id", *order.columns))
    found: list[Place] = []
    for part in parts:
        found += db.tuples(
            f"SELECT {columns} FROM {source} WHERE runs.hidden = 0 AND {part.sql} AND {condition.sql} "
            f"ORDER BY {part.by} LIMIT ?",
            (
                *(few.parameters if few else ()),
                *part.parameters,
                *condition.parameters,
                -1 if limit is None else limit - len(found),
            ),
        )
        if limit is not None and len(found) >= limit:
            break
    return found


def narrow(db: Database, condition: Condition, few: int = FEW) -> Narrow | None:
    """The smallest set of fewer than ``few`` runs that an index finds for ``condition``; None where none is so small."""
    best: Narrow | None = None
    for sql, parameters in _ways(condition):
        limit = few if best is None else best.count
        count = db.number(f"SELECT count(*) FROM ({sql} LIMIT ?)", (*parameters, limit))
        if count < limit:
            best = Narrow(sql, parameters, count)
    return best


def _ways(condition: Condition) -> Iterator[tuple[str, tuple[Any, ...]]]:
    for term in condition.of_runs:
        if term.column in ("id", "state", *SORTED_BY):
            yield f"SELECT runs.id AS id FROM runs WHERE {term.sql}", term.parameters
    terms = condition.of_experiments
    if terms:
        terms = (*terms, *(_corpus_id(term) for term in condition.of_runs if term.column == "corpus"))
        yield (
            "SELECT runs.id AS id FROM experiments CROSS JOIN runs ON runs.experiment_id = experiments.id "
            f"WHERE {' AND '.join(term.sql for term in terms)}",
            tuple(value for term in terms for value in term.parameters),
        )


def _corpus_id(term: Term) -> Term:
    """The same corpora, asked of an experiment."""
    names = term.sql.replace("runs.corpus", "name")
    return Term(f"experiments.corpus_id IN (SELECT id FROM corpora WHERE {names})", term.parameters)
