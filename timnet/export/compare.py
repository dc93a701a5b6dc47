"""Experiments side by side: what differs in their settings, their scores, and fold by fold where that is fair.

Two experiments have the same folds when version of the corpus, protocol, seed and number of folds agree. Only
then is the difference of a fold a difference of the settings. No test of significance is made here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from timnet.errors import BadInput
from timnet.evaluation.summary import FoldScores, Summary, summarise
from timnet.export.contract import Object, number, summary_object
from timnet.export.tables import scores_of, source_of
from timnet.records import Experiment, Run, RunState
from timnet.registry import Registry


@dataclass(frozen=True, slots=True)
class Side:
    """One experiment and the scores over its finished folds."""

    experiment: Experiment
    runs: tuple[Run, ...]
    scores: FoldScores


@dataclass(frozen=True, slots=True)
class FoldDifference:
    """One fold that both have finished: each one's scores, and the later minus the first."""

    fold: int
    first: tuple[float, float]
    later: tuple[float, float]

    @property
    def uar(self) -> float:
        """Difference of UAR, as a fraction."""
        return self.later[0] - self.first[0]

    @property
    def war(self) -> float:
        """Difference of WAR, as a fraction."""
        return self.later[1] - self.first[1]


@dataclass(frozen=True, slots=True)
class Difference:
    """The experiment ``later`` against ``first``, over the folds that both have finished.

    ``why_not`` says why their folds are not the same; then ``folds`` is empty and the summaries have n 0.
    """

    first: int
    later: int
    why_not: str | None
    folds: tuple[FoldDifference, ...]
    uar: Summary
    war: Summary


@dataclass(frozen=True, slots=True)
class Comparison:
    """``settings``: name -> one value an experiment, only where these differ.

    ``differences``: each experiment against the first.
    """

    sides: tuple[Side, ...]
    settings: dict[str, tuple[Any, ...]]
    differences: tuple[Difference, ...]


def compare(registry: Registry, experiment_ids: Sequence[int]) -> Comparison:
    """Set experiments side by side, in the order given.

    Raises :class:`BadInput` for fewer than two, and :class:`timnet.errors.UnknownName` for one not there.
    """
    ids = list(dict.fromkeys(experiment_ids))
    if len(ids) < 2:
        raise BadInput(
            "name two experiments or more to compare, e.g. 7 8; list them: timnet runs ls --group experiment"
        )
    sides = tuple(_side(registry, experiment_id) for experiment_id in ids)
    differences = tuple(_difference(sides[0], later) for later in sides[1:])
    return Comparison(sides, _differing_settings([side.experiment for side in sides]), differences)


def comparison_object(comparison: Comparison) -> Object:
    """``runs compare --json``: differences are fractions, the later experiment minus the first."""
    return {
        "experiments": [_side_object(side) for side in comparison.sides],
        "settings": {name: list(values) for name, values in comparison.settings.items()},
        "differences": [_difference_object(one) for one in comparison.differences],
    }


def _side(registry: Registry, experiment_id: int) -> Side:
    experiment = registry.experiments.get(experiment_id)
    runs = tuple(registry.runs.of_experiment(experiment_id))
    return Side(experiment, runs, scores_of(runs))


def _differing_settings(experiments: Sequence[Experiment]) -> dict[str, tuple[Any, ...]]:
    configs = [experiment.config.to_dict() for experiment in experiments]
    values = {name: tuple(config[name] for config in configs) for name in configs[0]}
    return {name: found for name, found in values.items() if len(set(found)) > 1}


def _difference(first: Side, later: Side) -> Difference:
    why_not = _why_not(first.experiment, later.experiment)
    ours, theirs = (_finished(side) if why_not is None else {} for side in (first, later))
    folds = tuple(FoldDifference(fold, ours[fold], theirs[fold]) for fold in sorted({*ours} & {*theirs}))
    return Difference(
        first.experiment.id,
        later.experiment.id,
        why_not,
        folds,
        summarise(fold.uar for fold in folds),
        summarise(fold.war for fold in folds),
    )


def _why_not(first: Experiment, later: Experiment) -> str | None:
    """Why the folds of two experiments are not the same ones, or None where they are."""
    if first.corpus != later.corpus:
        return f"they are of different corpora ({first.corpus}, {later.corpus})"
    if first.corpus_id != later.corpus_id:
        return f"they are of different versions of {first.corpus}"
    for name in ("protocol", "seed", "folds"):
        ours, theirs = getattr(first, name), getattr(later, name)
        if ours != theirs:
            what = "number of folds" if name == "folds" else name
            return f"their folds are not the same: {what} {ours} and {theirs}"
    return None


def _finished(side: Side) -> dict[int, tuple[float, float]]:
    return {
        run.fold: (run.uar, run.war)
        for run in side.runs
        if run.state is RunState.DONE and run.uar is not None and run.war is not None
    }


def _side_object(side: Side) -> Object:
    experiment = side.experiment
    return {
        "experiment": experiment.id,
        "corpus": experiment.corpus,
        "source": source_of(experiment),
        "preset": experiment.preset,
        "protocol": experiment.protocol,
        "selection": experiment.selection,
        "optimistic": experiment.optimistic,
        "seed": experiment.seed,
        "n": side.scores.uar.n,
        "folds": experiment.folds,
        "uar": summary_object(side.scores.uar),
        "war": summary_object(side.scores.war),
    }


def _difference_object(difference: Difference) -> Object:
    return {
        "first": difference.first,
        "later": difference.later,
        "why_not": difference.why_not,
        "n": difference.uar.n,
        "uar": summary_object(difference.uar),
        "war": summary_object(difference.war),
        "folds": [{"fold": fold.fold, "uar": number(fold.uar), "war": number(fold.war)} for fold in difference.folds],
    }
