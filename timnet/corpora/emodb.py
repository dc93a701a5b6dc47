"""EMODB, the Berlin database of emotional speech (Burkhardt et al., Interspeech 2005).

Ten actors say ten German sentences in seven emotions. A name such as ``03a01Fa.wav`` reads speaker 03,
text a01, emotion F, version a.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from timnet.corpora.layout import CorpusSpec, Layout, Parsed

EMOTIONS = {
    "W": "angry",  # Wut (Ärger)
    "L": "boredom",  # Langeweile
    "E": "disgust",  # Ekel
    "A": "fear",  # Angst
    "F": "happy",  # Freude
    "T": "sad",  # Trauer
    "N": "neutral",
}

_NAME = re.compile(
    r"(?P<speaker>03|08|09|1[0-6])(?P<text>a0[12457]|b0[1239]|b10)(?P<emotion>[WLEAFTN])(?P<version>[a-f])\.wav",
    re.IGNORECASE | re.ASCII,
)


def parse(path: PurePosixPath) -> Parsed | None:
    """Read ``SSTTTEV.wav``; the case of the letters is free, as some copies change it."""
    match = _NAME.fullmatch(path.name)
    if match is None:
        return None
    return Parsed(
        label=EMOTIONS[match["emotion"].upper()],
        speaker=match["speaker"],
        sentence=match["text"].lower(),
        take=match["version"].lower(),
    )


EMODB = CorpusSpec(
    name="EMODB",
    layout=Layout("emodb", "03a01Fa.wav", parse),
    classes=("angry", "boredom", "disgust", "fear", "happy", "neutral", "sad"),
    signal_length=96_000,
    tabs=8,
    published_seed=46,
    language="German",
    class_counts={"angry": 127, "boredom": 81, "disgust": 46, "fear": 69, "happy": 71, "neutral": 79, "sad": 62},
    speaker_counts={
        "03": 49,
        "08": 58,
        "09": 43,
        "10": 38,
        "11": 55,
        "12": 35,
        "13": 61,
        "14": 69,
        "15": 56,
        "16": 71,
    },
    male_speakers=("03", "10", "11", "12", "15"),
)
