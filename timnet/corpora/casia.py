"""CASIA, the Mandarin emotional corpus of the Chinese academy of sciences: four speakers, six emotions.

Its sentences are numbered 201 to 250, and copies come in three forms: ``liuchanhg/angry/201.wav``,
``201-angry-liuchanhg.wav``, and long names that end in ``300_liuchanhg_happy_201.wav``.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from timnet.corpora.layout import CorpusSpec, Parsed, by_path

EMOTIONS = ("angry", "fear", "happy", "neutral", "sad", "surprise")
SPEAKERS = ("ZhaoZuoxiang", "liuchanhg", "wangzhe", "zhaoquanyin")
SENTENCES = tuple(str(number) for number in range(201, 251))

_BY_LOWER_CASE = {speaker.lower(): speaker for speaker in SPEAKERS}
_SPEAKER = rf"(?P<speaker>{'|'.join(SPEAKERS)})"
_EMOTION = rf"(?P<emotion>{'|'.join(EMOTIONS)})"
_SENTENCE = r"(?P<sentence>20[1-9]|2[1-4][0-9]|250)"
_FLAGS = re.IGNORECASE | re.ASCII
_FOLDERS = re.compile(rf"{_SPEAKER}/{_EMOTION}/{_SENTENCE}\.wav", _FLAGS)
_NAMES = re.compile(rf"{_SENTENCE}-{_EMOTION}-{_SPEAKER}\.wav", _FLAGS)
_LONG = re.compile(rf".*300_{_SPEAKER}_{_EMOTION}_{_SENTENCE}\.wav", _FLAGS)


def parse_folders(path: PurePosixPath) -> Parsed | None:
    """Read ``<speaker>/<emotion>/201.wav``, whatever stands above."""
    return _parsed(_FOLDERS.fullmatch("/".join(path.parts[-3:])))


def parse_names(path: PurePosixPath) -> Parsed | None:
    """Read ``201-angry-liuchanhg.wav``, in any folder."""
    return _parsed(_NAMES.fullmatch(path.name))


def parse_long(path: PurePosixPath) -> Parsed | None:
    """Read ``...300_liuchanhg_happy_201.wav``, in any folder."""
    return _parsed(_LONG.fullmatch(path.name))


def _parsed(match: re.Match[str] | None) -> Parsed | None:
    if match is None:
        return None
    return Parsed(match["emotion"].lower(), _BY_LOWER_CASE[match["speaker"].lower()], match["sentence"])


_ALL = tuple((s, e, t) for s in SPEAKERS for e in EMOTIONS for t in SENTENCES)

CASIA = CorpusSpec(
    name="CASIA",
    layouts=(
        by_path("casia-names", "201-angry-liuchanhg.wav", parse_names, (f"{t}-{e}-{s}.wav" for s, e, t in _ALL)),
        by_path("casia-folders", "liuchanhg/angry/201.wav", parse_folders, (f"{s}/{e}/{t}.wav" for s, e, t in _ALL)),
        by_path("casia-long", "300_liuchanhg_happy_201.wav", parse_long, (f"300_{s}_{e}_{t}.wav" for s, e, t in _ALL)),
    ),
    classes=EMOTIONS,
    signal_length=88_000,
    tabs=8,
    published_seed=32,
    language="Mandarin",
    class_counts=dict.fromkeys(EMOTIONS, 200),
    speaker_counts=dict.fromkeys(SPEAKERS, 300),
)
