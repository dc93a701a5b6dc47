"""What is still to be trained and at which pace, summed up so that no run is read that has ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from timnet.registry.database import Database
from timnet.registry.paces import KIND_COLUMNS, Kind, paces

#: so many experiments are asked for a pace of their own; what waits behind them is far off and may be estimated
MEASURED_ONE_BY_ONE = 50


@dataclass(frozen=True, slots=True)
class Share:
    """Runs of one experiment that wait, or one that trains. ``epochs`` are left for all of them together.

    ``seconds`` an epoch: the run's own, else the mean of its experiment, else of the newest runs of the same
    kind (:mod:`timnet.registry.paces`); None where none was timed yet.
    """

    experiment_id: int
    runs: int
    epochs: int
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Load:
    """``running`` has a share a run that trains; ``waiting`` a share an experiment in the order in which workers claim.

    Ahead of these, a share each, are the runs that wait in an engine of other machines.
    """

    running: tuple[Share, ...] = ()
    waiting: tuple[Share, ...] = ()


def load(db: Database) -> Load:
    """The load of the registry now."""
    pace = _Pace(db)
    begun = db.rows(
        "SELECT experiment_id, max(0, epochs - epoch) AS epochs, last_seconds, reason IS NOT NULL AS submitted "
        "FROM runs WHERE state = 'running'"
    )
    waiting = db.rows(
        "SELECT experiment_id, count(*) AS runs, sum(max(0, epochs - epoch)) AS epochs, max(priority) AS priority, "
        "min(id) AS first FROM runs WHERE state = 'queued' GROUP BY experiment_id ORDER BY priority DESC, first"
    )
    trains, submitted = (
        tuple(
            Share(row["experiment_id"], 1, row["epochs"], row["last_seconds"] or pace.of(row["experiment_id"]))
            for row in begun
            if row["submitted"] == waits
        )
        for waits in (0, 1)
    )
    queued = (Share(row["experiment_id"], row["runs"], row["epochs"], pace.of(row["experiment_id"])) for row in waiting)
    return Load(trains, (*submitted, *queued))


class _Pace:
    """Seconds an epoch, by experiment for the first that wait, by kind for the others."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._asked = 0
        self._by_kind: Mapping[Kind, float] | None = None
        self._kinds: dict[int, Kind] = {}

    def of(self, experiment_id: int) -> float | None:
        """Seconds an epoch of an experiment's runs."""
        self._asked += 1
        if self._asked <= MEASURED_ONE_BY_ONE:
            row = self._db.row(
                "SELECT avg(last_seconds) AS seconds FROM runs WHERE experiment_id = ?", (experiment_id,)
            )
            if row is not None and row["seconds"] is not None:
                return float(row["seconds"])
        return self._of_kind(experiment_id)

    def _of_kind(self, experiment_id: int) -> float | None:
        if self._by_kind is None:
            self._by_kind = paces(self._db)
            rows = self._db.tuples(
                f"SELECT id, {', '.join(KIND_COLUMNS.values())} FROM experiments WHERE id IN "
                "(SELECT experiment_id FROM runs WHERE state IN ('queued', 'running'))"
            )
            self._kinds = {row[0]: Kind(*row[1:]) for row in rows}
        kind = self._kinds.get(experiment_id)
        return None if kind is None else self._by_kind.get(kind)
