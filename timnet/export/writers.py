"""Result tables as text: CSV, Markdown and JSON, and cells that a front end prints as it likes.

The same rows always give the same bytes: no text here tells the time or the place it was made.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from timnet.export.contract import Object, fold_object, result_object
from timnet.export.layout import Grid
from timnet.export.published import SOURCES, published_for
from timnet.export.results import FoldRow, ResultRow
from timnet.selection import selection_text
from timnet.text import clean

NOTHING = "–"
"""What stands in a printed table for a value that is not there."""

Cell = str | int | float | bool | None

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>|~&])")


@dataclass(frozen=True, slots=True)
class TextTable:
    """A table of plain text, ready to be printed; ``notes`` are the lines that belong under it."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()


# cells for people


def result_table(rows: Sequence[ResultRow]) -> TextTable:
    """The summary table: scores in percent, mean ± standard deviation, and how many folds they are over."""
    return TextTable(
        title="Results",
        header=("corpus", "source", "protocol", "selection", "folds", "UAR %", "WAR %"),
        rows=tuple(
            (
                clean(row.corpus),
                clean(row.source),
                clean(row.protocol),
                selection_label(row),
                _folds_done(row.n, row.folds),
                _score(row.uar, row.uar_sd, row.uar_n, row.n),
                _score(row.war, row.war_sd, row.war_n, row.n),
            )
            for row in rows
        ),
        notes=_result_notes(rows),
    )


def fold_table(rows: Sequence[FoldRow]) -> TextTable:
    """The table of single folds, each experiment closed by its mean."""
    return TextTable(
        title="Folds",
        header=("corpus", "source", "protocol", "selection", "fold", "UAR %", "WAR %"),
        rows=tuple(
            (
                clean(row.corpus),
                clean(row.source),
                clean(row.protocol),
                selection_label(row),
                f"mean, n = {_folds_done(row.n, row.folds)}" if row.fold is None else str(row.fold),
                _score(row.uar, row.uar_sd, row.uar_n, row.n),
                _score(row.war, row.war_sd, row.war_n, row.n),
            )
            for row in rows
        ),
    )


def selection_label(row: ResultRow | FoldRow) -> str:
    """The selection rule as it stands beside a number: ``best-test (optimistic)``."""
    return selection_text(row.selection, row.optimistic)


def percent(mean: float | None, sd: float | None = None) -> str:
    """A fraction as percent with two decimals: ``85.23 ± 3.10``, or without spread, or a dash."""
    if mean is None:
        return NOTHING
    return f"{100 * mean:.2f}" if sd is None else f"{100 * mean:.2f} ± {100 * sd:.2f}"


def _score(mean: float | None, sd: float | None, own: int | None, n: int | None) -> str:
    """A score, with its own n where that is not the row's."""
    return percent(mean, sd) + ("" if mean is None or own == n else f" (n = {own})")


def _folds_done(n: int | None, folds: int | None) -> str:
    if n is None:
        return NOTHING
    return str(n) if n == folds else f"{n} of {folds}"


def _result_notes(rows: Sequence[ResultRow]) -> tuple[str, ...]:
    notes = ["Mean ± sample standard deviation over the finished folds; UAR is the mean of the classes' recalls."]
    if any(row.optimistic for row in rows):
        notes.append("Optimistic: the test fold itself chose the epoch, so the score is better than on new data.")
    notes += [f"{source}: {SOURCES[source]}." for source in SOURCES if any(row.source == source for row in rows)]
    for result in published_for(dict.fromkeys(row.corpus for row in rows)):
        if result.note:
            notes.append(f"{result.source}, {result.corpus}: {result.note}.")
    return tuple(notes)


# formats


def markdown(results: Sequence[ResultRow], folds: Sequence[FoldRow], notes: Sequence[str] = ()) -> str:
    """Both tables as GitHub-flavoured Markdown; ``notes`` come below those of the first."""
    first = result_table(results)
    first = replace(first, notes=(*first.notes, *notes))
    return "\n".join([*_markdown_table(first), "", *_markdown_table(fold_table(folds)), ""])


def _markdown_table(table: TextTable) -> list[str]:
    numeric = ("folds", "fold", "UAR %", "WAR %")
    return [
        f"## {table.title}",
        "",
        _markdown_row(table.header),
        _markdown_row(["---:" if name in numeric else "---" for name in table.header]),
        *(_markdown_row([markdown_cell(cell) for cell in row]) for row in table.rows),
        *([""] if table.notes else []),
        *(f"- {markdown_cell(note)}" for note in table.notes),
    ]


def markdown_grid(grid: Grid) -> str:
    """A laid-out table as GitHub-flavoured Markdown; the best in bold, lines of one row below each other."""
    heads = [
        " ".join(part for part in (group.name, column) if part) for group in grid.groups for column in group.columns
    ]
    labels = [group.label for group in grid.groups for _ in group.columns]
    stub = [grid.corner, *(["protocol, selection"] if grid.labelled else [])]
    named = [f"{head} ({label})" if label else head for head, label in zip(heads, labels, strict=True)]
    lines = [
        [line.name, *([line.label] if grid.labelled else []), *(cell.text if cell else "" for cell in line.cells)]
        for line in grid.lines
    ]
    bold = [[bool(cell and cell.best) for cell in line.cells] for line in grid.lines]
    offset = len(stub)
    rows = [
        [f"**{markdown_cell(text)}**" if place >= offset and best[place - offset] else markdown_cell(text)
         for place, text in enumerate(line)]
        for line, best in zip(lines, bold, strict=True)
    ]  # fmt: skip
    ruler = ["---"] * offset + ["---:"] * grid.width
    table = [_markdown_row([markdown_cell(cell) for cell in [*stub, *named]]), _markdown_row(ruler)]
    table += [_markdown_row(row) for row in rows]
    notes = [f"- {markdown_cell(note)}" for note in grid.notes]
    return "\n".join([f"## {markdown_cell(grid.title)}", "", *table, "", *notes, ""])


def _markdown_row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def markdown_cell(text: str) -> str:
    """``text`` so that Markdown shows it as it is, on one line and inside one cell."""
    return _MARKDOWN.sub(r"\\\1", clean(text))


def result_csv(rows: Sequence[ResultRow]) -> str:
    """The summary table as CSV: the columns of the JSON contract, and ``folds`` after ``n``."""
    objects: list[Object] = []
    for row in rows:
        values = result_object(row)
        after = list(values).index("n") + 1
        items = list(values.items())
        objects.append(dict([*items[:after], ("folds", row.folds), *items[after:]]))
    return to_csv(objects)


def fold_csv(rows: Sequence[FoldRow]) -> str:
    """The table of single folds as CSV; ``fold`` is ``mean`` in the line that closes an experiment."""
    return to_csv([{**fold_object(row), "fold": row.fold or "mean"} for row in rows])


def to_csv(objects: Sequence[Object]) -> str:
    """Objects with the same keys as CSV with a header line; None is an empty cell, numbers at full precision."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([csv_cell(name) for name in objects[0]])  # a class can be a column
    writer.writerows([csv_cell(value) for value in row.values()] for row in objects)
    return stream.getvalue()


def csv_cell(value: Cell) -> str:
    """``value`` as the text of a cell that no spreadsheet takes for a formula.

    A string that starts with ``=``, ``+``, ``-``, ``@``, tab or carriage return and is no number gets a ``'``
    in front. Control characters are replaced (:func:`timnet.text.clean`), so a cell is always one line.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return repr(value)
    risky = value.startswith(("=", "+", "-", "@", "\t", "\r")) and not _NUMBER.fullmatch(value)
    return f"'{clean(value)}" if risky else clean(value)
