from __future__ import annotations

import json
import threading
from dataclasses import replace

import numpy as np
import pytest

from timnet.errors import BadInput
from timnet.features import cache as cache_module
from timnet.features.cache import FeatureCache, key_of, shape_of
from timnet.features.recipe import MfccRecipe
from timnet.records import Utterance

RECIPE = MfccRecipe(2048)
UTTERANCES = tuple(Utterance(f"{i}.wav", "angry", "s", sha256=f"{i:064x}") for i in range(3))
SHAPE = (3, 5, 39)


@pytest.fixture
def cache(tmp_path):
    """A cache with the features of :data:`UTTERANCES` in it."""
    made = FeatureCache(tmp_path)
    made.folder.mkdir()
    np.save(made.path_of(key_of(UTTERANCES, RECIPE)), np.arange(3 * 5 * 39, dtype="<f4").reshape(SHAPE))
    return made


def test_what_is_there_is_found_and_mapped_read_only(cache):
    path = cache.find(UTTERANCES, RECIPE)
    assert path == cache.path_of(key_of(UTTERANCES, RECIPE))
    features = cache.open(path, shape_of(UTTERANCES, RECIPE))
    assert isinstance(features, np.memmap)
    assert (features.shape, features.dtype) == (SHAPE, np.float32)
    assert features[2, 4, 38] == 3 * 5 * 39 - 1
    assert not features.flags.writeable


def test_the_key_covers_audio_order_recipe_and_libraries_but_no_labels(monkeypatch):
    key = key_of(UTTERANCES, RECIPE)
    assert key_of(tuple(replace(u, label="sad", path=f"moved/{u.path}") for u in UTTERANCES), RECIPE) == key
    changed = (replace(UTTERANCES[0], sha256="f" * 64), *UTTERANCES[1:])
    others = {key_of(changed, RECIPE), key_of(UTTERANCES[::-1], RECIPE), key_of(UTTERANCES, MfccRecipe(2049))}
    monkeypatch.setattr(cache_module, "library_versions", lambda: {"librosa": "99"})
    others.add(key_of(UTTERANCES, RECIPE))
    assert len(others | {key}) == 5


def test_an_utterance_without_a_digest_has_no_key():
    with pytest.raises(BadInput, match=r"x\.wav was registered without a digest"):
        key_of([Utterance("x.wav", "angry", "s")], RECIPE)


class Trap:
    """An object whose unpickling would be noticed."""

    def __reduce__(self):
        return (pytest.fail, ("a pickle was loaded",))


@pytest.mark.parametrize(
    "damage", ["cut", "empty", "text", "header", "shape", "dtype", "order", "pickle", "folder", "gone"]
)
def test_a_damaged_array_never_counts(cache, damage):
    path = cache.find(UTTERANCES, RECIPE)
    whole = path.read_bytes()
    array = np.load(path)
    path.unlink()
    match damage:
        case "cut":
            path.write_bytes(whole[:-1])
        case "empty":
            path.write_bytes(b"")
        case "text":
            path.write_text("not an array")
        case "header":
            path.write_bytes(whole[:30])
        case "shape":
            np.save(path, array[:2])
        case "dtype":
            np.save(path, array.astype("<f8"))
        case "order":
            np.save(path, np.asfortranarray(array))
        case "pickle":
            np.save(path, np.array([[[Trap()]]], dtype=object), allow_pickle=True)
        case "folder":
            path.mkdir()
    assert cache.find(UTTERANCES, RECIPE) is None
    with pytest.raises(BadInput) as caught:
        cache.open(path, SHAPE)
    assert str(caught.value).isprintable()
    assert path.name in str(caught.value)


def test_entries_are_listed_and_removed(cache):
    (entry,) = cache.entries()
    path = cache.path_of(entry.key)
    assert (entry.key, entry.corpus, entry.bytes) == (key_of(UTTERANCES, RECIPE), "", path.stat().st_size)
    assert entry.made.startswith("20")
    assert entry.made.endswith("Z")
    cache.about(entry.key).write_text(json.dumps({"corpus": "EMODB", "utterances": 3}))
    (cache.folder / f".{path.name}.123.tmp").write_bytes(b"half")
    assert [(e.corpus, e.utterances) for e in cache.entries()] == [("EMODB", 3)]
    for nonsense in ("[]", "{}", "half {", '{"corpus": "E", "utterances": null}'):
        cache.about(entry.key).write_text(nonsense)
        assert [(e.key, e.corpus) for e in cache.entries()] == [(entry.key, "")]
    mapped = cache.open(path, SHAPE)
    cache.remove(entry.key)
    assert cache.entries() == ()
    assert mapped[0, 0, 1] == 1, "who reads it keeps reading"
    assert not cache.about(entry.key).exists()
    for unknown in (entry.key, "../../etc/passwd", "\x1b[2J"):
        with pytest.raises(BadInput, match="holds nothing under"):
            cache.remove(unknown)


def test_a_cache_that_was_never_used_is_empty(tmp_path):
    assert FeatureCache(tmp_path / "none").entries() == ()
    assert FeatureCache(tmp_path / "none").find(UTTERANCES, RECIPE) is None
    assert not (tmp_path / "none").exists()


def test_the_lock_lets_one_in_at_a_time_and_leaves_no_file(cache):
    inside = 0
    most = 0
    entered = 0
    gate = threading.Lock()

    def enter():
        nonlocal inside, most, entered
        for _ in range(40):
            with cache.locked("k"):
                with gate:
                    inside += 1
                    entered += 1
                    most = max(most, inside)
                with gate:
                    inside -= 1

    threads = [threading.Thread(target=enter) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (most, entered) == (1, 240)
    assert not list(cache.folder.glob(".k.lock"))


def test_the_lock_clears_what_a_dead_extractor_left(cache):
    mine, others = cache.folder / ".k.npy.77.tmp", cache.folder / ".other.npy.77.tmp"
    mine.write_bytes(b"half")
    others.write_bytes(b"half")
    with cache.locked("k"):
        assert not mine.exists()
        assert others.exists()


def test_a_cache_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with (
        pytest.raises(BadInput, match=r"cannot write the feature cache .*TIMNET_CACHE"),
        FeatureCache(tmp_path / "file").locked("k"),
    ):
        pytest.fail("locked")
