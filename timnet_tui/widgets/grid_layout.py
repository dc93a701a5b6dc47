"""Where things stand in the grid: a pure function of the experiments and the width.

Where there is room, an experiment is one line: what it is, its folds, its mean. Where there is not, it
is two: the folds go below.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len

from timnet.text import clean
from timnet_tui import wording
from timnet_tui.cells import CELL
from timnet_tui.looks.grid import ExperimentRow

TITLES = ("id", "corpus", "preset", "protocol", "selection", "seed")
SELECTION = TITLES.index("selection")
GUTTER = 1
STRIDE = CELL + 1
INDENT = 5
WIDEST, NARROWEST = 14, 4
END_TITLE = "UAR % ± sd    n"


@dataclass(frozen=True, slots=True)
class GridLayout:
    """``columns`` are the widths of the head; ``cells_x`` and ``cells_width`` say where folds are shown.

    ``natural`` is the width at which every experiment would be one line.
    """

    width: int
    natural: int
    stacked: bool
    columns: tuple[int, ...]
    folds: int
    cells_x: int
    cells_width: int
    end_width: int

    @property
    def lines(self) -> int:
        """Lines an experiment takes."""
        return 2 if self.stacked else 1

    @property
    def two_lines(self) -> int:
        """The width at which what an experiment is and its mean stand whole above its folds."""
        return self.natural - self.cells_total

    @property
    def cells_total(self) -> int:
        """The width that all folds together want."""
        return self.folds * STRIDE + 1

    @property
    def overflow(self) -> int:
        """How far the folds can be scrolled sideways."""
        return max(0, self.cells_total - self.cells_width)

    def fold_at(self, x: int, scrolled: int) -> int:
        """The fold at column ``x`` of a line that shows folds; 0 where there is none."""
        inside = x - self.cells_x
        if not 0 <= inside < self.cells_width:
            return 0
        fold = (inside + scrolled) // STRIDE + 1
        return fold if fold <= self.folds else 0


def head_of(row: ExperimentRow) -> tuple[str, ...]:
    """What an experiment is, one text a column, in the order of :data:`TITLES`."""
    return (
        str(row.id),
        clean(row.corpus),
        clean(row.preset),
        clean(row.protocol),
        wording.selection_of(row.selection, optimistic=row.optimistic),
        str(row.seed),
    )


def end_of(row: ExperimentRow) -> str:
    """The mean at the end of a row, never without its n."""
    summary = row.uar
    count = f"{summary.n:>2}/{row.folds}"
    if summary.mean is None:
        return f"{'–':>5}        {count:>5}"
    spread = f" ±{100 * summary.sd:>4.1f}" if summary.sd is not None else ""
    return f"{100 * summary.mean:>5.1f}{spread:<6}  {count:>5}"


@dataclass(frozen=True, slots=True)
class Widths:
    """What a page of experiments wants at least: a width a column, folds, and the width of the end."""

    columns: tuple[int, ...] = tuple(len(title) for title in TITLES)
    folds: int = 0
    end: int = len(END_TITLE)

    def grown(self, rows: Sequence[ExperimentRow]) -> Widths:
        """Wide enough for ``rows`` too: columns never shrink while a user scrolls."""
        heads = [head_of(row) for row in rows]
        columns = []
        for column, before in enumerate(self.columns):
            widest = max((cell_len(head[column]) for head in heads), default=0)
            columns.append(max(before, widest if column == SELECTION else min(widest, WIDEST)))
        return Widths(
            tuple(columns),
            max([self.folds, *(len(row.cells) for row in rows)]),
            max([self.end, *(len(end_of(row)) for row in rows)]),
        )


def layout(widths: Widths, width: int) -> GridLayout:
    """The layout for a grid of ``width`` cells."""
    columns, folds, end = widths.columns, widths.folds, widths.end
    natural = GUTTER + _head_width(columns) + folds * STRIDE + 1 + 1 + end
    if natural <= width:
        cells_x = GUTTER + _head_width(columns)
        return GridLayout(width, natural, False, columns, folds, cells_x, folds * STRIDE + 1, end)
    columns = _shrunk(columns, width - GUTTER - end - 1)
    return GridLayout(width, natural, True, columns, folds, INDENT, max(STRIDE + 1, width - INDENT), end)


def _shrunk(columns: tuple[int, ...], room: int) -> tuple[int, ...]:
    """Narrow the widest columns until they fit; the selection rule, which qualifies every score, goes last."""
    widths = list(columns)
    order = [i for i in range(len(widths)) if i != SELECTION]
    while _head_width(tuple(widths)) > room:
        widest = max(order, key=lambda i: widths[i])
        if widths[widest] <= NARROWEST:
            if order == [SELECTION]:
                break
            order = [SELECTION]
            continue
        widths[widest] -= 1
    return tuple(widths)


def _head_width(columns: tuple[int, ...]) -> int:
    return sum(columns) + len(columns)
