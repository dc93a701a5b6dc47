"""``timnet runs compare``: a comparison in the words of :mod:`timnet.export.comparison_words`."""

from __future__ import annotations

from timnet.cli.output import print_table, say
from timnet.export.comparison import Comparison
from timnet.export.comparison_words import rows_of, said_of_all


def print_comparison(comparison: Comparison, *, folds: bool = False) -> None:
    """What differs and what came of it, then each against the first; ``folds`` asks for every fold's difference."""
    headings = ["", *(f"#{side.key}" for side in comparison.sides)]
    print_table(headings, [[row.name, *row.cells] for row in rows_of(comparison, folds=folds)])
    for line in said_of_all(comparison):
        say(line)
