"""What can be said of a registry's file without changing it, even where it cannot be opened."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path

from timnet.errors import TimnetError
from timnet.registry.database import Database
from timnet.registry.schema import MIGRATIONS


@dataclass(frozen=True, slots=True)
class RegistryAbout:
    """``schema`` is None where there is no registry; ``error`` says why one that is there cannot be used.

    ``bytes`` are those of the database and of SQLite's own files beside it.
    """

    path: Path
    exists: bool
    schema: int | None
    bytes: int
    error: str | None


def about(path: Path) -> RegistryAbout:
    """Look at the registry at ``path``; nothing is created, migrated or raised."""
    path = path.absolute()
    files = [path, *(path.with_name(path.name + suffix) for suffix in ("-wal", "-shm"))]
    size = sum(file.stat().st_size for file in files if file.is_file())
    if not path.exists():
        return RegistryAbout(path, False, None, 0, None)
    try:
        with Database.open_read_only(path) as database:
            row = database.row("PRAGMA user_version") or {}
        return RegistryAbout(path, True, int(row["user_version"]), size, None)
    except TimnetError as error:
        return RegistryAbout(path, True, None, size, str(error))


def newest_schema() -> int:
    """The schema version that this timnet writes."""
    return len(MIGRATIONS)


def sqlite_version() -> str:
    """The version of the SQLite library in use."""
    return sqlite3.sqlite_version


#: since when SQLite has repaired the WAL-reset defect, in each of the lines that have it repaired
_WAL_RESET_REPAIRED = ((3, 44, 6), (3, 50, 7), (3, 51, 3))


def sqlite_defects(version: str | None = None) -> list[str]:
    """What is known to be wrong with a version of SQLite (the one in use), and what that means for a registry."""
    numbers = tuple(int(part) for part in (version or sqlite3.sqlite_version).split("."))
    repaired = numbers >= _WAL_RESET_REPAIRED[-1] or any(
        numbers[:2] == first[:2] and numbers >= first for first in _WAL_RESET_REPAIRED
    )
    if repaired:
        return []
    return [
        "this SQLite has the WAL-reset defect (repaired in 3.51.3): writers at the same moment may damage a database; "
        "timnet's own write one at a time, so let no other program write to the registry"
    ]
