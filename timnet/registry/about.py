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
