from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from timnet.errors import BadInput, UnknownName
from timnet.features.build import find_features, wanted_of
from timnet.features.cache import FeatureCache
from timnet.features.libraries import library_versions
from timnet.features.shelf import Use, remove_entry, remove_of, remove_stale, shelf
from timnet.records import CorpusRecord, Utterance

UTTERANCES = tuple(Utterance(f"{i}.wav", "angry", "s", sha256=f"{i:064x}") for i in range(3))
NOW = CorpusRecord(1, "MINE", "manifest", "/x", "d", ("angry",), 2048, 8, "", UTTERANCES)


def put(root, corpus: CorpusRecord, libraries: dict[str, str] | None = None) -> str:
    """Cached features of ``corpus``, as if extracted by ``libraries``."""
    cache = FeatureCache(root)
    cache.folder.mkdir(parents=True, exist_ok=True)
    wanted = wanted_of(corpus)
    about = {
        "corpus": corpus.name,
        "utterances": len(corpus.utterances),
        "libraries": library_versions() if libraries is None else libraries,
    }
    cache.write(wanted.key, wanted.shape, iter(np.zeros(wanted.shape, "<f4")), about)
    return wanted.key


@pytest.fixture
def keys(tmp_path, monkeypatch):
    """Entries of every use, by their use."""
    made = {
        Use.CURRENT: put(tmp_path, NOW),
        Use.OLD_VERSION: put(tmp_path, replace(NOW, utterances=UTTERANCES[:2])),
        Use.UNKNOWN: put(tmp_path, replace(NOW, name="OTHER", signal_length=4096)),
    }
    with monkeypatch.context() as patched:
        patched.setattr("timnet.features.cache.library_versions", lambda: {"librosa": "0.1"})
        made[Use.OTHER_LIBRARIES] = put(tmp_path, NOW, {"librosa": "0.1"})
    return made


def test_every_entry_has_its_use(keys, tmp_path):
    assert {one.entry.key: one.use for one in shelf(tmp_path, [NOW])} == {key: use for use, key in keys.items()}
    assert {one.use for one in shelf(tmp_path, [NOW]) if one.stale} == {Use.OLD_VERSION, Use.OTHER_LIBRARIES}
    assert {one.use for one in shelf(tmp_path, [])} == {Use.UNKNOWN, Use.OTHER_LIBRARIES}
    told = [one.to_dict() for one in shelf(tmp_path, [NOW])]
    assert json.loads(json.dumps(told)) == told
    current = next(one for one in told if one["use"] == "current")
    assert (current["corpus"], current["utterances"], current["stale"]) == ("MINE", 3, False)
    assert current["bytes"] == 128 + 3 * 5 * 39 * 4


def test_what_is_stale_is_removed_and_nothing_else(keys, tmp_path):
    gone = remove_stale(tmp_path, [NOW])
    assert {one.entry.key for one in gone} == {keys[Use.OLD_VERSION], keys[Use.OTHER_LIBRARIES]}
    assert {one.entry.key for one in shelf(tmp_path, [NOW])} == {keys[Use.CURRENT], keys[Use.UNKNOWN]}
    assert remove_stale(tmp_path, [NOW]) == ()
    assert find_features(NOW, tmp_path)


def test_one_entry_or_one_corpus_is_removed(keys, tmp_path):
    assert remove_of(tmp_path, NOW) == keys[Use.CURRENT]
    assert find_features(NOW, tmp_path) is None
    with pytest.raises(UnknownName, match="no features of MINE"):
        remove_of(tmp_path, NOW)
    assert remove_entry(tmp_path, keys[Use.UNKNOWN][:12]).corpus == "OTHER"
    for key in ("", keys[Use.UNKNOWN], "../x", "\x1b"):
        with pytest.raises(BadInput, match=r"holds (nothing|\d entries) under") as caught:
            remove_entry(tmp_path, key)
        assert str(caught.value).isprintable()
    assert len(shelf(tmp_path, [NOW])) == 2


def test_a_description_that_is_gone_or_nonsense_makes_nothing_stale(keys, tmp_path):
    cache = FeatureCache(tmp_path)
    cache.about(keys[Use.OLD_VERSION]).write_text('{"corpus": "MINE", "utterances": 1, "libraries": 3}')
    cache.about(keys[Use.OTHER_LIBRARIES]).unlink()
    assert remove_stale(tmp_path, [NOW]) == ()


def test_a_corpus_without_digests_asks_for_nothing(tmp_path):
    old = replace(NOW, utterances=(Utterance("a.wav", "angry", "s"),))
    put(tmp_path, NOW)
    assert [one.use for one in shelf(tmp_path, [old])] == [Use.OLD_VERSION]
