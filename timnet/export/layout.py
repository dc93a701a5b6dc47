"""A table laid out for people: every cell in words, its label in a heading or beside it. All formats print this."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from timnet.export.tables import Cell, Entry, Table

NOTHING = "–"


@dataclass(frozen=True, slots=True)
class Printed:
    """One printed number: ``value`` in per cent, ``sd`` and ``n`` as text, empty where there is none.

    ``extra`` is what else must be said (seeds), ``mark`` the label where it stands in the cell itself.
    ``value`` alone is any other text.
    """

    value: str
    sd: str = ""
    n: str = ""
    extra: str = ""
    mark: str = ""
    best: bool = False

    @property
    def text(self) -> str:
        """In one line: ``85.23 ± 3.10, n = 10``."""
        parts = [f"{self.value} ± {self.sd}" if self.sd else self.value, self.n and f"n = {self.n}", self.extra]
        return ", ".join(part for part in parts if part) + (f" [{self.mark}]" if self.mark else "")


@dataclass(frozen=True, slots=True)
class Group:
    """Columns that belong together: their common heading, the label that holds for all of them, their own headings."""

    name: str
    label: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table: a row may have several, where its cells hold several entries."""

    name: str
    label: str
    cells: tuple[Printed | None, ...]


@dataclass(frozen=True, slots=True)
class Grid:
    """A table ready to be printed. ``labelled`` lines have a label of their own, in a second column."""

    title: str
    corner: str
    groups: tuple[Group, ...]
    lines: tuple[Line, ...]
    notes: tuple[str, ...]
    labelled: bool = False

    @property
    def width(self) -> int:
        """How many columns of cells there are."""
        return sum(len(group.columns) for group in self.groups)


def grid_of(table: Table) -> Grid:
    """Lay a table out, every number with its label.

    A label that holds for a whole column stands over it; where labels hold for whole lines, they stand before these;
    else in the cells, as letters that the notes explain.
    """
    label = _labeller(table)
    columns = [{label(one) for row in table.cells for one in row[place].entries} for place in range(len(table.cols))]
    lines = [_lines(row) for row in table.cells]
    over = [len(labels) == 1 for labels in columns]
    before = not all(len(labels) <= 1 for labels in columns) and all(
        len({label(entry) for entry in line if entry}) <= 1 for own in lines for line in own
    )
    inside = [not (before or own) for own in over]
    marks = _marks(
        [label(e) for row in table.cells for own, cell in zip(inside, row, strict=True) if own for e in cell.entries]
    )
    heads = tuple(f"{metric.upper()} %" for metric in table.metrics)
    return Grid(
        title=table.title,
        corner=table.row_axis,
        groups=tuple(
            Group(col, next(iter(labels)) if own and not before else "", heads)
            for col, labels, own in zip(table.cols, columns, over, strict=True)
        ),
        lines=tuple(
            Line(
                name="" if level else row,
                label=next((label(entry) for entry in line if entry), "") if before else "",
                cells=_cells(
                    line,
                    table,
                    cells,
                    [marks.get(label(e), "") if e and own else "" for e, own in zip(line, inside, strict=True)],
                ),
            )
            for row, own_lines, cells in zip(table.rows, lines, table.cells, strict=True)
            for level, line in enumerate(own_lines)
        ),
        notes=(*(f"[{mark}] {name}" for name, mark in marks.items()), *table.notes),
        labelled=before,
    )


def _labeller(table: Table) -> Callable[[Entry], str]:
    """What has to be said of an entry beside its number: protocol, selection, and the corpus where no axis tells it."""
    if "corpus" in (table.row_axis, table.col_axis) or len({entry.corpus for entry in table.entries}) < 2:
        return lambda entry: entry.label
    return lambda entry: f"{entry.corpus}, {entry.label}"


def _marks(labels: list[str]) -> dict[str, str]:
    """A letter for each label, in the order in which they are met."""
    names = dict.fromkeys(labels)
    return {
        name: _letter(place) + (", optimistic" if "(optimistic)" in name else "") for place, name in enumerate(names)
    }


def _lines(row: tuple[Cell, ...]) -> list[list[Entry | None]]:
    """The entries of a row's cells, one of each cell a line."""
    deep = max((len(cell.entries) for cell in row), default=0)
    return [
        [cell.entries[level] if level < len(cell.entries) else None for cell in row] for level in range(max(deep, 1))
    ]


def _cells(
    line: list[Entry | None], table: Table, cells: tuple[Cell, ...], marks: list[str]
) -> tuple[Printed | None, ...]:
    return tuple(
        None if entry is None else printed(entry, metric, mark, named=cell.mixed)
        for entry, cell, mark in zip(line, cells, marks, strict=True)
        for metric in table.metrics
    )


def printed(entry: Entry, metric: str, mark: str = "", *, named: bool = False) -> Printed:
    """One score of an entry; ``named`` says whose it is, where a cell holds several."""
    score = entry.score(metric)
    if score.mean is None:
        return Printed(NOTHING, mark=mark)
    n = str(score.folds) if score.folds == entry.folds else f"{score.folds}/{entry.folds}"
    seeds = f"{score.seeds} seeds" if score.seeds > 1 else ""
    if seeds and score.seed_sd is not None:
        seeds += f" ± {100 * score.seed_sd:.2f}"
    who = " ".join(f"#{one}" for one in entry.experiments) or entry.source
    return Printed(
        value=f"{100 * score.mean:.2f}",
        sd="" if score.fold_sd is None else f"{100 * score.fold_sd:.2f}",
        n=n if score.folds else "",
        extra=", ".join(part for part in (seeds, who if named else "") if part),
        mark=mark,
        best=metric in entry.best,
    )


def _letter(place: int) -> str:
    """a, b, ... z, aa, ab, ..."""
    word = ""
    place += 1
    while place:
        place, rest = divmod(place - 1, 26)
        word = chr(ord("a") + rest) + word
    return word
