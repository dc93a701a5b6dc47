"""What must be true in a registry, and the rows where it is not. Nothing is changed here.

SQLite's own check proves that pages, indexes, types and references are whole. Ours proves that the rows say one
thing: that what is kept twice, so that lists are quick, is the same both times.
"""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from timnet.errors import BadInput, RegistryError
from timnet.provenance import Code
from timnet.records import MONITORS, TrainingConfig
from timnet.registry.copies import unsound
from timnet.registry.database import Database, Row
from timnet.registry.schema import MIGRATIONS, apply
from timnet.registry.smoothed import COLUMNS, of_run
from timnet.registry.trouble import clear_errors

SCORE_TOLERANCE = 1e-6
"""Scores are computed in other ways elsewhere; a single utterance more or less makes far more than this."""

LAST = ("loss", "accuracy", "val_loss", "val_accuracy", "val_uar", "seconds")
"""Columns of ``epochs`` whose last value ``runs`` has too, as ``last_`` and the name."""


class Kind(StrEnum):
    """What a finding is about."""

    FILE = "file"
    SCHEMA = "schema"
    INTEGRITY = "integrity"
    CONFIG = "configuration"
    EPOCHS = "epochs"
    DERIVED = "derived"
    RESULT = "result"
    ATTEMPT = "attempt"
    DEAD = "dead"
    MISSING = "missing"
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong. ``run`` is ``experiment.fold``; ``repair`` says what a repair would do, or is empty.

    ``run_id`` is the run's row, 0 where the finding is about none; ``file`` the path that a row names, if it is about that.
    """

    kind: Kind
    text: str
    repair: str = ""
    run: str | None = None
    run_id: int = 0
    file: str = ""

    @property
    def line(self) -> str:
        """The finding in one line."""
        return f"run {self.run}: {self.text}" if self.run else self.text

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {"kind": self.kind.value, "run": self.run, "text": self.text, "repair": self.repair or None}


FROM_EPOCHS = "computed anew from its epochs"

Step = Callable[[], list[Finding]]

#: a run's own columns, for findings: ``experiments`` is joined so that removed ones are checked too
_RUNS = "FROM runs JOIN experiments ON experiments.id = runs.experiment_id"
_KEY = "runs.id, runs.experiment_id || '.' || runs.fold AS key"


class Check:
    """All that can be proved from the rows of one registry, at one moment."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def all(self, *, quick: bool = False) -> list[Finding]:
        """Everything, as the registry is at one moment, whatever others write meanwhile.

        An older registry is checked for its structure alone. ``quick`` leaves out what must read all epochs' values.
        """
        steps: list[Step] = [self.structure]
        if self.version == len(MIGRATIONS):
            steps += [
                self.schema,
                self.configurations,
                self.epochs,
                self.progress,
                self.best,
                self.results,
                self.attempts,
            ]
            steps += [] if quick else [self.smoothed]
        found: list[Finding] = []
        with self._moment():
            for step in steps:
                try:
                    with clear_errors(self.db.path):
                        found += step()
                except RegistryError as error:  # what is damaged there cannot even be read
                    found.append(Finding(Kind.INTEGRITY, str(error)))
                    break
        return found

    @property
    def version(self) -> int:
        """The schema version of the registry."""
        return self.db.number("PRAGMA user_version")

    @contextmanager
    def _moment(self) -> Iterator[None]:
        self.db.connection.execute("BEGIN")
        try:
            yield
        finally:
            self.db.connection.execute("ROLLBACK")

    def structure(self) -> list[Finding]:
        """What SQLite finds wrong with the file. Reads all of it."""
        return [
            Finding(Kind.INTEGRITY, line, "the index is built anew" if of_index(line) else "")
            for line in unsound(self.db.connection)
        ]

    def schema(self) -> list[Finding]:
        """Tables and indexes that this version of the schema has and the registry has not, or otherwise."""
        found = []
        there = _objects(self.db.connection)
        for name, (kind, _) in fresh_schema().items():
            if name not in there:
                repair = "it is made anew" if kind == "index" else ""
                found.append(Finding(Kind.SCHEMA, f"the {kind} {name} is not there", repair))
        found += [
            Finding(Kind.SCHEMA, f"the {kind} {name} is not timnet's; triggers and views can change what is written")
            for name, (kind, _) in there.items()
            if kind in ("trigger", "view")
        ]
        return found

    def configurations(self) -> list[Finding]:
        """Every experiment's settings can be read, and what it was queued with."""
        found = []
        for row in self.db.rows("SELECT id, config, code FROM experiments ORDER BY id"):
            for what, told, read in (
                ("its settings", row["config"], TrainingConfig.from_dict),
                ("the code that it was queued with", row["code"] or "null", _code_of),
            ):
                try:
                    read(json.loads(told))
                except (ValueError, TypeError, KeyError, AttributeError, RecursionError, BadInput) as error:
                    text = f"experiment {row['id']}: {what} cannot be read ({type(error).__name__})"
                    found.append(Finding(Kind.CONFIG, text))
        return found

    def epochs(self) -> list[Finding]:
        """The epochs of a run trained by timnet are 1 to n, each once; ``runs.epoch`` is n, and no more than planned."""
        rows = self.db.rows(
            f"SELECT {_KEY}, runs.epoch, runs.epochs, experiments.source, coalesce(e.n, 0) AS n, e.first, e.last {_RUNS} "
            "LEFT JOIN (SELECT run_id, count(*) AS n, min(epoch) AS first, max(epoch) AS last FROM epochs GROUP BY run_id) AS e "
            "ON e.run_id = runs.id WHERE coalesce(e.n, 0) != runs.epoch OR coalesce(e.last, 0) != runs.epoch "
            "OR coalesce(e.first, 1) != 1 OR coalesce(e.last, 0) > runs.epochs"
        )
        return [finding for row in rows for finding in self._about_epochs(row)]

    def _about_epochs(self, row: Row) -> Iterator[Finding]:
        last = row["last"] or 0
        until = max(last, row["epoch"])
        foreign = row["source"] not in ("trained", "bundle")  # a log may begin anywhere
        if row["n"] != until and not foreign:
            text = f"{self._gaps(row['id'], until)} missing, of 1 to {until}"
            yield _of(row, Kind.EPOCHS, text, "brought back from its resume point, where that has them")
        if last > row["epoch"] or (foreign and last < row["epoch"]):
            text = f"it is said to be at epoch {row['epoch']}, and its last epoch is {last or 'none'}"
            yield _of(row, Kind.DERIVED, text, FROM_EPOCHS)
        if last > row["epochs"]:
            yield _of(row, Kind.EPOCHS, f"it has epoch {last} and was to have {row['epochs']}")

    def _gaps(self, run_id: int, until: int) -> str:
        """The epochs up to ``until`` that are not there, as ``epoch 4 is`` or ``epochs 4, 7-9 are``."""
        there = self.db.tuples("SELECT epoch FROM epochs WHERE run_id = ? ORDER BY epoch", (run_id,))
        parts, expected = [], 1
        for epoch in [*(row[0] for row in there), until + 1]:
            if epoch > expected:
                parts.append(f"{expected}" if epoch == expected + 1 else f"{expected}-{epoch - 1}")
            expected = epoch + 1
        one = len(parts) == 1 and "-" not in parts[0]
        more = f" and {len(parts) - 5} more stretches" if len(parts) > 5 else ""
        return f"epoch{'' if one else 's'} {', '.join(parts[:5])}{more} {'is' if one else 'are'}"

    def progress(self) -> list[Finding]:
        """The last values that ``runs`` has are those of the last epoch."""
        differs = " OR ".join(f"runs.last_{name} IS NOT epochs.{name}" for name in LAST)
        rows = self.db.rows(
            f"SELECT {_KEY} {_RUNS} LEFT JOIN epochs ON epochs.run_id = runs.id AND epochs.epoch = runs.epoch WHERE {differs}"
        )
        return [_of(row, Kind.DERIVED, "its last values are not those of its last epoch", FROM_EPOCHS) for row in rows]

    def smoothed(self) -> list[Finding]:
        """The smoothed values are what its epochs give."""
        text = "its smoothed values are not what its epochs give"
        rows = self.db.rows(f"SELECT {_KEY}, {', '.join(COLUMNS)} {_RUNS} WHERE runs.epoch > 0")
        return [
            _of(row, Kind.DERIVED, text, FROM_EPOCHS)
            for row in rows
            if not all(
                _alike(row[column], value)
                for column, value in zip(COLUMNS, of_run(self.db.connection, row["id"]).values(), strict=True)
            )
        ]

    def best(self) -> list[Finding]:
        """The best epoch is one of the run's, and its value is what that epoch measured."""
        found = []
        for monitor in MONITORS:
            rows = self.db.rows(
                f"SELECT {_KEY}, runs.best_epoch, runs.best_value, epochs.{monitor} AS measured {_RUNS} "
                "LEFT JOIN epochs ON epochs.run_id = runs.id AND epochs.epoch = runs.best_epoch "
                "WHERE runs.best_epoch IS NOT NULL AND experiments.source IN ('trained', 'bundle') "
                "AND iif(json_valid(experiments.config), json_extract(experiments.config, '$.monitor'), '') = ? "
                f"AND (epochs.epoch IS NULL OR (runs.best_value IS NOT NULL AND runs.best_value IS NOT epochs.{monitor}))",
                (monitor,),
            )
            for row in rows:
                text = f"its best {monitor} is not what epoch {row['best_epoch']} measured"
                found.append(_of(row, Kind.DERIVED, text, FROM_EPOCHS))
        return found

    def results(self) -> list[Finding]:
        """A run that is done has its score, its weights and its predictions, and the score follows from these."""
        rows = self.db.rows(
            "WITH recalls AS (SELECT run_id, truth, count(*) AS n, sum(truth = predicted) AS hits FROM predictions GROUP BY run_id, truth), "
            "told AS (SELECT run_id, sum(hits) * 1.0 / sum(n) AS war, avg(hits * 1.0 / n) AS uar FROM recalls GROUP BY run_id) "
            f"SELECT {_KEY}, runs.uar, runs.war, experiments.source, told.war AS told_war, told.uar AS told_uar, "
            "EXISTS (SELECT 1 FROM checkpoints WHERE run_id = runs.id AND kind = 'final') AS final "
            f"{_RUNS} LEFT JOIN told ON told.run_id = runs.id WHERE runs.state = 'done' OR runs.hidden_from = 'done'"
        )
        return [_of(row, Kind.RESULT, text) for row in rows for text in _wrong_result(row)]

    def attempts(self) -> list[Finding]:
        """A running run has one attempt that is open, and no other run has any."""
        running = self.db.rows(
            f"SELECT {_KEY}, runs.attempt {_RUNS} WHERE runs.state = 'running' AND NOT EXISTS "
            "(SELECT 1 FROM attempts WHERE run_id = runs.id AND attempt = runs.attempt AND ended IS NULL)"
        )
        left = self.db.rows(
            f"SELECT {_KEY}, attempts.attempt {_RUNS} JOIN attempts ON attempts.run_id = runs.id "
            "WHERE attempts.ended IS NULL AND NOT (runs.state = 'running' AND attempts.attempt = runs.attempt)"
        )
        return [
            *(_of(row, Kind.ATTEMPT, f"it is running, and attempt {row['attempt']} has ended") for row in running),
            *(_of(row, Kind.ATTEMPT, f"attempt {row['attempt']} was never ended", "it is ended") for row in left),
        ]


def of_index(line: str) -> bool:
    """Whether what SQLite complains of is an index, which can be built anew from the rows."""
    return "missing from index" in line or "wrong # of entries in index" in line or "non-unique entry in index" in line


def fresh_schema() -> Mapping[str, tuple[str, str]]:
    """Name -> (kind, statement) of all tables and indexes of this version."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    try:
        apply(connection, MIGRATIONS)
        return _objects(connection)
    finally:
        connection.close()


def _objects(connection: sqlite3.Connection) -> dict[str, tuple[str, str]]:
    rows = connection.execute("SELECT name, type, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'").fetchall()
    return {row[0]: (row[1], row[2]) for row in rows}


def _code_of(values: object) -> Code | None:
    return None if values is None else Code.from_dict(values)


def _wrong_result(row: Row) -> Iterator[str]:
    if row["war"] is None:
        yield "it is done and has no score"
    if row["source"] == "trained" and not row["final"]:
        yield "it is done and no final weights are recorded"
    if row["source"] in ("trained", "published") and row["told_war"] is None:
        yield "it is done and has no predictions"
    for name, told in (("WAR", row["told_war"]), ("UAR", row["told_uar"])):
        said = row[name.lower()]
        if said is not None and told is not None and abs(said - told) > SCORE_TOLERANCE:
            yield f"its {name} {said * 100:.2f} is not what its predictions give ({told * 100:.2f})"


def _alike(one: float | None, other: float | None) -> bool:
    """Equal but for rounding: imported runs were smoothed on another machine."""
    return one is other if one is None or other is None else math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-12)


def _of(row: Row, kind: Kind, text: str, repair: str = "") -> Finding:
    return Finding(kind, text, repair, row["key"], row["id"])
