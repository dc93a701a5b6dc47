"""What a comparison says of stored predictions, worked out again by other people's libraries, to 1e-12."""

from __future__ import annotations

import statistics
from pathlib import Path

import audmetric
import numpy as np
import pytest
from scipy import stats
from sklearn import metrics
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.weightstats import DescrStatsW

from tests.support import add_corpus, add_experiment, finish, start_next
from timnet.export.comparison import Comparison, Side, compare
from timnet.protocols import make_folds
from timnet.records import TrainingConfig
from timnet.registry import Registry


def same(ours: float | None, theirs: float) -> None:
    assert ours == pytest.approx(float(theirs), abs=1e-12, rel=1e-12)


def test_everything_agrees_with_other_implementations(tmp_path: Path) -> None:
    with Registry.open(tmp_path / "runs.db") as registry:
        corpus = add_corpus(registry, utterances=140)
        for wrong, dropout in (((9, 6, 11, 5, 8), 0.1), ((3, 4, 2, 6, 1), 0.3)):
            add_experiment(registry, corpus, folds=5, config=TrainingConfig(epochs=20, dropout=dropout))
            for one in wrong:
                finish(registry, start_next(registry), wrong=one)
        check(registry, compare(registry, ["1", "2"]))


def check(registry: Registry, found: Comparison) -> None:
    """Scores of folds, their means, pooled scores, intervals and both tests."""
    first, later = found.sides
    for side in found.sides:
        check_scores(registry, side)
    [difference] = found.differences
    shared = [fold.fold for fold in difference.folds]
    pairs = [{run.fold: run for run in side.runs} for side in found.sides]
    folds = make_folds(
        first.experiment.protocol, registry.corpora.utterances(first.experiment.corpus_id), first.experiment.folds,
        first.experiment.seed,
    )  # fmt: skip
    used = [fold for fold in folds if fold.number in shared]
    ratio = sum(len(fold.test) for fold in used) / sum(len(fold.train) for fold in used)
    for name, test in (("uar", difference.uar_test), ("war", difference.war_test)):
        assert test is not None
        before, after = (np.array([getattr(pair[fold], name) for fold in shared]) for pair in pairs)
        plain = stats.ttest_rel(after, before)
        n = len(shared)
        widened = np.sqrt(1 + n * ratio)
        same(test.t, plain.statistic / widened)
        same(test.t, DescrStatsW(after - before).ttest_mean()[0] / widened)
        same(test.p, 2 * stats.t.sf(abs(plain.statistic / widened), n - 1))
        spread = stats.sem(after - before) * widened
        low, high = stats.t.interval(0.95, n - 1, loc=(after - before).mean(), scale=spread)
        same(test.low, low)
        same(test.high, high)
    right = [correct(registry, side) for side in (first, later)]
    both = sorted(right[0].keys() & right[1].keys())
    table = np.zeros((2, 2), int)
    for item in both:
        table[0 if right[0][item] else 1, 0 if right[1][item] else 1] += 1
    assert difference.mcnemar is not None
    exact = bool(table[0, 1] + table[1, 0] < 25)
    assert (difference.mcnemar.n, difference.mcnemar.exact) == (len(both), exact)
    same(difference.mcnemar.p, mcnemar(table, exact=exact, correction=True).pvalue)
    if exact:
        same(difference.mcnemar.p, stats.binomtest(int(table[0, 1]), int(table[0, 1] + table[1, 0])).pvalue)


def check_scores(registry: Registry, side: Side) -> None:
    kept = [registry.results.predictions(run.id) for run in side.runs if run.uar is not None]
    done = [run for run in side.runs if run.uar is not None]
    for run, one in zip(done, kept, strict=True):
        same(run.war, metrics.accuracy_score(one.truth, one.predicted))
        same(run.war, audmetric.accuracy(one.truth, one.predicted))
        same(run.uar, metrics.balanced_accuracy_score(one.truth, one.predicted))
    for name in ("uar", "war"):
        summary, values = getattr(side.scores, name), [getattr(run, name) for run in done]
        same(summary.mean, statistics.fmean(values))
        same(summary.sd, stats.tstd(values))
    truth, predicted = (np.concatenate([getattr(one, name) for one in kept]) for name in ("truth", "predicted"))
    pooled = side.pooled
    assert pooled is not None
    labels = list(range(len(pooled.recalls)))
    same(pooled.uar, metrics.recall_score(truth, predicted, average="macro"))
    same(pooled.uar, audmetric.unweighted_average_recall(truth, predicted, labels))
    same(pooled.war, metrics.accuracy_score(truth, predicted))
    assert np.array_equal(pooled.confusion, metrics.confusion_matrix(truth, predicted, labels=labels))
    assert np.array_equal(pooled.confusion, audmetric.confusion_matrix(truth, predicted, labels))
    for one, recall in zip(pooled.recalls, audmetric.recall_per_class(truth, predicted, labels).values(), strict=True):
        same(one.recall, recall)
    check_interval(registry, side, truth, predicted, np.concatenate([one.item for one in kept]))


def check_interval(registry: Registry, side: Side, truth: np.ndarray, predicted: np.ndarray, items: np.ndarray) -> None:
    """SciPy draws the speakers with the same generator; a speaker counts with all that they say."""
    utterances = registry.corpora.utterances(side.experiment.corpus_id)
    spoken = np.array([utterances[item].speaker for item in items.tolist()])
    classes = int(truth.max()) + 1
    hits, all_ = (
        np.array([np.bincount(truth[(spoken == one) & of], minlength=classes) for one in sorted(set(spoken.tolist()))])
        for of in (truth == predicted, truth >= 0)
    )
    found = side.interval
    assert found is not None

    def uar(drawn: np.ndarray) -> float:
        right, said = hits[drawn].sum(axis=0), all_[drawn].sum(axis=0)
        return float((right[said > 0] / said[said > 0]).mean())

    def war(drawn: np.ndarray) -> float:
        return float(hits[drawn].sum() / all_[drawn].sum())

    for interval, score in ((found.uar, uar), (found.war, war)):
        theirs = stats.bootstrap(
            (np.arange(len(hits)),), score, n_resamples=found.replicates, method="percentile", vectorized=False,
            confidence_level=found.level, random_state=np.random.default_rng(found.seed),
        ).confidence_interval  # fmt: skip
        same(interval.low, theirs.low)
        same(interval.high, theirs.high)


def correct(registry: Registry, side: Side) -> dict[int, bool]:
    """For each tested utterance of a side, whether it was recognised."""
    kept = [registry.results.predictions(run.id) for run in side.runs if run.uar is not None]
    return {
        int(item): bool(hit) for one in kept for item, hit in zip(one.item, one.truth == one.predicted, strict=True)
    }
