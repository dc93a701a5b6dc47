"""The orders that runs can be listed in, each with the index that holds it, and the SQL to go on from a place in it.

Where a value is missing it comes last, whichever way the list is turned. So a list has two parts: the runs with a
value, by value and id, and then those without, by id.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from timnet.errors import BadInput
from timnet.registry.smoothed import METRICS

Values = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Order:
    """Columns of ``runs`` that put every run in its own place, and the index they are in.

    ``falling`` are the columns that count downwards in the index. ``gaps`` tells that the first may have no value.
    """

    index: str
    columns: tuple[str, ...]
    falling: tuple[str, ...] = ()
    gaps: bool = False


def _by(column: str, *, gaps: bool = True) -> Order:
    return Order(f"runs_by_{column}", (column, "id"), gaps=gaps)


QUEUE = Order("runs_by_state", ("state", "priority", "place", "id"), falling=("priority",))

SORTS = {
    "id": Order("sqlite_autoindex_runs_2", ("experiment_id", "fold")),  # made by UNIQUE (experiment_id, fold)
    "created": _by("created", gaps=False),
    "updated": _by("updated", gaps=False),
    "uar": _by("uar"),
    "war": _by("war"),
    **{metric: _by(f"last_{metric}") for metric in METRICS},
    "best": _by("best_value"),
    **{f"smoothed_{metric}": _by(f"smooth_{metric}") for metric in METRICS},
    "epoch": _by("epoch", gaps=False),
    "seconds": _by("last_seconds"),
    "state": QUEUE,
    "corpus": _by("corpus", gaps=False),
    "priority": _by("priority", gaps=False),
    "queue": QUEUE,
}


def order_of(sort: str) -> Order:
    """The order called ``sort``. Raises :class:`BadInput` that lists those there are."""
    if sort not in SORTS:
        raise BadInput(f"cannot sort by {sort!r}; there are: {', '.join(SORTS)}")
    return SORTS[sort]


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a list, in the direction it is to be read: a condition, its parameters, and ``ORDER BY``."""

    sql: str
    parameters: Values
    by: str


def stretches(
    order: Order, *, descending: bool, backwards: bool = False, start: Values | None = None, inclusive: bool = False
) -> list[Stretch]:
    """The parts to read one after the other, from the place ``start`` (values of ``order.columns``) or from an end.

    ``backwards`` reads towards the head of the list. ``inclusive`` begins with the run at ``start`` itself.
    """
    missing = start is not None and order.gaps and start[0] is None
    down = descending != backwards
    parts = [False, True] if order.gaps else [False]  # without a value?
    if backwards:
        parts.reverse()
    if start is not None:
        parts = parts[parts.index(missing) :]
    return [
        _stretch(order, part, down, start if start is not None and part is missing else None, inclusive)
        for part in parts
    ]


def _stretch(order: Order, without: bool, down: bool, start: Values | None, inclusive: bool) -> Stretch:
    columns, values = order.columns, start
    conditions: list[str] = []
    if order.gaps:
        conditions.append(f"runs.{columns[0]} IS {'' if without else 'NOT '}NULL")
    if without:
        columns, values = columns[1:], start and start[1:]
    downs = [down != (column in order.falling) for column in columns]
    parameters: Values = ()
    if values is not None:
        beyond, parameters = _beyond(columns, downs, values, inclusive)
        conditions.append(beyond)
    by = ", ".join(f"runs.{column} {'DESC' if falls else 'ASC'}" for column, falls in zip(columns, downs, strict=True))
    return Stretch(" AND ".join(conditions) or "1", parameters, by)


def _beyond(columns: tuple[str, ...], downs: list[bool], values: Values, inclusive: bool) -> tuple[str, Values]:
    """The rows after a place: a comparison of row values as far as the directions agree, else one column at a time."""
    sign = "<" if downs[0] else ">"
    if all(falls is downs[0] for falls in downs):
        names = ", ".join(f"runs.{column}" for column in columns)
        return f"({names}) {sign}{'=' if inclusive else ''} ({', '.join('?' * len(columns))})", values
    rest, parameters = _beyond(columns[1:], downs[1:], values[1:], inclusive)
    name = f"runs.{columns[0]}"
    # the first comparison tells SQLite where in the index to begin
    sql = f"{name} {sign}= ? AND ({name} {sign} ? OR {rest})"
    return sql, (values[0], values[0], *parameters)
