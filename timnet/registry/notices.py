"""Events worth telling somebody, and how far they have been told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from timnet.records import EventKind
from timnet.registry.database import Database

CURSOR = "notices"
TELLING = (EventKind.DONE, EventKind.FAILED, EventKind.DIVERGED, EventKind.STALLED)
"""The kinds of events that somebody who is away wants to hear of."""

_KINDS = ", ".join(f"'{kind}'" for kind in TELLING)


@dataclass(frozen=True, slots=True)
class Happening:
    """An event of one of the kinds :data:`TELLING`, with the run's key; ``imported`` where no training led to it.

    ``diverged`` says whether the same attempt's loss had become not finite.
    """

    id: int
    run_id: int
    experiment_id: int
    kind: EventKind
    text: str
    imported: bool
    diverged: bool


class Notices:
    """Reads the events to tell of. A worker *takes* them, so that among many workers each is told once."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def newest(self) -> int:
        """The id of the newest event; 0 without any."""
        row = self.db.row("SELECT max(id) AS id FROM events")
        return int((row or {}).get("id") or 0)

    def since(self, event_id: int) -> list[Happening]:
        """What happened after the event ``event_id``, oldest first."""
        rows = self.db.rows(
            f"SELECT events.id, events.run_id, runs.experiment_id, events.kind, events.text, "
            "coalesce(attempts.engine, '') = 'import' AS imported, "
            "EXISTS (SELECT 1 FROM events AS other WHERE other.run_id = events.run_id AND other.kind = 'diverged' "
            "AND other.attempt = runs.attempt) AS diverged "
            "FROM events JOIN runs ON runs.id = events.run_id "
            "LEFT JOIN attempts ON attempts.run_id = runs.id AND attempts.attempt = runs.attempt "
            f"WHERE events.id > ? AND events.kind IN ({_KINDS}) ORDER BY events.id",
            (event_id,),
        )
        return [_happening(row) for row in rows]

    def take(self, not_before: str) -> Sequence[Happening]:
        """What nobody has taken yet, from the time ``not_before`` on; after this call nobody else gets it.

        What is older is passed over: news of last week, when nobody wanted to be told, is none.
        """
        with self.db.write():
            after = max(self._cursor(), self._last_before(not_before))
            found = self.since(after)
            self.db.connection.execute(
                "INSERT INTO cursors (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                (CURSOR, max(self._cursor(), self.newest())),
            )
        return found

    def _cursor(self) -> int:
        row = self.db.row("SELECT value FROM cursors WHERE name = ?", (CURSOR,))
        return 0 if row is None else int(row["value"])

    def _last_before(self, time: str) -> int:
        """The newest event older than ``time``; found from the newest backwards, so only what is fresh is read."""
        row = self.db.row("SELECT id FROM events WHERE time < ? ORDER BY id DESC LIMIT 1", (time,))
        return 0 if row is None else int(row["id"])


def _happening(row: dict[str, object]) -> Happening:
    kind, imported, diverged = EventKind(str(row["kind"])), bool(row["imported"]), bool(row["diverged"])
    return Happening(**{**row, "kind": kind, "imported": imported, "diverged": diverged})  # type: ignore[arg-type]
