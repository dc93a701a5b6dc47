"""A comparison as a file, in every format that tables have."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from timnet.evaluation.paired import CorrectedT
from timnet.export.comparison import Comparison, Difference, compare
from timnet.export.comparison_words import rows_of, said_of_all, selection_of
from timnet.export.contract import Object, number, to_json
from timnet.export.contract_comparison import comparison_object
from timnet.export.layout import Grid, Group, Line, Printed
from timnet.export.table_files import check_target, one_line_errors, render_grid, table_format
from timnet.files import write_bytes
from timnet.registry import Registry
from timnet.text import clean


def write_comparison(registry: Registry, keys: Sequence[str | int], path: Path) -> Path:
    """Compare and write it to ``path``, whose suffix names the format; JSON is that of ``runs compare --json``.

    Raises :class:`timnet.errors.BadInput` as :func:`timnet.export.comparison.compare` does, and for a format that is
    not there or a path that cannot be written, which is checked first.
    """
    form = table_format(path.suffix)
    check_target(path)
    found = compare(registry, keys)
    if form == "json":
        made = to_json(comparison_object(found)).encode()
    else:
        made = render_grid(comparison_grid(found), side_objects(found), form)
    with one_line_errors(path):
        write_bytes(path, made)
    return path


def comparison_grid(comparison: Comparison) -> Grid:
    """One column a side, with its protocol and selection rule over it; the sentences stand below."""
    groups = tuple(
        Group(side.key, f"{clean(side.experiment.protocol)}, {selection_of(side.experiment)}", ("",))
        for side in comparison.sides
    )
    rows = [row for row in rows_of(comparison) if row.name not in ("protocol", "selection")]
    lines = tuple(Line(row.name.strip(), "", tuple(Printed(cell) for cell in row.cells)) for row in rows)
    title = f"Comparison of {', '.join(side.key for side in comparison.sides)}"
    return Grid(title, "", groups, lines, tuple(said_of_all(comparison)))


def side_objects(comparison: Comparison) -> list[Object]:
    """One record a side: what it is, its scores as fractions with n, and how it differs from the first."""
    against: list[Difference | None] = [None, *comparison.differences]
    objects: list[Object] = []
    for place, (side, difference) in enumerate(zip(comparison.sides, against, strict=True)):
        experiment, scores = side.experiment, side.scores
        objects.append(
            {
                "id": side.key,
                "corpus": experiment.corpus,
                "preset": experiment.preset,
                "protocol": experiment.protocol,
                "selection": experiment.selection,
                "optimistic": experiment.optimistic,
                "seed": experiment.seed,
                "n": side.finished,
                "uar": number(scores.uar.mean),
                "uar_sd": number(scores.uar.sd),
                "war": number(scores.war.mean),
                "war_sd": number(scores.war.sd),
                **_difference_values(difference),
                **{name: values[place] for name, values in comparison.settings.items()},
                **{f"code {name}": values[place] for name, values in comparison.code.items()},
            }
        )
    return objects


def _difference_values(difference: Difference | None) -> Object:
    """``paired_n`` folds are those that both have finished; the p values are None where there was no test."""
    found = difference
    return {
        "against": found.first if found else None,
        "paired_n": len(found.folds) if found else None,
        "uar_difference": number(found.uar.mean) if found else None,
        "uar_p": _p(found.uar_test if found else None),
        "war_difference": number(found.war.mean) if found else None,
        "war_p": _p(found.war_test if found else None),
        "mcnemar_n": found.mcnemar.n if found and found.mcnemar else None,
        "mcnemar_p": number(found.mcnemar.p) if found and found.mcnemar else None,
        "why_not": found.why_not if found else None,
    }


def _p(test: CorrectedT | None) -> float | None:
    return number(test.p) if test is not None else None
