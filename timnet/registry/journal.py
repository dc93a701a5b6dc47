"""What a training process writes about its own attempt. Every write is fenced by the attempt's number."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, fields
from pathlib import Path

from timnet.clock import now
from timnet.errors import Fenced
from timnet.records import Check, EpochMetrics, EpochRecord, Event, EventKind, Prediction, RunState, Want
from timnet.registry.database import Database
from timnet.registry.runs import Runs
from timnet.registry.smoothed import COLUMNS, Smoothed, of_run, values_of

_MEASURED = tuple(one.name for one in fields(EpochMetrics))

# written out: a head records hundreds of epochs a second, and sqlite-utils takes as long to think of these as SQLite to
# carry them out
_INSERT_EPOCH = (
    f"INSERT INTO epochs (run_id, attempt, time, {', '.join(_MEASURED)}) VALUES (?, ?, ?{', ?' * len(_MEASURED)})"
)
_CHECKPOINT = ("run_id", "kind", "epoch", "path", "metric", "value", "bytes", "created")
_SET_CHECKPOINT = (
    f"INSERT INTO checkpoints ({', '.join(_CHECKPOINT)}) VALUES (?{', ?' * (len(_CHECKPOINT) - 1)}) "
    f"ON CONFLICT (run_id, kind) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in _CHECKPOINT[2:])}"
)


class Journal:
    """One attempt at one run. Raises :class:`timnet.errors.Fenced` once the run belongs to somebody else."""

    def __init__(self, db: Database, run_id: int, attempt: int) -> None:
        self.db = db
        self.run_id = run_id
        self.attempt = attempt
        self._runs = Runs(db)
        self._smoothed: Smoothed | None = None

    def want(self) -> Want | None:
        """What a user wants of this run now."""
        row = self.db.row(
            "SELECT want FROM runs WHERE id = ? AND attempt = ? AND state = 'running'", (self.run_id, self.attempt)
        )
        if row is None:
            raise self._fenced()
        return Want(row["want"]) if row["want"] else None

    @contextmanager
    def owning(self) -> Iterator[None]:
        """Inside, this attempt owns its run, and nobody can take the run meanwhile: for renaming and removing files.

        Keep it short: all writers wait.
        """
        with self.db.write():
            self._own()
            yield

    def begin(self, history: Sequence[EpochRecord], text: str) -> None:
        """Make the epochs and their events in the registry equal to the checkpoint's history, and say so.

        Rows lost to a power cut come back from the history; rows past it (written before a crash
        that came ahead of their checkpoint) go.
        """
        with self.db.write():
            self._own()
            last = history[-1].metrics.epoch if history else 0
            past = (self.run_id, last)
            self.db.connection.execute("DELETE FROM epochs WHERE run_id = ? AND epoch > ?", past)
            self.db.connection.execute("DELETE FROM checkpoints WHERE run_id = ? AND epoch > ?", past)
            self.db.connection.execute(
                "DELETE FROM events WHERE run_id = ? AND epoch > ? AND (kind LIKE 'check-%' OR kind = 'early-stop')",
                past,
            )
            here = {
                row["epoch"] for row in self.db.changed("SELECT epoch FROM epochs WHERE run_id = ?", (self.run_id,))
            }
            for record in history:
                if record.metrics.epoch not in here:
                    self._insert_epoch(record)
            self._smoothed = None
            self._set_progress(history[-1] if history else None)
            self._runs.event(
                self.run_id,
                EventKind.RESUMED if history else EventKind.STARTED,
                text,
                attempt=self.attempt,
                epoch=last or None,
            )

    def epoch(self, record: EpochRecord) -> Want | None:
        """Write one finished epoch and its check; returns what a user wants."""
        with self.db.write():
            self._own()
            self._insert_epoch(record)
            if self._smoothed is not None:
                self._smoothed.add(values_of(record.metrics))
            want = self._set_progress(record)
            # progress was made: only crashes in a row, without an epoch between, give a run up
            self.db.connection.execute("UPDATE runs SET crashes = 0 WHERE id = ?", (self.run_id,))
            return want

    def event(self, kind: EventKind, text: str, epoch: int | None = None) -> None:
        """Write one event of this attempt."""
        with self.db.write():
            self._own()
            self._runs.event(self.run_id, kind, text, attempt=self.attempt, epoch=epoch)

    def checkpoint(
        self,
        kind: str,
        epoch: int,
        path: Path,
        metric: str | None = None,
        value: float | None = None,
        size: int | None = None,
    ) -> None:
        """Record where the ``last``, ``best`` or ``final`` weights lie, or will lie if they have a ``size`` elsewhere."""
        with self.db.write():
            self._own()
            values = (
                self.run_id, kind, epoch, self.db.paths.relative(path), metric, value,
                path.stat().st_size if size is None else size, now(),
            )  # fmt: skip
            self.db.connection.execute(_SET_CHECKPOINT, values)

    def artifact(self, kind: str, path: Path) -> None:
        """Record where a file lies that the run leaves beside its weights."""
        with self.db.write():
            self._own()
            self._artifact(kind, path)

    def history(self, records: Sequence[EpochRecord]) -> None:
        """Write the epochs and checks of a run that was trained elsewhere, all at once and in their order."""
        with self.db.write():
            self._own()
            about = {"run_id": self.run_id, "attempt": self.attempt, "time": now()}
            self.db.table("epochs").insert_all({**about, **asdict(record.metrics)} for record in records)
            for record in records:
                self._event_of_check(record)
            if records:
                self._set_progress(records[-1])

    def copied(
        self, metrics: Sequence[EpochMetrics], events: Sequence[Event], best_epoch: int | None, best_value: float | None
    ) -> None:
        """Write what another registry holds of this run: all its epochs, and its events with their own times."""
        with self.db.write():
            self._own()
            about = {"run_id": self.run_id, "attempt": self.attempt, "time": now()}
            self.db.table("epochs").insert_all({**about, **asdict(one)} for one in metrics)
            self.db.connection.executemany(
                "INSERT INTO events (run_id, attempt, time, kind, epoch, text) VALUES (?, ?, ?, ?, ?, ?)",
                [(self.run_id, self.attempt, one.time, one.kind, one.epoch, one.text) for one in events],
            )
            if metrics:
                self._set_progress(EpochRecord(metrics[-1], Check(EventKind.IMPORTED, ""), best_epoch, best_value))

    def done(
        self, uar: float | None, war: float, predictions: Iterable[Prediction], embeddings: Path | None, text: str
    ) -> None:
        """End the run with its result: scores as fractions, one prediction for each test utterance.

        ``uar`` is None only where what another program left behind does not tell it.
        """
        with self.db.write():
            self._own()
            self.db.connection.execute("DELETE FROM predictions WHERE run_id = ?", (self.run_id,))
            self.db.table("predictions").insert_all(
                {
                    "run_id": self.run_id,
                    "item": p.item,
                    "truth": p.truth,
                    "predicted": p.predicted,
                    "probabilities": struct.pack(f"<{len(p.probabilities)}f", *p.probabilities),
                }
                for p in predictions
            )
            if embeddings is not None:
                self._artifact("embeddings", embeddings)
            self.db.connection.execute(
                "UPDATE runs SET uar = ?, war = ?, error = NULL WHERE id = ?", (uar, war, self.run_id)
            )
            self.end(RunState.DONE, EventKind.DONE, text)

    def end(self, to: RunState, kind: EventKind, text: str, error: str | None = None) -> None:
        """Leave the state ``running``: done, paused, cancelled, failed, or back to the queue."""
        with self.db.write():
            epoch = self._own()
            self.db.connection.execute(
                "UPDATE runs SET state = ?, want = NULL, error = ?, updated = ? WHERE id = ?",
                (to, error, now(), self.run_id),
            )
            self._runs.end_attempt(self.run_id, self.attempt, to.value, None)
            self._runs.event(self.run_id, kind, text, attempt=self.attempt, epoch=epoch or None)

    def _artifact(self, kind: str, path: Path) -> None:
        self.db.table("artifacts").upsert(
            {
                "run_id": self.run_id,
                "kind": kind,
                "path": self.db.paths.relative(path),
                "bytes": path.stat().st_size,
                "created": now(),
            },
            pk=("run_id", "kind"),
        )

    def _own(self) -> int:
        """The run's epoch, if this attempt still owns it."""
        row = self.db.row(
            "SELECT epoch FROM runs WHERE id = ? AND attempt = ? AND state = 'running'", (self.run_id, self.attempt)
        )
        if row is None:
            raise self._fenced()
        return int(row["epoch"])

    def _insert_epoch(self, record: EpochRecord) -> None:
        values = (self.run_id, self.attempt, now(), *(getattr(record.metrics, name) for name in _MEASURED))
        self.db.connection.execute(_INSERT_EPOCH, values)
        self._event_of_check(record)

    def _event_of_check(self, record: EpochRecord) -> None:
        self._runs.event(
            self.run_id, record.check.kind, record.check.text, attempt=self.attempt, epoch=record.metrics.epoch
        )

    def _set_progress(self, record: EpochRecord | None) -> Want | None:
        m = record.metrics if record else None
        if self._smoothed is None:  # this attempt's first look: the epochs in the registry are all there are
            self._smoothed = of_run(self.db.connection, self.run_id)
        rows = self.db.changed(
            "UPDATE runs SET epoch = ?, best_epoch = ?, best_value = ?, last_loss = ?, last_accuracy = ?, "
            "(last_val_loss, last_val_accuracy, last_val_uar) = (SELECT val_loss, val_accuracy, val_uar FROM epochs "
            "WHERE run_id = runs.id AND val_accuracy IS NOT NULL ORDER BY epoch DESC LIMIT 1), last_seconds = ?, updated = ?, "
            f"{', '.join(f'{column} = ?' for column in COLUMNS)} "
            "WHERE id = ? AND attempt = ? AND state = 'running' RETURNING want",
            (
                m.epoch if m else 0,
                record.best_epoch if record else None,
                record.best_value if record else None,
                m.loss if m else None,
                m.accuracy if m else None,
                m.seconds if m else None,
                now(),
                *self._smoothed.values(),
                self.run_id,
                self.attempt,
            ),
        )
        if not rows:
            raise self._fenced()
        return Want(rows[0]["want"]) if rows[0]["want"] else None

    def _fenced(self) -> Fenced:
        return Fenced(f"attempt {self.attempt} no longer owns run {self.run_id}; it writes nothing more")
