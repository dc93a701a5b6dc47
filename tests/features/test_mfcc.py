from __future__ import annotations

import os
import shutil

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from tests.corpora.recordings import EMODB_WAVS, needs_emodb, write_wav
from timnet.errors import CorpusError
from timnet.features.cepstrum import mel_bands
from timnet.features.mfcc import fit_length, mfcc, mfcc_of_signal
from timnet.features.recipe import MfccRecipe

pytestmark = pytest.mark.engine
RECIPE = MfccRecipe(20_000)


def librosas_own(path, length):
    """The published extraction, written out with numpy and librosa's defaults: [frames, 39]."""
    import librosa

    signal, rate = librosa.load(path)
    assert rate == 22_050
    if len(signal) < length:
        before = (length - len(signal)) // 2
        fitted = np.zeros(length, np.float32)
        fitted[before : before + len(signal)] = signal
    else:
        before = (len(signal) - length) // 2
        fitted = signal[before : before + length]
    return librosa.feature.mfcc(y=fitted, sr=rate, n_mfcc=39).T


@needs_emodb
@pytest.mark.parametrize("length", [96_000, 41_856, 20_001])
def test_real_recordings_give_librosa_s_own_values(length):
    paths = sorted(EMODB_WAVS.glob("*.wav"), key=lambda path: path.stat().st_size)
    for path in (paths[0], paths[267], paths[-1]):
        ours = mfcc(path, MfccRecipe(length))
        assert (ours.shape, ours.dtype) == ((1 + length // 512, 39), np.float32)
        np.testing.assert_allclose(ours, librosas_own(path, length), rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("rate", [8_000, 22_050, 48_000])
def test_stereo_and_other_rates_are_mixed_and_resampled_as_librosa_does(tmp_path, rate):
    path = tmp_path / "stereo.wav"
    soundfile.write(path, np.random.default_rng(1).normal(0, 0.1, (rate, 2)), rate, subtype="PCM_24")
    np.testing.assert_allclose(mfcc(path, RECIPE), librosas_own(path, 20_000), rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("seconds", [0.01, 0.5, 0.93, 3.0])
def test_frames_of_padding_are_those_of_silence(tmp_path, seconds):
    path = write_wav(tmp_path / "short.wav", seconds=seconds)
    np.testing.assert_allclose(mfcc(path, RECIPE), librosas_own(path, 20_000), rtol=1e-5, atol=1e-4)


def test_the_filter_bank_is_librosa_s():
    import librosa

    bank = mel_bands(RECIPE)
    np.testing.assert_allclose(bank, librosa.filters.mel(sr=22_050, n_fft=2048, n_mels=128), atol=1e-8)
    assert bank.dtype == np.float32


def test_silence_is_the_floor_in_every_band():
    expected = np.zeros((40, 39), np.float32)
    expected[:, 0] = -100 * np.sqrt(128)
    np.testing.assert_allclose(mfcc_of_signal(np.zeros(20_000, np.float32), RECIPE), expected, atol=1e-3)


@given(st.integers(0, 60), st.integers(1, 60))
def test_a_signal_is_padded_or_cropped_around_its_centre(size, length):
    signal = np.arange(1, size + 1, dtype=np.float32)
    fitted = fit_length(signal, length)
    assert (fitted.shape, fitted.dtype) == ((length,), np.float32)
    kept = fitted[fitted > 0]
    if size <= length:
        assert kept.tolist() == signal.tolist()
        before = int((fitted > 0).argmax()) if size else length // 2
        after = length - size - before
        assert after - before == (length - size) % 2 or size == 0
    else:
        dropped_before, dropped_after = int(kept[0]) - 1, size - int(kept[-1])
        assert kept.tolist() == list(range(int(kept[0]), int(kept[-1]) + 1))
        assert dropped_after - dropped_before == (size - length) % 2


def test_the_bytes_must_be_the_registered_ones(tmp_path):
    import hashlib

    path = write_wav(tmp_path / "a.wav", seconds=0.5)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    np.testing.assert_array_equal(mfcc(path, RECIPE, digest), mfcc(path, RECIPE))
    write_wav(path, seconds=0.5, seed=9)
    with pytest.raises(CorpusError, match=r"a\.wav has changed since"):
        mfcc(path, RECIPE, digest)
    path.unlink()
    with pytest.raises(CorpusError, match=r"cannot read .*a\.wav \(No such file"):
        mfcc(path, RECIPE, digest)


@pytest.mark.parametrize("content", [b"", b"RIFF", b"no recording " * 99])
def test_what_cannot_be_decoded_is_named_in_one_line(tmp_path, content):
    path = tmp_path / "bad\n\x1b[31m.wav"
    path.write_bytes(content)
    with pytest.raises(CorpusError, match=r"bad.*\.wav cannot be decoded") as caught:
        mfcc(path, RECIPE)
    assert str(caught.value).isprintable()


def test_no_samples_infinite_samples_and_pipes_are_refused(tmp_path):
    path = tmp_path / "odd.wav"
    soundfile.write(path, np.zeros(0), 16_000)
    with pytest.raises(CorpusError, match=r"odd\.wav holds no sound"):
        mfcc(path, RECIPE)
    for value in (np.nan, np.inf):
        soundfile.write(path, np.full(9000, value), 22_050, subtype="FLOAT")
        with pytest.raises(CorpusError, match=r"odd\.wav cannot be decoded as audio \(.*not finite"):
            mfcc(path, RECIPE)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(CorpusError, match=r"odd\.wav is not a regular file"):
        mfcc(path, RECIPE)
    shutil.rmtree(tmp_path)
