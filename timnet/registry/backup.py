"""Backing a registry up while others write, going back to a backup, and giving unused room back."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from timnet.errors import BadInput, DiskFull, RegistryError
from timnet.files import replacing, sync_folder
from timnet.paths import RegistryPaths
from timnet.registry.copies import (
    ASKED,
    AUTOMATIC,
    application_of,
    connected,
    copy_into,
    dated,
    refuse_damaged,
    unsound,
    untouched,
    write_copy,
)
from timnet.registry.database import GATE_DEADLINE, Database
from timnet.registry.filesystem import network_filesystem
from timnet.registry.gate import Gate
from timnet.registry.schema import APPLICATION_ID
from timnet.registry.trouble import clear_errors

SIDE_FILES = ("-wal", "-shm", "-journal")
"""What SQLite keeps beside a database; each belongs to just that database."""

OTHERS_SECONDS = 2.0
"""How long to wait for others to let go of a registry that is to be replaced."""


@dataclass(frozen=True, slots=True)
class BackedUp:
    """A backup that was made and checked."""

    path: Path
    bytes: int
    experiments: int
    runs: int


@dataclass(frozen=True, slots=True)
class Restored:
    """A registry that was put back: ``kept`` is what was there before, None where there was nothing."""

    path: Path
    source: Path
    kept: Path | None
    schema: int
    experiments: int
    runs: int


def back_up(path: Path, target: Path | None = None, *, force: bool = False) -> BackedUp:
    """Copy the registry at ``path`` as it is at one moment, while others write; by default to a dated file beside it.

    The copy is one file, and it is checked before it gets its name: it is there whole and sound, or not at all.
    Raises :class:`RegistryError` for what is no sound registry, :class:`BadInput` for a ``target`` that is a folder, a
    file of the registry's, or there already without ``force``.
    """
    path = path.absolute()
    with Database.open_read_only(path, older=True) as database, clear_errors(path):
        target = dated(path, ASKED) if target is None else _target(path, target.absolute(), force=force)
        write_copy(database.connection, target, check=True)
    with closing(untouched(target)) as copy:
        return BackedUp(target, target.stat().st_size, *_counts(copy))


def keep(path: Path, why: str) -> Path:
    """Keep the registry as it is, sound or not, in a dated file beside it, before something is done to it."""
    with Database.open_read_only(path, older=True) as database, clear_errors(path):
        target = dated(path, f"{AUTOMATIC}{why}-")
        write_copy(database.connection, target, check=False)
    return target


def check_backup(source: Path) -> int:
    """The schema version of the backup at ``source``, after a look at all of it.

    Raises :class:`RegistryError` where it is no sound registry, or of a newer timnet.
    """
    source = source.absolute()
    with Database.open_read_only(source, older=True) as database, clear_errors(source):
        if application_of(database.connection) != APPLICATION_ID:
            raise RegistryError(f"{source} is empty, not a timnet registry; name a backup")
        problems = unsound(database.connection, 1)
        if problems:
            raise RegistryError(f"{source} is damaged ({problems[0]}); name another backup")
        return int(database.connection.execute("PRAGMA user_version").fetchone()[0])


def restore(path: Path, source: Path) -> Restored:
    """Put the backup at ``source`` in the place of the registry at ``path``; what is there is kept beside it.

    Whenever this is killed, one of the two is there, whole. The caller has made sure that nothing trains. Raises
    :class:`RegistryError` where the backup is not sound, or where another process has the registry open.
    """
    path, source = path.absolute(), source.absolute()
    kind = network_filesystem(path.parent)
    if kind is not None:
        raise RegistryError(f"{path} lies on a network filesystem ({kind}); a registry must lie on a local disk")
    if path.exists() and source.exists() and path.samefile(source):
        raise BadInput(f"{source} is the registry itself; name a backup of it")
    if not path.parent.is_dir():
        raise RegistryError(f"no folder {path.parent} to keep {path.name} in; create it or name another with --db")
    version = check_backup(source)
    # the stack ends last: only with the backup in its place may others open the registry
    with ExitStack() as alone, clear_errors(path), replacing(path) as stream:
        with Database.open_read_only(source, older=True) as backup:
            copy_into(backup.connection, stream)
        staged = Path(stream.name)
        refuse_damaged(staged, str(source))
        with closing(untouched(staged)) as copy:
            experiments, runs = _counts(copy)
        gate = Gate(RegistryPaths(path))
        alone.callback(gate.close)
        alone.enter_context(gate.held(GATE_DEADLINE))
        kept = alone.enter_context(_put_aside(path))
    return Restored(path, source, kept, version, experiments, runs)


@dataclass(frozen=True, slots=True)
class Vacuumed:
    """Bytes of a registry before and after its unused room was given back."""

    before: int
    after: int


def vacuum(path: Path) -> Vacuumed:
    """Write the registry anew without the room that deleted rows left; writers wait meanwhile.

    Raises :class:`DiskFull` where there is no room for a second copy of it.
    """
    with Database.open(path) as database:
        before = _size(database.path)
        free = shutil.disk_usage(database.path.parent).free
        if free < 2 * before:
            raise DiskFull(
                f"vacuuming {path} needs {2 * before / 2**20:.0f} MiB for a moment and {free / 2**20:.0f} MiB are free; "
                "free some room first"
            )
        with clear_errors(path), database.through_gate():
            database.connection.execute("VACUUM")
            database.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return Vacuumed(before, _size(database.path))


def _target(path: Path, target: Path, *, force: bool) -> Path:
    """``target``, where a backup may be written there."""
    own = [path, RegistryPaths(path).gate, *(path.with_name(path.name + suffix) for suffix in SIDE_FILES)]
    if any(target == one or (one.exists() and target.exists() and target.samefile(one)) for one in own):
        raise BadInput(f"{target} belongs to the registry itself; name another file for the backup")
    if target.is_dir():
        raise BadInput(f"{target} is a folder; name a file for the backup")
    if target.exists() and not force:
        raise BadInput(f"{target} is there already; name another file, or say --force to replace it")
    if not target.parent.is_dir():
        raise BadInput(f"no folder {target.parent} to keep {target.name} in; create it first")
    return target


@contextmanager
def _put_aside(path: Path) -> Iterator[Path | None]:
    """Keep what is at ``path`` in a dated file beside it; until the end of the block nobody else can open it.

    SQLite's own files are gone then: they would be taken for those of whatever comes in its place.
    """
    kept = dated(path, f"{AUTOMATIC}restore-")
    if not path.exists():
        _move_side_files(path, kept)
        yield None
        return
    uri = f"file:{quote(str(path))}?mode=rw"
    with closing(connected(uri, OTHERS_SECONDS)) as present:
        try:
            sound = _fold(present)
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):
                raise
            raise RegistryError(
                f"{path} is open in another process; close the interface, end workers (timnet workers stop), try again"
            ) from error
        except sqlite3.DatabaseError:
            sound = False
        if sound:
            write_copy(present, kept, check=False)
        else:
            _copy_file(path, kept)
            _move_side_files(path, kept)
        yield kept


def _fold(present: sqlite3.Connection) -> bool:
    """Fold the log into the database, which only its sole user can, and lock everybody out.

    Raises :class:`RegistryError` for somebody else's database.
    """
    if application_of(present) != APPLICATION_ID:
        if present.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            raise RegistryError("there is a SQLite database in the registry's place that is none; name another by --db")
        return False
    present.execute("PRAGMA journal_mode = DELETE")
    present.execute(
        "PRAGMA locking_mode = EXCLUSIVE"
    )  # the lock outlives the transaction, which no copy can be made in
    present.execute("BEGIN EXCLUSIVE")
    present.execute("COMMIT")
    return True


def _copy_file(path: Path, target: Path) -> None:
    with replacing(target) as stream, path.open("rb") as source:
        shutil.copyfileobj(source, stream)


def _move_side_files(path: Path, kept: Path) -> None:
    """The log of a damaged registry goes with it: it may hold what is worth saving. ``-shm`` holds nothing."""
    for suffix in SIDE_FILES:
        file = path.with_name(path.name + suffix)
        if suffix == "-shm":
            file.unlink(missing_ok=True)
        elif file.exists():
            file.replace(kept.with_name(kept.name + suffix))
    sync_folder(path.parent)


def _counts(connection: sqlite3.Connection) -> tuple[int, int]:
    """How many experiments and runs there are, removed ones included."""
    experiments, runs = (
        connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("experiments", "runs")
    )
    return int(experiments), int(runs)


def _size(path: Path) -> int:
    files = [path, path.with_name(f"{path.name}-wal")]
    return sum(file.stat().st_size for file in files if file.is_file())
