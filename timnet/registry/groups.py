"""Runs put together by what they have in common, with their scores summed up by the registry itself."""

from __future__ import annotations

import math
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from timnet.errors import BadInput
from timnet.evaluation.summary import Summary
from timnet.records import RunState
from timnet.registry.database import Database, Row
from timnet.registry.filters import Condition
from timnet.registry.narrow import FEW, narrow

#: what runs can be put together by -> SQL over ``runs`` and ``experiments``
BY = {
    "corpus": "runs.corpus",
    "preset": "experiments.preset",
    "protocol": "experiments.protocol",
    "selection": "experiments.selection",
    "source": "experiments.source",
    "seed": "experiments.seed",
    "folds": "experiments.folds",
    "experiment": "runs.experiment_id",
    "fold": "runs.fold",
    "state": "runs.state",
    "day": "substr(runs.created, 1, 10)",
    "tag": "tags.tag",
}


#: so many experiments are put together in one step
EXPERIMENTS = 250
#: what is added up over steps, and which texts are collected
SUMS = (
    *("runs", "experiments", "optimistic", "scored_optimistic", *(state.value for state in RunState)),
    *(f"{score}_{what}" for score in ("uar", "war") for what in ("n", "sum", "squares")),
)
LABELS = ("protocol", "selection", "scored_protocol", "scored_selection")
#: a variance of fractions below this is rounding
SMALLEST = 1e-14


@dataclass(frozen=True, slots=True)
class Group:
    """Runs with the same ``key`` (values of the fields asked for; None: no tag).

    ``uar`` and ``war`` are over the finished runs that have them. ``protocols`` and ``selections`` are all there are
    among the finished runs (among all, where none is finished): with more than one, the means mix what should
    not be mixed, and ``mixed`` says so. ``best`` is the row id of the run with the highest UAR.
    """

    key: tuple[Any, ...]
    runs: int
    experiments: int
    states: tuple[tuple[RunState, int], ...]
    uar: Summary
    war: Summary
    protocols: tuple[str, ...]
    selections: tuple[str, ...]
    optimistic: bool
    best: int | None
    best_uar: float | None

    @property
    def mixed(self) -> bool:
        """Whether scores of several protocols or selection rules are in one mean."""
        return len(self.protocols) > 1 or len(self.selections) > 1


def groups(db: Database, condition: Condition, by: tuple[str, ...]) -> list[Group]:
    """The runs that pass, by the fields ``by`` of :data:`BY`, in the order of their values.

    A run with several tags is in each tag's group. Raises :class:`BadInput` for a field that is not there.
    """
    steps = grouping(db, condition, by)
    while True:
        try:
            next(steps)
        except StopIteration as ended:
            return cast("list[Group]", ended.value)


def grouping(db: Database, condition: Condition, by: tuple[str, ...]) -> Generator[None, None, list[Group]]:
    """Like :func:`groups`, in short steps: some experiments at a time, whose sums are then added up."""
    unknown = [name for name in by if name not in BY]
    if unknown or not by:
        raise BadInput(f"cannot group by {(unknown or ['nothing'])[0]!r}; there are: {', '.join(BY)}")
    few = narrow(db, condition, FEW)
    if few is not None:
        source = f"({few.sql}) AS few CROSS JOIN runs ON runs.id = few.id"
        found = db.rows(_query(by, source, condition.sql), (*few.parameters, *condition.parameters))
        return [_group(row, len(by)) for row in map(dict, found)]
    sums: dict[tuple[Any, ...], dict[str, Any]] = {}
    query = _query(by, "runs", f"runs.experiment_id > ? AND runs.experiment_id <= ? AND {condition.sql}")
    for first in range(0, db.number("SELECT max(id) FROM experiments"), EXPERIMENTS):
        for row in db.rows(query, (first, first + EXPERIMENTS, *condition.parameters)):
            key = tuple(row[f"key{place}"] for place in range(len(by)))
            sums[key] = _added(sums[key], row) if key in sums else dict(row)
        yield
    return [_group(sums[key], len(by)) for key in sorted(sums, key=_order)]


def _query(by: tuple[str, ...], source: str, where: str) -> str:
    tags = " LEFT JOIN tags ON tags.experiment_id = runs.experiment_id" if "tag" in by else ""
    states = ", ".join(f"sum(runs.state = '{state}') AS {state}" for state in RunState)
    return (
        f"SELECT {', '.join(f'{BY[name]} AS key{place}' for place, name in enumerate(by))}, count(*) AS runs, "
        f"count(DISTINCT runs.experiment_id) AS experiments, {states}, {_summed('uar')}, {_summed('war')}, "
        f"{_labels('protocol')}, {_labels('selection')}, "
        "sum(iif(runs.war IS NULL, 0, experiments.optimistic)) AS scored_optimistic, sum(experiments.optimistic) AS optimistic, "
        # with a single maximum in a query, SQLite takes other columns from the row that has it
        "runs.id AS best, max(runs.uar) AS best_uar "
        f"FROM {source} JOIN experiments ON experiments.id = runs.experiment_id{tags} "
        f"WHERE runs.hidden = 0 AND {where} GROUP BY {', '.join(str(place + 1) for place in range(len(by)))}"
    )


def _added(one: Mapping[str, Any], other: Row) -> dict[str, Any]:
    """The sums over both; their experiments are others."""
    both = {name: one[name] + other[name] for name in SUMS}
    labels = {name: ",".join(filter(None, (one[name], other[name]))) or None for name in LABELS}
    better = other["best_uar"] is not None and (one["best_uar"] is None or other["best_uar"] > one["best_uar"])
    best = {name: (other if better else one)[name] for name in ("best", "best_uar")}
    return {**one, **both, **labels, **best}


def _order(key: tuple[Any, ...]) -> tuple[tuple[bool, bool, Any], ...]:
    """As SQLite sorts: nothing, then numbers, then texts."""
    return tuple((value is not None, isinstance(value, str), value if value is not None else 0) for value in key)


def _summed(score: str) -> str:
    column = f"runs.{score}"
    return (
        f"count({column}) AS {score}_n, total({column}) AS {score}_sum, total({column} * {column}) AS {score}_squares"
    )


def _labels(name: str) -> str:
    column = f"experiments.{name}"
    return (
        f"group_concat(DISTINCT {column}) AS {name}, "
        f"group_concat(DISTINCT iif(runs.war IS NULL, NULL, {column})) AS scored_{name}"
    )


def _group(row: Mapping[str, Any], fields: int) -> Group:
    scored = row["war_n"] > 0

    def labels(name: str) -> tuple[str, ...]:
        return tuple(sorted(set(row[f"scored_{name}" if scored else name].split(","))))

    return Group(
        key=tuple(row[f"key{place}"] for place in range(fields)),
        runs=row["runs"],
        experiments=row["experiments"],
        states=tuple((state, row[state.value]) for state in RunState),
        uar=_summary(row, "uar"),
        war=_summary(row, "war"),
        protocols=labels("protocol"),
        selections=labels("selection"),
        optimistic=bool(row["scored_optimistic"] if scored else row["optimistic"]),
        best=row["best"] if row["best_uar"] is not None else None,
        best_uar=row["best_uar"],
    )


def _summary(row: Mapping[str, Any], score: str) -> Summary:
    """From the sums, as :func:`timnet.evaluation.summary.summarise` has it from the values.

    The squares' rounding can feign a spread of up to about 1e-7; such a one is none.
    """
    n, total, squares = row[f"{score}_n"], row[f"{score}_sum"], row[f"{score}_squares"]
    if n < 2:
        return Summary(n, total if n else None, None)
    variance = (squares - total * total / n) / (n - 1)
    return Summary(n, total / n, math.sqrt(variance) if variance > SMALLEST else 0.0)
