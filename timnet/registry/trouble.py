"""What SQLite complains of, told in one clear line that says what to do."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from timnet.errors import BadInput, RegistryError, as_disk_full
from timnet.registry.copies import copies

_DAMAGED = ("not a database", "malformed", "Could not decode to UTF-8")


@contextmanager
def clear_errors(path: Path) -> Iterator[None]:
    """Turn SQLite's errors that a user can cause, or a broken disk, into one clear line."""
    try:
        yield
    except (OverflowError, UnicodeEncodeError) as error:  # an id of 30 digits, a name that is no UTF-8
        raise BadInput(f"the registry cannot hold or look for such a value ({error})") from error
    except (sqlite3.DatabaseError, OSError) as error:
        full = as_disk_full(error, f"writing {path}")
        if full is not None:
            raise full from error
        text = str(error)
        if any(words in text for words in _DAMAGED):
            raise RegistryError(f"{path} is not a readable registry ({text}); {what_to_do(path)}") from error
        if "readonly" in text or "read-only" in text or "unable to open" in text or isinstance(error, PermissionError):
            raise RegistryError(f"{path} cannot be opened or written ({text}); check its permissions") from error
        if "disk I/O error" in text:
            raise RegistryError(
                f"{path} could not be read or written ({text}); check the disk and its free room"
            ) from error
        raise


def what_to_do(path: Path) -> str:
    """What to do with a registry that is damaged, with the newest copy of it."""
    found = copies(path)
    look = "look at it with: timnet registry check"
    if not found:
        return f"{look}, then timnet registry restore FILE (no backup lies beside it)"
    return f"{look}, then timnet registry restore {found[0].path.name} (the newest backup beside it)"
