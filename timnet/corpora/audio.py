"""What can be told of a WAV file from its bytes without decoding the sound."""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass

_UNKNOWN_SIZE = 0xFFFF_FFFF  # what a writer leaves that could not seek back to its header
LARGEST = 2**31
"""Bytes of a recording; the longest that is decoded at once has fewer."""
_FORMATS = ("WAV", "WAVEX", "RF64")


@dataclass(frozen=True, slots=True)
class Format:
    """How a sound is sampled."""

    rate: int
    channels: int

    def __str__(self) -> str:
        channels = {1: "mono", 2: "stereo"}.get(self.channels, f"{self.channels} channels")
        return f"{self.rate} Hz {channels}"


def format_of(audio: bytes) -> Format | str:
    """How these bytes are sampled, or why they are no usable WAV file, as a phrase that follows its name."""
    import soundfile

    if not audio:
        return "is empty"
    try:
        info = soundfile.info(io.BytesIO(audio))
    except (soundfile.SoundFileError, RuntimeError):
        return "is not readable as audio"
    if info.format not in _FORMATS:
        return f"holds {info.format} data, not WAV"
    if info.frames <= 0:
        return "holds no sound (zero samples)"
    return Format(info.samplerate, info.channels)


def fault_of(audio: bytes) -> str | None:
    """Why these bytes are no usable WAV file, as a phrase that follows its name; None where they are."""
    found = format_of(audio)
    return found if isinstance(found, str) else None


def is_cut_short(audio: bytes) -> bool:
    """Whether the header of a RIFF file promises more sound than there is."""
    if audio[:4] != b"RIFF":
        return False
    offset = 12
    while offset + 8 <= len(audio):
        name, size = struct.unpack_from("<4sI", audio, offset)
        if name == b"data":
            return bool(size != _UNKNOWN_SIZE and offset + 8 + size > len(audio))
        offset += 8 + size + size % 2
    return False
