"""A comparison in words, for people: one row a fact, one column a side, and sentences on how a side differs.

Scores are in per cent, differences in percentage points. Everything that came from outside is clean.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from timnet.evaluation.bootstrap import Interval
from timnet.evaluation.paired import CorrectedT, McNemar
from timnet.evaluation.summary import Summary
from timnet.export.comparison import Comparison, Difference, Side
from timnet.records import Experiment
from timnet.selection import selection_text
from timnet.text import clean

NONE = "–"


@dataclass(frozen=True, slots=True)
class FactRow:
    """One fact: ``cells`` hold what it is for each side; ``urgent`` are those that call for attention."""

    name: str
    cells: tuple[str, ...]
    strong: bool = False
    urgent: frozenset[int] = frozenset()

    @property
    def id(self) -> str:
        """Facts are told apart by their names."""
        return self.name


def rows_of(comparison: Comparison, *, folds: bool = False) -> list[FactRow]:
    """Everything that can be said side by side; ``folds`` also names every fold's difference."""
    sides = comparison.sides
    experiments = [side.experiment for side in sides]
    selections = tuple(selection_of(one) for one in experiments)
    optimistic = frozenset(place for place, one in enumerate(experiments) if one.optimistic)
    settings = comparison.settings.items()
    return [
        FactRow("protocol", tuple(clean(one.protocol) for one in experiments)),
        FactRow("selection", selections, urgent=optimistic),
        FactRow("UAR %", tuple(mean(side.scores.uar, side.finished) for side in sides), strong=True),
        FactRow("WAR %", tuple(mean(side.scores.war, side.finished) for side in sides), strong=True),
        FactRow("n", tuple(_n(side) for side in sides)),
        *_differences(comparison),
        *(_folds(comparison) if folds else []),
        *(FactRow(clean(name), tuple(clean(str(one)) for one in values), strong=True) for name, values in settings),
        *(FactRow(name, tuple(one or NONE for one in values), strong=True) for name, values in comparison.code.items()),
        FactRow("corpus", tuple(clean(one.corpus) for one in experiments)),
        FactRow("preset", tuple(clean(one.preset) for one in experiments)),
        FactRow("seed", tuple(str(one.seed) for one in experiments)),
        *_pooled(sides),
    ]


def selection_of(experiment: Experiment) -> str:
    """The selection rule as it stands beside every score."""
    return selection_text(experiment.selection, experiment.optimistic, " optimistic")


def percent(score: float | None) -> str:
    """A score in per cent, or a dash."""
    return NONE if score is None else f"{100 * score:.1f}"


def _n(side: Side) -> str:
    return f"fold {side.fold}" if side.fold is not None else f"{side.finished} of {side.experiment.folds}"


def _differences(comparison: Comparison) -> list[FactRow]:
    """Each side against the first: mean difference with its n, and what the tests say."""
    found = comparison.differences
    base = comparison.sides[0].key
    test: Callable[[CorrectedT | None], str] = lambda one: p_text(one.p if one else None)  # noqa: E731 - typed so
    rows = [
        (f"UAR - {base}", [_delta(one, one.uar, one.uar_delta) for one in found], True),
        ("UAR t-test p", [test(one.uar_test) for one in found], False),
        (f"WAR - {base}", [_delta(one, one.war, one.war_delta) for one in found], True),
        ("WAR t-test p", [test(one.war_test) for one in found], False),
        ("McNemar p", [p_text(one.mcnemar.p if one.mcnemar else None) for one in found], False),
    ]
    return [FactRow(name, ("", *cells), strong=strong) for name, cells, strong in rows]


def _delta(difference: Difference, paired: Summary, of_means: float | None) -> str:
    """Over the folds that both have; where these are not the same, of the two means, and marked so."""
    if difference.why_not is None:
        return NONE if paired.mean is None else f"{mean(paired, -1, signed)}"
    return NONE if of_means is None else f"{signed(of_means)} of means"


def _folds(comparison: Comparison) -> list[FactRow]:
    numbers = sorted({fold.fold for one in comparison.differences for fold in one.folds})
    uar = [{fold.fold: fold.uar for fold in one.folds} for one in comparison.differences]
    war = [{fold.fold: fold.war for fold in one.folds} for one in comparison.differences]
    return [
        FactRow(f"  {name}, fold {number}", ("", *(signed(one.get(number)) for one in by_fold)))
        for name, by_fold in (("UAR", uar), ("WAR", war))
        for number in numbers
    ]


def _pooled(sides: Sequence[Side]) -> list[FactRow]:
    if not any(side.pooled for side in sides):
        return []
    rows = [
        FactRow("pooled UAR %", tuple(_pooled_score(side, "uar") for side in sides)),
        FactRow("pooled WAR %", tuple(_pooled_score(side, "war") for side in sides)),
        FactRow("  utterances", tuple(str(side.pooled.n) if side.pooled else NONE for side in sides)),
    ]
    recalls = [{one.name: one for one in side.pooled.recalls} if side.pooled else {} for side in sides]
    for name in dict.fromkeys(name for one in recalls for name in one):
        cells = (f"{percent(one[name].recall)} of {one[name].n}" if name in one else NONE for one in recalls)
        rows.append(FactRow(f"recall {clean(name)} %", tuple(cells)))
    return rows


def _pooled_score(side: Side, score: str) -> str:
    if side.pooled is None:
        return NONE
    interval: Interval | None = getattr(side.interval, score) if side.interval else None
    between = "" if interval is None else f" [{percent(interval.low)}, {percent(interval.high)}]"
    return f"{percent(getattr(side.pooled, score))}{between}"


# sentences


def sentences(comparison: Comparison, place: int) -> list[str]:
    """How the side at ``place`` differs from the first, and what has to be known of its own numbers."""
    side = comparison.sides[place]
    said = _of_its_own(side)
    if place:
        said = [*_against(comparison.differences[place - 1]), *said]
    return said


def said_of_all(comparison: Comparison) -> list[str]:
    """The sentences on every side, each beginning with the side that it is about."""
    sides = enumerate(comparison.sides)
    return [f"#{side.key}: {line}" for place, side in sides for line in sentences(comparison, place)]


def _against(difference: Difference) -> list[str]:
    later, first = difference.later, difference.first
    if difference.why_not is not None:
        said = [f"{later} and {first} cannot be paired fold by fold: {clean(difference.why_not)}."]
        said.append(f"{_sentence(difference.weaker or '')}")
    elif not difference.folds:
        return [f"{later} and {first} have the same folds, but none that both have finished."]
    else:
        n = len(difference.folds)
        said = [f"{later} minus {first} over n = {n} fold{'s'[: n > 1]} that both have finished:"]
        said += [f"{name} {_t_text(test)}" for name, test in
                 (("UAR", difference.uar_test), ("WAR", difference.war_test))]  # fmt: skip
    if difference.mcnemar is not None:
        said.append(_mcnemar_text(difference.mcnemar))
    return said


def _t_text(test: CorrectedT | None) -> str:
    if test is None or test.t is None or test.p is None:
        return f"without a test: {clean(str(test.why_not if test else 'not made'))}."
    between = f"{100 * test.level:g} % interval [{signed(test.low)}, {signed(test.high)}]"
    return f"{mean(test.difference, -1, signed)} points; corrected resampled t-test: p {p_text(test.p)}, {between}."


def _mcnemar_text(test: McNemar) -> str:
    how = "exact" if test.exact else "chi-squared"
    alone = f"only the first right {test.first_only}, only the later {test.later_only}"
    return f"McNemar's test over {test.n} utterances that both predicted: p {p_text(test.p)} ({how}); {alone}."


def _of_its_own(side: Side) -> list[str]:
    said = []
    if side.interval is not None:
        drawn = f"{side.interval.replicates} draws of {side.interval.n} {side.interval.unit}"
        note = f"; {clean(side.interval.note)}" if side.interval.note else ""
        said.append(f"[...] is a {100 * side.interval.level:g} % bootstrap interval, {drawn}{note}.")
    if side.pooled is not None and side.pooled.note:
        said.append(_sentence(side.pooled.note))
    return said


def _sentence(text: str) -> str:
    text = clean(text)
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith('.') else '.'}"


def mean(summary: Summary, n: int, form: Callable[[float | None], str] = percent) -> str:
    """``84.8 ± 8.0``; with its own n where that is not the ``n`` which stands beside it."""
    if summary.mean is None:
        return NONE
    spread = "" if summary.sd is None else f" ± {percent(summary.sd)}"
    own = "" if summary.n == n else f" (n {summary.n})"
    return f"{form(summary.mean)}{spread}{own}"


def signed(value: float | None) -> str:
    """A difference of fractions in percentage points, with its sign."""
    return NONE if value is None else f"{100 * value:+.1f}"


def p_text(p: float | None) -> str:
    """``= 0.034``, or ``< 0.001``; a dash where there was no test."""
    if p is None:
        return NONE
    return "< 0.001" if p < 0.001 else f"= {p:.3f}"
