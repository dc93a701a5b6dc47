"""What SQLite complains of, told in one clear line that says what to do."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from timnet.errors import BadInput, DiskFull, RegistryBusy, RegistryError, as_disk_full
from timnet.registry.copies import connected, copies
from timnet.registry.schema import MIGRATIONS, apply
from timnet.text import clean

#: a file that is damaged, or that somebody else has made to look like a registry
_DAMAGED = (
    "not a database", "malformed", "Could not decode to UTF-8", "unsupported file format", "no such table",
    "no such column", "may not be modified", "no such module", "no such function", "unsafe use of",
    "FOREIGN KEY constraint failed", "string or blob too big",
)  # fmt: skip
#: what making a record of a row raises where the row holds what no timnet has written
_STRANGE = (LookupError, ValueError, TypeError, AttributeError, RecursionError)

#: bytes of the file beside an open registry, whose memory SQLite's processes share
SQLITE_NEEDS = 1 << 15


@contextmanager
def clear_errors(path: Path) -> Iterator[None]:
    """Turn SQLite's errors that a user can cause, or a broken disk, into one clear line."""
    try:
        yield
    except UnicodeDecodeError as error:  # SQLite tells of a damaged schema in the schema's own bytes
        raise RegistryError(f"{path} is not a readable registry ({error.reason}); {what_to_do(path)}") from error
    except (OverflowError, UnicodeEncodeError) as error:  # an id of 30 digits, a name that is no UTF-8
        raise BadInput(f"the registry cannot hold or look for such a value ({error})") from error
    except (sqlite3.DatabaseError, OSError) as error:
        told = as_disk_full(error, f"writing {path}") or _told(path, str(error), error)
        if told is None:
            raise
        raise told from error


def _told(path: Path, text: str, error: Exception) -> RegistryError | DiskFull | None:
    """The clear line for what SQLite or the system says of ``path``; None for what only a defect of timnet's causes."""
    if any(words in text for words in _DAMAGED):
        return RegistryError(f"{path} is not a readable registry ({text}); {what_to_do(path)}")
    if "readonly" in text or "read-only" in text or "unable to open" in text or isinstance(error, PermissionError):
        return RegistryError(f"{path} cannot be opened or written ({text}); check its permissions")
    if "database is locked" in text:
        return RegistryBusy(
            f"{path} has been locked by a program that is not timnet; if one has it open, close it and try again"
        )
    if "disk I/O error" in text:
        if shutil.disk_usage(path.parent).free < SQLITE_NEEDS:
            return DiskFull(f"no space left on the disk while opening {path}; free some room and run the command again")
        return RegistryError(f"{path} could not be read or written ({text}); check the disk and its free room")
    if isinstance(error, sqlite3.Error) and _is_reshaped(path):
        return RegistryError(f"{path} has another schema than timnet's ({clean(text)}); {what_to_do(path)}")
    return None


@contextmanager
def clear_rows(what: str) -> Iterator[None]:
    """One clear line where ``what`` holds values that no timnet has written: by hand, by damage or to do harm."""
    try:
        yield
    except _STRANGE as error:
        raise strange(what, error) from error


def strange(what: str, error: Exception) -> RegistryError:
    """The error for a row of ``what`` that cannot be read."""
    reason = clean(f"{type(error).__name__}: {error}")[:200]
    return RegistryError(f"{what} cannot be read from the registry ({reason}); see timnet registry check")


def _is_reshaped(path: Path) -> bool:
    """Whether the schema at ``path`` is none that timnet's migrations make: what SQLite complains of is its doing then."""
    try:
        with closing(connected(f"file:{quote(str(path))}?mode=ro")) as there, closing(connected(":memory:")) as ours:
            apply(ours, MIGRATIONS[: int(there.execute("PRAGMA user_version").fetchone()[0])])
            return _shape(there) != _shape(ours)
    except sqlite3.Error:
        return False


def _shape(connection: sqlite3.Connection) -> set[tuple[str, str, str]]:
    return set(connection.execute("SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'"))


def what_to_do(path: Path) -> str:
    """What to do with a registry that is damaged, with the newest copy of it."""
    found = copies(path)
    look = "look at it with: timnet registry check"
    if not found:
        return f"{look}, then timnet registry restore FILE (no backup lies beside it)"
    return f"{look}, then timnet registry restore {found[0].path.name} (the newest backup beside it)"
