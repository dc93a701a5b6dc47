"""The queue as a line: who trains, who waits and in which order, and how users change that order.

Workers claim by priority, then by place. A run that is moved takes over the priority of those it is put among, and a
place between them; nobody else's changes, unless there is no number left between two places.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from timnet.clock import now
from timnet.errors import BadInput
from timnet.records import EventKind, Run, RunState
from timnet.registry.database import Database, Row
from timnet.registry.filters import parse
from timnet.registry.narrow import SOME, narrow
from timnet.registry.paces import KIND_COLUMNS, Kind, kind_from
from timnet.registry.pages import Pages
from timnet.registry.runs import EVENT_OF, Runs
from timnet.registry.seek import visible
from timnet.states import Command

#: in this order the states follow each other; those that ended without a result may be retried
SECTIONS = (RunState.RUNNING, RunState.QUEUED, RunState.PAUSED, RunState.FAILED, RunState.CANCELLED)
_CLAIMED, _NEWEST = "runs.priority DESC, runs.place, runs.id", "runs.updated DESC, runs.id DESC"
#: more runs than any list has
ALL = 1_000_000_000
_ENDED = frozenset({RunState.FAILED, RunState.CANCELLED})
_KINDS = ", ".join(f"{column} AS {name}" for name, column in KIND_COLUMNS.items())


class Move(StrEnum):
    """Where a waiting run can be moved."""

    UP = "up"
    DOWN = "down"
    TOP = "top"
    BOTTOM = "bottom"


@dataclass(frozen=True, slots=True)
class Line:
    """Runs from place ``first`` on, section by section. ``counts`` are of all that pass the filter.

    ``place`` tells where the run that was asked for stands, None where it is not in the line.
    """

    runs: tuple[Run, ...]
    first: int
    counts: Mapping[RunState, int]
    place: int | None = None

    @property
    def total(self) -> int:
        """How long the line is."""
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True)
class Left:
    """What one run has left: ``epochs``, at its own ``seconds`` where it was timed, else at the pace of its kind.

    ``submitted``: it waits in an engine of other machines.
    """

    run_id: int
    kind: Kind
    epochs: int
    seconds: float | None
    submitted: bool = False


@dataclass(frozen=True, slots=True)
class Crowd:
    """Runs of one kind, with the epochs they have left together."""

    kind: Kind
    runs: int
    epochs: int


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a run stood in the line."""

    run_id: int
    key: str
    priority: int
    place: float


@dataclass(frozen=True, slots=True)
class Held:
    """Runs by row id: those that changed at once, and those whose own process was asked."""

    paused: tuple[int, ...]
    asked: tuple[int, ...]


class Lineup:
    """Reads and changes the line. What is hidden is not in it."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self._runs = Runs(db)
        self._pages = Pages(db)

    def line(self, filter_text: str = "", first: int = 0, count: int = 100, asked: int | None = None) -> Line:
        """``count`` runs from place ``first`` on. Raises :class:`BadInput` for a filter that cannot be used."""
        counts = self._counts(filter_text)
        total = sum(counts.values())
        first = max(0, min(first, total - count))
        ids: list[int] = []
        skip = first
        for state in SECTIONS:
            if skip < counts[state] and len(ids) < count:
                ids += self._section(state, filter_text, skip, count - len(ids))
            skip = max(0, skip - counts[state])
        place = None
        if asked is not None:
            place = first + ids.index(asked) if asked in ids else self._place(asked, filter_text, counts)
        return Line(tuple(self._runs.by_ids(ids)), first, counts, place)

    def left(self, state: RunState, count: int) -> list[Left]:
        """What the first ``count`` runs that train or wait have left, in the order of claims."""
        return self._left(f"SELECT runs.id {self._taken()}", (state, count))

    def left_of(self, run_ids: Sequence[int]) -> list[Left]:
        """What these runs have left, in the order of claims."""
        return self._left("SELECT value FROM json_each(?)", (json.dumps(list(run_ids)),))

    def _left(self, ids: str, parameters: tuple[object, ...]) -> list[Left]:
        rows = self.db.rows(
            f"""
            SELECT runs.id AS id, max(0, epochs - epoch) AS epochs, last_seconds,
                state = 'running' AND reason IS NOT NULL AS submitted, {_KINDS}
            FROM runs JOIN experiments ON experiments.id = runs.experiment_id
            WHERE runs.id IN ({ids}) ORDER BY {_CLAIMED}
            """,
            parameters,
        )
        return [
            Left(row["id"], kind_from(row), row["epochs"], row["last_seconds"], bool(row["submitted"])) for row in rows
        ]

    def ahead(self, count: int) -> list[Crowd]:
        """The first ``count`` of those that wait, put together by kind."""
        rows = self.db.rows(
            f"""
            SELECT sum(crowd.runs) AS runs, sum(crowd.epochs) AS epochs, {_KINDS}
            FROM (
                SELECT experiment_id, count(*) AS runs, sum(max(0, epochs - epoch)) AS epochs
                FROM (SELECT experiment_id, epochs, epoch {self._taken()}) GROUP BY experiment_id
            ) AS crowd
            JOIN experiments ON experiments.id = crowd.experiment_id GROUP BY {", ".join(KIND_COLUMNS)}
            """,
            (RunState.QUEUED, count),
        )
        return [Crowd(kind_from(row), row["runs"], row["epochs"]) for row in rows]

    # moving

    def move(self, keys: Sequence[str], move: Move) -> list[Spot]:
        """Move waiting runs together, as they stand to each other; returns where those stood that have moved.

        Raises :class:`BadInput` where one of them does not wait; then none is moved.
        """
        with self.db.write():
            runs = self._waiting_runs(keys)
            before = [Spot(run.id, run.key, run.priority, run.place) for run in runs]
            ids = [run.id for run in runs]
            # each is put next to one that stays, so the first to go up, and the last to go down, makes room
            for run_id in ids if move in (Move.UP, Move.TOP) else reversed(ids):
                self._move_one(run_id, move, ids)
            after = {run.id: (run.priority, run.place) for run in self._runs.by_ids(ids)}
        return [spot for spot in before if after[spot.run_id] != (spot.priority, spot.place)]

    def put_before(self, keys: Sequence[str], key: str) -> list[Spot]:
        """Move waiting runs together to stand before the run ``key``; returns where they stood. Raises as :meth:`move`."""
        with self.db.write():
            [target] = self._waiting_runs([key])
            runs = [run for run in self._waiting_runs(keys) if run.id != target.id]
            for run in runs:
                self._put(run.id, target.id, upwards=True)
        return [Spot(run.id, run.key, run.priority, run.place) for run in runs]

    def shift_priority(self, keys: Sequence[str], by: int) -> list[Spot]:
        """Raise or lower the priority of waiting runs by ``by``; returns where they stood. Raises as :meth:`move`."""
        with self.db.write():
            before = [Spot(run.id, run.key, run.priority, run.place) for run in self._waiting_runs(keys)]
            for spot in before:
                self._set(spot.run_id, spot.priority + by, spot.place)
        return before

    def put_back(self, spots: Sequence[Spot]) -> None:
        """Put runs back where they stood; those that wait no more are left alone."""
        with self.db.write():
            for spot in spots:
                self._set(spot.run_id, spot.priority, spot.place)

    # all at once

    def hold_all(self) -> Held:
        """Pause all that wait, and ask all that train to pause after their epoch; however many they are."""
        kind, text = EVENT_OF[Command.PAUSE]
        with self.db.write():
            paused = self._change("state = 'paused', reason = NULL", "state = 'queued'")
            self._note(paused, kind, text)
            asked = self._change("want = 'pause'", "state = 'running' AND coalesce(want, 'stop') = 'stop'")
            self._note(asked, EventKind.INTENT, "asked to pause")
        return Held(paused, asked)

    def release(self, held: Held | None = None) -> Held:
        """Queue what is paused again, and take back what was asked of those that train: all, or what was ``held``."""
        kind, text = EVENT_OF[Command.RESUME]
        with self.db.write():
            queued = self._change(
                "state = 'queued', reason = NULL, not_before = 0",
                "state = 'paused'",
                None if held is None else held.paused,
            )
            self._note(queued, kind, text)
            spared = self._change(
                "want = NULL", "state = 'running' AND want = 'pause'", None if held is None else held.asked
            )
        return Held(queued, spared)

    def _change(self, change: str, which: str, ids: Sequence[int] | None = None) -> tuple[int, ...]:
        among = "1" if ids is None else "id IN (SELECT value FROM json_each(?))"
        rows = self.db.changed(
            f"UPDATE runs SET {change}, updated = ? WHERE {which} AND hidden = 0 AND {among} RETURNING id",
            (now(), *(() if ids is None else (json.dumps(ids),))),
        )
        return tuple(row["id"] for row in rows)

    def _note(self, ids: Sequence[int], kind: EventKind, text: str) -> None:
        self.db.connection.execute(
            "INSERT INTO events (run_id, attempt, time, kind, epoch, text) "
            "SELECT id, iif(state = 'running', attempt, NULL), ?, ?, nullif(epoch, 0), ? FROM runs "
            "WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id",
            (now(), kind, text, json.dumps(ids)),
        )

    def _waiting_runs(self, keys: Sequence[str]) -> list[Run]:
        runs = [self._runs.get(key) for key in keys]
        for run in runs:
            if run.state is not RunState.QUEUED:
                raise BadInput(
                    f"cannot move run {run.key}: it is {run.state}, and only queued runs have a place in the queue"
                )
        return sorted(runs, key=lambda run: (-run.priority, run.place, run.id))

    def _move_one(self, run_id: int, move: Move, ids: Sequence[int]) -> None:
        upwards = move in (Move.UP, Move.TOP)
        next_to = self._next_to(run_id, move, ids)
        if next_to is not None:
            self._put(run_id, next_to["id"], upwards)

    def _put(self, run_id: int, beside: int, upwards: bool) -> None:
        """Put a run directly before another (upwards) or behind it."""
        next_to = self.db.changed("SELECT id, priority, place FROM runs WHERE id = ?", (beside,))[0]
        place = _between(next_to["place"], self._beyond(next_to, run_id, upwards), upwards)
        if place is None:  # no number is left between the two
            self._renumber(next_to["priority"])
            self._put(run_id, beside, upwards)
        else:
            self._set(run_id, next_to["priority"], place)

    def _next_to(self, run_id: int, move: Move, ids: Sequence[int]) -> Row | None:
        """The run to be put before (upwards) or behind; none of those that are moved together."""
        where = "1"
        parameters: tuple[float, ...] = ()
        if move in (Move.UP, Move.DOWN):
            here = self.db.changed("SELECT id, priority, place FROM runs WHERE id = ?", (run_id,))[0]
            where = f"(priority, -place, -id) {'>' if move is Move.UP else '<'} (?, ?, ?)"
            parameters = (here["priority"], -here["place"], -here["id"])
        first = move in (Move.TOP, Move.DOWN)
        order = "priority DESC, place, id" if first else "priority, place DESC, id DESC"
        found = self.db.changed(
            "SELECT id, priority, place FROM runs WHERE state = 'queued' AND hidden = 0 AND id NOT IN "
            f"(SELECT value FROM json_each(?)) AND {where} ORDER BY {order} LIMIT 1",
            (json.dumps(list(ids)), *parameters),
        )
        return found[0] if found else None

    def _beyond(self, next_to: Row, run_id: int, upwards: bool) -> float | None:
        """The place on the other side of the gap; None where there is no run of this priority."""
        sign, order = ("<", "place DESC, id DESC") if upwards else (">", "place, id")
        found = self.db.changed(
            "SELECT place FROM runs WHERE state = 'queued' AND hidden = 0 AND priority = ? AND id <> ? "
            f"AND (place, id) {sign} (?, ?) ORDER BY {order} LIMIT 1",
            (next_to["priority"], run_id, next_to["place"], next_to["id"]),
        )
        return found[0]["place"] if found else None

    def _renumber(self, priority: int) -> None:
        self.db.connection.execute(
            "UPDATE runs SET place = numbered.n FROM (SELECT id, row_number() OVER (ORDER BY place, id) AS n FROM runs "
            "WHERE state = 'queued' AND priority = ?) AS numbered WHERE runs.id = numbered.id",
            (priority,),
        )

    def _set(self, run_id: int, priority: int, place: float) -> None:
        self.db.connection.execute(
            "UPDATE runs SET priority = ?, place = ? WHERE id = ? AND state = 'queued'", (priority, place, run_id)
        )

    # reading

    def _taken(self) -> str:
        return f"FROM runs WHERE runs.state = ? AND {visible(self.db)} ORDER BY {_CLAIMED} LIMIT ?"

    def _counts(self, filter_text: str) -> dict[RunState, int]:
        if not parse(filter_text).terms:
            counts = self._runs.counts()
            return {state: counts[state] for state in SECTIONS}
        return {state: self._pages.count(_of(state, filter_text), ALL).runs for state in SECTIONS}

    def _section(self, state: RunState, filter_text: str, skip: int, count: int) -> list[int]:
        """The ids of a part of a section; through the smallest set that an index finds for the filter."""
        condition = parse(_of(state, filter_text))
        few = narrow(self.db, condition, SOME) if parse(filter_text).terms else None
        source = f"({few.sql}) AS few CROSS JOIN runs ON runs.id = few.id" if few else "runs"
        order = _NEWEST if state in _ENDED else _CLAIMED
        found = self.db.tuples(
            f"SELECT runs.id FROM {source} WHERE {condition.sql} AND {visible(self.db)} ORDER BY {order} LIMIT ? OFFSET ?",
            (*(few.parameters if few else ()), *condition.parameters, count, skip),
        )
        return [row[0] for row in found]

    def _place(self, run_id: int, filter_text: str, counts: Mapping[RunState, int]) -> int | None:
        row = self.db.row("SELECT state FROM runs WHERE id = ?", (run_id,))
        if row is None or RunState(row["state"]) not in SECTIONS:
            return None
        state = RunState(row["state"])
        ended = state in _ENDED
        text, sort = _of(state, filter_text), "updated" if ended else "queue"
        cursor = self._pages.find(run_id, text, sort=sort)
        if cursor is None:
            return None
        ahead = self._pages.rank(cursor, text, sort=sort, descending=ended)
        return sum(counts[one] for one in SECTIONS[: SECTIONS.index(state)]) + ahead


def _of(state: RunState, filter_text: str) -> str:
    return f"state:{state} {filter_text}"


def _between(place: float, beyond: float | None, upwards: bool) -> float | None:
    """A place next to ``place``: before it (``upwards``) or behind it, but on this side of ``beyond``."""
    if beyond is None:
        return place - 1 if upwards else place + 1
    middle = (place + beyond) / 2
    return middle if min(place, beyond) < middle < max(place, beyond) else None
