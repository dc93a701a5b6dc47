"""What result tables say: one row a result, ours and published ones, and one row a fold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from timnet.evaluation.summary import FoldScores, fold_scores
from timnet.export.published import Published, published_for
from timnet.records import Experiment, Run, RunState
from timnet.registry import Registry

BUNDLE = "bundle"
TRAINED = ("trained", BUNDLE)
"""The sources of experiments that timnet has trained, on this machine or on another."""


@dataclass(frozen=True, slots=True)
class ResultRow:
    """One result. Scores are means over folds, ``_sd`` the sample standard deviation, ``_n`` the folds they are over.

    ``n`` of ``folds`` folds are finished; a score's own n is less where an import does not know it. ``None`` stands
    for what is not known, or cannot be said of so few folds. ``optimistic``: the test fold itself chose the epoch.
    """

    corpus: str
    source: str
    protocol: str
    selection: str
    optimistic: bool
    n: int | None
    folds: int | None
    uar: float | None
    uar_sd: float | None
    war: float | None
    war_sd: float | None
    uar_n: int | None
    war_n: int | None


@dataclass(frozen=True, slots=True)
class FoldRow:
    """One fold of one of our experiments, or (``fold`` None) the mean over its ``n`` finished folds.

    A single fold has ``n`` 1 when it is finished and 0 before, and no standard deviation.
    """

    corpus: str
    source: str
    protocol: str
    selection: str
    optimistic: bool
    fold: int | None
    folds: int
    n: int
    uar: float | None
    uar_sd: float | None
    war: float | None
    war_sd: float | None
    uar_n: int
    war_n: int


def source_of(experiment: Experiment) -> str:
    """How our own rows are told from published ones: ``timnet #7 github``, ``imported #8 seed``."""
    return f"{maker_of(experiment)} #{experiment.id} {experiment.preset}".rstrip()


def maker_of(experiment: Experiment) -> str:
    """Who trained it: ``timnet``, here or where a bundle comes from, or what it was imported from."""
    return "timnet" if experiment.source in TRAINED else experiment.source


def scores_of(runs: Sequence[Run]) -> FoldScores:
    """The scores over the runs that are done."""
    return fold_scores((run.uar, run.war) for run in runs if run.state is RunState.DONE)


def finished(runs: Sequence[Run]) -> int:
    """How many of the runs are done."""
    return sum(run.state is RunState.DONE for run in runs)


def result_rows(registry: Registry, experiments: Sequence[Experiment]) -> list[ResultRow]:
    """A row for each experiment, and below those of a corpus what has been published for it.

    Sorted by corpus, then by experiment. An experiment without a finished fold has ``n`` 0 and no scores.
    """
    ours = [_result(experiment, registry.runs.of_experiment(experiment.id)) for experiment in in_order(experiments)]
    rows: list[ResultRow] = []
    for corpus in dict.fromkeys(row.corpus for row in ours):
        rows += [row for row in ours if row.corpus == corpus]
        rows += [_published(result) for result in published_for([corpus])]
    return rows


def fold_rows(registry: Registry, experiments: Sequence[Experiment]) -> list[FoldRow]:
    """For each experiment a row for every fold it has, then one for the mean over the finished ones."""
    return [
        row
        for experiment in in_order(experiments)
        for row in _folds(experiment, registry.runs.of_experiment(experiment.id))
    ]


def in_order(experiments: Sequence[Experiment]) -> list[Experiment]:
    """Experiments as tables list them: by corpus, then oldest first, each once."""
    unique = {experiment.id: experiment for experiment in experiments}
    return sorted(unique.values(), key=lambda experiment: (experiment.corpus, experiment.id))


def _published(result: Published) -> ResultRow:
    return ResultRow(
        corpus=result.corpus,
        source=result.source,
        protocol=result.protocol,
        selection=result.selection,
        optimistic=result.optimistic,
        n=result.n,
        folds=result.n,
        uar=result.uar,
        uar_sd=None,
        war=result.war,
        war_sd=None,
        uar_n=None if result.uar is None else result.n,
        war_n=None if result.war is None else result.n,
    )


def _result(experiment: Experiment, runs: Sequence[Run]) -> ResultRow:
    scores = scores_of(runs)
    return ResultRow(
        corpus=experiment.corpus,
        source=source_of(experiment),
        protocol=experiment.protocol,
        selection=experiment.selection,
        optimistic=experiment.optimistic,
        n=finished(runs),
        folds=experiment.folds,
        uar=scores.uar.mean,
        uar_sd=scores.uar.sd,
        war=scores.war.mean,
        war_sd=scores.war.sd,
        uar_n=scores.uar.n,
        war_n=scores.war.n,
    )


def _folds(experiment: Experiment, runs: Sequence[Run]) -> list[FoldRow]:
    every = [*((run.fold, [run]) for run in runs), (None, runs)]
    groups = [(fold, finished(own), scores_of(own)) for fold, own in every]
    return [
        FoldRow(
            corpus=experiment.corpus,
            source=source_of(experiment),
            protocol=experiment.protocol,
            selection=experiment.selection,
            optimistic=experiment.optimistic,
            fold=fold,
            folds=experiment.folds,
            n=n,
            uar=scores.uar.mean,
            uar_sd=scores.uar.sd,
            war=scores.war.mean,
            war_sd=scores.war.sd,
            uar_n=scores.uar.n,
            war_n=scores.war.n,
        )
        for fold, n, scores in groups
    ]
