"""RAVDESS, the Ryerson audio-visual database of emotional speech and song: 24 actors, English, eight classes.

A name is seven numbers, ``03-01-06-01-02-01-12.wav``: modality, vocal channel, emotion, intensity,
statement, repetition, actor. Of the whole database only speech (channel 01) without picture (modality 03)
is this corpus.
"""

from __future__ import annotations

import re
from itertools import product
from pathlib import PurePosixPath

from timnet.corpora.layout import CorpusSpec, LeftOut, Parsed, by_path

EMOTIONS = {
    "01": "neutral",
    "02": "calm",
    "03": "happy",
    "04": "sad",
    "05": "angry",
    "06": "fear",
    "07": "disgust",
    "08": "surprise",
}
ACTORS = tuple(f"{actor:02d}" for actor in range(1, 25))
SONG = LeftOut("song, not speech (vocal channel 02)")
VIDEO = LeftOut("video, not audio alone (modality 01 or 02)")

_NAME = re.compile(
    r"(?P<modality>0[123])-(?P<channel>0[12])-(?P<emotion>0[1-8])-(?P<intensity>0[12])-(?P<statement>0[12])"
    r"-(?P<repetition>0[12])-(?P<actor>0[1-9]|1[0-9]|2[0-4])\.(?P<suffix>wav|mp4)",
    re.IGNORECASE | re.ASCII,
)


def parse(path: PurePosixPath) -> Parsed | LeftOut | None:
    """Read ``MM-CC-EE-II-SS-RR-AA.wav``, in any folder; nothing neutral is of strong intensity."""
    match = _NAME.fullmatch(path.name)
    if match is None or (match["emotion"], match["intensity"]) == ("01", "02"):
        return None
    if match["channel"] == "02":
        return SONG
    if match["modality"] != "03" or match["suffix"].lower() != "wav":
        return VIDEO
    return Parsed(
        label=EMOTIONS[match["emotion"]],
        speaker=match["actor"],
        sentence=match["statement"],
        take=f"{match['intensity']}-{match['repetition']}",
    )


_PUBLISHED = tuple(
    f"Actor_{actor}/03-01-{emotion}-{intensity}-{statement}-{repetition}-{actor}.wav"
    for actor, emotion, intensity, statement, repetition in product(ACTORS, EMOTIONS, *[("01", "02")] * 3)
    if (emotion, intensity) != ("01", "02")
)

RAVDESS = CorpusSpec(
    name="RAVDESS",
    layouts=(by_path("ravdess", "Actor_12/03-01-06-01-02-01-12.wav", parse, _PUBLISHED),),
    classes=tuple(sorted(EMOTIONS.values())),
    signal_length=110_000,
    tabs=8,
    published_seed=46,
    language="English",
    class_counts={**dict.fromkeys(EMOTIONS.values(), 192), "neutral": 96},
    speaker_counts=dict.fromkeys(ACTORS, 60),
    male_speakers=ACTORS[::2],
    suffixes=(".wav", ".mp4"),
)
