"""The connection to ``runs.db``: pragmas, the write gate, migrations, and clear errors.

Writers line up at a file lock (the gate) before ``BEGIN IMMEDIATE``, because SQLite's own busy handler
is unfair under contention, and because a lone writer keeps clear of the WAL-reset defect of
SQLite < 3.51.3. Use one :class:`Database` a thread.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

from timnet.errors import RegistryError, RegistryGone
from timnet.paths import RegistryPaths
from timnet.registry.copies import connected, dated, is_cut, write_copy
from timnet.registry.filesystem import network_filesystem
from timnet.registry.gate import Gate
from timnet.registry.schema import APPLICATION_ID, MIGRATIONS, apply
from timnet.registry.trouble import clear_errors, what_to_do
from timnet.text import clean

if TYPE_CHECKING:
    from sqlite_utils import Database as SqliteUtils
    from sqlite_utils.db import Table

GATE_DEADLINE = 30.0
BUSY_TIMEOUT = 30.0
_TABLES = frozenset(
    re.findall(r"CREATE TABLE (\w+)", " ".join(step for steps in MIGRATIONS for step in steps if isinstance(step, str)))
)

Row = dict[str, Any]
Identity = tuple[int, int]
Parameters = Sequence[Any] | Mapping[str, Any]


class Database:
    """An open registry. ``writable`` is False for a read-only connection or the empty stand-in.

    ``frozen``: it is read as a file that does not change, since SQLite's own files can neither be found nor made
    beside it. What others write later is not seen then. ``identity`` is that of the file that was opened.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        path: Path,
        *,
        writable: bool,
        frozen: bool = False,
        identity: Identity | None = None,
    ) -> None:
        self.path = path
        self.paths = RegistryPaths(path)
        self.writable = writable
        self.frozen = frozen
        self.connection = connection
        self._gate = Gate(self.paths)
        self._identity = identity

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open for reading and writing; create or migrate as needed.

        Raises :class:`RegistryError` where ``path`` is no registry, was made by a newer timnet, cannot
        be written, or lies on a network filesystem.
        """
        path = path.absolute()
        existed = path.exists()
        _refuse_network(path)
        if not path.parent.is_dir():
            raise RegistryError(f"no folder {path.parent} to keep {path.name} in; create it or name another with --db")
        with clear_errors(path):
            if existed:
                _check_kind(path)
                _refuse_unwritable(path)
            # before it is opened: should it be replaced just then, the first write is refused rather than lost
            identity = _identity(path)
            connection = _connect(path, read_only=False)
            database = cls(connection, path, writable=True, identity=identity or _identity(path))
            try:
                database._keep_a_log()
                database._migrate()
            except BaseException:
                database.close()
                raise
        return database

    @classmethod
    def open_read_only(cls, path: Path, *, older: bool = False) -> Self:
        """Open an existing, current registry for reading alone (the poller's connection).

        Raises :class:`RegistryError` as :meth:`open` does, and where the registry must first be migrated, unless an
        ``older`` one will do too: for copies and checks, which know no tables by name.
        """
        path = path.absolute()
        with clear_errors(path):
            version = _check_kind(path)
            if version < len(MIGRATIONS) and not older:
                raise RegistryError(f"{path} was made by an older timnet; any command that writes migrates it")
            frozen = not _wal_of(path).exists() and not os.access(path.parent, os.W_OK)
            return cls(_connect(path, read_only=True, frozen=frozen), path, writable=False, frozen=frozen)

    @classmethod
    def empty(cls, path: Path) -> Self:
        """An empty registry in memory, standing in for a file that is not there yet."""
        connection = sqlite3.connect(":memory:", isolation_level=None)
        connection.row_factory = sqlite3.Row
        apply(connection, MIGRATIONS)
        return cls(connection, path.absolute(), writable=False)

    def close(self) -> None:
        """Close the connection and the gate's file."""
        self.connection.close()
        self._gate.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @cached_property
    def _sqlite_utils(self) -> SqliteUtils:
        # imported where rows are inserted: it loads numpy and click, which listing runs need not wait for
        from sqlite_utils import Database as SqliteUtils

        return SqliteUtils(self.connection)

    def table(self, name: str) -> Table:
        """A sqlite-utils table, for inserting inside :meth:`write`."""
        return self._sqlite_utils.table(name)

    # reading

    def rows(self, sql: str, parameters: Parameters = ()) -> list[Row]:
        """All rows of a query, as dictionaries."""
        with clear_errors(self.path):
            return [dict(row) for row in self.connection.execute(sql, parameters).fetchall()]

    def row(self, sql: str, parameters: Parameters = ()) -> Row | None:
        """The first row of a query, or None."""
        with clear_errors(self.path):
            found = self.connection.execute(sql, parameters).fetchone()
        return None if found is None else dict(found)

    def number(self, sql: str, parameters: Parameters = ()) -> int:
        """The one number that a query asks for, such as a count."""
        with clear_errors(self.path):
            return int(self.connection.execute(sql, parameters).fetchone()[0] or 0)

    def tuples(self, sql: str, parameters: Parameters = ()) -> list[tuple[Any, ...]]:
        """All rows of a query as plain tuples: for many rows of few columns."""
        with clear_errors(self.path):
            cursor = self.connection.cursor()
            cursor.row_factory = None
            return cursor.execute(sql, parameters).fetchall()

    def data_version(self) -> int:
        """A number that changes when another connection has committed (``PRAGMA data_version``)."""
        with clear_errors(self.path):
            return int(self.connection.execute("PRAGMA data_version").fetchone()[0])

    # writing

    @contextmanager
    def write(self) -> Iterator[None]:
        """One transaction: the gate, then ``BEGIN IMMEDIATE``; commits on a clean exit, else rolls back.

        Nested use joins the outer transaction. Raises :class:`RegistryError` where the registry cannot
        be written, :class:`RegistryGone` where it is no longer the file, or the schema, that was opened, and
        :class:`timnet.errors.DiskFull` where there is no room.
        """
        if self.connection.in_transaction:
            yield
            return
        with clear_errors(self.path), self.through_gate():
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                self._refuse_upgraded()
                yield
                self.connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    self.connection.execute("ROLLBACK")
                raise

    def changed(self, sql: str, parameters: Parameters = ()) -> list[Row]:
        """Run ``INSERT/UPDATE/DELETE ... RETURNING`` inside :meth:`write` and return its rows."""
        return [dict(row) for row in self.connection.execute(sql, parameters).fetchall()]

    @contextmanager
    def through_gate(self) -> Iterator[None]:
        """Be the only writer for as long as the block runs, without a transaction (see :meth:`write`)."""
        self.refuse_reading_alone()
        with self._gate.held(GATE_DEADLINE):
            self._refuse_replaced()
            yield

    def refuse_reading_alone(self) -> None:
        """Raise :class:`RegistryError` where nothing can be written by this connection."""
        if not self.writable:
            raise RegistryError(
                f"{self.path} is open for reading alone; to change it, make sure that it and its folder may be written"
            )

    def _refuse_replaced(self) -> None:
        """What is written to a file without a name is lost; to one with another name, it is in nobody's registry."""
        there = _identity(self.path)
        if there != self._identity:
            what = "deleted" if there is None else "replaced by another file"
            raise RegistryGone(
                f"{self.path} was {what} while it was open; nothing more is written to it; start this again"
            )

    def _refuse_upgraded(self) -> None:
        if _version(self.connection) > len(MIGRATIONS):
            raise RegistryGone(
                f"{self.path} was migrated by a newer timnet while it was open; nothing more is written to it; "
                "start this again with the newer one"
            )

    def _keep_a_log(self) -> None:
        """Turn a new file to WAL, which SQLite refuses at once, and does not wait for, where two try it together."""
        if self.connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
            with self.through_gate():
                self.connection.execute("PRAGMA journal_mode = WAL")

    def _migrate(self) -> None:
        """Bring the schema to this version; several processes may try at once, the gate lets one."""
        if _version(self.connection) == len(MIGRATIONS):
            return
        with self.write():
            version = _version(self.connection)
            _refuse_newer(self.path, version)
            if version == len(MIGRATIONS):  # another process was first
                return
            if version:
                self._back_up()
            apply(self.connection, MIGRATIONS[version:])
            self.connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            self.connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")

    def _back_up(self) -> None:
        """Keep the registry as it is before it is migrated, in a file beside it."""
        keep = self.path.with_name(f"{self.path.name}.before-v{len(MIGRATIONS)}")
        if keep.exists():
            states = [file.stat() for file in (self.path, _wal_of(self.path)) if file.exists()]
            if keep.stat().st_mtime >= max(state.st_mtime for state in states if state.st_size):
                return  # of a migration that failed; nothing was written since
            keep = dated(self.path, f"{keep.name.removeprefix(f'{self.path.name}.')}-")
        # from a connection of its own: this one is inside a transaction
        source = _connect(self.path, read_only=True)
        try:
            write_copy(source, keep, check=False)
        finally:
            source.close()


def _identity(path: Path) -> Identity | None:
    """Which file ``path`` names, or None where it names none."""
    try:
        found = os.stat(path)  # noqa: PTH116 - as a poller asks, several times a second
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _wal_of(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


def _connect(path: Path, *, read_only: bool, frozen: bool = False) -> sqlite3.Connection:
    uri = f"file:{quote(str(path))}?mode={'ro' if read_only else 'rwc'}{'&immutable=1' if frozen else ''}"
    connection = connected(uri, BUSY_TIMEOUT)
    connection.row_factory = sqlite3.Row
    if not read_only:
        connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def refuse_missing(path: Path) -> None:
    """Raise :class:`RegistryError` where there is no registry at ``path``."""
    if not path.exists():
        raise RegistryError(f"no registry at {path.absolute()}; name another with --db, or queue something first")


def _check_kind(path: Path) -> int:
    """The schema version of the file at ``path``, read without changing it.

    Raises :class:`RegistryError` for a foreign database or one that a newer timnet made.
    """
    refuse_missing(path)
    if path.is_dir():
        raise RegistryError(f"{path} is a folder, not a registry; name a file with --db")
    if is_cut(path):
        raise RegistryError(f"{path} is not a readable registry (its end is missing); {what_to_do(path)}")
    # with nobody writing, not even SQLite's own files are to appear beside a database that is perhaps foreign
    mode = "ro" if _wal_of(path).exists() else "ro&immutable=1"
    connection = connected(f"file:{quote(str(path))}?mode={mode}", BUSY_TIMEOUT)
    try:
        connection.execute("BEGIN")  # one snapshot: another process may just now make this registry
        version = _version(connection)
        application = int(connection.execute("PRAGMA application_id").fetchone()[0])
        empty = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
        stranger = _stranger(connection) if application == APPLICATION_ID and version <= len(MIGRATIONS) else ""
    finally:
        connection.close()
    if not empty and application != APPLICATION_ID:
        raise RegistryError(f"{path} is a SQLite database but not a timnet registry; name another with --db")
    _refuse_newer(path, version)
    if stranger:
        raise RegistryError(
            f"{path}: the {stranger} is not timnet's and could change what is read or written; "
            "drop it, or name another registry with --db"
        )
    return version


def _stranger(connection: sqlite3.Connection) -> str:
    """What the schema has and no timnet has made, if it could do harm, or "".

    A trigger does what it likes at each write; a view or a module in a table's place, and a column that is reckoned,
    can go on for ever, or grow without end, at each reading.
    """
    for kind, name, page in connection.execute("SELECT type, name, rootpage FROM sqlite_master"):
        if kind == "trigger" or (not page and name.casefold() in _TABLES):
            return f"{'table' if kind == 'table' else kind} {clean(name[:80])}"
    reckoned = connection.execute(
        "SELECT one.name, inside.name FROM sqlite_master AS one, pragma_table_xinfo(one.name) AS inside "
        "WHERE one.type = 'table' AND one.rootpage AND inside.hidden > 1"
    ).fetchone()
    return f"column {clean(reckoned[1][:80])} of {clean(reckoned[0][:80])}" if reckoned else ""


def _refuse_unwritable(path: Path) -> None:
    """SQLite would open it, for reading, and refuse the first write, after other files were written already."""
    if not os.access(path, os.W_OK):
        raise RegistryError(f"{path} cannot be opened or written (it is read-only); check its permissions")


def _refuse_newer(path: Path, version: int) -> None:
    if version > len(MIGRATIONS):
        raise RegistryError(
            f"{path} was made by a newer timnet (schema {version}, this one knows {len(MIGRATIONS)}); upgrade timnet"
        )


def _refuse_network(path: Path) -> None:
    kind = network_filesystem(path.parent)
    if kind is not None:
        raise RegistryError(
            f"{path} lies on a network filesystem ({kind}), where SQLite's locks do not hold; "
            "put it on a local disk with --db or TIMNET_DB"
        )
