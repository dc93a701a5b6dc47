"""The connection to ``runs.db``: pragmas, the write gate, migrations, and clear errors.

Writers line up at a file lock (the gate) before ``BEGIN IMMEDIATE``, because SQLite's own busy handler
is unfair under contention, and because a lone writer keeps clear of the WAL-reset defect of
SQLite < 3.51.3. Use one :class:`Database` a thread.
"""

from __future__ import annotations

import fcntl
import os
import random
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

from timnet.errors import BadInput, RegistryError, as_disk_full
from timnet.files import replacing
from timnet.paths import RegistryPaths
from timnet.registry.filesystem import network_filesystem
from timnet.registry.schema import APPLICATION_ID, MIGRATIONS, apply

if TYPE_CHECKING:
    from sqlite_utils import Database as SqliteUtils
    from sqlite_utils.db import Table

GATE_DEADLINE = 30.0
BUSY_TIMEOUT = 30.0

Row = dict[str, Any]
Parameters = Sequence[Any] | Mapping[str, Any]


class Database:
    """An open registry. ``writable`` is False for a read-only connection or the empty stand-in.

    ``frozen``: it is read as a file that does not change, since SQLite's own files can neither be found nor made
    beside it. What others write later is not seen then.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path, *, writable: bool, frozen: bool = False) -> None:
        self.path = path
        self.paths = RegistryPaths(path)
        self.writable = writable
        self.frozen = frozen
        self.connection = connection
        self._gate: int | None = None

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
        with _clear_errors(path):
            if existed:
                _check_kind(path)
            database = cls(_connect(path, read_only=False), path, writable=True)
            try:
                database._migrate()
            except BaseException:
                database.close()
                raise
        return database

    @classmethod
    def open_read_only(cls, path: Path) -> Self:
        """Open an existing, current registry for reading alone (the poller's connection).

        Raises :class:`RegistryError` as :meth:`open` does, and where the registry must first be migrated.
        """
        path = path.absolute()
        with _clear_errors(path):
            version = _check_kind(path)
            if version < len(MIGRATIONS):
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
        if self._gate is not None:
            os.close(self._gate)
            self._gate = None

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
        with _clear_errors(self.path):
            return [dict(row) for row in self.connection.execute(sql, parameters).fetchall()]

    def row(self, sql: str, parameters: Parameters = ()) -> Row | None:
        """The first row of a query, or None."""
        with _clear_errors(self.path):
            found = self.connection.execute(sql, parameters).fetchone()
        return None if found is None else dict(found)

    def number(self, sql: str, parameters: Parameters = ()) -> int:
        """The one number that a query asks for, such as a count."""
        with _clear_errors(self.path):
            return int(self.connection.execute(sql, parameters).fetchone()[0] or 0)

    def tuples(self, sql: str, parameters: Parameters = ()) -> list[tuple[Any, ...]]:
        """All rows of a query as plain tuples: for many rows of few columns."""
        with _clear_errors(self.path):
            cursor = self.connection.cursor()
            cursor.row_factory = None
            return cursor.execute(sql, parameters).fetchall()

    def data_version(self) -> int:
        """A number that changes when another connection has committed (``PRAGMA data_version``)."""
        with _clear_errors(self.path):
            return int(self.connection.execute("PRAGMA data_version").fetchone()[0])

    # writing

    @contextmanager
    def write(self) -> Iterator[None]:
        """One transaction: the gate, then ``BEGIN IMMEDIATE``; commits on a clean exit, else rolls back.

        Nested use joins the outer transaction. Raises :class:`RegistryError` where the registry cannot
        be written and :class:`timnet.errors.DiskFull` where there is no room.
        """
        if self.connection.in_transaction:
            yield
            return
        if not self.writable:
            raise RegistryError(f"{self.path} is open for reading alone")
        with _clear_errors(self.path), self._through_gate():
            self.connection.execute("BEGIN IMMEDIATE")
            try:
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
    def _through_gate(self) -> Iterator[None]:
        if self._gate is None:
            self._gate = os.open(self.paths.gate, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        deadline = time.monotonic() + GATE_DEADLINE
        while True:
            try:
                fcntl.flock(self._gate, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise RegistryError(
                        f"{self.path} has been locked by another process for {GATE_DEADLINE:.0f} s; "
                        "if one hangs, end it and try again"
                    ) from None
                time.sleep(random.uniform(0.001, 0.006))
        try:
            yield
        finally:
            fcntl.flock(self._gate, fcntl.LOCK_UN)

    def _migrate(self) -> None:
        """Bring the schema to this version; several processes may try at once, the gate lets one."""
        if _version(self.connection) == len(MIGRATIONS):
            return
        with self.write():
            version = _version(self.connection)
            _refuse_newer(self.path, version)
            if version:
                self._back_up()
            apply(self.connection, MIGRATIONS[version:])
            self.connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            self.connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")

    def _back_up(self) -> None:
        """Keep the registry as it is before it is migrated, in a file beside it."""
        keep = self.path.with_name(f"{self.path.name}.before-v{len(MIGRATIONS)}")
        if keep.exists():
            return
        with replacing(keep) as stream:
            # from a connection of its own: this one is inside a transaction
            source, copy = _connect(self.path, read_only=True), sqlite3.connect(stream.name)
            try:
                source.backup(copy)
            finally:
                copy.close()
                source.close()


def _wal_of(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


def _connect(path: Path, *, read_only: bool, frozen: bool = False) -> sqlite3.Connection:
    uri = f"file:{quote(str(path))}?mode={'ro' if read_only else 'rwc'}{'&immutable=1' if frozen else ''}"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=BUSY_TIMEOUT)
    connection.row_factory = sqlite3.Row
    if not read_only:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _check_kind(path: Path) -> int:
    """The schema version of the file at ``path``, read without changing it.

    Raises :class:`RegistryError` for a foreign database or one that a newer timnet made.
    """
    if not path.exists():
        raise RegistryError(f"no registry at {path}; name another with --db, or queue something first")
    if path.is_dir():
        raise RegistryError(f"{path} is a folder, not a registry; name a file with --db")
    # with nobody writing, not even SQLite's own files are to appear beside a database that is perhaps foreign
    mode = "ro" if _wal_of(path).exists() else "ro&immutable=1"
    connection = sqlite3.connect(
        f"file:{quote(str(path))}?mode={mode}", uri=True, isolation_level=None, timeout=BUSY_TIMEOUT
    )
    try:
        connection.execute("BEGIN")  # one snapshot: another process may just now make this registry
        version = _version(connection)
        application = int(connection.execute("PRAGMA application_id").fetchone()[0])
        empty = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
    finally:
        connection.close()
    if not empty and application != APPLICATION_ID:
        raise RegistryError(f"{path} is a SQLite database but not a timnet registry; name another with --db")
    _refuse_newer(path, version)
    return version


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


@contextmanager
def _clear_errors(path: Path) -> Iterator[None]:
    """Turn SQLite's errors that a user can cause into one clear line."""
    try:
        yield
    except (OverflowError, UnicodeEncodeError) as error:  # an id of 30 digits, a name that is no UTF-8
        raise BadInput(f"the registry cannot hold or look for such a value ({error})") from error
    except (sqlite3.DatabaseError, OSError) as error:
        full = as_disk_full(error, f"writing {path}")
        if full is not None:
            raise full from error
        text = str(error)
        if "not a database" in text or "malformed" in text:
            raise RegistryError(
                f"{path} is not a readable registry ({text}); restore a backup or move it away"
            ) from error
        if "readonly" in text or "read-only" in text or "unable to open" in text or isinstance(error, PermissionError):
            raise RegistryError(f"{path} cannot be opened or written ({text}); check its permissions") from error
        if "disk I/O error" in text:
            raise RegistryError(
                f"{path} could not be read or written ({text}); check the disk and its free room"
            ) from error
        raise
