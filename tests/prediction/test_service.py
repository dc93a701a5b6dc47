"""Which networks and files are asked, and what is refused before any engine starts."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.corpora.recordings import write_wav
from tests.support import filled_registry
from timnet.errors import BadInput
from timnet.prediction import service
from timnet.prediction.service import audio_files, networks_of_experiment, networks_of_run, networks_of_weights, predict
from timnet.registry import Registry


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with filled_registry(tmp_path / "runs.db") as filled:
        yield filled


def give_weights(registry: Registry, key: str) -> Path:
    """Weights for a finished run, as far as the registry is concerned."""
    run = registry.runs.get(key)
    path = registry.paths.run(run.uid).final_weights
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"weights")
    with registry.db.write():
        registry.db.connection.execute(
            "INSERT INTO checkpoints (run_id, kind, epoch, path, bytes, created) VALUES (?, 'final', 20, ?, 7, '')",
            (run.id, registry.paths.relative(path)),
        )
    return path


def test_networks_of_a_run_and_of_an_experiment(registry):
    paths = tuple(give_weights(registry, f"1.{fold}") for fold in (1, 2, 3))
    one = networks_of_run(registry, "1.2")
    assert (one.weights, one.corpus.name, one.config.epochs) == ((paths[1],), "SAVEE", 20)
    assert one.window == pytest.approx(4.3537, abs=1e-4)
    every = networks_of_experiment(registry, 1)
    assert every.weights == paths
    assert every.description == "the mean of 3 of 3 folds of experiment 1 (SAVEE, protocol random, selection last)"


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("7", "is no run id"),
        ("9.1", "no run 9.1 here"),
        ("2.3", "run 2.3 is running, not done"),
        ("2.4", "run 2.4 is failed, not done"),
        ("1.1", "run 1.1 has left no weights"),
    ],
)
def test_a_run_that_cannot_be_asked_is_refused(registry, key, said):
    with pytest.raises(BadInput, match=said):
        networks_of_run(registry, key)


def test_weights_that_are_gone_are_named(registry):
    give_weights(registry, "1.1").unlink()
    with pytest.raises(BadInput, match=r"the weights of run 1.1 are gone from .*final.npz"):
        networks_of_run(registry, "1.1")


def test_published_weights_need_no_registered_corpus(registry, tmp_path):
    found = networks_of_weights(registry, tmp_path / "RAVDE.zip", "demo")
    assert (found.corpus.name, found.published) == ("DEMO", tmp_path / "RAVDE.zip")
    with pytest.raises(BadInput, match="no corpus 'NOWHERE'"):
        networks_of_weights(registry, tmp_path / "x.zip", "NOWHERE")


def test_folders_give_their_recordings_in_order(tmp_path):
    names = ["b/2.WAV", "b/1.flac", "a.wav", "b/notes.txt", "b/._1.wav"]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = audio_files([tmp_path / "b" / "notes.txt", tmp_path])
    assert [str(path.relative_to(tmp_path)) for path in found] == ["b/notes.txt", "a.wav", "b/1.flac", "b/2.WAV"]
    (tmp_path / "empty").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for name, said in (("absent.wav", "does not exist"), ("empty", "no recordings"), ("pipe", "neither file nor")):
        with pytest.raises(BadInput, match=said):
            audio_files([tmp_path / name])


def test_answers_and_doubts_are_put_together(registry, tmp_path, monkeypatch):
    for fold in (1, 2, 3):
        give_weights(registry, f"1.{fold}")
    corpus = registry.corpora.get("SAVEE")
    facts = {"sample_rate": 8000, "channels": 2, "seconds": 2.0, "peak": 0.5, "rms_db": -20.0, "clipped": 0.0}
    shares = [0.1, 0.4, 0.1, 0.1, 0.1, 0.1, 0.1]
    window = {"start": 0.0, "end": 2.0, "probabilities": shares}
    good = {"error": None, "facts": facts, "slid": False, "windows": [window], "probabilities": shares}
    files = [
        {"path": "", "sha256": corpus.utterances[4].sha256, **good},
        {"path": "", "sha256": "foreign", **good},
        {"path": "", "error": "x.wav is empty"},
    ]
    asked: list[str] = []

    def run_task(module, words, report):
        asked.extend([module, Path(words[0]).read_text()])
        return {"networks": 3, "files": files}

    monkeypatch.setattr(service, "run_task", run_task)
    wavs = [write_wav(tmp_path / f"{n}.wav") for n in range(3)]
    known, foreign, bad = predict(registry, networks_of_experiment(registry, 1), wavs)
    assert asked[0] == "timnet.prediction"
    assert str(wavs[2]) in asked[1]
    assert (known.label, known.networks, known.error) == ("boredom", 3, None)
    assert known.doubts[0].startswith("recorded at 8000 Hz")
    assert known.doubts[1].endswith("2 of the 3 networks have probably been trained on it")
    assert known.doubts[:1] == foreign.doubts
    assert (bad.label, bad.error) == (None, "x.wav is empty")
