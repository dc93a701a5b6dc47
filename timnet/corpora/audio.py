"""What can be told of a WAV file from its bytes without decoding the sound."""

from __future__ import annotations

import io
import struct

_UNKNOWN_SIZE = 0xFFFF_FFFF  # what a writer leaves that could not seek back to its header
_FORMATS = ("WAV", "WAVEX", "RF64")


def fault_of(audio: bytes) -> str | None:
    """Why these bytes are no usable WAV file, as a phrase that follows its name; None where they are."""
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
    return None


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
