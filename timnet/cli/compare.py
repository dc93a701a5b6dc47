"""``timnet runs compare``: a comparison in words and tables."""

from __future__ import annotations

from collections.abc import Callable

from timnet.cli.output import print_table, say, score, selection_text
from timnet.evaluation.summary import Summary
from timnet.export.compare import Comparison, Difference


def print_comparison(comparison: Comparison) -> None:
    """What differs and what came of it, then the folds that can be set against each other."""
    experiments = [side.experiment for side in comparison.sides]
    headings = ["", *(f"#{one.id}" for one in experiments)]
    rows = [
        ["corpus", *(one.corpus for one in experiments)],
        ["preset", *(one.preset for one in experiments)],
        ["protocol", *(one.protocol for one in experiments)],
        ["selection", *(selection_text(one.selection, one.optimistic) for one in experiments)],
        ["seed", *(str(one.seed) for one in experiments)],
        *([name, *map(str, values)] for name, values in comparison.settings.items()),
        ["UAR %", *(mean_text(side.scores.uar) for side in comparison.sides)],
        ["WAR %", *(mean_text(side.scores.war) for side in comparison.sides)],
        ["n", *(f"{side.scores.uar.n} of {side.experiment.folds}" for side in comparison.sides)],
    ]
    print_table(headings, rows)
    for difference in comparison.differences:
        _print_difference(difference)


def _print_difference(difference: Difference) -> None:
    first, later = f"#{difference.first}", f"#{difference.later}"
    if difference.why_not is not None:
        say(f"{later} and {first} cannot be compared fold by fold: {difference.why_not}")
        return
    if not difference.folds:
        say(f"{later} and {first} have the same folds, but none that both have finished")
        return
    headings = ("fold", f"UAR {first}", f"UAR {later}", "difference", f"WAR {first}", f"WAR {later}", "difference ")
    rows = [
        (
            str(fold.fold),
            score(fold.first[0]),
            score(fold.later[0]),
            signed(fold.uar),
            score(fold.first[1]),
            score(fold.later[1]),
            signed(fold.war),
        )
        for fold in difference.folds
    ]
    print_table(headings, rows, right=headings)
    uar, war = (mean_text(summary, signed) for summary in (difference.uar, difference.war))
    say(f"{later} minus {first}, mean over n = {difference.uar.n} folds: UAR {uar}, WAR {war} percentage points")


def mean_text(summary: Summary, form: Callable[[float], str] = score) -> str:
    """``84.80 ± 7.97``; the mean alone where there is one value, a dash where there is none."""
    mean = score(None) if summary.mean is None else form(summary.mean)
    return mean if summary.sd is None else f"{mean} ± {score(summary.sd)}"


def signed(value: float) -> str:
    """A difference of fractions in percentage points, with its sign."""
    return f"{value * 100:+.2f}"
