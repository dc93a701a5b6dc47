"""Workers in the registry. Whether one lives is proved by its lock (``timnet/queue/liveness.py``), not here."""

from __future__ import annotations

from timnet.clock import now
from timnet.records import ProcessProof
from timnet.registry.database import Database, Row


class Workers:
    """The table ``workers``."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def add(self, uid: str, engine: str, proof: ProcessProof, jobs: int) -> None:
        """Announce a worker that has its lock."""
        with self.db.write():
            self.db.table("workers").insert(
                {
                    "uid": uid,
                    "engine": engine,
                    "host": proof.host,
                    "boot_id": proof.boot_id,
                    "pid": proof.pid,
                    "pid_started": proof.started,
                    "jobs": jobs,
                    "started": now(),
                    "seen": now(),
                }
            )

    def takes(self, uid: str, jobs: int) -> None:
        """Note that the worker trains so many runs at once from now on."""
        with self.db.write():
            self.db.connection.execute("UPDATE workers SET jobs = ? WHERE uid = ?", (jobs, uid))

    def seen(self, uid: str) -> str | None:
        """Note that the worker is at work (for display); returns what a user wants of it."""
        with self.db.write():
            rows = self.db.changed("UPDATE workers SET seen = ? WHERE uid = ? RETURNING want", (now(), uid))
        return rows[0]["want"] if rows else None

    def wanted(self, uid: str) -> str | None:
        """What a user wants of the worker: ``stop``, ``drain`` or nothing."""
        row = self.db.row("SELECT want FROM workers WHERE uid = ?", (uid,))
        return row["want"] if row else None

    def want(self, uid: str, want: str) -> None:
        """Ask a worker to ``stop`` (give its runs back) or to ``drain`` (finish them, start none)."""
        with self.db.write():
            self.db.connection.execute("UPDATE workers SET want = ? WHERE uid = ? AND ended IS NULL", (want, uid))

    def ended(self, uid: str) -> None:
        """Note that a worker has ended."""
        with self.db.write():
            self.db.connection.execute("UPDATE workers SET ended = ? WHERE uid = ? AND ended IS NULL", (now(), uid))

    def open(self) -> list[Row]:
        """The workers that have not been seen to end, with the keys of the runs they execute."""
        rows = self.db.rows(
            "SELECT id, uid, engine, host, boot_id, pid, pid_started, jobs, started, seen, ended, want FROM workers "
            "WHERE ended IS NULL ORDER BY id"
        )
        for row in rows:
            # the one head of an engine looks after all of its attempts, also those of a head before it
            running = self.db.rows(
                "SELECT runs.experiment_id || '.' || runs.fold AS key, runs.reason IS NOT NULL AS waits FROM runs "
                "JOIN attempts ON attempts.run_id = runs.id AND attempts.attempt = runs.attempt "
                "WHERE runs.state = 'running' AND (attempts.worker = ? OR (attempts.engine = ? AND attempts.folder "
                "IS NOT NULL)) ORDER BY runs.experiment_id, runs.fold",
                (row["uid"], row["engine"]),
            )
            row["running"] = tuple(one["key"] for one in running)
            row["submitted"] = tuple(one["key"] for one in running if one["waits"])
        return rows
