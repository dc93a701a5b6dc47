from __future__ import annotations

import multiprocessing
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from timnet.corpora import synthetic
from timnet.corpora.casting import MANNERS, say
from timnet.corpora.check import check
from timnet.corpora.scan import scan
from timnet.corpora.synthesis import BLOCK, RATE, Manner, glottal_pulses, through_tract
from timnet.corpora.synthetic import CLASSES, DEMO, write_corpus
from timnet.errors import BadInput, DiskFull

SMALL = {"speakers": 2, "sentences": 1, "takes": 1}


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    return write_corpus(tmp_path_factory.mktemp("demo") / "corpus")


def test_the_whole_demo_corpus_is_what_its_spec_says(demo):
    found = scan(demo, DEMO)
    verdict = check(found.utterances, DEMO, demo)
    assert (found.problems, verdict.problems) == ((), ())
    assert (verdict.utterances, verdict.speakers, tuple(verdict.classes)) == (180, 4, CLASSES)


def test_the_recordings_sound(demo):
    for path in sorted(demo.glob("*.wav")):
        info = soundfile.info(path)
        assert (info.samplerate, info.channels, info.subtype) == (RATE, 1, "PCM_16")
        assert 0.9 < info.duration < 2.6
        samples, _ = soundfile.read(path)
        assert 0.003 < np.sqrt(np.mean(samples**2)) < 0.35
        assert np.abs(samples).max() < 0.96


def test_same_arguments_same_bytes_and_another_seed_other_bytes(tmp_path):
    first, again, other = (
        contents(write_corpus(tmp_path / name, seed=seed, **SMALL)) for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    assert first == again
    assert first.keys() == other.keys()
    assert not [name for name in first if first[name] == other[name]]
    assert len(set(first.values())) == len(first) == 2 * 5 + 1


def test_a_take_does_not_depend_on_how_many_others_are_written(tmp_path):
    few = contents(write_corpus(tmp_path / "few", **SMALL))
    more = contents(write_corpus(tmp_path / "more", speakers=3, sentences=2, takes=2))
    assert {name: more[name] for name in few if name.endswith(".wav")} == {
        name: few[name] for name in few if name.endswith(".wav")
    }


def test_a_complete_corpus_is_reused_and_a_damaged_one_refused(tmp_path):
    folder = write_corpus(tmp_path / "c", **SMALL)
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    told: list[int] = []
    write_corpus(folder, **SMALL, on_progress=lambda done, _: told.append(done))
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before
    assert told == []
    next(folder.glob("*.wav")).write_bytes(b"")
    with pytest.raises(BadInput, match="holds something else"):
        write_corpus(folder, **SMALL)


def test_an_empty_folder_is_used_and_anything_else_is_left_alone(tmp_path):
    (tmp_path / "empty").mkdir()
    told: list[tuple[int, int]] = []
    write_corpus(tmp_path / "empty", **SMALL, on_progress=lambda *step: told.append(step))
    assert told == [(n, 10) for n in range(1, 11)]
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("precious")
    (tmp_path / "file").write_text("precious")
    for name in ("mine", "file"):
        with pytest.raises(BadInput, match="holds something else"):
            write_corpus(tmp_path / name, **SMALL)
    assert (tmp_path / "mine" / "thesis.txt").read_text() == (tmp_path / "file").read_text() == "precious"
    with pytest.raises(BadInput, match="cannot write the demo corpus"):
        write_corpus(tmp_path / "file" / "below", **SMALL)


def test_a_writer_that_fails_leaves_nothing(tmp_path, monkeypatch):
    def full(path, samples):
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(synthetic, "_write_wav", full)
    with pytest.raises(DiskFull):
        write_corpus(tmp_path / "c", **SMALL)
    assert list(tmp_path.iterdir()) == []


def test_a_writer_killed_midway_leaves_no_corpus(tmp_path):
    folder = tmp_path / "c"
    writer = multiprocessing.get_context("spawn").Process(target=write_corpus, args=(folder,))
    writer.start()
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob(".c.*/*.wav")) and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(writer.pid, signal.SIGKILL)
    writer.join()
    assert list(tmp_path.glob(".c.*/*.wav")), "it was at work"
    assert not folder.exists()
    assert len(scan(write_corpus(folder, **SMALL), DEMO).utterances) == 10


@pytest.mark.parametrize(
    "wrong", [{"speakers": 0}, {"speakers": 100}, {"sentences": 7}, {"takes": 27}, {"takes": -1}, {"seed": -1}]
)
def test_an_extent_out_of_range_is_refused(tmp_path, wrong):
    with pytest.raises(BadInput, match=str(next(iter(wrong.values())))):
        write_corpus(tmp_path / "c", **wrong)
    assert list(tmp_path.iterdir()) == []


def test_the_glottis_beats_at_the_pitch_asked_for():
    pitch = np.full(RATE // BLOCK, 125.0)
    pulses = glottal_pulses(pitch, Manner(rough=-20.0), np.random.default_rng(0))
    spectrum = np.abs(np.fft.rfft(pulses[:RATE]))
    assert abs(int(spectrum[50:200].argmax()) + 50 - 125) <= 1


def test_the_tract_resonates_at_its_formants():
    impulse = np.zeros(RATE)
    impulse[0] = 1.0
    formants = np.tile([730.0, 1090.0, 2440.0, 3500.0], (RATE // BLOCK, 1))
    spectrum = np.abs(np.fft.rfft(through_tract(impulse, formants)))
    for formant in (730, 1090, 2440):
        near = slice(formant - 100, formant + 100)
        assert abs(int(spectrum[near].argmax()) - 100) <= 40
        assert spectrum[near].max() > 1.5 * max(spectrum[formant - 160], spectrum[formant + 170])


def test_emotions_differ_as_they_should_but_overlap():
    """Loudness of anger and sadness: apart on average, yet no threshold separates every take."""
    assert sorted(MANNERS) == list(CLASSES)
    level = {
        label: [
            20 * np.log10(np.std(say(5, s, t, CLASSES.index(label), k)))
            for s in range(4)
            for t in range(2)
            for k in range(2)
        ]
        for label in ("angry", "neutral", "sad")
    }
    assert np.mean(level["angry"]) > np.mean(level["neutral"]) + 2 > np.mean(level["sad"]) + 4
    assert max(level["neutral"]) > min(level["angry"])
    assert max(level["sad"]) > min(level["neutral"])
