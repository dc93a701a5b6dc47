"""What test sets share with training, on small corpora and on EMODB."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.support import SHARED, add_corpus, add_experiment
from tests.test_protocols import SPOKEN, rows
from timnet.corpora.service import read_corpus
from timnet.errors import BadInput, UnknownName
from timnet.leakage import leakage, leakage_of, report
from timnet.protocols import Fold, make_folds
from timnet.records import CorpusRecord, TrainingConfig, Utterance
from timnet.registry import Registry


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


def test_an_experiment_s_leakage_is_of_the_folds_it_has_with_its_own_inner_set(tmp_path: Path) -> None:
    with Registry.open(tmp_path / "runs.db") as registry:
        corpus = add_corpus(registry)
        config = TrainingConfig(inner=0.25)
        experiment = add_experiment(registry, corpus, protocol="loso", config=config, folds=10, only=(2, 3))
        found = leakage_of(registry, experiment.id)
        with pytest.raises(UnknownName, match="no experiment 9"):
            leakage_of(registry, 9)
    made = make_folds("loso", corpus.utterances, 10, experiment.seed, 0.25)
    assert (found.protocol, found.of_folds, found.inner, found.seed) == ("loso", 10, 0.25, 46)
    assert [(one.fold, one.tests) for one in found.folds] == [(2, "speaker 01"), (3, "speaker 02")]
    assert [(one.train, one.inner, one.test) for one in found.folds] == [
        (len(fold.train), len(fold.inner), len(fold.test)) for fold in made[1:3]
    ]
    shares = {leak.what: (leak.share, leak.of) for leak in found.leaks}
    assert shares["speaker"] == (0.0, 14)
    assert shares["sentence"] == (1.0, 14)


def test_a_class_that_a_fold_does_not_test_is_named() -> None:
    corpus = CorpusRecord(1, "MINE", "manifest", "", "", ("angry", "fear", "happy", "sad"), 1, 8, "", tuple(SPOKEN))
    found = report(corpus, "loso", 6, 0)
    assert [one.missing for one in found.folds] == [("sad",), (), (), (), (), ()]
    assert report(corpus, "random", 5, 0).folds[0].tests == ""
    with pytest.raises(BadInput, match="no utterances are known"):
        report(replace(corpus, utterances=()), "random", 5, 0)


def test_a_dialogue_is_a_scene_of_a_session_with_its_captured_side() -> None:
    """As IEMOCAP tells them: the take is the captured side, then who speaks and the number."""
    spoken = [
        Utterance(f"{session}{scene}{side}{turn}.wav", "sad", f"{session}F", scene, f"{side}_F{turn}", session=session)
        for session in ("Ses01", "Ses02")
        for scene in ("impro01", "impro02")
        for side in "FM"
        for turn in ("000", "001")
    ]
    rows_of = {
        side: [row for row, one in enumerate(spoken) if one.path.startswith(f"Ses01impro01{side}")] for side in "FM"
    }
    rest = [row for row in range(len(spoken)) if row not in rows_of["F"]]
    apart = Fold(1, np.array(rest), np.array(rows_of["F"]))
    split = Fold(1, np.array(rest), np.array([*rows_of["F"][:1]]), np.array(rows_of["F"][1:]))
    assert shares(spoken, [apart])["dialogue"] == 0.0
    assert shares(spoken, [split])["dialogue"] == 1.0
