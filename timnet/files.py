"""Writing files so that a reader meets the old one or the new one, never half of one.

What a process that was killed has left unfinished is known by its name, ``.NAME.PID.tmp``: the next writer of the same
file removes it, and :func:`left_behind` finds all of it below a folder.
"""

from __future__ import annotations

import fcntl
import glob
import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import BinaryIO

from timnet.errors import as_disk_full

Fence = Callable[[], AbstractContextManager[object]]

#: with what SQLite writes beside a copy that is being made
_UNFINISHED = re.compile(r"\.(?P<name>.+)\.(?P<pid>\d+)\.tmp(-journal|-wal|-shm)?", re.ASCII)
_fence: ContextVar[Fence] = ContextVar("fence", default=nullcontext)


@contextmanager
def fenced(fence: Fence) -> Iterator[None]:
    """Within, files appear and go only inside ``fence()``, which raises where this process must not write any more.

    A training process writes so: a file of an attempt that has lost its run never takes the place of its successor's.
    """
    before = _fence.set(fence)
    try:
        yield
    finally:
        _fence.reset(before)


def in_fence() -> AbstractContextManager[object]:
    """Inside, files may be renamed and removed (:func:`fenced`); everybody may where there is no fence."""
    return _fence.get()()


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Open a temporary file beside ``path``; on a clean exit it is synced and renamed over ``path``.

    On any error the temporary file is removed and ``path`` is left as it was. Raises
    :class:`timnet.errors.DiskFull` where there is no room.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _clear(path)
        with temporary.open("wb") as stream:
            with suppress(OSError):  # a filesystem without locks; then the process's number alone tells
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
            with in_fence():
                temporary.replace(path)
        sync_folder(path.parent)
    except BaseException as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        full = as_disk_full(error, f"writing {path}")
        if full is not None:
            raise full from error
        raise


def write_bytes(path: Path, data: bytes) -> None:
    """Write ``data`` to ``path`` whole or not at all (see :func:`replacing`)."""
    with replacing(path) as stream:
        stream.write(data)


def write_text(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8 to ``path`` whole or not at all (see :func:`replacing`)."""
    write_bytes(path, text.encode())


def sync_folder(folder: Path) -> None:
    """Make a rename inside ``folder`` survive a power loss."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def left_behind(paths: Iterable[Path]) -> list[Path]:
    """Those of ``paths`` that a process was writing which is gone: of this machine, and nobody holds their lock."""
    return [path for path in paths if _is_left_behind(path)]


def unfinished_of(path: Path) -> str | None:
    """The name of the file that ``path`` was to become; None where it is no unfinished file."""
    found = _UNFINISHED.fullmatch(path.name)
    return found and found["name"]


def _clear(path: Path) -> None:
    """Remove what killed writers of ``path`` have left."""
    for leftover in left_behind(path.parent.glob(f".{glob.escape(path.name)}.*.tmp")):
        with suppress(OSError):
            leftover.unlink(missing_ok=True)


def _is_left_behind(path: Path) -> bool:
    """Whether ``path`` is an unfinished file whose writer is gone.

    The number in its name may be a later process's by now; then the file stays for another time.
    """
    found = _UNFINISHED.fullmatch(path.name)
    if found is None or _lives(int(found["pid"])):
        return False
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # a writer of another machine still holds it
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # it is somebody else's
        return True
    return True
