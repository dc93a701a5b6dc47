"""Recordings that the tests of corpora and features share: the real EMODB, and small WAV files."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

EMODB_WAVS = Path(__file__).resolve().parents[2].parent / "shared" / "corpora" / "EMODB" / "wav"
needs_emodb = pytest.mark.skipif(
    not EMODB_WAVS.is_dir(), reason="EMODB is not beside the repository (../shared/corpora)"
)


def write_wav(path: Path, seconds: float = 0.1, seed: int = 0, rate: int = 16_000) -> Path:
    """A short noise as 16-bit mono WAV."""
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = np.random.default_rng(seed).normal(0, 3000, round(seconds * rate)).astype("<i2")
    with wave.open(str(path), "wb") as stream:
        stream.setnchannels(1)
        stream.setsampwidth(2)
        stream.setframerate(rate)
        stream.writeframes(samples.tobytes())
    return path
