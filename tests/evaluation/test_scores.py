"""Scores, against scikit-learn and against what must always hold."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from timnet.errors import BadInput
from timnet.evaluation.scores import confusion, missing_classes, recalls, uar, war

CLASSES = 5
labels = st.integers(0, CLASSES - 1)
pairs = st.lists(st.tuples(labels, labels), min_size=1, max_size=60)


def of(pairs: list[tuple[int, int]]) -> tuple[list[int], list[int]]:
    return [t for t, _ in pairs], [p for _, p in pairs]


@given(pairs)
def test_agrees_with_scikit_learn(pairs):
    truth, predicted = of(pairs)
    matrix = confusion(truth, predicted, CLASSES)
    assert matrix.dtype == np.int64
    assert np.array_equal(matrix, metrics.confusion_matrix(truth, predicted, labels=range(CLASSES)))
    assert war(matrix) == pytest.approx(metrics.accuracy_score(truth, predicted), abs=1e-12)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn warns of predicted classes that never occur
        assert uar(matrix) == pytest.approx(metrics.balanced_accuracy_score(truth, predicted), abs=1e-12)


@given(pairs)
def test_missing_classes_have_no_recall(pairs):
    truth, predicted = of(pairs)
    matrix = confusion(truth, predicted, CLASSES)
    missing = missing_classes(matrix)
    assert set(missing) == set(range(CLASSES)) - set(truth)
    assert [index for index, recall in enumerate(recalls(matrix)) if recall is None] == list(missing)


@given(pairs, st.randoms(use_true_random=False))
def test_the_order_of_utterances_does_not_matter(pairs, random):
    shuffled = random.sample(pairs, len(pairs))
    assert np.array_equal(confusion(*of(pairs), CLASSES), confusion(*of(shuffled), CLASSES))


def test_rows_are_the_truth():
    assert confusion([0, 0, 1], [0, 1, 1], 2).tolist() == [[1, 1], [0, 1]]


def test_a_rare_class_counts_as_much_as_a_frequent_one():
    matrix = confusion([0] * 9 + [1], [0] * 10, 2)
    assert war(matrix) == pytest.approx(0.9)
    assert uar(matrix) == pytest.approx(0.5)


def test_a_class_that_is_absent_from_the_truth_does_not_lower_uar():
    assert uar(confusion([0, 1], [0, 1], 3)) == 1.0


@pytest.mark.parametrize(
    ("truth", "predicted", "says"),
    [([0, 1], [0], "2 true labels but 1 predictions"), ([0, 3], [0, 0], "true label 3"), ([0], [-1], "prediction -1")],
)
def test_what_cannot_be_counted_is_refused_in_one_line(truth, predicted, says):
    with pytest.raises(BadInput, match=says):
        confusion(truth, predicted, 3)


def test_nothing_has_no_score():
    empty = confusion([], [], 3)
    assert empty.tolist() == [[0] * 3] * 3
    assert recalls(empty) == (None, None, None)
    for score in (war, uar):
        with pytest.raises(BadInput, match="no predictions"):
            score(empty)
