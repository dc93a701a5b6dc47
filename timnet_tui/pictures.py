"""Pictures inside the terminal, by Kitty's graphics protocol (Kitty, Ghostty).

A picture is sent once and kept by the terminal. What stands on the screen are placeholder characters, ordinary
text whose colour names the picture and whose marks name row and column: Textual draws, crops and covers them like
any other text, and the terminal puts the picture's parts in their place.
https://sw.kovidgoyal.net/kitty/graphics-protocol/#unicode-placeholders
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from rich.segment import Segment
from textual.strip import Strip

from timnet_tui.render import style

PLACEHOLDER = "\U0010eeee"
#: the marks that stand for 0, 1, 2, ... in a placeholder, as the protocol numbers them
MARKS = tuple(
    map(
        chr,
        (
            *(0x305, 0x30D, 0x30E, 0x310, 0x312, 0x33D, 0x33E, 0x33F, 0x346, 0x34A, 0x34B, 0x34C, 0x350, 0x351, 0x352),
            *(0x357, 0x35B, *range(0x363, 0x370), *range(0x483, 0x488), *range(0x592, 0x596), 0x597, 0x598, 0x599),
            *(*range(0x59C, 0x5A2), 0x5A8, 0x5A9, 0x5AB, 0x5AC, 0x5AF, 0x5C4, *range(0x610, 0x618)),
            *(*range(0x657, 0x65C), 0x65D, 0x65E, *range(0x6D6, 0x6DD), *range(0x6DF, 0x6E3), 0x6E4, 0x6E7, 0x6E8),
            *(0x6EB, 0x6EC, 0x730, 0x732, 0x733, 0x735, 0x736, 0x73A, 0x73D, 0x73F, 0x740, 0x741, 0x743, 0x745),
            *(0x747, 0x749, 0x74A, *range(0x7EB, 0x7F2), 0x7F3, *range(0x816, 0x81A), *range(0x81B, 0x824)),
        ),
    )
)
#: bytes of base64 in one sequence
CHUNK = 4096
PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
#: a terminal cell is about twice as high as wide
CELL_SHAPE = 2.0
MULTIPLEXERS = ("TMUX", "STY", "ZELLIJ")


@dataclass(frozen=True, slots=True)
class Inline:
    """A picture in the terminal's memory under ``number`` (24 bits), shown in ``columns`` x ``rows`` cells."""

    number: int
    columns: int
    rows: int

    def strips(self) -> list[Strip]:
        """The placeholders, row by row."""
        colour = style((self.number >> 16 & 255, self.number >> 8 & 255, self.number & 255))
        return [
            Strip([Segment("".join(PLACEHOLDER + MARKS[row] + mark for mark in MARKS[: self.columns]), colour)],
                  self.columns)
            for row in range(self.rows)
        ]  # fmt: skip

    def sent(self, png: bytes) -> str:
        """What tells the terminal to keep ``png`` under this number; it answers nothing."""
        about = f"a=T,U=1,f=100,i={self.number},c={self.columns},r={self.rows},q=2"
        return "".join(_sequences(about, base64.b64encode(png).decode("ascii")))

    def forgotten(self) -> str:
        """What tells the terminal to let go of it."""
        return f"\x1b_Ga=d,d=I,i={self.number},q=2\x1b\\"


def _sequences(about: str, data: str) -> Iterator[str]:
    for start in range(0, len(data), CHUNK):
        more = int(start + CHUNK < len(data))
        head = f"{about},m={more}" if start == 0 else f"m={more},q=2"
        yield f"\x1b_G{head};{data[start : start + CHUNK]}\x1b\\"


def can_show(environment: Mapping[str, str]) -> bool:
    """Whether the terminal knows placeholders. A multiplexer between would have to pass them on, so there: no."""
    if any(environment.get(name) for name in MULTIPLEXERS):
        return False
    if environment.get("TERM") in ("xterm-kitty", "xterm-ghostty"):
        return True
    return bool(environment.get("KITTY_WINDOW_ID")) or environment.get("TERM_PROGRAM") == "ghostty"


def size_of(png: bytes) -> tuple[int, int] | None:
    """Width and height of a PNG in pixels; None for anything else."""
    if not png.startswith(PNG_MAGIC) or len(png) < 24:
        return None
    width, height = int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")
    return (width, height) if width and height else None


def fitting(size: tuple[int, int], columns: int, rows: int) -> tuple[int, int]:
    """The most columns and rows inside this room that have the shape of a picture of ``size`` pixels."""
    columns, rows = min(columns, len(MARKS)), min(rows, len(MARKS))
    shape = size[0] / size[1] * CELL_SHAPE
    wide = min(columns, round(rows * shape))
    return max(1, wide), max(1, min(rows, round(wide / shape)))
