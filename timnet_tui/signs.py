"""What the interface shows on a terminal that knows no more than ASCII.

Widgets draw with the signs they like. Where those cannot be shown, one filter puts ASCII in their place, the
same everywhere: borders, blocks, braille and arrows included, each of them one cell for one cell.
"""

from __future__ import annotations

import locale
import unicodedata
from functools import lru_cache

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

#: sign -> ASCII. Each is one cell wide, as its sign is.
ASCII = {
    # the states of runs
    "·": ".", "►": ">", "▶": ">", "▷": ")", "‖": "=", "✓": "v", "✗": "x", "⊘": "/",
    # marks
    "◆": "*", "◇": "o", "▴": "^", "▲": "^", "△": "^", "▾": "v", "▼": "v", "▽": "v", "▸": ">", "◂": "<", "◀": "<",
    "●": "o", "○": "o", "•": "o", "■": "#", "□": "#", "▪": "#", "★": "*", "☆": "*", "↻": "R", "η": "L", "×": "x",
    "◉": "@", "◐": "o", "◌": "o", "⚑": "P", "✎": "e", "⚠": "!", "⋮": ":",
    # arrows and keys
    "←": "<", "→": ">", "↑": "^", "↓": "v", "↔": "-", "↕": "|", "⏎": "E", "↵": "E", "⌫": "B", "⇧": "S", "⇥": "T",
    "‹": "<", "›": ">", "«": "<", "»": ">", "⟨": "<", "⟩": ">",
    # blocks and shades
    "█": "#", "▉": "#", "▊": "#", "▋": "#", "▌": "|", "▍": "|", "▎": "|", "▏": "|", "▐": "|", "▕": "|",
    "▀": '"', "▔": '"', "▇": "#", "▆": "#", "▅": "=", "▄": "_", "▃": "_", "▂": "_", "▁": "_",
    "░": ":", "▒": "%", "▓": "#", "▖": ".", "▗": ".", "▘": "'", "▝": "'", "▙": "#", "▚": "%", "▛": "#", "▜": "#",
    "▞": "%", "▟": "#",
    # text
    "…": "~", "–": "-", "—": "-", "−": "-", "±": "~", "≥": ">", "≤": "<", "≈": "~", "∞": "8", "²": "2", "³": "3",
    "‘": "'", "’": "'", "“": '"', "”": '"', "„": '"', "°": "o", "µ": "u", "μ": "u", "σ": "s", "Δ": "d", "∅": "0",
    "\N{REPLACEMENT CHARACTER}": "?", "\N{NO-BREAK SPACE}": " ",
}  # fmt: skip

_HORIZONTAL = frozenset("─━═┄┅┈┉╌╍╴╶╸╺╼╾")
_VERTICAL = frozenset("│┃║┆┇┊┋╎╏╵╷╹╻╽╿")
#: the dots of a braille sign in its upper and its lower half, as bits
_UPPER, _LOWER = 0b00011011, 0b11100100


def ascii_only(choice: str, encoding: str | None = None) -> bool:
    """Whether to show ASCII alone: ``ascii``, ``unicode``, or ``auto`` for what the locale's encoding can hold."""
    if choice != "auto":
        return choice == "ascii"
    found = locale.getpreferredencoding(False) if encoding is None else encoding
    return found.lower().replace("-", "").replace("_", "") not in ("utf8", "utf16", "utf32", "cp65001")


class AsciiSigns(LineFilter):
    """Shows every sign as ASCII. Letters of other alphabets stay where ``letters`` can encode them."""

    def __init__(self, letters: str = "utf-8") -> None:
        super().__init__()
        self._letters = letters

    @classmethod
    def for_choice(cls, choice: str) -> AsciiSigns:
        """Where the user asked for ASCII signs, letters stay as they are; else the locale decides on them too."""
        return cls("utf-8" if choice == "ascii" else locale.getpreferredencoding(False))

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:  # noqa: ARG002 - Textual's signature
        """The same segments, as wide as before."""
        return [
            one if one.control or one.text.isascii() else Segment(to_ascii(one.text, self._letters), one.style)
            for one in segments
        ]


@lru_cache(maxsize=4096)
def to_ascii(text: str, letters: str = "utf-8") -> str:
    """``text`` with every sign as ASCII, in as many cells."""
    return "".join(one if one.isascii() else _plain(one, letters) for one in text)


def _plain(character: str, letters: str) -> str:
    if character in ASCII:
        return ASCII[character]
    number = ord(character)
    if 0x2800 <= number <= 0x28FF:
        return _braille(number - 0x2800)
    if 0x2500 <= number <= 0x257F:
        return "-" if character in _HORIZONTAL else "|" if character in _VERTICAL else "+"
    if unicodedata.category(character)[0] in "LMN":
        try:
            character.encode(letters)
        except (UnicodeEncodeError, LookupError):
            return "?" * cell_len(character)
        return character
    return "?" * cell_len(character)


def _braille(dots: int) -> str:
    """A sign whose ink lies about where the dots do."""
    upper, lower = (dots & _UPPER).bit_count(), (dots & _LOWER).bit_count()
    if not dots:
        return " "
    if upper and lower:
        return ":" if upper + lower > 2 else "-"
    return "'" if upper else "."
