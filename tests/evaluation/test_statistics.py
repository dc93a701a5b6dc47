"""Pooled scores, intervals and tests against independent implementations of the same definitions."""

import math

import audmetric
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import accuracy_score, balanced_accuracy_score, confusion_matrix, recall_score
from statsmodels.stats.contingency_tables import mcnemar as statsmodels_mcnemar

from timnet.errors import BadInput
from timnet.evaluation.bootstrap import SPEAKERS, UTTERANCES, bootstrap
from timnet.evaluation.paired import corrected_t, mcnemar
from timnet.evaluation.scores import confusion
from timnet.evaluation.statistics import MissingClasses, of_one_seed, over_seeds, pooled_scores
from timnet.evaluation.summary import summarise

CLASSES = ("angry", "happy", "sad")
SAME = 1e-12
quick = settings(deadline=None, max_examples=40)  # the libraries compared with take their time to load
labels = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=60)


def predictions(seed: int, n: int = 120, classes: int = 3, right: float = 0.7) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    truth = generator.integers(0, classes, n)
    return truth, np.where(generator.random(n) < right, truth, generator.integers(0, classes, n))


# pooled scores


@quick
@given(st.lists(labels, min_size=1, max_size=4))
def test_pooled_scores_are_those_of_all_predictions(folds):
    matrices = [(place + 1, confusion(*zip(*fold, strict=True), 3)) for place, fold in enumerate(folds)]
    found = pooled_scores(CLASSES, matrices)
    truth, predicted = (np.concatenate([np.array(fold)[:, side] for fold in folds]) for side in (0, 1))
    present = sorted(set(truth.tolist()))
    assert found.n == len(truth)
    assert found.war == pytest.approx(accuracy_score(truth, predicted), abs=SAME)
    assert found.uar == pytest.approx(recall_score(truth, predicted, labels=present, average="macro"), abs=SAME)
    assert np.array_equal(found.confusion, confusion_matrix(truth, predicted, labels=[0, 1, 2]))
    each = recall_score(truth, predicted, labels=[0, 1, 2], average=None, zero_division=np.nan)
    for place, one in enumerate(found.recalls):
        assert (one.name, one.n) == (CLASSES[place], int((truth == place).sum()))
        assert (one.recall is None) == bool(np.isnan(each[place]))
        assert one.recall is None or one.recall == pytest.approx(each[place], abs=SAME)
    if len(present) == 3:
        assert found.uar == pytest.approx(audmetric.unweighted_average_recall(truth, predicted), abs=SAME)
        assert found.uar == pytest.approx(balanced_accuracy_score(truth, predicted), abs=SAME)
        assert found.war == pytest.approx(audmetric.accuracy(truth, predicted), abs=SAME)


def test_a_class_missing_from_a_fold_is_named():
    whole = confusion([0, 1, 2], [0, 1, 1], 3)
    part = confusion([0, 0, 1], [0, 1, 1], 3)
    found = pooled_scores(CLASSES, [(1, whole), (4, part)])
    assert found.missing == (MissingClasses(4, ("sad",)),)
    assert "fold 4: sad" in found.note
    assert found.uar == pytest.approx((2 / 3 + 1 + 0) / 3, abs=SAME)
    means = summarise([(1 + 1 + 0) / 3, (1 / 2 + 1) / 2])
    assert means.mean is not None
    assert abs(found.uar - means.mean) > 0.1  # why it has to be said
    assert pooled_scores(CLASSES, [(1, whole)]).note == ""


def test_pooling_refuses_what_it_cannot_pool():
    with pytest.raises(BadInput, match="no predictions"):
        pooled_scores(CLASSES, [])
    with pytest.raises(BadInput, match="fold 2"):
        pooled_scores(CLASSES, [(1, confusion([0], [0], 3)), (2, confusion([0], [0], 2))])


# folds and seeds


@quick
@given(st.lists(st.lists(st.floats(0, 1), min_size=2, max_size=6), min_size=2, max_size=5))
def test_folds_and_seeds_are_kept_apart(values):
    found = over_seeds(values)
    means = [np.mean(one) for one in values]
    assert (found.folds, found.seeds) == (sum(map(len, values)), len(values))
    assert found.mean == pytest.approx(np.mean(means), abs=SAME)
    assert found.seed_sd == pytest.approx(np.std(means, ddof=1), abs=1e-9)
    within = sum(np.var(one, ddof=1) * (len(one) - 1) for one in values) / sum(len(one) - 1 for one in values)
    assert found.fold_sd == pytest.approx(math.sqrt(within), abs=1e-9)


def test_few_folds_and_seeds():
    assert over_seeds([]).mean is None
    assert over_seeds([[None], []]).seeds == 0
    alone = over_seeds([[0.5, 0.7, None], [None]])
    assert alone == of_one_seed(summarise([0.5, 0.7]))
    assert (alone.seeds, alone.folds, alone.seed_sd) == (1, 2, None)
    assert over_seeds([[0.5], [0.7]]).fold_sd is None


# bootstrap


def resampled_by_hand(truth, predicted, units, replicates, seed):
    """Draw whole units and score the concatenated utterances with scikit-learn."""
    places = [np.flatnonzero(np.asarray(units) == unit) for unit in sorted(set(units))]
    generator = np.random.default_rng(seed)
    scores = []
    for _ in range(replicates):
        rows = np.concatenate([places[draw] for draw in generator.integers(0, len(places), len(places))])
        present = sorted(set(truth[rows].tolist()))
        scores.append(
            (
                recall_score(truth[rows], predicted[rows], labels=present, average="macro"),
                accuracy_score(truth[rows], predicted[rows]),
            )
        )
    return np.quantile(scores, [0.025, 0.975], axis=0)


def test_speakers_are_drawn_whole():
    truth, predicted = predictions(1)
    speakers = [f"{place % 11:02d}" for place in range(len(truth))]
    found = bootstrap(truth, predicted, 3, speakers, replicates=60, seed=5)
    low, high = resampled_by_hand(truth, predicted, speakers, 60, 5)
    assert (found.unit, found.n, found.note) == (SPEAKERS, 11, "")
    assert [found.uar.low, found.war.low] == pytest.approx(low.tolist(), abs=SAME)
    assert [found.uar.high, found.war.high] == pytest.approx(high.tolist(), abs=SAME)


def test_the_interval_is_the_one_scipy_gives():
    truth, predicted = predictions(2, n=80)
    speakers = np.arange(80) % 13
    counts = np.array([confusion(truth[speakers == one], predicted[speakers == one], 3) for one in range(13)])

    def unweighted(drawn):
        matrix = counts[drawn].sum(axis=0)
        return float((matrix.diagonal() / matrix.sum(axis=1)).mean())

    theirs = stats.bootstrap(
        (np.arange(13),), unweighted, n_resamples=300, method="percentile", vectorized=False,
        random_state=np.random.default_rng(9),
    ).confidence_interval  # fmt: skip
    found = bootstrap(truth, predicted, 3, [f"{one:02d}" for one in speakers], replicates=300, seed=9)
    assert [found.uar.low, found.uar.high] == pytest.approx([theirs.low, theirs.high], abs=SAME)


def test_memory_chunks_do_not_change_the_draws(monkeypatch):
    truth, predicted = predictions(3)
    whole = bootstrap(truth, predicted, 3, replicates=50)
    monkeypatch.setattr("timnet.evaluation.bootstrap._AT_ONCE", 7)
    assert bootstrap(truth, predicted, 3, replicates=50) == whole


@pytest.mark.parametrize(
    ("speakers", "said"),
    [((), "speakers of 60 of 60"), (["a"] * 59 + [""], "speakers of 1 of 60"), (["a"] * 60, "only one speaker")],
)
def test_without_speakers_utterances_are_drawn_and_that_is_said(speakers, said):
    truth, predicted = predictions(4, n=60)
    found = bootstrap(truth, predicted, 3, speakers, replicates=40, seed=1)
    low, high = resampled_by_hand(truth, predicted, range(60), 40, 1)
    assert (found.unit, found.n) == (UTTERANCES, 60)
    assert said in found.note
    assert "too narrow" in found.note
    assert [found.uar.low, found.war.high] == pytest.approx([low[0], high[1]], abs=SAME)


def test_few_speakers_are_mentioned():
    truth, predicted = predictions(5)
    speakers = ["DC", "JE", "JK", "KL"] * 30
    assert "only 4 speakers" in bootstrap(truth, predicted, 3, speakers, replicates=10).note


@quick
@given(labels, st.integers(0, 2**32))
def test_an_interval_lies_in_order_and_is_repeatable(pairs, seed):
    truth, predicted = zip(*pairs, strict=True)
    found = bootstrap(truth, predicted, 3, replicates=20, seed=seed)
    assert found == bootstrap(truth, predicted, 3, replicates=20, seed=seed)
    for interval in (found.uar, found.war):
        assert 0 <= interval.low <= interval.high <= 1


def test_a_bootstrap_refuses_what_it_cannot_draw_from():
    for arguments in (([], []), ([0], [0, 1]), ([0], [3]), ([-1], [0])):
        with pytest.raises(BadInput):
            bootstrap(*arguments, 3)
    with pytest.raises(BadInput, match="2 speakers"):
        bootstrap([0], [0], 3, ["a", "b"])
    for wrong in ({"level": 1.0}, {"replicates": 0}):
        with pytest.raises(BadInput, match="replicates"):
            bootstrap([0], [0], 3, **wrong)


# tests


differences = st.lists(st.floats(-0.5, 0.5).map(lambda value: round(value, 4)), min_size=2, max_size=20)


@quick
@given(differences)
def test_without_the_correction_it_is_the_paired_t_test(values):
    found = corrected_t(values, 0)
    if found.t is None:
        assert max(values) - min(values) < 1e-9
        return
    theirs = stats.ttest_1samp(values, 0)
    reach = theirs.confidence_interval(0.95)
    assert found.t == pytest.approx(theirs.statistic, rel=1e-9, abs=SAME)
    assert found.p == pytest.approx(theirs.pvalue, abs=1e-9)
    assert [found.low, found.high] == pytest.approx([reach.low, reach.high], abs=1e-9)


@quick
@given(differences, st.floats(0.01, 2))
def test_the_correction_widens_by_the_ratio(values, ratio):
    plain, found = corrected_t(values, 0), corrected_t(values, ratio)
    if found.t is None or plain.t is None:
        return
    widened = math.sqrt(1 + ratio * len(values))
    assert found.t * widened == pytest.approx(plain.t, rel=1e-9, abs=SAME)
    assert (found.high - found.low) == pytest.approx((plain.high - plain.low) * widened, rel=1e-9)
    assert found.p >= plain.p - SAME
    assert (found.p < 0.05) == (found.low > 0 or found.high < 0) or found.p == pytest.approx(0.05, abs=1e-9)


def test_the_corrected_t_test_on_ten_folds():
    """Worked out with plain numpy: ten folds of a corpus of 535, so test over training is 1 / 9."""
    values = np.array([0.02, 0.05, -0.01, 0.03, 0.04, 0.0, 0.02, 0.06, 0.01, 0.03])
    found = corrected_t(values.tolist(), 1 / 9)
    t = values.mean() / np.sqrt((1 / 10 + 1 / 9) * values.var(ddof=1))
    assert found.t == pytest.approx(t, abs=SAME)
    assert found.p == pytest.approx(2 * stats.t.sf(abs(t), 9), abs=SAME)
    assert (found.difference.n, found.ratio) == (10, 1 / 9)
    assert found.p > stats.ttest_1samp(values, 0).pvalue  # what the plain test claims is too much


def test_no_test_without_two_folds_or_without_spread():
    for values, said in (
        ([], "no fold"),
        ([0.1], "only one fold"),
        ([0.1, 0.1], "no spread"),
        ([0.0] * 5, "no spread"),
    ):
        found = corrected_t(values, 0.1)
        assert (found.t, found.p, found.low) == (None, None, None)
        assert said in str(found.why_not)
        assert found.difference.n == len(values)
    with pytest.raises(BadInput, match="ratio"):
        corrected_t([0.1, 0.2], -1)


@quick
@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 30), st.integers(0, 30))
def test_mcnemar_is_the_one_of_statsmodels(first_only, later_only, both, none):
    if not first_only + later_only + both + none:
        return
    first = [True] * first_only + [False] * later_only + [True] * both + [False] * none
    later = [False] * first_only + [True] * later_only + [True] * both + [False] * none
    found = mcnemar(first, later)
    assert (found.n, found.first_only, found.later_only) == (len(first), first_only, later_only)
    assert found.exact == (first_only + later_only < 25)
    assert found.difference == pytest.approx(np.mean(later) - np.mean(first), abs=SAME)
    if first_only == later_only:
        assert found.p == 1.0
        return
    theirs = statsmodels_mcnemar([[both, first_only], [later_only, none]], exact=found.exact, correction=True)
    assert found.p == pytest.approx(theirs.pvalue, abs=SAME)
    assert found.statistic is None if found.exact else found.statistic == pytest.approx(theirs.statistic, abs=SAME)


def test_the_exact_mcnemar_is_a_binomial_test():
    found = mcnemar([True] * 9 + [False] * 2, [False] * 9 + [True] * 2)
    assert found.p == pytest.approx(stats.binomtest(2, 11).pvalue, abs=SAME)


def test_mcnemar_refuses_other_utterances():
    for first, later in (([], []), ([True], [True, False])):
        with pytest.raises(BadInput, match="same utterances"):
            mcnemar(first, later)
