"""Experiments or single runs side by side: what differs in their settings, their scores, and tests where they are fair.

Two experiments have the same folds when version of the corpus, protocol, seed and number of folds agree. Only then is
the difference of a fold a difference of the settings, and only then is the corrected t-test made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from timnet.errors import BadInput
from timnet.evaluation.bootstrap import Bootstrap
from timnet.evaluation.paired import CorrectedT, McNemar, corrected_t, mcnemar
from timnet.evaluation.statistics import PooledScores
from timnet.evaluation.summary import FoldScores, Summary, summarise
from timnet.export.evidence import FoldEvidence, interval_of, pooled_of, tested_folds
from timnet.export.results import finished, scores_of
from timnet.protocols import make_folds
from timnet.provenance import differing
from timnet.records import CorpusRecord, Experiment, Run, RunState
from timnet.registry import Registry

FEWEST, MOST = 2, 20
ONLY_MEANS = "their means and spreads can be set side by side, without a test"
STILL_UTTERANCES = (
    "McNemar's test over the utterances that both predicted is still possible; "
    "it speaks of networks trained on other data, not of the settings alone"
)


@dataclass(frozen=True, slots=True)
class Side:
    """An experiment, or (``fold``) one run of it, and the scores over its finished folds.

    ``key`` is what users type, ``7`` or ``7.3``. ``pooled`` and ``interval`` are of all its test predictions
    together; None where it kept none.
    """

    key: str
    experiment: Experiment
    fold: int | None
    runs: tuple[Run, ...]
    scores: FoldScores
    pooled: PooledScores | None
    interval: Bootstrap | None

    @property
    def finished(self) -> int:
        """How many of its folds are done."""
        return finished(self.runs)


@dataclass(frozen=True, slots=True)
class FoldDifference:
    """One fold that both have finished: each one's (UAR, WAR), None where one is not known."""

    fold: int
    first: tuple[float | None, float | None]
    later: tuple[float | None, float | None]

    @property
    def uar(self) -> float | None:
        """UAR of the later minus that of the first, as a fraction."""
        return _minus(self.later[0], self.first[0])

    @property
    def war(self) -> float | None:
        """WAR of the later minus that of the first, as a fraction."""
        return _minus(self.later[1], self.first[1])


@dataclass(frozen=True, slots=True)
class Difference:
    """``later`` against ``first``, both as users type them.

    ``uar_delta`` and ``war_delta`` are differences of the two means over whatever folds each has, never a test.
    ``why_not`` says why their folds are not the same, and ``weaker`` which comparison is then still possible;
    ``folds`` is empty and the tests are None. ``mcnemar`` is over the utterances that both predicted (None where
    there are none); where ``why_not`` is set, it is that weaker comparison.
    """

    first: str
    later: str
    uar_delta: float | None
    war_delta: float | None
    why_not: str | None
    weaker: str | None
    folds: tuple[FoldDifference, ...]
    uar: Summary
    war: Summary
    uar_test: CorrectedT | None
    war_test: CorrectedT | None
    mcnemar: McNemar | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """``settings``: name -> one value a side, only where these differ. ``differences``: each against the first.

    ``code``: the same of the program, libraries and platform that they were queued with (:func:`provenance.differing`).
    """

    sides: tuple[Side, ...]
    settings: dict[str, tuple[Any, ...]]
    code: dict[str, tuple[str | None, ...]]
    differences: tuple[Difference, ...]


def compare(registry: Registry, keys: Sequence[str | int]) -> Comparison:
    """Set experiments (``7``) and runs (``7.3``) side by side, in the order given; each once.

    Raises :class:`BadInput` for fewer than :data:`FEWEST` or more than :data:`MOST`, for what is no id, and
    :class:`timnet.errors.UnknownName` for one not there.
    """
    names = list(dict.fromkeys(_plain(str(key)) for key in keys))
    if len(names) < FEWEST:
        raise BadInput(
            "name two experiments or runs to compare, e.g. 7 8 or 7.3 8.3; list them: timnet runs ls --group experiment"
        )
    if len(names) > MOST:
        raise BadInput(f"{len(names)} are too many to compare at once; name {MOST} at most")
    read = [_read(registry, name) for name in names]
    differences = tuple(_difference(read[0], later) for later in read[1:])
    sides = tuple(one.side for one in read)
    experiments = [side.experiment for side in sides]
    code = differing([registry.experiments.code(one.id) for one in experiments])
    return Comparison(sides, differing_settings(experiments), code, differences)


def differing_settings(experiments: Sequence[Experiment]) -> dict[str, tuple[Any, ...]]:
    """The settings that are not the same in all ``experiments``: name -> one value each, in their order."""
    configs = [experiment.config.to_dict() for experiment in experiments]
    values = {name: tuple(config[name] for config in configs) for name in configs[0]}
    return {name: found for name, found in values.items() if len(set(found)) > 1}


@dataclass(frozen=True, slots=True, eq=False)
class _Read:
    """A side with everything that its comparison needs."""

    side: Side
    corpus: CorpusRecord
    tested: tuple[FoldEvidence, ...]


def _plain(text: str) -> str:
    """``7`` or ``7.3`` without leading zeros. Raises :class:`BadInput` for anything else."""
    experiment, dot, fold = text.partition(".")
    parts = [experiment, fold] if dot else [experiment]
    if not all(part.isascii() and part.isdecimal() and len(part) < 10 for part in parts):
        raise BadInput(f"{text!r} names no experiment and no run; write e.g. 7 (experiment 7) or 7.3 (its fold 3)")
    return ".".join(str(int(part)) for part in parts)


def _read(registry: Registry, key: str) -> _Read:
    single = "." in key
    experiment = registry.experiments.get(int(key.partition(".")[0]))
    runs = (registry.runs.get(key),) if single else tuple(registry.runs.of_experiment(experiment.id))
    corpus = registry.corpora.by_id(experiment.corpus_id)
    tested = tested_folds(registry, corpus, runs)
    side = Side(
        key=key,
        experiment=experiment,
        fold=runs[0].fold if single else None,
        runs=runs,
        scores=scores_of(runs),
        pooled=pooled_of(corpus, tested),
        interval=interval_of(corpus, tested),
    )
    return _Read(side, corpus, tested)


def _difference(first: _Read, later: _Read) -> Difference:
    why_not, weaker = _why_not(first.side, later.side)
    folds = () if why_not else _folds(first.side, later.side)
    uar, war = [fold.uar for fold in folds], [fold.war for fold in folds]
    ratio = _ratio(first, [fold.fold for fold in folds]) if folds else 0.0
    ours, theirs = first.side.scores, later.side.scores
    return Difference(
        first=first.side.key,
        later=later.side.key,
        uar_delta=_minus(theirs.uar.mean, ours.uar.mean),
        war_delta=_minus(theirs.war.mean, ours.war.mean),
        why_not=why_not,
        weaker=weaker,
        folds=folds,
        uar=summarise(uar),
        war=summarise(war),
        uar_test=None if why_not else corrected_t(_known(uar), ratio),
        war_test=None if why_not else corrected_t(_known(war), ratio),
        mcnemar=None if weaker == ONLY_MEANS else _mcnemar(first, later),
    )


def _why_not(first: Side, later: Side) -> tuple[str | None, str | None]:
    """Why two sides do not have the same folds, and what can be compared nonetheless; both None where they have."""
    ours, theirs = first.experiment, later.experiment
    if ours.corpus != theirs.corpus:
        return f"they are of different corpora ({ours.corpus}, {theirs.corpus})", ONLY_MEANS
    if ours.corpus_id != theirs.corpus_id:
        return f"they are of different versions of {ours.corpus}", ONLY_MEANS
    if ours.protocol != theirs.protocol:
        return f"their folds are not the same: protocol {ours.protocol} and {theirs.protocol}", ONLY_MEANS
    for name, what in (("seed", "seed"), ("folds", "number of folds")):
        mine, other = getattr(ours, name), getattr(theirs, name)
        if mine != other:
            return f"their folds are not the same: {what} {mine} and {other}", STILL_UTTERANCES
    if first.fold != later.fold:
        named = [f"all folds of {one.key}" if one.fold is None else f"fold {one.fold}" for one in (first, later)]
        return f"they are not the same folds: {' and '.join(named)}", ONLY_MEANS
    return None, None


def _folds(first: Side, later: Side) -> tuple[FoldDifference, ...]:
    """The folds that both have finished, in order."""
    ours, theirs = (
        {run.fold: (run.uar, run.war) for run in side.runs if run.state is RunState.DONE} for side in (first, later)
    )
    return tuple(FoldDifference(fold, ours[fold], theirs[fold]) for fold in sorted({*ours} & {*theirs}))


def _ratio(read: _Read, folds: Sequence[int]) -> float:
    """Test over training utterances in ``folds``, counted in the folds themselves; an inner validation set is training.

    A corpus known from a log alone cannot be split again; k folds that take turns have 1 / (k - 1), but for rounding.
    """
    experiment = read.side.experiment
    if not read.corpus.utterances or experiment.folds < FEWEST:
        return 1 / max(experiment.folds - 1, 1)
    made = make_folds(experiment.protocol, read.corpus.utterances, experiment.folds, experiment.seed)
    used = [fold for fold in made if fold.number in folds]
    return sum(len(fold.test) for fold in used) / sum(len(fold.train) for fold in used)


def _mcnemar(first: _Read, later: _Read) -> McNemar | None:
    """Over the utterances that both predicted, each once; None where there are none."""
    import numpy as np

    ours, theirs = _right(first), _right(later)
    shared = sorted({*ours} & {*theirs})
    if not shared:
        return None
    return mcnemar(np.array([ours[item] for item in shared]), np.array([theirs[item] for item in shared]))


def _right(read: _Read) -> dict[int, bool]:
    """Which utterances were recognised."""
    return {
        item: right
        for fold in read.tested
        for item, right in zip(fold.item.tolist(), (fold.truth == fold.predicted).tolist(), strict=True)
    }


def _known(values: Sequence[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def _minus(later: float | None, first: float | None) -> float | None:
    return None if later is None or first is None else later - first
