"""A ``runs.db`` that somebody gave us: damaged, or whole with rows that nobody's timnet wrote."""

from __future__ import annotations

import io
import os
import shutil
import sqlite3
import tempfile
from contextlib import closing, redirect_stderr, redirect_stdout, suppress
from functools import cache
from pathlib import Path
from random import Random

from tests.fuzz.mutate import WORDS, mutated
from tests.fuzz.reader import Reader
from tests.fuzz.watch import unclean
from tests.support import filled_registry
from timnet.errors import TimnetError

COMMANDS = (
    ("runs", "ls"), ("runs", "ls", "--json"), ("runs", "ls", "--group", "experiment"), ("runs", "show", "1.1"),
    ("runs", "show", "1.1", "--json"), ("runs", "show", "2.4"), ("runs", "compare", "1", "2"), ("runs", "trash"),
    ("corpora", "ls"), ("corpora", "ls", "--json"), ("queue", "ls"), ("workers", "ls"), ("export", "table"),
    ("export", "table", "--format", "json"), ("runs", "logs", "1.1"), ("export", "bundle", "1"),
    ("runs", "rm", "1", "--now", "--yes"), ("queue", "retry", "2.4"), ("runs", "ls", "uar>0.1 -state:failed"),
    ("registry", "check"), ("registry", "check", "--quick", "--json"), ("registry", "check", "--repair"),
    ("registry", "gc"), ("registry", "gc", "--trash", "0", "--yes"), ("registry", "vacuum"), ("registry", "backup"),
    ("runs", "leakage", "1"), ("runs", "tag", "1", "x"), ("runs", "pin", "2"), ("runs", "rm", "1"),
    ("runs", "restore", "1"), ("queue", "cancel", "2"), ("export", "runs"),
)  # fmt: skip
HOSTILE = (
    "\x1b]0;owned\x07", "\x1b[2J", "[@click=app.quit]x[/]", "\u202eabc", "a\nb", "../../../../tmp/owned", "/etc/passwd",
    "..", "", "=1+1", "<script>", "\\input{/etc/passwd}", "x" * 100_000, "[" * 2000, '{"a": 1}', "[1, 2]", "null",
    "1e999",
    "runs/../../secret", "\0", "9" * 5000, "workers", "-1", "'; DROP TABLE runs; --",
)  # fmt: skip
SHAPES = (
    'CREATE TRIGGER "\x1b[2J" AFTER UPDATE ON "{table}" BEGIN DELETE FROM corpora; END',
    'CREATE VIEW mine AS SELECT * FROM "{table}"', 'ALTER TABLE "{table}" RENAME TO "was\x1b[2J"',
    'ALTER TABLE "{table}" DROP COLUMN "{column}"', 'ALTER TABLE "{table}" RENAME COLUMN "{column}" TO "was\x1b[2J"',
    'ALTER TABLE "{table}" ADD COLUMN more AS (hex(zeroblob(300000000)))', 'DROP TABLE "{table}"',
    'ALTER TABLE "{table}" ADD COLUMN more CHECK (length(hex(zeroblob(300000000))) = 1)',
    'CREATE TABLE others (id REFERENCES "{table}" ("{column}"))', 'INSERT INTO "{table}" SELECT * FROM "{table}"',
    'CREATE UNIQUE INDEX once ON "{table}" ("{column}")', 'DELETE FROM "{table}"', "DROP INDEX runs_by_state",
    "PRAGMA user_version = 0", "PRAGMA user_version = 1", "PRAGMA user_version = 3", "PRAGMA user_version = 99",
    "PRAGMA application_id = 0", "PRAGMA encoding = 'UTF-16'",
)  # fmt: skip
NUMBERS = (-1, 0, 2**63 - 1, -(2**63), 10**9, 1e308, -1e308, float("inf"), None)


@cache
def _made() -> Path:
    """A filled registry with its files, all in ``runs.db`` itself."""
    folder = Path(tempfile.mkdtemp())
    filled_registry(folder / "runs.db").close()
    with closing(sqlite3.connect(folder / "runs.db")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("DELETE FROM epochs WHERE epoch > 3")
        connection.commit()
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return folder


def _change(data: bytes, random: Random, reader: Reader) -> bytes:
    """Bytes that are no longer SQLite's, or up to three values of rows."""
    if random.random() < 0.35:
        return mutated(data, random, reader.words)
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.deserialize(data[:18] + b"\1\1" + data[20:])  # in memory it has no log
        connection.execute("PRAGMA ignore_check_constraints = ON")
        for _ in range(random.choice((1, 1, 2, 3))):
            (_reshape if random.random() < 0.1 else _spoil)(connection, random)
        return connection.serialize()


def _reshape(connection: sqlite3.Connection, random: Random) -> None:
    """Another schema than any timnet's."""
    table, column = _column(connection, random)[:2]
    with suppress(sqlite3.Error):  # what cannot be
        connection.execute(random.choice(SHAPES).format(table=table, column=column))


def _column(connection: sqlite3.Connection, random: Random) -> tuple[str, str, str]:
    """A table, a column of it, and the column's type."""
    tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
    table = random.choice([name for name in tables if not name.startswith("sqlite_")] or ["runs"])
    columns = list(connection.execute(f'PRAGMA table_info("{table}")'))
    _, column, kind, *_ = random.choice(columns) if columns else (0, "id", "TEXT")
    return table, column, kind


def _spoil(connection: sqlite3.Connection, random: Random) -> None:
    table, column, kind = _column(connection, random)
    if kind == "TEXT" and random.random() < 0.15:
        value, expression = b"\xff\xfe\xed\xa0\x80", "CAST(? AS TEXT)"
    elif kind == "TEXT":
        value, expression = random.choice((*HOSTILE, random.choice(WORDS).decode("utf-8", "replace"))), "?"
    elif kind == "BLOB":
        value, expression = random.choice((b"", b"\0", b"\xff" * 28, random.randbytes(3), b"x" * 100_000)), "?"
    else:
        value, expression = random.choice(NUMBERS), "?"
    try:
        where = "" if random.random() < 0.5 else f" WHERE rowid = (SELECT min(rowid) FROM {table})"
        connection.execute(f'UPDATE {table} SET "{column}" = {expression}{where}', (value,))
    except (sqlite3.Error, OverflowError):
        return  # of another type, or twice where it must be once


def _registry(data: bytes, folder: Path) -> None:
    """Commands that read it, and some that change it, in this process; nothing they print steers a terminal."""
    from timnet.cli.app import run

    home = folder / "home"
    shutil.rmtree(home, ignore_errors=True)
    shutil.copytree(_made(), home, ignore=shutil.ignore_patterns("runs.db*"))
    (home / "runs.db").write_bytes(data)
    chosen = Random(data)
    before = Path.cwd()
    os.chdir(home)
    try:
        for command in chosen.sample(COMMANDS, 3):
            words = [*command, "-o", str(home / "b.zip")] if command[1] == "bundle" else command
            _say(["--db", str(home / "runs.db"), *words], run)
    finally:
        os.chdir(before)


def _say(words: list[str], run: object) -> None:
    out, err = io.StringIO(), io.StringIO()
    with suppress(TimnetError), redirect_stdout(out), redirect_stderr(err):
        run(words)  # type: ignore[operator]
    for text in (out.getvalue(), err.getvalue()):
        bad = unclean(text)
        assert not bad, f"{words[2:]} printed {bad!r}"


READERS = (
    Reader("registry", lambda: [(_made() / "runs.db").read_bytes()], _registry,
           (b"SQLite format 3\0", b"timn"), _change, share=4),
)  # fmt: skip
