from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from timnet.errors import BadInput
from timnet.protocols import PROTOCOLS, Protocol, check_folds, describe, make_folds, random_folds
from timnet.records import Utterance


def rows(n: int) -> list[Utterance]:
    return [Utterance(f"{i}.wav", "angry", "s") for i in range(n)]


@settings(deadline=None, max_examples=40)
@given(st.integers(2, 60), st.integers(2, 10), st.integers(0, 2**32 - 1))
def test_every_row_is_tested_once_and_trained_on_otherwise(n, folds, seed):
    folds = min(n, folds)
    made = random_folds(n, folds, seed)
    assert [fold.number for fold in made] == list(range(1, folds + 1))
    assert sorted(np.concatenate([fold.test for fold in made])) == list(range(n))
    for fold in made:
        assert fold.train.dtype == fold.test.dtype == np.int64
        assert sorted({*fold.train, *fold.test}) == list(range(n))
        assert len(fold.train) + len(fold.test) == n
        assert list(fold.train) == sorted(fold.train)
        assert list(fold.test) == sorted(fold.test)
        assert n // folds <= len(fold.test) <= -(-n // folds)


def test_the_folds_of_emodb_s_published_seed_are_scikit_learn_s():
    from sklearn.model_selection import KFold

    published = list(KFold(10, shuffle=True, random_state=46).split(range(535)))
    for fold, (train, test) in zip(make_folds("random", rows(535), 10, 46), published, strict=True):
        np.testing.assert_array_equal(fold.train, train)
        np.testing.assert_array_equal(fold.test, test)


def test_the_seed_decides_the_folds():
    first, again, other = (make_folds("random", rows(40), 4, seed)[0].test.tolist() for seed in (1, 1, 2))
    assert first == again != other


@pytest.mark.parametrize(
    ("protocol", "n", "folds", "seed", "line"),
    [
        ("lo\nso", 10, 2, 0, "unknown protocol .*known: random"),
        ("random", 10, 1, 0, "2 folds or more, not 1"),
        ("random", 10, -3, 0, "2 folds or more, not -3"),
        ("random", 3, 4, 0, "3 utterances cannot be split into 4 folds"),
        ("random", 0, 2, 0, "0 utterances cannot be split"),
        ("random", 10, 2, -1, "a seed is a number from 0"),
        ("random", 10, 2, 2**32, "a seed is a number from 0"),
    ],
)
def test_what_cannot_be_split_is_one_line(protocol, n, folds, seed, line):
    with pytest.raises(BadInput, match=line) as caught:
        make_folds(protocol, rows(n), folds, seed)
    assert str(caught.value).isprintable()


def test_a_protocol_that_needs_speakers_says_why_it_cannot_be(monkeypatch):
    held = Protocol(
        "held", "by speaker", lambda utterances, folds, seed: random_folds(len(utterances), folds, seed), True
    )
    monkeypatch.setattr("timnet.protocols.PROTOCOLS", {"held": held})
    unknown = [Utterance(f"TOY.npy#{n:04d}", "angry", "a" if n else "") for n in range(4)]
    for call in (check_folds, make_folds):
        with pytest.raises(BadInput, match="protocol held needs to know who speaks, and 1 of 4 utterances do not tell"):
            call("held", unknown, 2, 0)
        with pytest.raises(BadInput, match="needs two speakers or more; all utterances are by one"):
            call("held", rows(4), 2, 0)
        call("held", [Utterance(f"{n}.wav", "angry", f"s{n % 2}") for n in range(4)], 2, 0)


def test_every_protocol_is_described_in_one_line():
    assert [describe(name).isprintable() for name in PROTOCOLS] == [True] * len(PROTOCOLS)
    with pytest.raises(BadInput, match="unknown protocol"):
        describe("nothing")
