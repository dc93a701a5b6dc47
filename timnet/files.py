"""Files written whole or not at all, so that a reader never meets half of one; and small ones read within bounds."""

from __future__ import annotations

import errno
import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from timnet.errors import as_disk_full

MOST_BYTES = 16 * 2**20
"""The length of a settings file, or of another small one, beyond which it is not read."""


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Open a temporary file beside ``path``; on a clean exit it is synced and renamed over ``path``.

    On any error the temporary file is removed and ``path`` is left as it was. Raises
    :class:`timnet.errors.DiskFull` where there is no room.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
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
