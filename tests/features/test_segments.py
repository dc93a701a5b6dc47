"""Parts of files, and our features beside librosa's own call."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import librosa
import numpy as np
import pytest
import soundfile

from tests.features.published_files import arrays, saved, write
from timnet.corpora.own import read_own
from timnet.errors import BadInput, UnknownName
from timnet.features.build import check_features, features_of, open_features, wanted_of
from timnet.features.cache import key_of
from timnet.features.compare import compare
from timnet.features.comparison import TOLERANCE, Comparison
from timnet.features.extract import Order, extract
from timnet.features.published import corpus_of
from timnet.features.recipe import MfccRecipe
from timnet.records import CorpusRecord, Utterance

pytestmark = pytest.mark.engine
LENGTH = 12_000


@pytest.fixture
def corpus(tmp_path):
    """A manifest of one stereo recording at 48 kHz, whole and in parts, and one at 16 kHz."""
    sound = np.random.default_rng(3).normal(0, 0.1, (48_000 * 2, 2))
    soundfile.write(tmp_path / "long.wav", sound, 48_000)
    soundfile.write(tmp_path / "short.flac", sound[:4000, 0], 16_000)
    (tmp_path / "m.csv").write_text(
        "path,label,start,end\n"
        "long.wav,a,,\nlong.wav,a,0.25,0.75\nlong.wav,b,0.7501,\nlong.wav,b,1.5,2.01\nshort.flac,b,0.1,\n"
    )
    read = read_own(tmp_path / "m.csv")
    return CorpusRecord(1, "MINE", read.layout, str(tmp_path), "", read.classes, LENGTH, 8, "", read.utterances)


@pytest.fixture
def cached(corpus, tmp_path):
    """The corpus's features, extracted in this process."""
    order = Order("MINE", tmp_path, corpus.utterances, MfccRecipe(LENGTH), tmp_path / "cache", jobs=1)
    return extract(order, lambda _: None)


def test_parts_are_decoded_as_librosa_does(corpus, cached, tmp_path):
    features = open_features(corpus, tmp_path / "cache", cached)
    for row, utterance in zip(features, corpus.utterances, strict=True):
        duration = None if utterance.end is None else utterance.end - utterance.start
        signal, rate = librosa.load(tmp_path / utterance.path, offset=utterance.start, duration=duration)
        missing = max(0, LENGTH - len(signal))
        fitted = np.pad(signal, (missing // 2, missing - missing // 2))
        start = (len(fitted) - LENGTH) // 2
        own = librosa.feature.mfcc(y=fitted[start : start + LENGTH], sr=rate, n_mfcc=39).T
        np.testing.assert_allclose(row, own, atol=1e-3)


def test_the_check_runs_in_a_process_of_its_own_and_says_how_far_it_is(corpus, cached, tmp_path):
    told = []
    found = check_features(corpus, tmp_path / "cache", told.append)
    assert found.equal
    assert (found.utterances, found.tolerance) == (5, TOLERANCE)
    assert found.largest < 1e-3
    assert [(one.done, one.total) for one in told] == [(n, 5) for n in range(1, 6)]
    with pytest.raises(UnknownName, match=r"no features of MINE in .*; make them with"):
        check_features(corpus, tmp_path / "elsewhere")


def test_a_difference_is_found_and_named(corpus, cached, tmp_path):
    def found() -> Comparison:
        words = (tmp_path, corpus.utterances, MfccRecipe(LENGTH), tmp_path / "cache")
        return Comparison(**compare(*words, lambda _: None))

    data = np.load(cached)
    data[2, 3, 4] += 0.5
    np.save(cached, data)
    assert not found().equal
    assert found().largest == pytest.approx(0.5, abs=1e-3)
    assert found().path == corpus.utterances[2].path
    assert found().to_dict()["equal"] is False
    data[2, 3, 4] = np.nan
    np.save(cached, data)
    with pytest.raises(BadInput, match=r"features of long\.wav are no numbers"):
        found()
    data[2, 3, 4] = 0
    np.save(cached, data)
    (tmp_path / "short.flac").unlink()
    with pytest.raises(BadInput, match=r"cannot read .*short\.flac"):
        found()


def test_start_and_end_belong_to_the_key_and_whole_files_keep_theirs():
    whole = Utterance("a.wav", "a", "", sha256="1" * 64)
    recipe = MfccRecipe(LENGTH)
    keys = {
        key_of([one], recipe)
        for one in (whole, replace(whole, start=0.5), replace(whole, end=0.5), replace(whole, start=0.5, end=1.0))
    }
    assert len(keys) == 4


def test_published_features_are_checked_against_their_file(tmp_path):
    path = write(tmp_path / "TOY.npy", saved(arrays()))
    corpus = corpus_of(path, "TOY", ("a", "b", "c"), 1500, 8)
    cached = features_of(corpus, tmp_path)
    found = check_features(corpus, tmp_path)
    assert (found.equal, found.largest, found.path) == (True, 0.0, "")
    data = np.load(cached)
    data[4] += 0.25
    np.save(cached, data)
    found = check_features(corpus, tmp_path)
    assert (found.equal, found.path) == (False, "TOY.npy#0005")
    Path(path).write_bytes(b"changed")
    with pytest.raises(BadInput):
        check_features(corpus, tmp_path)
    assert wanted_of(corpus).key == cached.stem
