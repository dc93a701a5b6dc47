"""A scatter of classes in the plane, such as a t-SNE: drawn in braille, or in letters where there are no colours.

Both axes have one scale, as in the exported figure; t-SNE's have no unit, so none is drawn. Pure: runs in a thread.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from timnet.export.colours import colours_of
from timnet.text import clean
from timnet_tui.charts.inks import Ink
from timnet_tui.charts.raster import BRAILLE, TALL, WIDE
from timnet_tui.palette import RGB, contrast, mix
from timnet_tui.render import fit, style

SMALLEST = (12, 3)
#: from this width on the legend stands beside the points
BESIDE = 48
#: with so few points a cell, a whole sign for each can be told apart better than one braille dot
SPARSE = 1 / 3
SIGN, WRONG, WRONG_ASCII = "●", "×", "X"
#: how far classes that are not highlighted step back
BACK = 0.72
#: the contrast that every class keeps with what is behind it; darker or lighter ones are brought nearer to the text
LEAST_CONTRAST = 2.0


@dataclass(frozen=True, slots=True)
class Point:
    """One utterance: where it lies, its class and the predicted one as places in the classes, and its name."""

    x: float
    y: float
    truth: int
    predicted: int | None = None
    name: str = ""

    @property
    def wrong(self) -> bool:
        """Whether the network took it for another class."""
        return self.predicted is not None and self.predicted != self.truth


@dataclass(frozen=True, slots=True)
class Scatter:
    """What a scatter chart shows. ``key`` tells it apart from others; ``note`` stands below."""

    key: object
    title: str
    classes: tuple[str, ...]
    points: tuple[Point, ...]
    note: str = ""

    @property
    def counts(self) -> tuple[int, ...]:
        """How many points each class has."""
        found = Counter(point.truth for point in self.points)
        return tuple(found[place] for place in range(len(self.classes)))


@dataclass(frozen=True, slots=True)
class Choice:
    """What a user chose: one class to stand out (its place, None for all alike), and whether errors are marked."""

    highlight: int | None = None
    wrong: bool = False


@dataclass(frozen=True, slots=True)
class Placed:
    """The picture, the cell of each point (None for one that is not finite), and the row of each legend entry."""

    strips: tuple[Strip, ...] = ()
    cells: tuple[tuple[int, int] | None, ...] = ()
    legend: tuple[tuple[int, int, int], ...] = ()

    def nearest(self, column: int, row: int, scatter: Scatter, highlight: int | None) -> int | None:
        """The point nearest to a cell, at most two cells off; only those of the highlighted class, if there is one."""
        best: tuple[float, int] | None = None
        for place, (cell, point) in enumerate(zip(self.cells, scatter.points, strict=True)):
            if cell is None or highlight not in (None, point.truth):
                continue
            # a cell is twice as high as wide
            away = math.hypot(cell[0] - column, 2 * (cell[1] - row))
            if away <= 2 and (best is None or away < best[0]):
                best = away, place
        return None if best is None else best[1]

    def class_at(self, column: int, row: int) -> int | None:
        """The class whose legend entry stands there."""
        entries = ((place, entry) for place, entry in enumerate(self.legend))
        return next((place for place, (x, y, wide) in entries if y == row and x <= column < x + wide), None)


def class_colours(classes: Sequence[str], ink: Ink) -> list[RGB]:
    """The colours of the classes, the same as in every figure, but for those too near to the background to be seen."""
    return [_visible(_rgb(colour), ink) for colour in colours_of(classes).values()]


def _rgb(colour: str) -> RGB:
    red, green, blue = bytes.fromhex(colour.removeprefix("#"))
    return red, green, blue


def _visible(colour: RGB, ink: Ink) -> RGB:
    seen = colour
    for step in range(1, 11):
        if contrast(seen, ink.palette.background) >= LEAST_CONTRAST:
            break
        seen = mix(colour, ink.palette.text, step / 10)
    return seen


def class_letters(classes: Sequence[str]) -> list[str]:
    """A letter for each class, of its own name where one is left."""
    taken: set[str] = set()
    letters = []
    for name in classes:
        own = [letter for letter in clean(name) if letter.isascii() and letter.isalnum()]
        spare = [*own, *(letter.upper() for letter in own), *"abcdefghijklmnopqrstuvwxyz0123456789"]
        letter = next((one for one in spare if one not in taken and one != WRONG_ASCII), "#")
        taken.add(letter)
        letters.append(letter)
    return letters


# the picture


def draw_scatter(scatter: Scatter, width: int, height: int, ink: Ink, choice: Choice) -> Placed:
    """The points with their legend in ``width`` x ``height`` cells; nothing where there is no room or no point."""
    if width < SMALLEST[0] or height < SMALLEST[1] or not scatter.points:
        return Placed()
    entries = _entries(scatter, ink)
    wide = max(map(cell_len, entries), default=0) + 1
    beside = width >= BESIDE and wide <= width // 2 and len(entries) <= height
    below = [] if beside else _rows_of(entries, width)[: height // 3]
    room = (width - wide, height) if beside else (width, height - len(below))
    lines, cells = _points(scatter, *room, ink, choice)
    colours = _entry_colours(scatter, ink, choice)
    if beside:
        legend = tuple((room[0] + 1, row, cell_len(entry)) for row, entry in enumerate(entries))
        for row, line in enumerate(lines):
            text = fit(f" {entries[row]}" if row < len(entries) else "", wide)
            line.append(Segment(text, colours[row] if row < len(entries) else None))
    else:
        legend = tuple((x, room[1] + y, cell_len(entries[place])) for y, row in enumerate(below) for place, x in row)
        lines += [_legend_line(row, entries, colours, width) for row in below]
    return Placed(tuple(Strip(line, width) for line in lines), cells, legend)


def _entries(scatter: Scatter, ink: Ink) -> list[str]:
    """``● angry (127)`` for each class."""
    plain = ink.monochrome or ink.ascii_only
    signs = class_letters(scatter.classes) if plain else [SIGN] * len(scatter.classes)
    return [
        f"{sign} {clean(name)} ({count})"
        for sign, name, count in zip(signs, scatter.classes, scatter.counts, strict=True)
    ]


def _entry_colours(scatter: Scatter, ink: Ink, choice: Choice) -> list[Style]:
    colours = class_colours(scatter.classes, ink)
    return [
        style(_stepped(colour, ink) if _behind(place, choice) else colour, bold=place == choice.highlight)
        for place, colour in enumerate(colours)
    ]


def _rows_of(entries: Sequence[str], width: int) -> list[list[tuple[int, int]]]:
    """The legend in lines: the place of each entry and the column where it begins."""
    rows: list[list[tuple[int, int]]] = [[]]
    column = 0
    for place, entry in enumerate(entries):
        if column and column + cell_len(entry) > width:
            rows.append([])
            column = 0
        rows[-1].append((place, column))
        column += cell_len(entry) + 2
    return rows


def _legend_line(
    row: Sequence[tuple[int, int]], entries: Sequence[str], colours: Sequence[Style], width: int
) -> list[Segment]:
    line: list[Segment] = []
    for place, column in row:
        line.append(Segment(" " * (column - sum(segment.cell_length for segment in line))))
        line.append(Segment(entries[place], colours[place]))
    return list(Strip(line).adjust_cell_length(width))


def _behind(place: int, choice: Choice) -> bool:
    return choice.highlight is not None and choice.highlight != place


def _stepped(colour: RGB, ink: Ink) -> RGB:
    return mix(colour, ink.palette.background, BACK)


def _points(
    scatter: Scatter, width: int, height: int, ink: Ink, choice: Choice
) -> tuple[list[list[Segment]], tuple[tuple[int, int] | None, ...]]:
    dots = _places(scatter.points, width * WIDE, height * TALL)
    cells = tuple(None if dot is None else (dot[0] // WIDE, dot[1] // TALL) for dot in dots)
    here: dict[tuple[int, int], list[int]] = {}
    for place, cell in enumerate(cells):
        if cell is not None:
            here.setdefault(cell, []).append(place)
    pen = _Pen(scatter, dots, ink, choice, sparse=len(scatter.points) <= SPARSE * width * height)
    lines = []
    for row in range(height):
        cells_of_row = [
            pen.cell(here[column, row]) if (column, row) in here else (" ", None) for column in range(width)
        ]
        lines.append([Segment(text, cell_style) for text, cell_style in cells_of_row])
    return [list(Strip(line).simplify()) for line in lines], cells


def _places(points: Sequence[Point], columns: int, rows: int) -> list[tuple[int, int] | None]:
    """The dot of each point, row 0 on top; one scale for both axes, the points in the middle."""
    finite = [point for point in points if math.isfinite(point.x) and math.isfinite(point.y)]
    if not finite:
        return [None] * len(points)
    left, right = min(point.x for point in finite), max(point.x for point in finite)
    low, high = min(point.y for point in finite), max(point.y for point in finite)
    # halves, so that the distance of the largest numbers there are is a number
    across, up = right / 2 - left / 2, high / 2 - low / 2
    scales = [(room - 1) / span for room, span in ((columns, across), (rows, up)) if span > 1e-300]
    scale = min(scales, default=0.0)
    margin_x, margin_y = ((columns - 1) - across * scale) / 2, ((rows - 1) - up * scale) / 2
    return [
        (
            min(columns - 1, round(margin_x + (point.x / 2 - left / 2) * scale)),
            min(rows - 1, round(margin_y + (high / 2 - point.y / 2) * scale)),
        )
        if math.isfinite(point.x) and math.isfinite(point.y)
        else None
        for point in points
    ]


class _Pen:
    """Draws one cell from the points in it."""

    def __init__(
        self, scatter: Scatter, dots: Sequence[tuple[int, int] | None], ink: Ink, choice: Choice, *, sparse: bool
    ) -> None:
        self.scatter, self.dots, self.ink, self.choice, self.sparse = scatter, dots, ink, choice, sparse
        self.colours = class_colours(scatter.classes, ink)
        self.letters = class_letters(scatter.classes)
        self.plain = ink.monochrome or ink.ascii_only
        self.styles: Mapping[bool, list[Style]] = {
            False: [style(colour, bold=True) for colour in self.colours],
            True: [style(_stepped(colour, ink)) for colour in self.colours],
        }

    def cell(self, places: Sequence[int]) -> tuple[str, Style | None]:
        """What the most of its points are, those of the highlighted class before all others."""
        points = self.scatter.points
        chosen = [place for place in places if not _behind(points[place].truth, self.choice)]
        behind = not chosen
        shown = chosen or list(places)
        # of equally many, the class that comes first: the same picture every time
        counts = Counter(points[place].truth for place in shown)
        truth = min(counts, key=lambda one: (-counts[one], one))
        if self.choice.wrong and not behind and any(points[place].wrong for place in shown):
            truth = next(points[place].truth for place in shown if points[place].wrong)
            return (WRONG_ASCII if self.ink.ascii_only else WRONG), self.styles[False][truth]
        return self._text(shown, truth, behind=behind), self.styles[behind][truth]

    def _text(self, places: Sequence[int], truth: int, *, behind: bool) -> str:
        if self.plain:
            return "." if behind else self.letters[truth]
        if self.sparse:
            return SIGN
        mask = 0
        for place in places:
            dot = self.dots[place]
            if dot is not None:
                mask |= _BITS[dot[0] % WIDE][dot[1] % TALL]
        return chr(BRAILLE + mask)


#: braille dots of the left and right column of a cell, from the top
_BITS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
