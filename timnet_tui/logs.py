"""The end of a run's log file, read within bounds however large the file or a line grows."""

from __future__ import annotations

from pathlib import Path

from timnet.text import clean

TAIL_BYTES = 64 * 1024
LINE_CHARACTERS = 1000

#: device, inode, size, time of change: while they stay, so does the content
Stamp = tuple[int, int, int, int]


def stamp(path: Path) -> Stamp | None:
    """What tells one state of a file from another, None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def tail(path: Path, limit: int = TAIL_BYTES) -> tuple[str, ...]:
    """The last lines of ``path`` within its last ``limit`` bytes, safe to print.

    A line cut by the limit is left out; of a progress bar that redraws its line, the last state stays.
    """
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - limit))
            data = file.read(limit)
    except OSError:
        return ()
    lines = data.decode("utf-8", errors="replace").split("\n")
    if size > limit:
        lines = lines[1:]
    if lines and not lines[-1]:
        lines.pop()
    return tuple(_printable(line) for line in lines)


def _printable(line: str) -> str:
    shown = line.rstrip("\r").rsplit("\r", 1)[-1].expandtabs(4)
    return clean(shown[:LINE_CHARACTERS] + ("…" if len(shown) > LINE_CHARACTERS else ""))
