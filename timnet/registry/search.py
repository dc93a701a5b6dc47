"""Lists and counts that are looked for in short steps, so that who asks for something else does not wait for them.

No index helps some filters, and all runs must be looked at. Each function here is a generator: it yields after some
thousand runs, and returns what it was asked for at the end.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

from timnet.registry.database import Database
from timnet.registry.filters import Condition, parse
from timnet.registry.narrow import FEW, STEPS, WINDOW, Place, Walk, narrow
from timnet.registry.order import Order, Values, order_of, stretches

#: so many runs of the table are looked at in one step of a count, and so many experiments in one of theirs
ROWS = 8000
EXPERIMENTS = 400

Steps = Generator[None, None, int]


@dataclass
class Search:
    """``limit`` runs of a list, behind the first ``skip`` that pass after the place ``start`` (or the list's end).

    ``backwards`` reads towards the head. ``places`` are those found so far, in the order they are read.
    """

    filter_text: str
    sort: str
    descending: bool
    limit: int
    start: Values | None = None
    skip: int = 0
    backwards: bool = False
    places: list[Place] = field(default_factory=list)

    def steps(self, db: Database) -> Steps:
        """Look for them; returns how many passed, those that were skipped included."""
        condition, order = parse(self.filter_text), order_of(self.sort)
        wanted = self.skip + self.limit
        few = narrow(db, condition, FEW) if condition.terms else None
        parts = self._parts(order, self.start)
        if few is not None:
            found = Walk(db, condition, parts, order).among(few, wanted)
            self.places += found[self.skip :]
            return len(found)
        seen, reach = 0, STEPS * wanted if condition.terms else wanted
        while parts:
            found, last = Walk(db, condition, parts[:1], order).reached(min(reach, WINDOW), wanted - seen)
            self.places += found[max(0, self.skip - seen) :]
            seen += len(found)
            if seen == wanted:
                break
            reach = WINDOW
            parts = parts[1:] if last is None else self._parts(order, last)
            if parts:
                yield
        return seen

    def _parts(self, order: Order, start: Values | None) -> list[Any]:
        return stretches(order, descending=self.descending, backwards=self.backwards, start=start)


def tally(db: Database, sql: str, parameters: Values) -> Generator[int, None, int]:
    """How many visible runs a condition is true for; yields how many it were so far."""
    count, highest = 0, db.number("SELECT max(id) FROM runs")
    for first in range(0, highest, ROWS):
        count += db.number(
            f"SELECT count(*) FROM runs NOT INDEXED WHERE runs.id > ? AND runs.id <= ? AND runs.hidden = 0 AND {sql}",
            (first, first + ROWS, *parameters),
        )
        yield count
    return count


def experiments(db: Database, filter_text: str) -> Generator[list[int], None, None]:
    """The ids of the experiments with a run that passes: pinned ones, then the newest first, some at a time."""
    condition = parse(filter_text)
    pinned = [row[0] for row in db.tuples("SELECT id FROM experiments WHERE pinned ORDER BY id DESC")]
    known = _at_once(db, condition)
    if known is not None:
        among = set(pinned)
        yield [i for i in known if i in among] + [i for i in known if i not in among] if pinned else known
        return
    if pinned:
        yield _with_runs(db, condition, pinned)
    highest = db.number("SELECT max(id) FROM experiments")
    for last in range(highest, 0, -EXPERIMENTS):
        ids = db.tuples(
            "SELECT id FROM experiments WHERE id > ? AND id <= ? AND deleted IS NULL AND NOT pinned ORDER BY id DESC",
            (last - EXPERIMENTS, last),
        )
        yield _with_runs(db, condition, [row[0] for row in ids])


def _at_once(db: Database, condition: Condition) -> list[int] | None:
    """All of them, the newest first, where they are found in a moment."""
    if not condition.terms:
        return [row[0] for row in db.tuples("SELECT id FROM experiments WHERE deleted IS NULL ORDER BY id DESC")]
    few = narrow(db, condition, FEW)
    if few is None:
        return None
    found = db.tuples(
        f"SELECT DISTINCT runs.experiment_id FROM ({few.sql}) AS few CROSS JOIN runs ON runs.id = few.id "
        f"WHERE runs.hidden = 0 AND {condition.sql} ORDER BY 1 DESC",
        (*few.parameters, *condition.parameters),
    )
    return [row[0] for row in found]


def _with_runs(db: Database, condition: Condition, ids: list[int]) -> list[int]:
    """Those of some experiments that have a run that passes, in their order."""
    places = ", ".join("?" * len(ids))
    found = db.tuples(
        f"SELECT id FROM experiments AS one WHERE id IN ({places}) AND EXISTS (SELECT 1 FROM runs INDEXED BY "
        f"sqlite_autoindex_runs_2 WHERE runs.experiment_id = one.id AND runs.hidden = 0 AND {condition.sql})",
        (*ids, *condition.parameters),
    )
    passing = {row[0] for row in found}
    return [i for i in ids if i in passing]
