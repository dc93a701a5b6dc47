"""Attempts on other machines: which there are, as which jobs, and how far their spools were read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from timnet.errors import Fenced, RegistryError
from timnet.paths import AttemptPaths
from timnet.records import RunState, Want
from timnet.registry.database import Database, Row
from timnet.text import clean


@dataclass(frozen=True, slots=True)
class Errand:
    """An attempt that was given to an engine. ``job`` is the engine's id, None until it was submitted.

    ``started``: when its run was claimed, UTC. ``latest``: the run has had no attempt after it.
    """

    run_id: int
    key: str
    uid: str
    attempt: int
    job: str | None
    folder: AttemptPaths
    want: Want | None
    reason: str | None
    started: str
    latest: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a run stands that an attempt owns: its last finished epoch, and what a user wants of it."""

    epoch: int
    want: Want | None


class Elsewhere:
    """What the head of an engine keeps in ``attempts`` and ``spools``."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def open(self, engine: str) -> list[Errand]:
        """The attempts that were given to ``engine`` and still own their runs, the oldest first."""
        return self._select("runs.attempt = attempts.attempt AND runs.state = 'running'", engine)

    def over(self, engine: str) -> list[Errand]:
        """The attempts given to ``engine`` that are over, and whose folders are still there."""
        return self._select("NOT (runs.attempt = attempts.attempt AND runs.state = 'running')", engine)

    def _select(self, condition: str, engine: str) -> list[Errand]:
        rows = self.db.rows(
            "SELECT runs.id, runs.experiment_id || '.' || runs.fold AS key, runs.uid, attempts.attempt, runs.want, "
            "runs.reason, attempts.job, attempts.folder, attempts.started, runs.attempt = attempts.attempt AS latest "
            "FROM attempts JOIN runs ON runs.id = attempts.run_id "
            f"WHERE attempts.folder IS NOT NULL AND attempts.engine = ? AND {condition} "
            "ORDER BY attempts.started, runs.id",
            (engine,),
        )
        return [_errand_of(row) for row in rows]

    def is_latest(self, errand: Errand) -> bool:
        """Whether the run has had no attempt after this one until now."""
        return bool(
            self.db.number("SELECT count(*) FROM runs WHERE id = ? AND attempt = ?", (errand.run_id, errand.attempt))
        )

    def standing(self, run_id: int, attempt: int) -> Standing:
        """Where the run stands. Raises :class:`Fenced` where this attempt does not own it any more."""
        row = self.db.row(
            "SELECT epoch, want FROM runs WHERE id = ? AND attempt = ? AND state = 'running'", (run_id, attempt)
        )
        if row is None:
            raise Fenced(f"attempt {attempt} no longer owns run {run_id}")
        return Standing(row["epoch"], Want(row["want"]) if row["want"] else None)

    def swept(self, errand: Errand) -> None:
        """Note that an attempt's folder is gone."""
        with self.db.write():
            self.db.connection.execute(
                "UPDATE attempts SET folder = NULL WHERE run_id = ? AND attempt = ?", (errand.run_id, errand.attempt)
            )

    def given(self, run_id: int, attempt: int, folder: AttemptPaths) -> None:
        """Note the folder of an attempt that is about to be submitted, within the transaction that claims its run."""
        with self.db.write():
            self.db.connection.execute(
                "UPDATE attempts SET folder = ? WHERE run_id = ? AND attempt = ?",
                (str(folder.folder), run_id, attempt),
            )

    def submitted(self, jobs: Sequence[tuple[int, int, str]]) -> None:
        """Note the engine's ids of attempts: run, attempt, id."""
        with self.db.write():
            self.db.connection.executemany(
                "UPDATE attempts SET job = ? WHERE run_id = ? AND attempt = ?",
                [(job, run_id, attempt) for run_id, attempt, job in jobs],
            )

    def runs_on(self, run_id: int, attempt: int, host: str, pid: int | None, job: str | None) -> None:
        """Note where an attempt's process is, as it said itself."""
        with self.db.write():
            self.db.connection.execute(
                "UPDATE attempts SET host = ?, pid = ?, job = coalesce(job, ?) WHERE run_id = ? AND attempt = ?",
                (host, pid, job, run_id, attempt),
            )

    def waits(self, run_id: int, attempt: int, reason: str | None) -> None:
        """Note why an attempt's job waits, in the engine's words; None: it does not."""
        with self.db.write():
            self.db.connection.execute(
                "UPDATE runs SET reason = ? WHERE id = ? AND attempt = ? AND state = ?",
                (reason, run_id, attempt, RunState.RUNNING),
            )

    def read_to(self, run_id: int, attempt: int) -> dict[int, int]:
        """Up to which byte the spool of each start was read."""
        rows = self.db.tuples(
            "SELECT start, offset FROM spools WHERE run_id = ? AND attempt = ? ORDER BY start", (run_id, attempt)
        )
        return dict(rows)

    def has_read(self, run_id: int, attempt: int, start: int, offset: int) -> None:
        """Note that a spool was read up to byte ``offset``, within the transaction that records what was read."""
        self.db.connection.execute(
            "INSERT INTO spools (run_id, attempt, start, offset) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (run_id, attempt, start) DO UPDATE SET offset = excluded.offset",
            (run_id, attempt, start, offset),
        )


def _errand_of(row: Row) -> Errand:
    """Raises :class:`RegistryError` for a folder that is not the attempt's: it will be removed with all in it."""
    folder = AttemptPaths(Path(row["folder"]))
    if not folder.folder.is_absolute() or folder != AttemptPaths.of(folder.shared, row["uid"], row["attempt"]):
        raise RegistryError(
            f"attempt {row['attempt']} of run {row['key']} has the folder {clean(row['folder'])[:200]!r}, which is not "
            "its own; no timnet has written that row: do not trust this registry"
        )
    return Errand(
        run_id=row["id"],
        key=row["key"],
        uid=row["uid"],
        attempt=row["attempt"],
        job=row["job"],
        folder=folder,
        want=Want(row["want"]) if row["want"] else None,
        reason=row["reason"],
        started=row["started"],
        latest=bool(row["latest"]),
    )
