"""``timnet runs compare``: a comparison in words and tables."""

from __future__ import annotations

from collections.abc import Callable

from timnet.cli.output import print_table, say, score, selection_text
from timnet.evaluation.bootstrap import Interval
from timnet.evaluation.paired import CorrectedT, McNemar
from timnet.evaluation.summary import Summary
from timnet.export.comparison import Comparison, Difference, Side


def print_comparison(comparison: Comparison, *, folds: bool = False) -> None:
    """What differs and what came of it, then each against the first; ``folds`` asks for every fold's difference."""
    sides = comparison.sides
    experiments = [side.experiment for side in sides]
    rows = [
        ["corpus", *(one.corpus for one in experiments)],
        ["preset", *(one.preset for one in experiments)],
        ["protocol", *(one.protocol for one in experiments)],
        ["selection", *(selection_text(one.selection, one.optimistic) for one in experiments)],
        ["seed", *(str(one.seed) for one in experiments)],
        *([name, *map(str, values)] for name, values in comparison.settings.items()),
        ["UAR %", *(mean_text(side.scores.uar, side.finished) for side in sides)],
        ["WAR %", *(mean_text(side.scores.war, side.finished) for side in sides)],
        ["n", *(_done(side) for side in sides)],
        *_pooled_rows(sides),
    ]
    print_table(["", *(f"#{side.key}" for side in sides)], rows)
    for line in _notes(sides):
        say(line)
    for difference in comparison.differences:
        _print_difference(difference, folds=folds)


def _done(side: Side) -> str:
    return f"fold {side.fold}" if side.fold is not None else f"{side.finished} of {side.experiment.folds}"


def _pooled_rows(sides: tuple[Side, ...]) -> list[list[str]]:
    """Pooled scores with their intervals, and the recall of each class that all sides have."""
    if not any(side.pooled for side in sides):
        return []
    rows = [["pooled UAR %"], ["pooled WAR %"], ["utterances"]]
    for side in sides:
        pooled, found = side.pooled, side.interval
        rows[0].append("–" if pooled is None else score(pooled.uar) + _range(found.uar if found else None))
        rows[1].append("–" if pooled is None else score(pooled.war) + _range(found.war if found else None))
        rows[2].append("–" if pooled is None else str(pooled.n))
    names = list(dict.fromkeys(one.name for side in sides if side.pooled for one in side.pooled.recalls))
    recalls = [{one.name: one for one in side.pooled.recalls} if side.pooled else {} for side in sides]
    for name in names:
        cells = [f"{score(one[name].recall)} of {one[name].n}" if name in one else "–" for one in recalls]
        rows.append([f"recall {name} %", *cells])
    return rows


def _range(interval: Interval | None) -> str:
    return "" if interval is None else f" [{score(interval.low)}, {score(interval.high)}]"


def _notes(sides: tuple[Side, ...]) -> list[str]:
    """What has to be said of the intervals, and where classes are missing."""
    found = []
    for side in sides:
        if side.interval is not None:
            note = f"; {side.interval.note}" if side.interval.note else ""
            drawn = f"{side.interval.replicates} draws of {side.interval.n} {side.interval.unit}"
            found.append(f"#{side.key}: [{side.interval.level * 100:g} % bootstrap interval], {drawn}{note}")
        if side.pooled is not None and side.pooled.note:
            found.append(f"#{side.key}: {side.pooled.note}")
    return found


def _print_difference(difference: Difference, *, folds: bool) -> None:
    first, later = f"#{difference.first}", f"#{difference.later}"
    if difference.why_not is not None:
        say(f"{later} and {first} cannot be compared fold by fold: {difference.why_not}")
        say(f"{later} minus {first}, difference of means: {_deltas(difference)}; {difference.weaker}")
    elif not difference.folds:
        say(f"{later} and {first} have the same folds, but none that both have finished")
    else:
        if folds:
            _print_folds(difference)
        uar, war = (mean_text(summary, len(difference.folds), signed) for summary in (difference.uar, difference.war))
        n = len(difference.folds)
        say(f"{later} minus {first}, mean over n = {n} fold{'s'[: n > 1]}: UAR {uar}, WAR {war} percentage points")
        for name, test in (("UAR", difference.uar_test), ("WAR", difference.war_test)):
            say(f"  {name}, corrected resampled t-test: {_t_text(test)}")
    if difference.mcnemar is not None:
        say(f"  McNemar's test: {_mcnemar_text(difference.mcnemar)}")


def _deltas(difference: Difference) -> str:
    pairs = (("UAR", difference.uar_delta), ("WAR", difference.war_delta))
    return ", ".join(f"{name} {'–' if value is None else signed(value)}" for name, value in pairs)


def _print_folds(difference: Difference) -> None:
    first, later = f"#{difference.first}", f"#{difference.later}"
    headings = ("fold", f"UAR {first}", f"UAR {later}", "difference", f"WAR {first}", f"WAR {later}", "difference ")
    rows = [
        (
            str(fold.fold),
            score(fold.first[0]),
            score(fold.later[0]),
            "–" if fold.uar is None else signed(fold.uar),
            score(fold.first[1]),
            score(fold.later[1]),
            "–" if fold.war is None else signed(fold.war),
        )
        for fold in difference.folds
    ]
    print_table(headings, rows, right=headings)


def _t_text(test: CorrectedT | None) -> str:
    if test is None or test.t is None or test.p is None or test.low is None or test.high is None:
        return str(test.why_not if test else "not made")
    interval = f"{test.level * 100:g} % interval [{signed(test.low)}, {signed(test.high)}]"
    return f"p {p_text(test.p)}, {interval}, t({test.difference.n - 1}) = {test.t:.2f}"


def _mcnemar_text(test: McNemar) -> str:
    how = "exact" if test.exact else f"chi-squared {test.statistic:.2f}"
    only = f"only the first right {test.first_only}, only the later {test.later_only}"
    return f"p {p_text(test.p)} ({how}), {test.n} utterances that both predicted, {only}"


def p_text(p: float) -> str:
    """``= 0.034``, or ``< 0.001``."""
    return "< 0.001" if p < 0.001 else f"= {p:.3f}"


def mean_text(summary: Summary, n: int, form: Callable[[float], str] = score) -> str:
    """``84.80 ± 7.97``; the mean alone where there is one value, a dash where there is none.

    Where the mean is not over all ``n`` folds that stand beside it, its own n follows.
    """
    if summary.mean is None:
        return score(None)
    spread = "" if summary.sd is None else f" ± {score(summary.sd)}"
    return f"{form(summary.mean)}{spread}{'' if summary.n == n else f' (n = {summary.n})'}"


def signed(value: float) -> str:
    """A difference of fractions in percentage points, with its sign."""
    return f"{value * 100:+.2f}"
