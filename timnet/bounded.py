"""Small files from outside, read within bounds: never a pipe, never more bytes than allowed."""

from __future__ import annotations

import errno
import json
import math
import os
import stat
from pathlib import Path
from typing import Any, BinaryIO

MOST_BYTES = 16 * 2**20
"""The length of a settings file, or of another small one, beyond which it is not read."""
TOO_DEEP = "it is nested too deeply"
MOST_LEVELS = 64
"""Lists and tables in each other, beyond which a file is not read: what walks through them is a call for each level."""


def read_bounded(path: Path, most: int = MOST_BYTES) -> bytes:
    """The bytes of a regular file of at most ``most`` bytes.

    Raises :class:`OSError` for a longer one, and for a pipe or a device, which could go on for ever.
    """
    with open_regular(path) as stream:
        data = stream.read(min(most, os.fstat(stream.fileno()).st_size) + 1)
    if len(data) > most:
        raise OSError(errno.EFBIG, f"it is larger than {most >> 20} MiB", str(path))
    return data


def open_regular(path: Path, *, follow: bool = True) -> BinaryIO:
    """Open a regular file for reading; where not to ``follow``, no link in its place either.

    Raises :class:`OSError` for a pipe, a device or a folder, and what opening it raises.
    """
    # without waiting for somebody to write into a pipe, and looked at once it is open: so it cannot be exchanged
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW))
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "it is no regular file", str(path))
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_json(path: Path, most: int = MOST_BYTES) -> Any:
    """A file's JSON. Raises :class:`OSError` as :func:`read_bounded` does, :class:`ValueError` for what is no JSON."""
    return parse_json(read_bounded(path, most).decode("utf-8"))


def parse_json(text: str, *, finite: bool = False) -> Any:
    """The value that a text is the JSON of; ``finite`` takes no number that is not, such as NaN or 1e999.

    Raises :class:`ValueError` for what is none, or nested too deeply.
    """
    try:
        found = json.loads(text, parse_constant=_no_constant, parse_float=_finite) if finite else json.loads(text)
    except RecursionError:
        raise ValueError(TOO_DEEP) from None
    refuse_deep(found)
    return found


def _no_constant(text: str) -> float:
    raise ValueError(text)


def _finite(text: str) -> float:
    found = float(text)
    return _no_constant(text) if math.isinf(found) else found  # 1e999


def refuse_deep(value: Any) -> None:
    """Raise :class:`ValueError` where lists and tables lie in each other beyond :data:`MOST_LEVELS`."""
    level = [value]
    for _ in range(MOST_LEVELS + 1):
        held = [one for one in level if isinstance(one, dict | list)]
        if not held:
            return
        level = [inner for one in held for inner in (one.values() if isinstance(one, dict) else one)]
    raise ValueError(TOO_DEEP)
