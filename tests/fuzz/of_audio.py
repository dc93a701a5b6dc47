"""Recordings: what is asked of a sound's header, and what decodes it."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path

from tests.fuzz.reader import Reader
from timnet.corpora import own
from timnet.corpora.audio import fault_of, format_of, is_cut_short
from timnet.features.mfcc import mfcc
from timnet.features.recipe import MfccRecipe


@cache
def _sounds() -> list[bytes]:
    import numpy as np
    import soundfile

    samples = np.random.default_rng(0).normal(0, 0.1, 1600)
    forms = [
        ("WAV", "PCM_16"), ("WAV", "FLOAT"), ("WAV", "PCM_24"), ("WAV", "ULAW"), ("WAV", "IMA_ADPCM"),
        ("WAVEX", "PCM_16"),
        ("RF64", "PCM_16"), ("FLAC", "PCM_16"), ("OGG", "VORBIS"), ("AIFF", "PCM_16"), ("MP3", "MPEG_LAYER_III"),
    ]  # fmt: skip
    found = []
    for form, subtype in forms:
        stream = io.BytesIO()
        soundfile.write(stream, samples, 16_000, format=form, subtype=subtype)
        found.append(stream.getvalue())
    stream = io.BytesIO()
    soundfile.write(stream, np.stack([samples, -samples], 1), 22_050, format="WAV", subtype="PCM_16")
    return [*found, stream.getvalue()]


def _sound(data: bytes, folder: Path) -> None:
    """As a recording of an own corpus, and as one whose features are extracted."""
    found = format_of(data)
    if isinstance(found, str):
        assert fault_of(data) == found
    is_cut_short(data)
    for name, content in (("a/1.wav", data), ("b/2.wav", _sounds()[0])):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
    try:
        own.read_own(folder)
    finally:
        mfcc(folder / "a" / "1.wav", MfccRecipe(22_050))


_RIFF = (b"RIFF", b"WAVE", b"fmt ", b"data", b"LIST", b"fact", b"RF64", b"ds64", b"fLaC", b"OggS", b"FORM", b"AIFC")
READERS = (Reader("audio", _sounds, _sound, _RIFF, share=4),)
