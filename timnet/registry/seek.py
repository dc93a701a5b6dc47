"""Far jumps in a list of runs: the place of the run that so many others come before.

Pages go on from a place (:mod:`timnet.registry.pages`). Who drags a scroll bar has no place yet, only a number.
"""

from __future__ import annotations

from timnet.registry.database import Database
from timnet.registry.filters import parse
from timnet.registry.narrow import SOME, narrow
from timnet.registry.order import order_of, stretches
from timnet.registry.pages import Cursor


def cursor_at(
    db: Database,
    rank: int,
    total: int | None = None,
    filter_text: str = "",
    *,
    sort: str = "id",
    descending: bool = False,
) -> Cursor | None:
    """The place of the run before which ``rank`` others come; None where the list is shorter.

    Where ``total``, the length of the list, is known, a run near its end is counted from there. Raises
    :class:`timnet.errors.BadInput` for a filter or a sort that do not exist.
    """
    condition, order = parse(filter_text), order_of(sort)
    backwards = total is not None and rank > total // 2
    skip = rank if not backwards or total is None else total - 1 - rank
    if skip < 0:
        return None
    few = narrow(db, condition, SOME)
    source = f"({few.sql}) AS few CROSS JOIN runs ON runs.id = few.id" if few else f"runs INDEXED BY {order.index}"
    start = few.parameters if few else ()
    passing = f"{condition.sql} AND {visible(db)}"
    columns = ", ".join(f"runs.{column}" for column in ("id", *order.columns))
    for part in stretches(order, descending=descending, backwards=backwards):
        where = f"FROM {source} WHERE {part.sql} AND {passing}"
        parameters = (*start, *part.parameters, *condition.parameters)
        found = db.tuples(f"SELECT {columns} {where} ORDER BY {part.by} LIMIT 1 OFFSET ?", (*parameters, skip))
        if found:
            return Cursor(found[0][0], tuple(found[0][1:]))
        skip -= db.number(f"SELECT count(*) {where}", parameters)
    return None


def visible(db: Database) -> str:
    """A condition that leaves hidden runs out: only where there are any, as no index tells which they are."""
    hidden = db.number("SELECT count(*) FROM (SELECT 1 FROM runs INDEXED BY runs_hidden WHERE hidden LIMIT 1)")
    return "runs.hidden = 0" if hidden else "1"
