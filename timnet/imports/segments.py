"""Text as a terminal would have shown it, piece by piece: the first step of reading a captured log."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

MAX_SEGMENT = 16_384
"""Characters; what is longer is no line that Keras prints, and is passed over."""

_CHUNK = 65_536
_BREAK = re.compile("[\r\n\b]")  # a progress bar goes back by \r or by many \b, and writes itself anew
_COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass(frozen=True, slots=True)
class Segment:
    """What was written between two breaks. ``line`` counts from 1; ``whole``: a break came after it."""

    line: int
    text: str
    whole: bool


def segments(stream: BinaryIO) -> Iterator[Segment]:
    """The non-empty segments of ``stream``: UTF-8, or UTF-16 with a byte order mark; escapes for colours removed.

    Never holds more than a chunk and a segment in memory. Bytes that are no text become U+FFFD.
    """
    text, line, rest, too_long = _decoded(stream), 1, "", False
    while chunk := text.read(_CHUNK):
        start = 0
        for found in _BREAK.finditer(chunk):
            if not too_long:
                yield from _segment(line, rest + chunk[start : found.start()], whole=True)
            rest, too_long, start = "", False, found.end()
            line += found.group() == "\n"
        rest += chunk[start:]
        if len(rest) > MAX_SEGMENT:
            rest, too_long = "", True
    if not too_long:
        yield from _segment(line, rest, whole=False)


def _segment(line: int, text: str, *, whole: bool) -> Iterator[Segment]:
    if len(text) > MAX_SEGMENT:
        return
    shown = _COLOURS.sub("", text) if "\x1b" in text else text
    if shown.strip():
        yield Segment(line, shown, whole)


def _decoded(stream: BinaryIO) -> io.TextIOWrapper:
    start = stream.read(2)
    stream.seek(0)
    wide = start in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)  # what PowerShell's ">" writes
    return io.TextIOWrapper(stream, "utf-16" if wide else "utf-8-sig", errors="replace", newline="")
