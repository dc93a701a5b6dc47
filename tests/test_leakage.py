"""What test sets share with training, on small corpora and on EMODB."""

from __future__ import annotations

import pytest

from tests.support import SHARED
from tests.test_protocols import SPOKEN, rows
from timnet.corpora.service import read_corpus
from timnet.leakage import leakage
from timnet.protocols import make_folds


def shares(utterances, folds):  # type: ignore[no-untyped-def]
    return {leak.what: leak.share for leak in leakage(utterances, folds)}


def test_a_speaker_left_out_leaks_no_speaker_but_every_sentence() -> None:
    found = shares(SPOKEN, make_folds("loso", SPOKEN, 6, 0, 0.1))
    assert found["speaker"] == found["sentence by the same speaker"] == found["other take of the same"] == 0.0
    assert found["sentence"] == found["sentence in the same emotion"] == 1.0


def test_folds_by_sentence_leak_speakers_alone() -> None:
    found = shares(SPOKEN, make_folds("text", SPOKEN, 3, 0))
    assert (found["sentence"], found["speaker"]) == (0.0, 1.0)


def test_what_is_not_told_has_no_share() -> None:
    found = {leak.what: leak for leak in leakage(rows(20), make_folds("random", rows(20), 4, 0))}
    assert (found["speaker"].share, found["speaker"].of) == (1.0, 20)
    assert (found["sentence"].share, found["sentence"].of) == (None, 0)


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs the shared recordings of EMODB")
def test_on_emodb_the_published_folds_leak_every_speaker_and_leaving_one_out_none() -> None:
    utterances = read_corpus("EMODB", SHARED / "corpora" / "EMODB").record.utterances
    published = shares(utterances, make_folds("random", utterances, 10, 46))
    assert published["speaker"] == 1.0
    assert published["sentence in the same emotion"] > 0.99
    folds = make_folds("loso", utterances, 10, 46)
    assert shares(utterances, folds)["speaker"] == 0.0
    of = [{utterances[row].speaker for row in fold.test} for fold in folds]
    assert of == [{speaker} for speaker in ("03", "08", "09", "10", "11", "12", "13", "14", "15", "16")]
    assert "disgust" not in {utterances[row].label for row in folds[1].test}  # speaker 08
