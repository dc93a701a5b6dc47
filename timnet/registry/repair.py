"""Putting right what can be computed anew from what is whole. The caller holds the lock of the run it repairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from timnet.clock import now
from timnet.records import EpochRecord
from timnet.registry.check import LAST, fresh_schema
from timnet.registry.database import Database
from timnet.registry.runs import Runs
from timnet.registry.smoothed import COLUMNS, of_run

Best = tuple[int | None, float | None]


class Repair:
    """Repairs of one registry, each in a transaction of its own."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def indexes(self) -> list[str]:
        """Make missing indexes and build all others anew; returns the names of those that were missing."""
        there = {row[0] for row in self.db.tuples("SELECT name FROM sqlite_master WHERE type = 'index'")}
        missing = {
            name: sql for name, (kind, sql) in fresh_schema().items() if kind == "index" and name not in there and sql
        }
        with self.db.write():
            for sql in missing.values():
                self.db.connection.execute(sql)
            self.db.connection.execute("REINDEX")
        return list(missing)

    def heal(self, run_id: int, history: Sequence[EpochRecord]) -> list[int]:
        """Put back the epochs that the registry has lost and a resume point's ``history`` has, with their checks."""
        with self.db.write():
            row = self.db.row("SELECT attempt, state FROM runs WHERE id = ?", (run_id,))
            if row is None or row["state"] == "running":
                return []
            there = {one[0] for one in self.db.tuples("SELECT epoch FROM epochs WHERE run_id = ?", (run_id,))}
            told = {
                one[0]
                for one in self.db.tuples(
                    "SELECT epoch FROM events WHERE run_id = ? AND kind LIKE 'check-%'", (run_id,)
                )
            }
            lost = [record for record in history if record.metrics.epoch not in there]
            for record in lost:
                self.db.table("epochs").insert(
                    {"run_id": run_id, "attempt": row["attempt"], "time": now(), **asdict(record.metrics)}
                )
                if record.metrics.epoch not in told:
                    check = record.check
                    Runs(self.db).event(
                        run_id, check.kind, check.text, attempt=row["attempt"], epoch=record.metrics.epoch
                    )
        return [record.metrics.epoch for record in lost]

    def derive(self, run_id: int, best: Best | None, until: int) -> bool:
        """Compute anew what ``runs`` keeps of a run's epochs; ``best`` where it is known. False while it is running.

        A finished run that says it had more epochs than there are is believed, and left as it is, unless ``until``, the
        last epoch of its resume point, says otherwise.
        """
        with self.db.write():
            run = self.db.row(
                "SELECT state, coalesce(hidden_from, state) = 'done' AS done, epoch, best_epoch, best_value "
                "FROM runs WHERE id = ?",
                (run_id,),
            )
            if run is None or run["state"] == "running":
                return False
            last = self.db.row(
                f"SELECT epoch, {', '.join(LAST)} FROM epochs WHERE run_id = ? ORDER BY epoch DESC LIMIT 1", (run_id,)
            )
            there = last["epoch"] if last else 0
            if run["done"] and there < run["epoch"] and until != there:
                return False
            columns = ["epoch", *(f"last_{name}" for name in LAST), *COLUMNS, "best_epoch", "best_value"]
            values = [
                there,
                *(last[name] if last else None for name in LAST),
                *of_run(self.db.connection, run_id).values(),
                *(best or (run["best_epoch"], run["best_value"])),
            ]
            self.db.connection.execute(
                f"UPDATE runs SET {', '.join(f'{column} = ?' for column in columns)} WHERE id = ?", (*values, run_id)
            )
        return True

    def end_attempts(self, run_id: int) -> None:
        """End the attempts of a run that is not running, or that a later attempt has taken over."""
        with self.db.write():
            self.db.connection.execute(
                "UPDATE attempts SET ended = ?, outcome = 'lost' WHERE run_id = ? AND ended IS NULL AND NOT EXISTS "
                "(SELECT 1 FROM runs WHERE id = attempts.run_id AND state = 'running' AND attempt = attempts.attempt)",
                (now(), run_id),
            )

    def point_to(self, run_id: int, kind: str, epoch: int, path: Path) -> None:
        """Have the row of one kind of weights name another file, which is there."""
        with self.db.write():
            self.db.connection.execute(
                "UPDATE checkpoints SET epoch = ?, path = ?, bytes = ?, value = NULL WHERE run_id = ? AND kind = ?",
                (epoch, self.db.paths.relative(path), path.stat().st_size, run_id, kind),
            )
