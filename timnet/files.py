"""Files written whole or not at all, so that a reader never meets half of one; and small ones read within bounds.

What a process that was killed has left unfinished is known by its name, ``.NAME.PID.tmp``: the next writer of the same
file removes it, and :func:`left_behind` finds all of it below a folder.
"""

from __future__ import annotations

import errno
import fcntl
import glob
import json
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any, BinaryIO

from timnet.errors import as_disk_full

MOST_BYTES = 16 * 2**20
"""The length of a settings file, or of another small one, beyond which it is not read."""

Fence = Callable[[], AbstractContextManager[object]]

_UNFINISHED = re.compile(r"\..+\.(\d+)\.tmp")
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


def read_bounded(path: Path, most: int = MOST_BYTES) -> bytes:
    """The bytes of a regular file of at most ``most`` bytes.

    Raises :class:`OSError` for a longer one, and for a pipe or a device, which could go on for ever.
    """
    # without waiting for somebody to write into a pipe, and looked at once it is open: so it cannot be exchanged
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as stream:  # noqa: PTH123 - a descriptor has no path
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "it is no regular file", str(path))
        data = stream.read(most + 1)
    if len(data) > most:
        raise OSError(errno.EFBIG, f"it is larger than {most} bytes", str(path))
    return data


def read_json(path: Path, most: int = MOST_BYTES) -> Any:
    """A file's JSON. Raises :class:`OSError` as :func:`read_bounded` does, :class:`ValueError` for what is no JSON."""
    try:
        return json.loads(read_bounded(path, most).decode("utf-8"))
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def left_behind(paths: Iterable[Path]) -> list[Path]:
    """Those of ``paths`` that a process was writing which is gone: of this machine, and nobody holds their lock."""
    return [path for path in paths if _is_left_behind(path)]


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
    if found is None or _lives(int(found[1])):
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
