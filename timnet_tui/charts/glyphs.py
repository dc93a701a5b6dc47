"""The signs of charts, each with a form for terminals that know ASCII only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from timnet_tui.charts.model import MarkKind


class Place(Enum):
    """Where a mark stands: along the top, along the floor, or on its line."""

    TOP = "top"
    FLOOR = "floor"
    LINE = "line"


@dataclass(frozen=True, slots=True)
class Glyph:
    """One mark's sign, its ASCII form, its word for the caption, and where it stands."""

    sign: str
    ascii: str
    word: str
    place: Place

    def shown(self, *, ascii_only: bool) -> str:
        """The sign for this terminal."""
        return self.ascii if ascii_only else self.sign


MARKS: Mapping[MarkKind, Glyph] = {
    MarkKind.IMPROVED: Glyph("▴", "^", "improved", Place.FLOOR),
    MarkKind.BEST: Glyph("◆", "*", "best", Place.LINE),
    MarkKind.RESUMED: Glyph("↻", "R", "resumed", Place.TOP),
    MarkKind.LEARNING_RATE: Glyph("η", "L", "learning rate", Place.TOP),
    MarkKind.DIVERGED: Glyph("✗", "X", "not finite", Place.FLOOR),
    MarkKind.COUNT: Glyph("n", "n", "n changes", Place.TOP),
}

#: the sign of a line in the caption
LINE, LINE_ASCII = "━", "-"
#: a line of one point, and lines where colours cannot tell them apart; the ASCII ones draw whole lines as well
DOT = "•"
MARKERS = "•×○+◇□*△▽#■▲▼%&@=?~$"
MARKERS_ASCII = "o.x+#%@&=~abcdefghij"
CURSOR, CURSOR_ASCII = "│", "|"
#: a band where there is no colour for it
SHADE, SHADE_ASCII = "░", ":"
EIGHTHS = " ▁▂▃▄▅▆▇█"
UPPER_HALF = "▀"
#: what plotext draws axes with
AXES_TO_ASCII = str.maketrans("│┤├┼─┬┴└┘┌┐", "|+++-++++++")
