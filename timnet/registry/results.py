"""What a run measured and left behind, read back: epochs, events, checkpoints, predictions, artifacts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from timnet.errors import BadInput
from timnet.records import Artifact, Attempt, Checkpoint, EpochMetrics, Event
from timnet.registry.database import Database
from timnet.registry.trouble import clear_rows

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Predictions:
    """The predictions of one run, in order of ``item`` (the utterance's row in its corpus).

    ``item``, ``truth``, ``predicted``: int64 ``[n]``; ``probabilities``: float32 ``[n, classes]``.
    """

    item: NDArray[np.int64]
    truth: NDArray[np.int64]
    predicted: NDArray[np.int64]
    probabilities: NDArray[np.float32]


Point = tuple[Any, ...]


class Results:
    """Read-only views of the tables that training processes write."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def stamp(self) -> tuple[int, int, int, int]:
        """Changes whenever a run is finished, removed or restored, and at nothing else. Quick, however many there are."""
        [done] = self.db.tuples("SELECT count(*), coalesce(sum(id), 0) FROM runs WHERE state = 'done'")
        [gone] = self.db.tuples("SELECT count(*), coalesce(sum(id), 0) FROM runs WHERE hidden AND state = 'done'")
        return (*done, *gone)

    def epochs(self, run_id: int, after: int = 0) -> list[EpochMetrics]:
        """The epochs of a run after epoch ``after``, in order."""
        rows = self.db.rows(
            "SELECT epoch, loss, accuracy, val_loss, val_accuracy, val_uar, lr, seconds, diverged, "
            "inner_loss, inner_accuracy, inner_uar "
            "FROM epochs WHERE run_id = ? AND epoch > ? ORDER BY epoch",
            (run_id, after),
        )
        return [EpochMetrics(**{**row, "diverged": bool(row["diverged"])}) for row in rows]

    def curves(self, run_ids: Sequence[int], metrics: Sequence[str] = ("val_accuracy",)) -> dict[int, list[Point]]:
        """The curves of several runs in one reading: for each run with epochs, ``(epoch, value of each metric...)``.

        ``metrics`` are fields of :class:`EpochMetrics`. Raises :class:`BadInput` for another.
        """
        columns = ", ".join(_column(metric) for metric in metrics)
        found: dict[int, list[Point]] = {}
        for run_id in dict.fromkeys(run_ids):
            points = self.db.tuples(f"SELECT epoch, {columns} FROM epochs WHERE run_id = ? ORDER BY epoch", (run_id,))
            if points:
                found[run_id] = points
        return found

    def thinned(self, run_id: int, metric: str, most: int) -> list[Point]:
        """A curve in at most about ``most`` points ``(epoch, value)``, with every peak and dip of the whole one.

        The epochs are put into buckets of equal width, and of each the lowest and the highest value are kept, and
        the first and the last of all. Epochs without a value are left out.
        """
        column = _column(metric)
        ends = self.db.tuples(
            f"SELECT min(epoch), max(epoch) FROM epochs WHERE run_id = ? AND {column} IS NOT NULL", (run_id,)
        )[0]
        if ends[0] is None:
            return []
        width = max(1.0, (ends[1] - ends[0] + 1) / max(1, most // 2))
        points = {
            tuple(row[1:])
            for extreme in ("min", "max")
            # with a minimum or maximum, SQLite takes the epoch from the row that has it
            for row in self.db.tuples(
                f"SELECT {extreme}({column}), epoch, {column} FROM epochs WHERE run_id = ? AND {column} IS NOT NULL "
                "GROUP BY CAST((epoch - ?) / ? AS INTEGER)",
                (run_id, ends[0], width),
            )
        }
        points |= set(
            self.db.tuples(f"SELECT epoch, {column} FROM epochs WHERE run_id = ? AND epoch IN (?, ?)", (run_id, *ends))
        )
        return sorted(points)

    def events(self, run_id: int, after: int = 0, limit: int | None = None) -> list[Event]:
        """The events of a run with an id above ``after``, oldest first; with ``limit``, the newest so many."""
        rows = self.db.rows(
            "SELECT id, run_id, time, kind, epoch, text, attempt FROM events WHERE run_id = ? AND id > ? "
            "ORDER BY id DESC LIMIT ?",
            (run_id, after, -1 if limit is None else limit),
        )
        return [Event(**row) for row in reversed(rows)]

    def checkpoints(self, run_id: int) -> list[Checkpoint]:
        """The weights a run has kept."""
        rows = self.db.rows(
            "SELECT run_id, kind, epoch, path, metric, value, bytes, created FROM checkpoints WHERE run_id = ? ORDER BY kind",
            (run_id,),
        )
        return [Checkpoint(**row) for row in rows]

    def artifacts(self, run_id: int) -> list[Artifact]:
        """The files a run left beside its weights."""
        rows = self.db.rows(
            "SELECT run_id, kind, path, bytes, created FROM artifacts WHERE run_id = ? ORDER BY kind", (run_id,)
        )
        return [Artifact(**row) for row in rows]

    def attempts(self, run_id: int) -> list[Attempt]:
        """All tries at a run, in order."""
        rows = self.db.rows(
            "SELECT run_id, attempt, engine, worker, host, pid, started, ended, from_epoch, outcome, exit_code "
            "FROM attempts WHERE run_id = ? ORDER BY attempt",
            (run_id,),
        )
        return [Attempt(**row) for row in rows]

    def classes_tested(self, experiment_id: int) -> dict[int, int]:
        """How many classes the test data of each finished run of an experiment hold, by the runs' ids.

        0 for a run that kept no single predictions.
        """
        rows = self.db.tuples(
            "SELECT runs.id, count(DISTINCT predictions.truth) FROM runs "
            "LEFT JOIN predictions ON predictions.run_id = runs.id "
            "WHERE runs.experiment_id = ? AND runs.state = 'done' GROUP BY runs.id",
            (experiment_id,),
        )
        return dict(rows)

    def predictions(self, run_id: int) -> Predictions:
        """The predictions of a run; empty arrays when it has none yet."""
        import numpy as np

        rows = self.db.rows(
            "SELECT item, truth, predicted, probabilities FROM predictions WHERE run_id = ? ORDER BY item", (run_id,)
        )
        with clear_rows("a run's predictions"):
            probabilities = np.frombuffer(b"".join(row["probabilities"] for row in rows), "<f4")
            return Predictions(
                item=np.array([row["item"] for row in rows], np.int64),
                truth=np.array([row["truth"] for row in rows], np.int64),
                predicted=np.array([row["predicted"] for row in rows], np.int64),
                probabilities=probabilities.reshape(len(rows), -1) if rows else probabilities.reshape(0, 0),
            )


def _column(metric: str) -> str:
    known = {one.name for one in fields(EpochMetrics)} - {"epoch", "diverged"}
    if metric not in known:
        raise BadInput(f"no metric {metric!r}; there are: {', '.join(sorted(known))}")
    return metric
