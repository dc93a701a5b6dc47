"""The JSON of ``runs compare --json``: part of the contract (:mod:`timnet.export.contract`)."""

from __future__ import annotations

from timnet.evaluation.bootstrap import Bootstrap, Interval
from timnet.evaluation.paired import CorrectedT, McNemar
from timnet.evaluation.statistics import PooledScores
from timnet.export.comparison import Comparison, Difference, Side
from timnet.export.contract import Object, number, summary_object
from timnet.export.results import source_of


def comparison_object(comparison: Comparison) -> Object:
    """``runs compare --json``: differences are fractions, the later one minus the first."""
    return {
        "experiments": [_side_object(side) for side in comparison.sides],
        "settings": {name: list(values) for name, values in comparison.settings.items()},
        "code": {name: list(values) for name, values in comparison.code.items()},
        "differences": [_difference_object(one) for one in comparison.differences],
    }


def pooled_object(pooled: PooledScores, interval: Bootstrap | None) -> Object:
    """All test predictions as one set of ``n``; ``interval`` are bootstrap intervals, ``unit`` what was drawn."""
    return {
        "n": pooled.n,
        "uar": number(pooled.uar),
        "war": number(pooled.war),
        "interval": None if interval is None else _bootstrap_object(interval),
        "recalls": [{"class": one.name, "recall": number(one.recall), "n": one.n} for one in pooled.recalls],
        "confusion": {
            "labels": [one.name for one in pooled.recalls],
            "matrix": [list(row) for row in pooled.confusion],
        },
        "missing": [{"fold": one.fold, "classes": list(one.classes)} for one in pooled.missing],
    }


def _side_object(side: Side) -> Object:
    experiment = side.experiment
    return {
        "id": side.key,
        "experiment": experiment.id,
        "fold": side.fold,
        "corpus": experiment.corpus,
        "source": source_of(experiment),
        "preset": experiment.preset,
        "protocol": experiment.protocol,
        "selection": experiment.selection,
        "optimistic": experiment.optimistic,
        "seed": experiment.seed,
        "n": side.finished,
        "folds": experiment.folds,
        "uar": summary_object(side.scores.uar),
        "war": summary_object(side.scores.war),
        "pooled": None if side.pooled is None else pooled_object(side.pooled, side.interval),
    }


def _difference_object(difference: Difference) -> Object:
    first, later = difference.first, difference.later
    return {
        "first": int(first) if first.isdecimal() else first,
        "later": int(later) if later.isdecimal() else later,
        "why_not": difference.why_not,
        "weaker": difference.weaker,
        "uar_delta": number(difference.uar_delta),
        "war_delta": number(difference.war_delta),
        "n": len(difference.folds),
        "uar": summary_object(difference.uar),
        "war": summary_object(difference.war),
        "folds": [{"fold": fold.fold, "uar": number(fold.uar), "war": number(fold.war)} for fold in difference.folds],
        "uar_test": _t_object(difference.uar_test),
        "war_test": _t_object(difference.war_test),
        "mcnemar": _mcnemar_object(difference.mcnemar),
    }


def _t_object(test: CorrectedT | None) -> Object | None:
    if test is None:
        return None
    return {
        "test": "corrected resampled t-test",
        "mean": number(test.difference.mean),
        "n": test.difference.n,
        "ratio": number(test.ratio),
        "t": number(test.t),
        "p": number(test.p),
        "level": test.level,
        "low": number(test.low),
        "high": number(test.high),
        "why_not": test.why_not,
    }


def _mcnemar_object(test: McNemar | None) -> Object | None:
    if test is None:
        return None
    return {
        "n": test.n,
        "first_only": test.first_only,
        "later_only": test.later_only,
        "exact": test.exact,
        "statistic": number(test.statistic),
        "p": number(test.p),
    }


def _bootstrap_object(found: Bootstrap) -> Object:
    return {
        "uar": _interval_object(found.uar),
        "war": _interval_object(found.war),
        "level": found.level,
        "unit": found.unit,
        "n": found.n,
        "replicates": found.replicates,
        "seed": found.seed,
        "note": found.note,
    }


def _interval_object(interval: Interval) -> Object:
    return {"low": number(interval.low), "high": number(interval.high)}
