"""SAVEE, the Surrey audio-visual expressed emotion database: four men, English, seven emotions.

The official archive has a folder a speaker (``AudioData/DC/a01.wav``), circulating copies are flat
(``DC_a01.wav``). The letters tell the emotion, the number which of its sentences is said.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from timnet.corpora.layout import CorpusSpec, Parsed, by_path

EMOTIONS = {
    "a": "angry",
    "d": "disgust",
    "f": "fear",
    "h": "happy",
    "n": "neutral",
    "sa": "sad",
    "su": "surprise",
}
SPEAKERS = ("DC", "JE", "JK", "KL")

_SPEAKER = re.compile("DC|JE|JK|KL", re.IGNORECASE | re.ASCII)
_RECORDING = r"(?P<emotion>sa|su|[adfhn])(?P<number>0[1-9]|1[0-5]|(?:1[6-9]|2[0-9]|30)(?<=n..))\.wav"
_OFFICIAL = re.compile(_RECORDING, re.IGNORECASE | re.ASCII)
_FLAT = re.compile(rf"(?P<speaker>DC|JE|JK|KL)_{_RECORDING}", re.IGNORECASE | re.ASCII)


def parse_official(path: PurePosixPath) -> Parsed | None:
    """Read ``DC/a01.wav``, whatever stands above the speaker's folder."""
    match = _OFFICIAL.fullmatch(path.name)
    if match is None or _SPEAKER.fullmatch(path.parent.name) is None:
        return None
    return _parsed(path.parent.name, match)


def parse_flat(path: PurePosixPath) -> Parsed | None:
    """Read ``DC_a01.wav``, in any folder."""
    match = _FLAT.fullmatch(path.name)
    return _parsed(match["speaker"], match) if match else None


def _parsed(speaker: str, match: re.Match[str]) -> Parsed:
    emotion = match["emotion"].lower()
    return Parsed(label=EMOTIONS[emotion], speaker=speaker.upper(), sentence=emotion + match["number"])


_RECORDINGS = tuple(f"{e}{number:02d}.wav" for e in EMOTIONS for number in range(1, 31 if e == "n" else 16))

SAVEE = CorpusSpec(
    name="SAVEE",
    layouts=(
        by_path(
            "savee-flat",
            "DC_a01.wav",
            parse_flat,
            (f"{speaker}_{name}" for speaker in SPEAKERS for name in _RECORDINGS),
        ),
        by_path(
            "savee-official",
            "AudioData/DC/a01.wav",
            parse_official,
            (f"AudioData/{speaker}/{name}" for speaker in SPEAKERS for name in _RECORDINGS),
        ),
    ),
    classes=("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise"),
    signal_length=130_000,
    tabs=8,
    published_seed=44,
    language="English",
    class_counts={**dict.fromkeys(EMOTIONS.values(), 60), "neutral": 120},
    speaker_counts=dict.fromkeys(SPEAKERS, 120),
    male_speakers=SPEAKERS,
)
