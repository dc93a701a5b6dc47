"""A table as a picture."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from timnet.export.figures.style import GREY, MARGIN, NOTE_LINE, new_figure
from timnet.export.layout import Grid
from timnet.text import clean

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LINE = 0.24  # inches from line to line
GAP = 0.22  # inches between columns
TITLE = 0.42
NARROWEST = 4.8  # inches of the whole picture
NOTE_CHARACTERS = 17.5  # an inch, at the notes' size
_INK = "#202124"


def draw_table(grid: Grid) -> Figure:
    """The table with rules above, below and under its headings, as papers print them; the best in bold."""
    texts = _texts(grid)
    widths = _widths(grid, texts)
    width = max(sum(widths) + GAP * (len(widths) - 1) + 2 * MARGIN, NARROWEST)
    notes = [part for note in grid.notes for part in textwrap.wrap(clean(note), int(width * NOTE_CHARACTERS))]
    height = 2 * MARGIN + TITLE + LINE * (len(texts) + 0.6) + NOTE_LINE * (len(notes) + 1)
    figure = new_figure(width, height)
    pen = _Pen(figure, width, height)
    pen.text(MARGIN, MARGIN + 0.12, clean(grid.title), size=11, bold=True)
    pen.table(grid, texts, widths, MARGIN + TITLE)
    top = MARGIN + TITLE + LINE * (len(texts) + 0.6)
    for place, note in enumerate(notes):
        pen.text(MARGIN, top + NOTE_LINE * (place + 0.5), note, size=7, colour=GREY)
    return figure


def _texts(grid: Grid) -> list[list[str]]:
    """Headings and lines as text, one list of cells a line; a group's name stands in its first column."""
    stub = [clean(grid.corner), *(["protocol, selection"] if grid.labelled else [])]
    names, labels, own = [""] * len(stub), [""] * len(stub), list(stub)
    for group in grid.groups:
        blank = [""] * (len(group.columns) - 1)
        names += [clean(group.name), *blank]
        labels += [clean(group.label), *blank]
        own += group.columns
    heads = [line for line in (names, labels, own) if any(line)]
    return heads + [
        [
            clean(line.name),
            *([clean(line.label)] if grid.labelled else []),
            *(clean(cell.text) if cell else "" for cell in line.cells),
        ]
        for line in grid.lines
    ]


def _widths(grid: Grid, texts: list[list[str]]) -> list[float]:
    """Inches of each column; a group's name and label may run over all of its columns."""
    heads = len(texts) - len(grid.lines)
    spanning = heads - 1 if any(column for group in grid.groups for column in group.columns) else 0
    widths = [max(_inches(line[place]) for line in texts[spanning:]) for place in range(len(texts[0]))]
    start = len(texts[0]) - grid.width
    for group in grid.groups:
        columns = range(start, start + len(group.columns))
        needed = max((_inches(line[start]) for line in texts[:spanning]), default=0.0)
        room = sum(widths[place] for place in columns) + GAP * (len(group.columns) - 1)
        for place in columns:
            widths[place] += max(0.0, needed - room) / len(group.columns)
        start += len(group.columns)
    return widths


def _inches(text: str) -> float:
    """How wide ``text`` is when drawn in bold at the table's size."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath

    if not text.strip():
        return 0.0
    return float(TextPath((0, 0), text, prop=FontProperties(weight="bold", size=9)).get_extents().x1) / 72


class _Pen:
    """Draws in inches from the upper left corner."""

    def __init__(self, figure: Figure, width: float, height: float) -> None:
        self.figure, self.width, self.height = figure, width, height

    def text(
        self, x: float, y: float, text: str, *, size: float = 9, bold: bool = False, right: bool = False,
        colour: str = _INK,
    ) -> None:  # fmt: skip
        """Centred on the height ``y``; ``x`` is its left end, or its right one."""
        self.figure.text(
            x / self.width, 1 - y / self.height, text, size=size, weight="bold" if bold else "normal",
            ha="right" if right else "left", va="center", color=colour,
        )  # fmt: skip

    def rule(self, x: float, end: float, y: float, thick: float) -> None:
        """A line from ``x`` to ``end``."""
        from matplotlib.lines import Line2D

        level = 1 - y / self.height
        line = Line2D(
            [x / self.width, end / self.width], [level, level], color=_INK, linewidth=thick,
            transform=self.figure.transFigure,
        )  # fmt: skip
        self.figure.add_artist(line)

    def table(self, grid: Grid, texts: list[list[str]], widths: list[float], top: float) -> None:
        """Rules, headings and lines, ``top`` inches down."""
        heads, stub = len(texts) - len(grid.lines), len(widths) - grid.width
        ends = [MARGIN + sum(widths[: place + 1]) + GAP * place for place in range(len(widths))]
        for level, line in enumerate(texts):
            y = top + LINE * (level + 0.5)
            spans = level < heads - 1
            for place, text in enumerate(line):
                cell = None if level < heads or place < stub else grid.lines[level - heads].cells[place - stub]
                left = place < stub or spans
                x = ends[place] - widths[place] if left else ends[place]
                bold = level in (0, heads - 1) if level < heads else bool(cell and cell.best)
                self.text(x, y, text, bold=bold, right=not left)
        for level, thick in ((0, 1.1), (heads, 0.6), (len(texts), 1.1)):
            self.rule(MARGIN, ends[-1], top + LINE * level, thick)
