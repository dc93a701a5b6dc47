"""Lines and bands on a canvas of terminal cells, each cell 2 x 4 braille dots.

Plotext draws a line point by point through many small lists; for ten folds with train and validation that takes
five times as long as the 50 ms that a picture may cost (``benchmarks/charts.py``). Here a line is reduced, while it
is read, to the lowest and the highest dot of each column of dots, which is all that a picture can show of it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from timnet_tui.charts import glyphs
from timnet_tui.palette import RGB, mix

#: braille dots of the left and right column of a cell, from the lowest up
_DOTS = ((0x40, 0x04, 0x02, 0x01), (0x80, 0x20, 0x10, 0x08))
#: ``_MASKS[side][low][high]``: the dots of one column from ``low`` up to ``high``
_MASKS = tuple(tuple(tuple(sum(dots[low : high + 1]) for high in range(4)) for low in range(4)) for dots in _DOTS)
BRAILLE = 0x2800
ABSENT = -(1 << 30)
#: text, its colour, and the colour behind it
Cell = tuple[str, RGB | None, RGB | None]
END: Cell = ("", (-1, -1, -1), None)
WIDE, TALL = 2, 4


@dataclass(frozen=True, slots=True)
class Scale:
    """From values to places: ``low`` lies in the middle of place 0, ``high`` in that of the last of ``places``."""

    low: float
    high: float
    places: int

    @property
    def factor(self) -> float:
        """Places a unit."""
        return (self.places - 1) / (self.high - self.low) if self.high > self.low else 0.0

    def place(self, value: float) -> float:
        """Where a value lies; the whole part is the place."""
        return 0.5 + (value - self.low) * self.factor

    def value(self, place: float) -> float:
        """The value in the middle of a place."""
        return self.low + place / self.factor if self.factor else self.low


class Envelope:
    """The lowest and the highest place of a line in each column; ``high`` is ABSENT where there is none."""

    __slots__ = ("columns", "high", "low")

    def __init__(self, columns: int) -> None:
        self.columns = columns
        self.low = [-ABSENT] * columns
        self.high = [ABSENT] * columns

    def add(self, column: int, first: float, second: float) -> None:
        """The line passes between two places in a column."""
        if first > second:
            first, second = second, first
        low, high = math.floor(first), math.floor(second)
        if low < self.low[column]:
            self.low[column] = low
        if high > self.high[column]:
            self.high[column] = high

    def slope(self, x0: float, y0: float, x1: float, y1: float) -> None:
        """A straight piece that goes over more than one column."""
        if x1 <= x0:
            return
        rise = (y1 - y0) / (x1 - x0)
        last = min(math.floor(x1), self.columns - 1)
        column = max(math.floor(x0), 0)
        left = y0 if x0 >= column else y0 + rise * (column - x0)
        while column <= last:
            right = y1 if column + 1 > x1 else y0 + rise * (column + 1 - x0)
            self.add(column, left, right)
            left = right
            column += 1


def envelope(x: Sequence[float], y: Sequence[float | None], scale: Scale, columns: int) -> Envelope:
    """The envelope of a line whose points lie at the columns ``x``; None in ``y`` is a gap."""
    found = Envelope(columns)
    low, high, add, slope = found.low, found.high, found.add, found.slope
    zero, factor = 0.5 - scale.low * scale.factor, scale.factor
    before: tuple[float, float] | None = None
    for at, value in zip(x, y, strict=True):
        if value is None:
            before = None
            continue
        place = zero + value * factor
        column = int(at) if at >= 0 else -1
        if before is None or column == int(before[0]) >= 0:
            if 0 <= column < columns:
                if before is None:
                    add(column, place, place)
                else:  # written out: this is where long curves spend their time
                    whole = math.floor(place)
                    if whole < low[column]:
                        low[column] = whole
                    if whole > high[column]:
                        high[column] = whole
        else:
            slope(*before, at, place)
        before = (at, place)
    return found


@dataclass(slots=True)
class Canvas:
    """``width`` x ``height`` cells; row 0 is the lowest. Filled from the back to the front."""

    width: int
    height: int
    dots: list[int] = field(init=False)
    signs: list[str] = field(init=False)
    inks: list[RGB | None] = field(init=False)
    tints: list[RGB | None] = field(init=False)
    edges: list[tuple[str, RGB, bool] | None] = field(init=False)
    ranks: list[int] = field(init=False)

    def __post_init__(self) -> None:
        cells = self.width * self.height
        self.dots, self.ranks = [0] * cells, [0] * cells
        self.signs = [""] * cells
        self.inks, self.tints, self.edges = [None] * cells, [None] * cells, [None] * cells

    def line(self, line: Envelope, ink: RGB, rank: int, *, dotted: bool = False) -> None:
        """A line in braille. It takes a cell from lines of a lower rank and shares it with those of its own."""
        dots, inks, ranks, width, top = self.dots, self.inks, self.ranks, self.width, self.height * TALL - 1
        for column, (low, high) in enumerate(zip(line.low, line.high, strict=True)):
            if high < 0 or low > top or (dotted and column % 3):
                continue
            low, high = max(low, 0), min(high, top)
            masks, cell = _MASKS[column & 1], column >> 1
            bottom, upper = low >> 2, high >> 2
            for row in range(bottom, upper + 1):
                mask = masks[low & 3 if row == bottom else 0][high & 3 if row == upper else 3]
                here = row * width + cell
                if ranks[here] < rank:
                    dots[here], ranks[here], inks[here] = mask, rank, ink
                elif ranks[here] == rank:
                    dots[here] |= mask
                    inks[here] = ink

    def signs_along(self, line: Envelope, sign: str, ink: RGB, rank: int) -> None:
        """A line of signs; ``line`` has a column and a place for each cell."""
        for column, (low, high) in enumerate(zip(line.low, line.high, strict=True)):
            for row in range(max(low, 0), min(high, self.height - 1) + 1):
                self.sign(column, row, sign, ink, rank)

    def sign(self, column: int, row: int, sign: str, ink: RGB, rank: int) -> None:
        """One sign, where nothing of a higher rank stands."""
        if 0 <= column < self.width and 0 <= row < self.height:
            here = row * self.width + column
            if self.ranks[here] <= rank:
                self.signs[here], self.inks[here], self.ranks[here] = sign, ink, rank

    def band(self, lower: Envelope, upper: Envelope, tint: RGB) -> None:
        """The cells between two lines, in the background; places are eighths of a row, columns are cells.

        What is partly covered is drawn with blocks; where two bands meet, their tints are mixed.
        """
        top = self.height * 8 - 1
        for column, (low, high) in enumerate(zip(lower.low, upper.high, strict=True)):
            if lower.high[column] == ABSENT or high < 0 or low > top:
                continue
            low, high = max(low, 0), min(high, top)
            for row in range(low >> 3, (high >> 3) + 1):
                from_, to = max(low - 8 * row, 0), min(high - 8 * row, 7) + 1
                self._cover(row * self.width + column, from_, to, tint)

    def _cover(self, here: int, from_: int, to: int, tint: RGB) -> None:
        """Tint the eighths ``from_`` up to ``to`` of a cell, as nearly as blocks allow."""
        before = self.tints[here]
        mixed = tint if before is None else mix(before, tint, 0.5)
        if to - from_ == 8 or (from_ > 0 and to < 8 and to - from_ >= 3):
            self.tints[here] = mixed
        elif from_ == 0:
            self.edges[here] = (glyphs.EIGHTHS[to], mixed, to >= 4)
        elif to == 8 and from_ <= 6:
            self.edges[here] = (glyphs.UPPER_HALF, mixed, from_ <= 4)

    def shade(self, lower: Envelope, upper: Envelope, sign: str, ink: RGB) -> None:
        """A band without colours: a sign in each cell of it that nothing else is in. Places and columns are cells."""
        for column, (low, high) in enumerate(zip(lower.low, upper.high, strict=True)):
            if lower.high[column] == ABSENT or high < 0:
                continue
            for row in range(max(low, 0), min(high, self.height - 1) + 1):
                self.edges[row * self.width + column] = (sign, ink, False)

    def row(self, row: int) -> list[Cell]:
        """A row as runs of text in one colour on one tint, from the left."""
        cells = [self._cell(here) for here in range(row * self.width, (row + 1) * self.width)]
        runs: list[Cell] = []
        begun = 0
        for place, (before, after) in enumerate(pairwise([*cells, END]), 1):
            if before[1:] != after[1:]:
                runs.append(("".join([cell[0] for cell in cells[begun:place]]), before[1], before[2]))
                begun = place
        return runs

    def _cell(self, here: int) -> Cell:
        """A sign before dots, dots before the edge of a band; that edge then tints the cell if it fills half of it."""
        tint, edge = self.tints[here], self.edges[here]
        text = self.signs[here] or (chr(BRAILLE + self.dots[here]) if self.dots[here] else "")
        if text:
            return text, self.inks[here], edge[1] if edge is not None and edge[2] else tint
        return (" ", None, tint) if edge is None else (edge[0], edge[1], tint)
