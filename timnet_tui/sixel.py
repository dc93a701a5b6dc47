"""Pictures as sixels, and how a terminal is asked whether it draws them.

A sixel is a column of six pixels of one colour; a picture is bands of them, with each colour of a band drawn by itself.
https://vt100.net/docs/vt3xx-gp/chapter14.html
"""

from __future__ import annotations

import fcntl
import os
import re
import select
import struct
import termios
import time
import tty
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from timnet_tui.palette import RGB

#: how long a terminal may take to say what it can
SECONDS = 0.3
COLOURS = 255
#: what terminals' cells measure, in pixels, where they do not say
CELL = (10, 20)
ATTRIBUTES = re.compile(rb"\x1b\[\?([0-9;]*)c")
SIXEL = 4
_RUN = re.compile(r"(.)\1{3,}")
_PRINTED = bytes(63 + bits if bits < 64 else 0 for bits in range(256))


def encode(pixels: bytes, width: int, colours: Sequence[RGB]) -> str:
    """``pixels`` are indices into ``colours``, row by row, ``width`` a row."""
    height = len(pixels) // width
    parts = [f'\x1bP0;1q"1;1;{width};{height}']
    shares = {number: [round(value / 2.55) for value in colours[number]] for number in sorted(set(pixels))}
    parts.extend(f"#{number};2;{red};{green};{blue}" for number, (red, green, blue) in shares.items())
    for top in range(0, height, 6):
        band = [f"#{number}{_runs(plane)}" for number, plane in _planes(pixels, width, top).items()]
        parts.append("$".join(band) + "-")
    return "".join([*parts, "\x1b\\"])


def _planes(pixels: bytes, width: int, top: int) -> dict[int, bytearray]:
    """For each colour of a band its sixels, as bits."""
    planes: dict[int, bytearray] = {}
    for row in range(6):
        for x, number in enumerate(pixels[(top + row) * width : (top + row + 1) * width]):
            if number not in planes:
                planes[number] = bytearray(width)
            planes[number][x] |= 1 << row
    return planes


def _runs(plane: bytearray) -> str:
    """As it is sent: what comes several times is counted, what is empty at the end left out."""
    text = plane.translate(_PRINTED).decode("ascii").rstrip("?")
    return _RUN.sub(lambda found: f"!{len(found[0])}{found[1]}", text)


def sixels(path: Path, width: int, height: int) -> str:
    """The picture in a file, made smaller where it has no room in ``width`` x ``height`` pixels."""
    from PIL import Image

    with Image.open(path) as file:
        picture = file.convert("RGB")
    picture.thumbnail((width, height))
    plain = picture.quantize(COLOURS, dither=Image.Dither.NONE)
    values = plain.getpalette() or []
    colours = [(values[at], values[at + 1], values[at + 2]) for at in range(0, len(values) - 2, 3)]
    return encode(plain.tobytes(), plain.width, colours)


def attributes(terminal: int, seconds: float = SECONDS) -> frozenset[int]:
    """What the terminal with this descriptor, which is in raw mode, says that it can; empty where it says nothing."""
    os.write(terminal, b"\x1b[c")
    said, deadline = b"", time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0 and select.select([terminal], [], [], left)[0]:
        said += os.read(terminal, 1024)
        found = ATTRIBUTES.search(said)
        if found:
            return frozenset(int(number) for number in found[1].split(b";") if number)
    return frozenset()


def room(terminal: int) -> tuple[int, int]:
    """Width and height of the terminal in pixels, but for its last two lines."""
    rows, columns, width, height = struct.unpack("HHHH", fcntl.ioctl(terminal, termios.TIOCGWINSZ, bytes(8)))
    rows, columns = rows or 24, columns or 80
    width, height = width or columns * CELL[0], height or rows * CELL[1]
    return width, max(1, height * max(1, rows - 2) // rows)


def show(path: Path, terminal: int, said: str) -> bool:
    """Show a picture on the whole terminal until a key is pressed; False, and nothing shown, where it has no sixels.

    Whoever calls it has the terminal for itself. ``said`` is written below the picture.
    """
    before = termios.tcgetattr(terminal)
    try:
        tty.setraw(terminal)
        if SIXEL not in attributes(terminal):
            return False
        picture = sixels(path, *room(terminal))
        rows = os.get_terminal_size(terminal).lines or 24
        _write(terminal, f"\x1b[?1049h\x1b[?25l\x1b[2J\x1b[H{picture}\x1b[{rows};1H{said}")
        termios.tcflush(terminal, termios.TCIFLUSH)
        with suppress(OSError):  # the terminal is gone: Textual will see that
            os.read(terminal, 1024)
        _write(terminal, "\x1b[2J\x1b[?25h\x1b[?1049l")
        return True
    finally:
        termios.tcsetattr(terminal, termios.TCSANOW, before)


def _write(terminal: int, text: str) -> None:
    left = text.encode()
    while left:
        left = left[os.write(terminal, left) :]
