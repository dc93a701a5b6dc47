from __future__ import annotations

import io
import os
import pickle
import struct
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.features.published_files import BY_NUMPY_1, arrays, header, pickled, saved, write
from timnet.errors import BadInput, CorpusError
from timnet.features.build import features_of, find_features, open_features, wanted_of
from timnet.features.cache import FeatureCache
from timnet.features.published import LAYOUT, corpus_of, holds, read_features, row_digest

CLASSES = ("angry", "happy", "sad")


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("dtype", ["<f4", "<f8", ">f4", "<f2"])
def test_every_protocol_is_read_bit_for_bit(tmp_path, protocol, dtype):
    held = arrays(dtype=dtype)
    forms = (
        held,
        {"x": np.asfortranarray(held["x"]), "y": np.asfortranarray(held["y"])},
        {"x": np.ascontiguousarray(held["x"].transpose(1, 0, 2)).transpose(1, 0, 2), "y": held["y"].astype("u1")},
        {"x": held["x"][::2].repeat(2, axis=0)[::1], "y": held["y"] > 0, "more": [1, 2.5, None, "text", 2**40]},
    )
    for form in forms:
        read = read_features(write(tmp_path / "a.npy", pickled(form, protocol)))
        assert read.x.dtype == np.dtype(dtype)
        assert read.x.tobytes() == form["x"].tobytes()
        assert read.labels.tolist() == [0, 0, 1, 1, 2, 2]
        assert (read.columns, read.frames) == (3, 3)
    bare = read_features(write(tmp_path / "a.npy", header() + pickle.dumps(held, protocol=protocol)))
    assert bare.x.tobytes() == held["x"].tobytes()


def test_files_of_numpy_1_and_of_this_numpy_are_read(tmp_path):
    old = read_features(write(tmp_path / "old.npy", BY_NUMPY_1))
    assert (old.x.shape, old.x[0, 0, 1], old.x[3, 1, 38]) == ((4, 2, 39), 1.5, -732.25)
    assert old.labels.tolist() == [0, 0, 1, 1]
    held = arrays()
    read = read_features(write(tmp_path / "new.npy", saved(held)))
    np.testing.assert_array_equal(read.x, held["x"])
    rows = list(read.rows())
    assert rows[0].dtype == np.dtype("<f4")
    assert np.stack(rows).tobytes() == held["x"].tobytes()


class Gadget:
    """Its unpickling would call ``call`` with ``arguments``."""

    def __init__(self, call, *arguments):
        self.call = call
        self.arguments = arguments

    def __reduce__(self):
        return self.call, self.arguments


def gadgets(canary: str) -> dict[str, bytes]:
    """Files that would create ``canary`` if anything of them were run."""
    touch = f"__import__('os').system('touch {canary}')"
    good = arrays()
    objects = np.array([[[Gadget(os.system, f"touch {canary}")]]], dtype=object)
    text = f"touch {canary}".encode()
    bad = Gadget(eval, touch)
    found = {
        f"{name} {protocol}": pickled(held, protocol)
        for protocol in range(6)
        for name, held in {
            "system": Gadget(os.system, f"touch {canary}"),
            "eval": bad,
            "open": Gadget(open, canary, "w"),
            "in x": {**good, "x": objects},
            "in y": {**good, "y": np.array([Gadget(eval, touch)] * 6, dtype=object)},
            "beside": {**good, "more": Gadget(subprocess.Popen, ["touch", canary])},
            "load": Gadget(np.load, canary, None, True),
            "getattr": {**good, "more": Gadget(getattr, os, "system")},
            "in a key": {**good, ("more", bad): 1},
        }.items()
        if name != "getattr"
    }
    raw = {
        "global": b"cos\nsystem\n(V" + text + b"\ntR.",
        "inst": b"(V" + text + b"\nios\nsystem\n.",
        "obj": b"(cos\nsystem\nV" + text + b"\no.",
        "newobj": b"\x80\x02cos\nsystem\n(V" + text + b"\nt\x81.",
        "stack global": b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c" + bytes([len(text)]) + text + b"\x85R.",
        "dotted": b"\x80\x04\x8c\x05numpy\x8c\x0ef2py.os.system\x93.",
        "attribute of a stub": b"\x80\x04\x8c\x05numpy\x8c\x13ndarray.__class__.x\x93.",
        "persistent": b"P" + text + b"\n.",
        "binary persistent": b"V" + text + b"\nQ.",
        "extension": b"\x80\x02\x82\x01.",
        "extension 4": b"\x80\x02\x84\x01\x00\x00\x00.",
        "next buffer": b"\x80\x05\x97.",
        "build a stub": b"cnumpy\ndtype\n}Vx\nVy\nsb.",
        "build a stub's slots": b"cnumpy\ndtype\nN}V_make\nVy\ns\x86b.",
        "build encode": b"c_codecs\nencode\n}Vx\nVy\nsb.",
        "call ndarray": b"cnumpy\nndarray\n(tR.",
        "other codec": b"c_codecs\nencode\n(Vx\nVidna\ntR.",
    }
    return found | {name: header() + content for name, content in raw.items()}


def test_no_gadget_is_run_and_each_is_refused_in_one_line(tmp_path):
    canary = tmp_path / "canary"
    for name, content in gadgets(str(canary)).items():
        with pytest.raises(CorpusError) as caught:
            read_features(write(tmp_path / "a.npy", content))
        assert str(caught.value).isprintable(), name
        assert str(caught.value).startswith(f"{tmp_path / 'a.npy'} is no published feature file: "), name
        assert not canary.exists(), name


def test_what_is_refused_is_named(tmp_path):
    with pytest.raises(CorpusError, match=r"asks for (posix|os)\.system, which could run code; nothing was run"):
        read_features(write(tmp_path / "a.npy", pickled(Gadget(os.system, "true"), 4)))
    with pytest.raises(CorpusError, match="an array of Python objects where an array of numbers belongs"):
        read_features(write(tmp_path / "a.npy", pickled({**arrays(), "x": np.array([None] * 6)}, 4)))


def big_claims() -> list[bytes]:
    """Small files that claim 2 GB or more in every way a pickle can."""
    two = 2**31
    reconstruct = b"\x80\x03cnumpy.core.multiarray\n_reconstruct\n"
    array = reconstruct + b"cnumpy\nndarray\nK\x00\x85C\x01b\x87R"
    dtype = b"cnumpy\ndtype\nX\x02\x00\x00\x00f8K\x00K\x01\x87R"
    dtype += b"(K\x03X\x01\x00\x00\x00<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    shape = b"K\x01J\xff\xff\xff\x7fK'\x87"
    claims = [
        b"\x80\x04\x8e" + struct.pack("<Q", two) + b"x",
        b"\x80\x04\x8e" + struct.pack("<Q", 2**63 - 1),
        b"\x80\x05\x96" + struct.pack("<Q", two) + b"x",
        b"\x80\x03B" + struct.pack("<I", two) + b"x",
        b"\x80\x04\x8d" + struct.pack("<Q", two) + b"x",
        b"\x80\x03X" + struct.pack("<I", two) + b"x",
        b"\x80\x04\x95" + struct.pack("<Q", two) + b"N.",
        b"\x80\x02\x8b" + struct.pack("<i", 2**31 - 1) + b"x",
        b"\x80\x02Nr" + struct.pack("<I", 2**31 - 1) + b".",
        b"Np2000000000\n.",
        b"Np-1\n.",
        array + b"(K\x01" + shape + dtype + b"\x89C\x08" + bytes(8) + b"tb.",
        array + b"(K\x01" + shape + dtype + b"\x89C\x00tb.",
        array + b"(K\x01(tR" + shape + dtype + b"\x89C\x00tb.",
        b"\x80\x03]" + b"(" * 1900 + b"N" * 50 + b"e.",
        b"\x80\x03](" + b"N" * 5000 + b"e.",
        b"V" + b"x" * 900 + b"\nq\x00" + b"0c_codecs\nencode\n(h\x00Vlatin1\ntR" * 100 + b".",
        b")" + b"\x85" * 1990 + b".",
        b"}(" + b")" + b"\x85" * 1990 + b"Nu.",
    ]
    return [header() + claim for claim in claims]


def test_a_claim_of_2_gb_allocates_nothing(tmp_path):
    """In a process that may take 400 MB more than it has after its imports."""
    for number, content in enumerate(big_claims()):
        assert len(content) < 8000
        write(tmp_path / f"{number}.npy", content)
    write(tmp_path / "header.npy", b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**31) + b"{")
    program = (
        "import numpy, resource, sys, pathlib\n"
        "from timnet.errors import CorpusError\n"
        "from timnet.features.published import read_features\n"
        "used = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (used + 400 * 2**20,) * 2)\n"
        "for path in sorted(pathlib.Path(sys.argv[1]).glob('*.npy')):\n"
        "    try:\n"
        "        read_features(path)\n"
        "        print('read', path)\n"
        "    except CorpusError as error:\n"
        "        assert error.__cause__ is None or not isinstance(error.__cause__, MemoryError), path\n"
        "        assert not isinstance(error.__cause__.__cause__, MemoryError), path\n"
        "        print(str(error).isprintable() and len(str(error)) < 400)\n"
    )
    if not Path("/proc/self/statm").exists():
        pytest.skip("limits on memory need Linux")
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, timeout=60)
    assert (set(done.stdout.split()), done.returncode) == ({"True"}, 0), (done.stdout, done.stderr)


GOOD = pickled(arrays(n=4, frames=1, classes=2), 4)
STARTS = [pickled(arrays(n=4, frames=1, classes=2), protocol) for protocol in range(6)]
MARKERS = [
    b"c",
    b"R",
    b"b",
    b".",
    b"(",
    b"t",
    b"\x85",
    b"\x93",
    b"0",
    b"2",
    b"h\x00",
    b"q\x00",
    b"\x94",
    b"N",
    b"u",
    b"s",
]


@settings(deadline=2000, max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_mutation_of_a_good_file_does_more_than_be_refused(tmp_path, data):
    content = bytearray(data.draw(st.sampled_from(STARTS)))
    for _ in range(data.draw(st.integers(1, 4))):
        # most of a file is numbers; what matters stands before and after them
        place = data.draw(st.one_of(st.integers(0, min(len(content), 420)), st.integers(0, len(content))))
        change = data.draw(st.one_of(st.sampled_from(MARKERS), st.binary(max_size=6)))
        match data.draw(st.sampled_from(("replace", "insert", "cut", "copy", "end"))):
            case "replace":
                content[place : place + len(change)] = change
            case "insert":
                content[place:place] = change
            case "cut":
                del content[place : place + data.draw(st.integers(1, 40))]
            case "copy":
                content[place:place] = content[place : place + data.draw(st.integers(1, 60))]
            case "end":
                del content[max(place, 1) :]
    path = write(tmp_path / "mutant.npy", bytes(content))
    try:
        read = read_features(path)
    except BadInput as error:
        assert str(error).isprintable()  # noqa: PT017 - either outcome is right
    else:
        assert read.x.ndim == 3
        assert np.isfinite(read.x).all()


def test_all_that_is_no_feature_file_is_one_line(tmp_path):
    good = arrays()
    nan, infinite, huge = good["x"].copy(), good["x"].copy(), good["x"].astype("<f8")
    nan[2, 0, 0], infinite[5, 2, 38], huge[1, 1, 1] = np.nan, -np.inf, 1e300
    soft = good["y"].copy()
    soft[3] = (0.5, 0.5, 0)
    two = good["y"].copy()
    two[1] = 1
    structured = np.zeros(6, dtype=[("a", "<f4")])
    plain = io.BytesIO()
    np.save(plain, good["x"])
    cases = {
        "begin": (b"", b"PK\x03\x04", b"\x93NUMPY", b"\x93NUMPY\x09\x00"),
        "header": (
            b"\x93NUMPY\x01\x00",
            b"\x93NUMPY\x01\x00\x00\x00",
            b"\x93NUMPY\x01\x00\xff\xff" + b"(" * 65535,
            b"\x93NUMPY\x01\x00\xe0\x03" + b"(" * 992,
            b"\x93NUMPY\x01\x00\x04\x00[1]\n",
            b"\x93NUMPY\x01\x00\x0b\x00__import__\n",
        ),
        "another kind": (plain.getvalue(), header("<f4") + b"N."),
        "several Python objects": (header(shape="(2,)") + pickle.dumps([1, 2]),),
        "ends too early|claims": (header(), GOOD[:-1], GOOD[:300], header() + b"cnumpy", header() + b"\x80"),
        "no dict": (saved([1]), saved({"x": good["x"]}), header() + b"N.", header() + pickle.dumps({"X": 1, "y": 2})),
        "no arrays of numbers": (saved({"x": [[1.0]], "y": [1]}), saved({"x": None, "y": None})),
        "of type": (saved({**good, "x": good["x"].astype("<c8")}), saved({**good, "y": np.array(["a"])})),
        "records|of type": (saved({**good, "y": structured}),),
        "float .n, frames, 39. was expected": (
            saved({**good, "x": good["x"][..., :38]}),
            saved({**good, "x": good["x"][0]}),
            saved({**good, "x": good["x"].astype("<i4")}),
        ),
        "one-hot .6, classes. was expected": (
            saved({**good, "y": good["y"][:5]}),
            saved({**good, "y": np.arange(6)}),
        ),
        "nothing to train on": (
            saved({"x": good["x"][:0], "y": good["y"][:0]}),
            saved({**good, "x": good["x"][:, :0]}),
            saved({**good, "y": good["y"][:, :1]}),
        ),
        "not one-hot in row 4": (saved({**good, "y": soft}),),
        "not one-hot in row 2": (saved({**good, "y": two}),),
        "not one-hot in row 1": (saved({**good, "y": good["y"] * np.nan}),),
        "no finite number in row 3": (saved({**good, "x": nan}),),
        "no finite number in row 6": (saved({**good, "x": infinite}),),
        "no finite number in row 2": (saved({**good, "x": huge}),),
    }
    for reason, contents in cases.items():
        for content in contents:
            with pytest.raises(CorpusError, match=rf"is no published feature file: .*({reason})") as caught:
                read_features(write(tmp_path / "a.npy", content))
            assert str(caught.value).isprintable()
    os.mkfifo(tmp_path / "pipe.npy")
    for path in (tmp_path, tmp_path / "none.npy", tmp_path / "pipe.npy", tmp_path / "nul\0.npy"):
        with pytest.raises(CorpusError, match="regular file"):
            read_features(path)


@pytest.fixture
def corpus(tmp_path):
    """A registered-like corpus of six rows from a file of three classes."""
    path = write(tmp_path / "TOY.npy", saved(arrays()))
    return corpus_of(path, "TOY", CLASSES, signal_length=1500, tabs=8)


def test_a_corpus_of_rows_has_labels_and_digests_but_no_speakers(corpus, tmp_path):
    assert (corpus.layout, corpus.path) == (LAYOUT, str(tmp_path / "TOY.npy"))
    assert [u.path for u in corpus.utterances] == [f"TOY.npy#{n:04d}" for n in range(1, 7)]
    assert [u.label for u in corpus.utterances] == ["angry", "angry", "happy", "happy", "sad", "sad"]
    assert {u.speaker for u in corpus.utterances} == {""}
    assert corpus.utterances[4].sha256 == row_digest(arrays()["x"][4])
    assert (corpus.signal_length, corpus.tabs) == (1500, 8), "1500 samples are 3 frames"
    other = corpus_of(Path(corpus.path), "TOY", CLASSES, signal_length=96_000, tabs=5)
    assert (other.signal_length, other.tabs) == (1024, 8), "the file's own frames decide"
    with pytest.raises(CorpusError, match=r"has 3 classes, TOY has 2 \(a, b\)"):
        corpus_of(Path(corpus.path), "TOY", ("a", "b"), 1500, 8)


def test_its_features_are_the_file_s_rows_and_come_back_after_the_cache_was_cleared(corpus, tmp_path):
    cache = tmp_path / "cache"
    assert find_features(corpus, cache) is None
    path = features_of(corpus, cache)
    np.testing.assert_array_equal(open_features(corpus, cache, path), arrays()["x"])
    assert find_features(corpus, cache) == path
    (entry,) = FeatureCache(cache).entries()
    assert (entry.key, entry.corpus, entry.utterances) == (wanted_of(corpus).key, "TOY", 6)
    assert dict(entry.libraries) == {}
    FeatureCache(cache).remove(entry.key)
    assert features_of(corpus, cache) == path
    Path(corpus.path).unlink()
    assert features_of(corpus, cache) == path, "what is cached needs no file"
    FeatureCache(cache).remove(entry.key)
    with pytest.raises(CorpusError, match=r"TOY\.npy is no regular file"):
        features_of(corpus, cache)


@pytest.mark.parametrize("change", ["a value", "a label", "fewer rows", "more classes", "nonsense"])
def test_a_file_that_changed_is_refused_with_that_reason(corpus, tmp_path, change):
    held = arrays()
    match change:
        case "a value":
            held["x"][2, 1, 7] += 0.5
        case "a label":
            held["y"] = held["y"][::-1]
        case "fewer rows":
            held = {name: array[:5] for name, array in held.items()}
        case "more classes":
            held["y"] = np.pad(held["y"], ((0, 0), (0, 1)))
    content = b"nonsense" if change == "nonsense" else saved(held)
    write(Path(corpus.path), content)
    with pytest.raises(CorpusError, match=r"TOY\.npy (has changed since TOY was added|is no published feature file)"):
        features_of(corpus, tmp_path / "cache")
    assert not list((tmp_path / "cache").rglob("*.npy"))
    if change != "nonsense":
        assert not holds(read_features(Path(corpus.path)), corpus)


def test_rows_and_recordings_never_share_a_key(corpus):
    assert wanted_of(corpus).key != wanted_of(replace(corpus, layout="raw")).key
    assert wanted_of(corpus).shape == (6, 3, 39)
