"""EMOVO, the Italian emotional speech database: six actors say fourteen sentences in seven emotions.

A name such as ``rab-f2-l3.wav`` reads emotion rab, speaker f2, sentence l3. The archive has a folder a
speaker; the letters come in any case.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from timnet.corpora.layout import CorpusSpec, Parsed, by_path

EMOTIONS = {
    "dis": "disgust",  # disgusto
    "gio": "happy",  # gioia
    "neu": "neutral",
    "pau": "fear",  # paura
    "rab": "angry",  # rabbia
    "sor": "surprise",  # sorpresa
    "tri": "sad",  # tristezza
}
SPEAKERS = ("f1", "f2", "f3", "m1", "m2", "m3")
SENTENCES = ("b1", "b2", "b3", "d1", "d2", "l1", "l2", "l3", "l4", "n1", "n2", "n3", "n4", "n5")

_NAME = re.compile(
    r"(?P<emotion>dis|gio|neu|pau|rab|sor|tri)-(?P<speaker>[fm][123])-(?P<sentence>b[1-3]|d[12]|l[1-4]|n[1-5])\.wav",
    re.IGNORECASE | re.ASCII,
)


def parse(path: PurePosixPath) -> Parsed | None:
    """Read ``EEE-GN-TT.wav``, in any folder."""
    match = _NAME.fullmatch(path.name)
    if match is None:
        return None
    emotion, speaker, sentence = (match[part].lower() for part in ("emotion", "speaker", "sentence"))
    return Parsed(label=EMOTIONS[emotion], speaker=speaker, sentence=sentence)


_PUBLISHED = tuple(
    f"{speaker}/{emotion}-{speaker}-{text}.wav" for speaker in SPEAKERS for emotion in EMOTIONS for text in SENTENCES
)

EMOVO = CorpusSpec(
    name="EMOVO",
    layouts=(by_path("emovo", "f2/rab-f2-l3.wav", parse, _PUBLISHED),),
    classes=tuple(sorted(EMOTIONS.values())),
    signal_length=96_000,
    tabs=8,
    published_seed=1,
    language="Italian",
    class_counts=dict.fromkeys(EMOTIONS.values(), 84),
    speaker_counts=dict.fromkeys(SPEAKERS, 98),
    male_speakers=SPEAKERS[3:],
)
