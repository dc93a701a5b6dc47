from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from timnet.errors import BadInput
from timnet.protocols import (
    PROTOCOLS,
    check_corpus,
    check_folds,
    describe,
    fold_names,
    folds_of,
    make_folds,
    random_folds,
)
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


@pytest.mark.parametrize(
    ("n", "folds", "seed"), [(535, 10, 46), (5, 5, 0), (23, 4, 2**32 - 1), (1200, 7, 16), (2, 2, 1)]
)
def test_random_folds_are_scikit_learn_s(n, folds, seed):
    """With 535 rows, 10 folds and seed 46 they are those that were published for EMODB."""
    from sklearn.model_selection import KFold

    expected = list(KFold(folds, shuffle=True, random_state=seed).split(range(n)))
    for fold, (train, test) in zip(make_folds("random", rows(n), folds, seed), expected, strict=True):
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


SPOKEN = [
    Utterance(f"{speaker}{sentence}{label}{take}.wav", label, speaker, sentence, take, session=f"s{int(speaker) % 3}")
    for speaker in ("8", "9", "10", "11", "12", "13")
    for sentence in ("a01", "a02", "b01")
    for label in ("angry", "fear", "happy", "sad")
    for take in ("a", "b")
    if (speaker, label) != ("8", "sad")  # as in EMODB, one speaker lacks a class
]
KEPT_APART = {"loso": "speaker", "loso-session": "session", "speakers-k": "speaker", "text": "sentence"}


@pytest.mark.parametrize("inner", [0.0, 0.1, 0.25])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_parts_of_every_fold_are_disjoint_in_what_the_protocol_keeps_apart(protocol, inner):
    folds = folds_of(protocol, SPOKEN, None, 3)
    made = make_folds(protocol, SPOKEN, folds, 46, inner)
    assert [fold.number for fold in made] == list(range(1, folds + 1))
    if PROTOCOLS[protocol].fixed is None:
        assert sorted(np.concatenate([fold.test for fold in made])) == list(range(len(SPOKEN)))
    for fold in made:
        assert sorted([*fold.train, *fold.inner, *fold.test]) == list(range(len(SPOKEN)))
        assert bool(len(fold.inner)) == bool(inner)
        for part in (fold.train, fold.inner, fold.test):
            assert part.dtype == np.int64
            assert list(part) == sorted(part)
        if protocol in KEPT_APART:
            kinds = [
                {getattr(SPOKEN[row], KEPT_APART[protocol]) for row in part}
                for part in (fold.train, fold.inner, fold.test)
            ]
            assert sum(map(len, kinds)) == len(set.union(*kinds))
    again = make_folds(protocol, SPOKEN, folds, 46, inner)
    assert [fold.inner.tolist() for fold in again] == [fold.inner.tolist() for fold in made]


def test_across_corpora_each_source_is_tested_once_and_the_inner_set_shares_no_speaker_with_training():
    made = make_folds("cross", SPOKEN, 3, 46, 0.3)
    assert [{SPOKEN[row].session for row in fold.test} for fold in made] == [{"s0"}, {"s1"}, {"s2"}]
    for fold in made:
        parts = [{SPOKEN[row].speaker for row in part} for part in (fold.train, fold.inner, fold.test)]
        assert all(parts)
        assert sum(map(len, parts)) == len(set.union(*parts))
    assert fold_names("cross", SPOKEN) == ("corpus s0", "corpus s1", "corpus s2")
    assert fold_names("random", SPOKEN) == ()


def test_across_two_corpora_an_inner_set_can_be_made_and_where_speakers_are_unknown_it_is_of_every_class():
    two = [one for one in SPOKEN if one.session != "s2"]
    assert [len(fold.inner) > 0 for fold in make_folds("cross", two, 2, 1, 0.1)] == [True, True]
    nobody = [replace(one, speaker="") for one in two]
    for fold in make_folds("cross", nobody, 2, 1, 0.2):
        assert {nobody[row].label for row in fold.inner} == {"angry", "fear", "happy", "sad"}
        assert not set(fold.inner) & {*fold.train, *fold.test}


def test_cross_is_for_combined_corpora():
    check_corpus("cross", "combined")
    check_corpus("loso", "combined")
    with pytest.raises(BadInput, match="make a corpus of two or more first: timnet corpora combine"):
        check_corpus("cross", "emodb")
    with pytest.raises(BadInput, match="unknown protocol"):
        check_corpus("crossed", "combined")


def test_leaving_one_speaker_out_goes_through_them_in_the_order_of_their_numbers():
    made = make_folds("loso", SPOKEN, 6, 0)
    assert [{SPOKEN[row].speaker for row in fold.test} for fold in made] == [
        {s} for s in ("8", "9", "10", "11", "12", "13")
    ]
    assert {SPOKEN[row].label for row in made[0].test} == {"angry", "fear", "happy"}


def test_an_inner_set_is_about_its_share_and_stratified_where_nothing_is_kept_apart():
    for fold in make_folds("stratified", SPOKEN, 4, 1, 0.2):
        share = len(fold.inner) / (len(fold.inner) + len(fold.train))
        assert 0.15 < share < 0.25
        assert {SPOKEN[row].label for row in fold.inner} == {"angry", "fear", "happy", "sad"}


def test_the_corpus_decides_how_many_folds_there_are_where_each_speaker_is_one():
    assert folds_of("loso", SPOKEN, None, 10) == folds_of("loso", SPOKEN, 6, 10) == 6
    assert folds_of("loso-session", SPOKEN, None, 10) == 3
    assert folds_of("holdout", SPOKEN, None, 10) == 1
    assert folds_of("random", SPOKEN, None, 10) == 10
    assert folds_of("speakers-k", SPOKEN, 3, 10) == 3
    with pytest.raises(BadInput, match="protocol loso has 6 folds here, not 10"):
        folds_of("loso", SPOKEN, 10, 10)


@pytest.mark.parametrize(
    ("protocol", "folds", "inner", "line"),
    [
        ("loso", 5, 0.0, "protocol loso has 6 folds here, not 5"),
        ("holdout", 2, 0.0, "protocol holdout has 1 folds here, not 2"),
        ("speakers-k", 7, 0.0, "6 speakers cannot be split into 7 folds"),
        ("text", 4, 0.0, "3 sentences cannot be split into 4 folds"),
        ("stratified", 40, 0.0, "class sad has 30 utterances, too few"),
        ("random", 4, 0.6, "inner = 0.6 is no share"),
        ("random", 4, -0.1, "inner = -0.1 is no share"),
        ("text", 2, 0.1, "3 sentences in 2 folds leave too few sentences to train"),
    ],
)
def test_what_a_protocol_cannot_do_is_one_line(protocol, folds, inner, line):
    for call in (check_folds, make_folds):
        with pytest.raises(BadInput, match=line):
            call(protocol, SPOKEN, folds, 0, inner)


def test_a_protocol_that_needs_speakers_says_why_it_cannot_be():
    unknown = [Utterance(f"TOY.npy#{n:04d}", "angry", "a" if n else "") for n in range(4)]
    for call in (check_folds, make_folds):
        with pytest.raises(BadInput, match="protocol loso needs to know who speaks, and 1 of 4 utterances do not tell"):
            call("loso", unknown, 2, 0)
        with pytest.raises(BadInput, match="needs two speakers or more; all utterances are of one"):
            call("loso", rows(4), 1, 0)
        call("loso", [Utterance(f"{n}.wav", "angry", f"s{n % 2}") for n in range(4)], 2, 0)
    with pytest.raises(BadInput, match="protocol text needs to know which sentence is spoken"):
        check_folds("text", rows(4), 2, 0)


def test_every_protocol_is_described_in_one_line():
    assert [describe(name).isprintable() for name in PROTOCOLS] == [True] * len(PROTOCOLS)
    with pytest.raises(BadInput, match="unknown protocol"):
        describe("nothing")
