"""The schema of ``runs.db`` and its migrations. ``docs/registry.md`` explains the tables.

``PRAGMA user_version`` is the number of migrations applied. A registry with more than this version
knows was made by a newer timnet and is refused. To change the schema, append a migration; never edit
one that has been released.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from timnet.registry.smoothed import COLUMNS as SMOOTHED
from timnet.registry.smoothed import fill_smoothed

#: a statement, or what a migration must compute
Step = str | Callable[[sqlite3.Connection], None]

#: ``PRAGMA application_id``: "timn" in ASCII, so that a foreign SQLite file is told apart
APPLICATION_ID = 0x74696D6E

FIRST = (
    """
    CREATE TABLE corpora (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL,
        layout TEXT NOT NULL,
        path TEXT NOT NULL,
        digest TEXT NOT NULL,
        classes TEXT NOT NULL,
        signal_length INTEGER NOT NULL,
        tabs INTEGER NOT NULL,
        added TEXT NOT NULL,
        removed TEXT,
        UNIQUE (name, digest)
    ) STRICT
    """,
    """
    CREATE TABLE utterances (
        corpus_id INTEGER NOT NULL REFERENCES corpora (id) ON DELETE CASCADE,
        item INTEGER NOT NULL,
        path TEXT NOT NULL,
        label TEXT NOT NULL,
        speaker TEXT NOT NULL,
        sentence TEXT NOT NULL,
        take TEXT NOT NULL,
        sha256 TEXT NOT NULL,
        session TEXT NOT NULL,
        start REAL NOT NULL,
        "end" REAL,
        PRIMARY KEY (corpus_id, item)
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE experiments (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        uid TEXT NOT NULL UNIQUE,
        corpus_id INTEGER NOT NULL REFERENCES corpora (id),
        protocol TEXT NOT NULL,
        preset TEXT NOT NULL,
        selection TEXT NOT NULL,
        optimistic INTEGER NOT NULL,
        config TEXT NOT NULL,
        seed INTEGER NOT NULL,
        folds INTEGER NOT NULL,
        source TEXT NOT NULL,
        created TEXT NOT NULL,
        note TEXT NOT NULL DEFAULT ''
    ) STRICT
    """,
    """
    CREATE TABLE runs (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        uid TEXT NOT NULL UNIQUE,
        experiment_id INTEGER NOT NULL REFERENCES experiments (id) ON DELETE CASCADE,
        fold INTEGER NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'paused', 'done', 'failed', 'cancelled')),
        want TEXT CHECK (want IN ('pause', 'cancel', 'stop')),
        reason TEXT,
        priority INTEGER NOT NULL DEFAULT 0,
        not_before REAL NOT NULL DEFAULT 0,
        attempt INTEGER NOT NULL DEFAULT 0,
        crashes INTEGER NOT NULL DEFAULT 0,
        epoch INTEGER NOT NULL DEFAULT 0,
        epochs INTEGER NOT NULL,
        best_epoch INTEGER,
        best_value REAL,
        last_loss REAL,
        last_accuracy REAL,
        last_val_loss REAL,
        last_val_accuracy REAL,
        last_val_uar REAL,
        last_seconds REAL,
        uar REAL,
        war REAL,
        error TEXT,
        created TEXT NOT NULL,
        updated TEXT NOT NULL,
        UNIQUE (experiment_id, fold)
    ) STRICT
    """,
    # the only index on the state: a second one makes the planner sort on every claim
    "CREATE INDEX runs_by_state ON runs (state, priority DESC, id)",
    """
    CREATE TABLE attempts (
        run_id INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
        attempt INTEGER NOT NULL,
        engine TEXT NOT NULL,
        worker TEXT,
        host TEXT NOT NULL,
        boot_id TEXT NOT NULL,
        pid INTEGER,
        pid_started REAL,
        started TEXT NOT NULL,
        ended TEXT,
        from_epoch INTEGER NOT NULL,
        outcome TEXT,
        exit_code INTEGER,
        PRIMARY KEY (run_id, attempt)
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE epochs (
        run_id INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
        epoch INTEGER NOT NULL,
        attempt INTEGER NOT NULL,
        time TEXT NOT NULL,
        loss REAL,
        accuracy REAL,
        val_loss REAL,
        val_accuracy REAL,
        val_uar REAL,
        lr REAL NOT NULL,
        seconds REAL NOT NULL,
        diverged INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (run_id, epoch)
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE events (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        run_id INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
        attempt INTEGER,
        time TEXT NOT NULL,
        kind TEXT NOT NULL,
        epoch INTEGER,
        text TEXT NOT NULL
    ) STRICT
    """,
    "CREATE INDEX events_by_run ON events (run_id, id)",
    """
    CREATE TABLE checkpoints (
        run_id INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
        kind TEXT NOT NULL CHECK (kind IN ('last', 'best', 'final')),
        epoch INTEGER NOT NULL,
        path TEXT NOT NULL,
        metric TEXT,
        value REAL,
        bytes INTEGER NOT NULL,
        created TEXT NOT NULL,
        PRIMARY KEY (run_id, kind)
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE predictions (
        run_id INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
        item INTEGER NOT NULL,
        truth INTEGER NOT NULL,
        predicted INTEGER NOT NULL,
        probabilities BLOB NOT NULL,
        PRIMARY KEY (run_id, item)
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE artifacts (
        run_id INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
        kind TEXT NOT NULL,
        path TEXT NOT NULL,
        bytes INTEGER NOT NULL,
        created TEXT NOT NULL,
        PRIMARY KEY (run_id, kind)
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE workers (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        uid TEXT NOT NULL UNIQUE,
        engine TEXT NOT NULL,
        host TEXT NOT NULL,
        boot_id TEXT NOT NULL,
        pid INTEGER NOT NULL,
        pid_started REAL NOT NULL,
        jobs INTEGER NOT NULL,
        started TEXT NOT NULL,
        seen TEXT NOT NULL,
        ended TEXT,
        want TEXT CHECK (want IN ('stop', 'drain'))
    ) STRICT
    """,
    """
    CREATE TABLE tags (
        experiment_id INTEGER NOT NULL REFERENCES experiments (id) ON DELETE CASCADE,
        tag TEXT NOT NULL,
        PRIMARY KEY (experiment_id, tag)
    ) STRICT, WITHOUT ROWID
    """,
)

#: how far something has come: ``notices`` is the last event whose notice a worker has taken upon itself
CURSORS = (
    "CREATE TABLE cursors (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID",
    "INSERT INTO cursors (name, value) SELECT 'notices', coalesce(max(id), 0) FROM events",
)

#: what lists sort runs by, one index each; SQLite keeps the row's id in it, so (column, id) is in order
SORTED_BY = (
    "created",
    "updated",
    "corpus",
    "priority",
    "epoch",
    "uar",
    "war",
    "best_value",
    "last_loss",
    "last_accuracy",
    "last_val_loss",
    "last_val_accuracy",
    "last_val_uar",
    "last_seconds",
    *SMOOTHED,
)

LISTS: tuple[Step, ...] = (
    # an experiment that was removed is hidden until it is restored or deleted for good
    "ALTER TABLE experiments ADD COLUMN deleted TEXT",
    "ALTER TABLE experiments ADD COLUMN pinned INTEGER NOT NULL DEFAULT 0",
    "CREATE INDEX experiments_deleted ON experiments (deleted) WHERE deleted IS NOT NULL",
    "CREATE INDEX experiments_pinned ON experiments (id) WHERE pinned",
    # what filters ask of experiments, so that they need not read the configurations
    "CREATE INDEX experiments_by_kind ON experiments "
    "(corpus_id, preset, protocol, selection, seed, optimistic, source, folds, pinned, deleted, note)",
    "CREATE INDEX tags_by_tag ON tags (tag, experiment_id)",
    # of a run's experiment, what lists of runs sort by or leave out; neither changes but with the experiment
    "ALTER TABLE runs ADD COLUMN corpus TEXT NOT NULL DEFAULT '' COLLATE NOCASE",
    "ALTER TABLE runs ADD COLUMN hidden INTEGER NOT NULL DEFAULT 0",
    # the state to come back to when the experiment is restored
    "ALTER TABLE runs ADD COLUMN hidden_from TEXT",
    # the order of those that wait with the same priority
    "ALTER TABLE runs ADD COLUMN place REAL NOT NULL DEFAULT 0",
    *(f"ALTER TABLE runs ADD COLUMN {column} REAL" for column in SMOOTHED),
    "UPDATE runs SET place = id, corpus = (SELECT corpora.name FROM experiments JOIN corpora "
    "ON corpora.id = experiments.corpus_id WHERE experiments.id = runs.experiment_id)",
    fill_smoothed,
    "DROP INDEX runs_by_state",
    # still the only index on the state: a second one makes the planner sort on every claim
    "CREATE INDEX runs_by_state ON runs (state, priority DESC, place, id)",
    "CREATE INDEX runs_hidden ON runs (state) WHERE hidden",
    *(f"CREATE INDEX runs_by_{column} ON runs ({column})" for column in SORTED_BY),
)

#: what an epoch measured on the inner validation set
INNER = tuple(
    f"ALTER TABLE epochs ADD COLUMN {column} REAL" for column in ("inner_loss", "inner_accuracy", "inner_uar")
)

#: attempts on other machines: the engine's id, the folder they exchange, and how far each spool was read
ELSEWHERE = (
    "ALTER TABLE attempts ADD COLUMN job TEXT",
    "ALTER TABLE attempts ADD COLUMN folder TEXT",
    "CREATE INDEX attempts_elsewhere ON attempts (engine, started) WHERE folder IS NOT NULL",
    """
    CREATE TABLE spools (
        run_id INTEGER NOT NULL,
        attempt INTEGER NOT NULL,
        start INTEGER NOT NULL,
        offset INTEGER NOT NULL,
        PRIMARY KEY (run_id, attempt, start),
        FOREIGN KEY (run_id, attempt) REFERENCES attempts (run_id, attempt) ON DELETE CASCADE
    ) STRICT, WITHOUT ROWID
    """,
)

#: what an experiment was queued with, as JSON (:mod:`timnet.provenance`); NULL where that is not known
CODE = ("ALTER TABLE experiments ADD COLUMN code TEXT",)

MIGRATIONS: tuple[tuple[Step, ...], ...] = (FIRST, CURSORS, LISTS, INNER, ELSEWHERE, CODE)


def apply(connection: sqlite3.Connection, migrations: tuple[tuple[Step, ...], ...]) -> None:
    """Carry out migrations, within the caller's transaction where they must be all or none."""
    for steps in migrations:
        for step in steps:
            if callable(step):
                step(connection)
            else:
                connection.execute(step)
