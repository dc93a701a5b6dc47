"""The engine: small networks in this process, and the authors' weights on the real EMODB in processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tests.corpora.recordings import EMODB_WAVS, needs_emodb, write_wav
from tests.support import SHARED
from timnet.corpora.service import add_corpus
from timnet.errors import WeightsError
from timnet.prediction.order import Order
from timnet.prediction.windows import Slide
from timnet.registry import Registry

pytestmark = pytest.mark.engine

EMODB_ZIP = SHARED / "upstream" / "EMODB_46.zip"
LENGTH = 8_000


def networks(tmp_path: Path, count: int) -> tuple[str, ...]:
    """Weights of small untrained networks."""
    import keras

    from timnet.model.network import NetworkShape, TimNet
    from timnet.model.weights import save_weights

    paths = []
    for number in range(count):
        keras.utils.set_random_seed(number)
        path = tmp_path / f"{number}.npz"
        save_weights(TimNet(NetworkShape(frames=1 + LENGTH // 512, classes=3, tabs=2, filters=5)), path)
        paths.append(str(path))
    return tuple(paths)


def ask(files: list[Path], weights: tuple[str, ...], slide: Slide = Slide.AUTO) -> dict:
    from timnet.prediction.engine import predict

    order = Order("MINE", tuple(map(str, files)), slide, LENGTH, 3, 2, 5, 2, weights=weights)
    return json.loads(json.dumps(predict(order, lambda _: None)))


def test_the_answer_is_the_mean_over_networks_and_windows(tmp_path):
    weights = networks(tmp_path, 3)
    short = write_wav(tmp_path / "short.wav", seconds=0.3)
    long = write_wav(tmp_path / "long.wav", seconds=2.0, seed=1)
    both = ask([short, long], weights)
    assert both["networks"] == 3
    singles = [ask([short, long], (one,))["files"] for one in weights]
    for place, found in enumerate(both["files"]):
        mean = np.mean([single[place]["probabilities"] for single in singles], axis=0)
        np.testing.assert_allclose(found["probabilities"], mean, atol=1e-6)
        assert sum(found["probabilities"]) == pytest.approx(1)
    one, many = both["files"]
    assert [(w["start"], w["end"]) for w in one["windows"]] == [(0, 0.3)]
    assert not one["slid"]
    seconds, hop = LENGTH / 22050, LENGTH / 2 / 22050
    assert [w["start"] for w in many["windows"][:-1]] == [round(n * hop, 4) for n in range(len(many["windows"]) - 1)]
    assert many["windows"][-1]["end"] == pytest.approx(2.0, abs=1e-3)
    assert all(w["end"] - w["start"] == pytest.approx(seconds, abs=1e-3) for w in many["windows"])
    np.testing.assert_allclose(many["probabilities"], np.mean([w["probabilities"] for w in many["windows"]], axis=0))
    cropped = ask([long], weights[:1], Slide.NEVER)["files"][0]
    assert [(w["start"], w["end"]) for w in cropped["windows"]] == [(0.8186, 1.1814)]


def test_a_recording_that_cannot_be_read_does_not_keep_the_others_back(tmp_path):
    good = write_wav(tmp_path / "good.wav", seconds=0.3)
    text, empty, none, cut = (tmp_path / name for name in ("text.wav", "empty.wav", "none.wav", "cut.wav"))
    text.write_text("no sound\n" * 100)
    empty.touch()
    write_wav(none, seconds=0)
    cut.write_bytes(good.read_bytes()[:30])
    os.mkfifo(tmp_path / "pipe.wav")
    files = [text, empty, none, cut, tmp_path / "pipe.wav", tmp_path / "gone\x1b.wav", good]
    *bad, last = ask(files, networks(tmp_path, 1))["files"]
    said = ("not readable as audio", "is empty", "no sound", "cut.wav", "no file that can be read", "no file that can")
    for one, words in zip(bad, said, strict=True):
        assert words in one["error"]
        assert one["error"].isprintable()
    assert last["error"] is None
    assert last["facts"]["sample_rate"] == 16_000


def test_what_is_too_long_is_refused_before_it_is_decoded(tmp_path, monkeypatch):
    from timnet.prediction import engine

    monkeypatch.setattr(engine, "MAX_SECONDS", 1)
    [found] = ask([write_wav(tmp_path / "long.wav", seconds=1.1)], networks(tmp_path, 1))["files"]
    assert "minutes; cut it into hours" in found["error"]


def test_weights_that_cannot_be_used_end_in_one_line(tmp_path):
    wav = write_wav(tmp_path / "a.wav")
    with pytest.raises(WeightsError, match="gone"):
        ask([wav], (str(tmp_path / "absent.npz"),))
    (tmp_path / "bad.npz").write_bytes(b"PK\x03\x04")
    with pytest.raises(WeightsError, match="cannot read the weights"):
        ask([wav], (str(tmp_path / "bad.npz"),))
    order = Order("SAVEE", (str(wav),), Slide.AUTO, LENGTH, 3, 2, 5, 2, published="EMODB_46.zip")
    from timnet.prediction.engine import predict

    with pytest.raises(WeightsError, match="weights of EMODB by its name, not of SAVEE"):
        predict(order, lambda _: None)


def three_networks(tmp_path: Path) -> Path:
    """The authors' first three networks, as if there had been no more."""
    path = tmp_path / "EMODB_46.zip"
    with zipfile.ZipFile(EMODB_ZIP) as authors, zipfile.ZipFile(path, "w") as archive:
        for fold in (1, 2, 3):
            [name] = [
                one for one in authors.namelist() if one.rpartition("/")[2] == f"10-fold_weights_best_{fold}.hdf5"
            ]
            archive.writestr(f"3-fold_weights_best_{fold}.hdf5", authors.read(name))
    return path


@needs_emodb
@pytest.mark.skipif(not EMODB_ZIP.is_file(), reason="the authors' weights are not beside the repository")
def test_the_authors_network_says_of_its_test_fold_what_is_stored(tmp_path, monkeypatch):
    """On every ninth utterance of EMODB and with three of the authors' ten networks, so that it takes seconds."""
    folder = tmp_path / "wav"
    folder.mkdir()
    for wav in sorted(EMODB_WAVS.glob("*.wav"))[::9]:
        (folder / wav.name).symlink_to(wav)
    from timnet.training import published

    monkeypatch.setattr(published, "prepare", lambda *_: "as this process has it")
    db = tmp_path / "runs.db"
    with Registry.open(db) as registry:
        corpus, _ = add_corpus(registry, "EMODB", folder)
        wanted = published.Import(db, three_networks(tmp_path), "EMODB", None, tmp_path / "cache")
        assert published.import_weights(wanted, lambda _: None)["folds"] == 3
        stored = registry.results.predictions(registry.runs.get("1.3").id)
    (folder / "text.wav").write_text("no sound")
    files = [str(folder / corpus.utterances[item].path) for item in stored.item] + [str(folder / "text.wav")]
    asked = subprocess.run(
        [sys.executable, "-m", "timnet", "--db", str(db), "predict", *files, "--run", "1.3", "--json"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert asked.returncode == 1, asked.stderr
    assert "text.wav is not readable as audio" in asked.stderr
    *found, text = json.loads(asked.stdout)
    assert [corpus.classes.index(one["label"]) for one in found] == stored.predicted.tolist()
    shares = [[one["probabilities"][name] for name in corpus.classes] for one in found]
    np.testing.assert_allclose(shares, stored.probabilities, atol=1e-5)
    assert not any("trained on it" in doubt for one in found for doubt in one["warnings"])
    assert (text["label"], text["probabilities"], text["networks"]) == (None, None, 1)
