"""The end of a run's log file, read within bounds however large the file or a line grows."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import BinaryIO

from timnet.text import clean

TAIL_BYTES = 64 * 1024
LINE_CHARACTERS = 1000
#: what a follower reads of a file at its first look or after it has fallen behind, and the lines that it keeps
FOLLOWED_BYTES, FOLLOWED_LINES = 256 * 1024, 5000

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
    return LogTail(path, limit).read()


class LogTail:
    """Follows a file that grows: each look reads what was appended, at most ``limit`` bytes of it."""

    def __init__(self, path: Path, limit: int = FOLLOWED_BYTES) -> None:
        self.path = path
        self._limit = limit
        self._stamp: Stamp | None = None
        self._lines: deque[str] = deque(maxlen=FOLLOWED_LINES)
        self._read_to = 0
        self._rest = b""
        self._told: tuple[str, ...] = ()

    def read(self) -> tuple[str, ...]:
        """The newest lines, safe to print; the same object while the file has not changed."""
        now = stamp(self.path)
        if now != self._stamp:
            if now is None or self._stamp is None or now[:2] != self._stamp[:2] or now[2] < self._read_to:
                self._forget()
            self._stamp = now
            self._told = self._more() if now is not None else ()
        return self._told

    def _forget(self) -> None:
        """Another file, or a shorter one: begin again."""
        self._lines.clear()
        self._read_to, self._rest = 0, b""

    def _more(self) -> tuple[str, ...]:
        try:
            with self.path.open("rb") as file:
                data, skipped = self._appended(file)
        except OSError:
            return self._told
        lines = (self._rest + data).split(b"\n")
        if skipped:
            lines = lines[1:]
        self._rest = lines.pop()[-self._limit :] if lines else b""
        self._lines.extend(_printable(_text(line)) for line in lines)
        return (*self._lines, _printable(_text(self._rest))) if self._rest else tuple(self._lines)

    def _appended(self, file: BinaryIO) -> tuple[bytes, bool]:
        """What was appended, and whether more than can be read, so that it begins inside a line."""
        size = file.seek(0, 2)
        skipped = size - self._read_to > self._limit
        if skipped:
            self._forget()
        start = size - self._limit if skipped else self._read_to
        file.seek(start)
        data = file.read(self._limit)
        self._read_to = start + len(data)
        return data, skipped


def _text(line: bytes) -> str:
    return line.decode("utf-8", errors="replace")


def _printable(line: str) -> str:
    shown = line.rstrip("\r").rsplit("\r", 1)[-1].expandtabs(4)
    shown = shown[:LINE_CHARACTERS] + ("…" if len(shown) > LINE_CHARACTERS else "")
    return shown if shown.isascii() and shown.isprintable() else clean(shown)
