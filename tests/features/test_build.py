from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import psutil
import pytest

from tests.corpora.recordings import EMODB_WAVS, needs_emodb, write_wav
from timnet.corpora.emodb import EMODB
from timnet.corpora.scan import Scan, scan
from timnet.errors import BadInput, CorpusError
from timnet.features.build import ensure_features
from timnet.features.cache import FeatureCache, key_of
from timnet.features.extract import Order, extract, read_utterances
from timnet.features.mfcc import mfcc
from timnet.features.recipe import MfccRecipe
from timnet.tasks import Progress

pytestmark = pytest.mark.engine
RECIPE = MfccRecipe(EMODB.signal_length)


@pytest.fixture(scope="module")
def emodb() -> Scan:
    return scan(EMODB_WAVS, EMODB)


def start(folder: Path, utterances, cache: Path, jobs: int = 1) -> subprocess.Popen[str]:
    """The child process that extracts, as a front end starts it."""
    listed = cache.parent / f"{cache.name}.json"
    listed.write_text(json.dumps([asdict(u) for u in utterances]))
    words = ("--folder", folder, "--utterances", listed, "--cache", cache, "--signal-length", 96_000, "--jobs", jobs)
    return subprocess.Popen(
        [sys.executable, "-m", "timnet.features", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for_rows(child: subprocess.Popen[str], rows: int) -> None:
    """Return once the child has told that it has written ``rows`` rows."""
    for line in child.stdout:
        if json.loads(line).get("done", 0) >= rows:
            return
    pytest.fail(f"it ended early: {child.stderr.read()}")


def extract_here(folder: Path, utterances, root: Path) -> Path:
    return extract(Order("EMODB", folder, tuple(utterances), RECIPE, root, jobs=1), lambda _: None)


@needs_emodb
def test_emodb_s_features_are_extracted_once_in_row_order_by_several_processes(emodb, tmp_path):
    told: list[Progress] = []
    path = ensure_features(EMODB_WAVS, emodb.utterances, RECIPE, tmp_path, 2, told.append, corpus="EMODB")
    features = FeatureCache(tmp_path).open(path, (535, 188, 39))
    assert np.isfinite(features).all()
    for row in range(0, 535, 89):
        expected = mfcc(EMODB_WAVS / emodb.utterances[row].path, RECIPE)
        np.testing.assert_allclose(features[row], expected, rtol=1e-5, atol=1e-3)
    assert [(p.done, p.total) for p in told] == [(n, 535) for n in range(1, 536)]
    assert [p.text for p in told] == [u.path for u in emodb.utterances]
    (entry,) = FeatureCache(tmp_path).entries()
    assert (entry.corpus, entry.utterances, entry.bytes) == ("EMODB", 535, path.stat().st_size)
    assert sorted(p.name for p in (tmp_path / "features").iterdir()) == [f"{entry.key}.json", f"{entry.key}.npy"]
    before = path.stat().st_mtime_ns
    told.clear()
    again = ensure_features(EMODB_WAVS, emodb.utterances, RECIPE, tmp_path, 2, told.append)
    assert (again, again.stat().st_mtime_ns, told) == (path, before, [])


@needs_emodb
def test_a_killed_extractor_leaves_no_features_and_no_processes(emodb, tmp_path):
    child = start(EMODB_WAVS, emodb.utterances, tmp_path / "cache", jobs=2)
    wait_for_rows(child, 30)
    workers = psutil.Process(child.pid).children(recursive=True)
    child.kill()
    child.communicate()
    assert len(workers) >= 2
    _, alive = psutil.wait_procs(workers, timeout=20)
    assert alive == []
    cache = FeatureCache(tmp_path / "cache")
    key = key_of(emodb.utterances, RECIPE)
    assert list(cache.folder.glob(f".{key}.npy.*.tmp")), "it was at work"
    assert cache.find(emodb.utterances, RECIPE) is None
    assert cache.entries() == ()
    with cache.locked(key):  # what the next extractor does first
        assert not list(cache.folder.glob("*.tmp"))


@needs_emodb
def test_an_extractor_asked_to_end_takes_its_half_away_and_the_next_one_succeeds(emodb, tmp_path):
    some = emodb.utterances[:250]
    child = start(EMODB_WAVS, some, tmp_path / "cache")
    wait_for_rows(child, 5)
    child.send_signal(signal.SIGTERM)
    child.communicate()
    cache = FeatureCache(tmp_path / "cache")
    assert child.returncode == 128 + signal.SIGTERM
    assert list(cache.folder.iterdir()) == []
    path = extract_here(EMODB_WAVS, some, tmp_path / "cache")
    assert cache.open(path, (250, 188, 39))[249].any()


@needs_emodb
def test_of_two_that_want_the_same_features_one_extracts(emodb, tmp_path):
    some = emodb.utterances[:120]
    children = [start(EMODB_WAVS, some, tmp_path / "cache") for _ in range(2)]
    said = [[json.loads(line) for line in child.communicate()[0].splitlines()] for child in children]
    assert [child.returncode for child in children] == [0, 0]
    (path,) = (tmp_path / "cache" / "features").glob("*.npy")
    assert [lines[-1] for lines in said] == [{"result": str(path)}] * 2
    assert sorted(len(lines) for lines in said) == [1, 121]


@pytest.fixture
def small(tmp_path):
    """A folder of three recordings, and the list made of it."""
    for seed, name in enumerate(("03a01Wa.wav", "08a02Fb.wav", "16b10Td.wav")):
        write_wav(tmp_path / "corpus" / name, seconds=0.3, seed=seed)
    return tmp_path / "corpus", scan(tmp_path / "corpus", EMODB).utterances


def test_changed_audio_is_refused_until_it_is_registered_and_then_gets_its_own_entry(small, tmp_path):
    folder, utterances = small
    first = extract_here(folder, utterances, tmp_path)
    write_wav(folder / "08a02Fb.wav", seconds=0.3, seed=50)
    assert extract_here(folder, utterances, tmp_path) == first, "the features of the registered audio are still right"
    FeatureCache(tmp_path).remove(first.stem)
    with pytest.raises(CorpusError, match=r"08a02Fb\.wav has changed since"):
        extract_here(folder, utterances, tmp_path)
    assert list((tmp_path / "features").iterdir()) == []
    second = extract_here(folder, scan(folder, EMODB).utterances, tmp_path)
    assert second != first


def test_a_file_gone_reaches_the_caller_as_one_line(small, tmp_path):
    folder, utterances = small
    (folder / "03a01Wa.wav").unlink()
    with pytest.raises(BadInput, match=r"^cannot read .*03a01Wa\.wav \(No such file or directory\)") as caught:
        ensure_features(folder, utterances, RECIPE, tmp_path / "cache")
    assert str(caught.value).isprintable()
    assert list((tmp_path / "cache" / "features").iterdir()) == []


def test_a_damaged_entry_is_extracted_again(small, tmp_path):
    folder, utterances = small
    path = extract_here(folder, utterances, tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-100])
    assert extract_here(folder, utterances, tmp_path) == path
    assert path.read_bytes() == whole


def test_copies_of_a_corpus_share_their_features(small, tmp_path):
    folder, utterances = small
    path = extract_here(folder, utterances, tmp_path)
    shutil.move(folder, tmp_path / "moved")
    moved = scan(tmp_path / "moved", EMODB).utterances
    assert ensure_features(tmp_path / "moved", moved, RECIPE, tmp_path) == path


def test_bad_requests_are_one_line(small, tmp_path):
    folder, utterances = small
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(BadInput, match="cannot write the feature cache"):
        extract_here(folder, utterances, tmp_path / "file")
    with pytest.raises(BadInput, match="no utterances to extract"):
        extract_here(folder, (), tmp_path / "cache")
    with pytest.raises(BadInput, match="published recipe"):
        ensure_features(folder, utterances, MfccRecipe(96_000, n_mfcc=13), tmp_path / "cache")
    for content in ("", "{", '[{"path": 1, "colour": 2}]', "[3]"):
        (tmp_path / "list.json").write_text(content)
        with pytest.raises(BadInput, match="cannot read the list of utterances"):
            read_utterances(tmp_path / "list.json")


def test_front_ends_can_ask_for_all_this_without_loading_the_engine():
    """Also the lazy imports: a corpus is scanned and checked, and features are looked up."""
    program = (
        "import sys, pathlib, tempfile\n"
        "import timnet.corpora.spec, timnet.corpora.scan, timnet.corpora.check\n"
        "import timnet.features.build, timnet.protocols\n"
        "light = sorted({'numpy', 'scipy', 'soundfile'} & sys.modules.keys())\n"
        "from timnet.corpora.synthetic import DEMO, write_corpus\n"
        "from timnet.features.cache import FeatureCache\n"
        "from timnet.features.recipe import MfccRecipe\n"
        "folder = pathlib.Path(tempfile.mkdtemp())\n"
        "found = timnet.corpora.scan.scan(write_corpus(folder / 'c', speakers=1, sentences=1, takes=1), DEMO)\n"
        "timnet.corpora.check.check(found.utterances, DEMO, folder / 'c')\n"
        "FeatureCache(folder).find(found.utterances, MfccRecipe(96000))\n"
        "heavy = {'tensorflow', 'keras', 'librosa', 'sklearn', 'matplotlib', 'numba'} & sys.modules.keys()\n"
        "print(light, sorted(heavy))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env={**os.environ}, check=False
    )
    assert (done.stdout.strip(), done.returncode) == ("[] []", 0), done.stderr


def test_nothing_waits_for_ever_on_a_dead_holder_of_the_lock(small, tmp_path):
    """The kernel frees the lock of a killed process; its file alone means nothing."""
    folder, utterances = small
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, time, pathlib\nfrom timnet.features.cache import FeatureCache\n"
            "with FeatureCache(pathlib.Path(sys.argv[1])).locked(sys.argv[2]):\n"
            " print('held', flush=True); time.sleep(600)",
            str(tmp_path),
            key_of(utterances, RECIPE),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout.readline() == "held\n"
    holder.kill()
    holder.communicate()
    assert (tmp_path / "features" / f".{key_of(utterances, RECIPE)}.lock").exists()
    started = time.monotonic()
    extract_here(folder, utterances, tmp_path)
    assert time.monotonic() - started < 60
