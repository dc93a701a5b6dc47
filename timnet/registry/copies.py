"""Copies of a registry: made whole or not at all, checked, and found again beside it."""

from __future__ import annotations

import glob
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

from timnet.clock import now
from timnet.errors import RegistryError
from timnet.files import replacing
from timnet.registry.schema import APPLICATION_ID

_MAGIC = b"SQLite format 3\0"
_PAGE_SIZE = slice(16, 18)
_APPLICATION = slice(68, 72)
_VERSIONS = 18
"""Where a SQLite file tells how it is to be written and read: two bytes, 1 each, or 2 each for WAL."""

#: bytes of a text, a blob or a row: far more than any of ours takes
LONGEST_VALUE = 64 * 2**20

#: what timnet itself keeps: before a migration, a repair, a restore
AUTOMATIC = "before-"
#: what ``timnet registry backup`` makes where no file is named
ASKED = "backup-"


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy beside a registry. ``automatic``: timnet made it unasked. ``made`` is the file's time, in seconds."""

    path: Path
    bytes: int
    made: float
    automatic: bool


def stamp() -> str:
    """The time for a file's name, UTC: ``20260131T093000Z``."""
    date, _, time = now().partition("T")
    return f"{date.replace('-', '')}T{time[:8].replace(':', '')}Z"


def dated(path: Path, what: str) -> Path:
    """A free name beside the registry ``path`` for a copy of it made now: ``runs.db.backup-20260131T093000Z``."""
    first = path.with_name(f"{path.name}.{what}{stamp()}")
    found, number = first, 1
    while found.exists():
        number += 1
        found = first.with_name(f"{first.name}-{number}")
    return found


def is_sqlite(path: Path) -> bool:
    """Whether the file at ``path`` begins as a SQLite database does."""
    try:
        with path.open("rb") as stream:
            return stream.read(len(_MAGIC)) == _MAGIC
    except OSError:
        return False


def is_cut(path: Path) -> bool:
    """Whether a database ends within a page, and no log has the rest: SQLite would read the missing bytes as zeros.

    It would even take a file of a single byte for a new database, and write over it.
    """
    log = path.with_name(f"{path.name}-wal")
    size = path.stat().st_size
    if size == 0 or (log.exists() and log.stat().st_size):
        return False
    with path.open("rb") as stream:
        head = stream.read(_PAGE_SIZE.stop)
    if size < len(_MAGIC) and _MAGIC.startswith(head):
        return True
    page = int.from_bytes(head[_PAGE_SIZE], "big")
    return head.startswith(_MAGIC) and size % (65_536 if page == 1 else max(page, 1)) != 0


def is_registry(path: Path) -> bool:
    """Whether the file at ``path`` says that it is a registry of timnet's. Only its first bytes are read."""
    try:
        with path.open("rb") as stream:
            head = stream.read(_APPLICATION.stop)
    except OSError:
        return False
    return head.startswith(_MAGIC) and head[_APPLICATION] == APPLICATION_ID.to_bytes(4, "big")


def application_of(connection: sqlite3.Connection) -> int:
    """Whose database it is (``PRAGMA application_id``), also where only its log tells it yet."""
    return int(connection.execute("PRAGMA application_id").fetchone()[0])


def copies(path: Path) -> list[Copy]:
    """The copies beside the registry ``path``, the newest first."""
    found = []
    for file in path.parent.glob(f"{glob.escape(path.name)}.*"):
        what = file.name.removeprefix(f"{path.name}.")
        if what.startswith((AUTOMATIC, ASKED)) and is_registry(file):
            status = file.stat()
            found.append(Copy(file, status.st_size, status.st_mtime, what.startswith(AUTOMATIC)))
    return sorted(found, key=lambda one: (one.made, one.path.name), reverse=True)


def write_copy(source: sqlite3.Connection, target: Path, *, check: bool) -> None:
    """Copy what ``source`` sees now to ``target``, whole or not at all, while others write.

    With ``check`` the copy must be sound before it gets its name: raises :class:`RegistryError` where it is not, and
    :class:`timnet.errors.DiskFull` where there is no room.
    """
    with replacing(target) as stream:
        copy_into(source, stream)
        if check:
            refuse_damaged(Path(stream.name), f"the copy of {_path_of(source)}")


def copy_into(source: sqlite3.Connection, stream: BinaryIO) -> None:
    """Fill the new file ``stream`` with a copy of what ``source`` sees now: one file, nothing beside it."""
    # nobody else knows this file, and it is thrown away where this fails: neither locks nor a journal are needed,
    # so it may also lie on a disk where locks do not hold
    uri = f"file:{quote(stream.name)}?nolock=1"
    with closing(connected(uri)) as copy:
        copy.execute("PRAGMA journal_mode = OFF")
        copy.execute("PRAGMA synchronous = OFF")
        source.backup(copy)
    stream.seek(_VERSIONS)
    stream.write(b"\x01\x01")  # it has no WAL; whoever opens it to write begins one
    stream.flush()


def connected(uri: str, timeout: float = 5.0) -> sqlite3.Connection:
    """A connection that begins no transaction by itself.

    Its schema, which may be somebody else's, can call no function that does more than reckon, and no value in it may
    be longer than :data:`LONGEST_VALUE`.
    """
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=timeout)
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST_VALUE)
    return connection


def untouched(path: Path) -> sqlite3.Connection:
    """A connection to a file that nobody writes; it leaves nothing beside it."""
    return connected(f"file:{quote(str(path))}?mode=ro&immutable=1")


def refuse_damaged(path: Path, called: str) -> None:
    """Raise :class:`RegistryError` where the database at ``path``, which nobody writes, is not sound."""
    with closing(untouched(path)) as connection:
        try:
            problems = unsound(connection, 1)
        except sqlite3.DatabaseError as error:
            problems = [str(error)]
    if problems:
        raise RegistryError(f"{called} is damaged ({problems[0]}); see: timnet registry check")


def unsound(connection: sqlite3.Connection, limit: int = 100) -> list[str]:
    """What SQLite finds wrong with a database and its references, in its words; nothing where all is well."""
    lines = [str(row[0]) for row in connection.execute(f"PRAGMA integrity_check({limit})")]
    if lines != ["ok"]:
        return [part for line in lines for part in line.splitlines() if not part.startswith("*** ")] or lines
    try:
        dangling = connection.execute("PRAGMA foreign_key_check").fetchmany(limit)
    except sqlite3.OperationalError as error:
        if "foreign key mismatch" not in str(error):
            raise
        return [str(error)]
    return [f"row {row[1]} of {row[0]} refers to a row of {row[2]} that is not there" for row in dangling]


def _path_of(connection: sqlite3.Connection) -> str:
    return str(connection.execute("PRAGMA database_list").fetchone()[2])
