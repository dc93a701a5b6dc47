"""IEMOCAP, the interactive emotional dyadic motion capture database: ten actors in five sessions, English.

Names tell no emotion: labels stand in ``SessionN/dialog/EmoEvaluation/Ses*.txt``, the recordings in
``SessionN/sentences/wav/<dialogue>/<utterance>.wav``. In an utterance's name, such as
``Ses01F_impro01_M003``, the first letter only tells who of the two wears the motion capture in that
dialogue; who speaks is told by the letter of the last part. Four classes are used, and excitement counts
as happiness.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from timnet.corpora.layout import CorpusSpec, Layout, LeftOut, Parsed, Reader
from timnet.errors import CorpusError
from timnet.text import clean

EMOTIONS = {"ang": "angry", "hap": "happy", "exc": "happy", "neu": "neutral", "sad": "sad"}
OTHERS = {
    "fru": "frustration",
    "sur": "surprise",
    "fea": "fear",
    "dis": "disgust",
    "oth": "other",
    "xxx": "no agreement",
}
DIALOGUE = LeftOut("whole dialogues, not utterances", ordinary=True)
UNLABELLED = LeftOut("without a label in dialog/EmoEvaluation/Ses*.txt")
CONTRADICTED = LeftOut("labelled twice, and not alike, in dialog/EmoEvaluation")

_DIALOGUE = r"Ses0(?P<session>[1-5])(?P<captured>[FM])_(?P<scene>(?:impro|script)[0-9A-Za-z_]*?)"
_UTTERANCE = re.compile(rf"(?P<dialogue>{_DIALOGUE})_(?P<speaker>[FM])(?P<number>[0-9A-Z]+)", re.ASCII)
_WHOLE_DIALOGUE = re.compile(rf"{_DIALOGUE}\.wav", re.ASCII)
_LABEL = re.compile(r"\[[^\]]*\]\t(?P<utterance>[A-Za-z0-9_]+)\t(?P<emotion>[a-z]+)\t", re.ASCII)


def open_folder(folder: Path) -> Reader:
    """Read the labels that lie in ``folder``, or in the release folder inside it."""
    labels: dict[str, str] = {}
    for path in _evaluations(folder):
        for utterance, emotion in read_labels(_text(path)):
            known = labels.setdefault(utterance, emotion)
            if known != emotion:
                labels[utterance] = ""
    kept = sorted(utterance for utterance, emotion in labels.items() if emotion in EMOTIONS)
    return Reader(lambda path: parse(path, labels), tuple(name for u in kept if (name := _path_of(u))))


def read_labels(evaluation: str) -> Iterator[tuple[str, str]]:
    """The utterances and emotion codes of one evaluation file."""
    for line in evaluation.splitlines():
        match = _LABEL.match(line)
        if match is not None:
            yield match["utterance"], match["emotion"]


def parse(path: PurePosixPath, labels: Mapping[str, str]) -> Parsed | LeftOut | None:
    """Read an utterance's name, and its emotion in ``labels``; an empty label stands for a contradiction."""
    match = _UTTERANCE.fullmatch(path.stem) if path.suffix.lower() == ".wav" else None
    if match is None:
        return DIALOGUE if _WHOLE_DIALOGUE.fullmatch(path.name) else None
    emotion = labels.get(path.stem)
    if not emotion:
        return UNLABELLED if emotion is None else CONTRADICTED
    if emotion not in EMOTIONS:
        return LeftOut(f"another emotion, {emotion} ({OTHERS.get(emotion, 'unknown')})", ordinary=True)
    session = f"Ses0{match['session']}"
    return Parsed(
        label=EMOTIONS[emotion],
        speaker=session + match["speaker"],
        sentence=match["scene"],
        take=f"{match['captured']}_{match['speaker']}{match['number']}",
        session=session,
    )


def _path_of(utterance: str) -> str | None:
    match = _UTTERANCE.fullmatch(utterance)
    return match and f"Session{match['session']}/sentences/wav/{match['dialogue']}/{utterance}.wav"


def _evaluations(folder: Path) -> list[Path]:
    """The evaluation files themselves: neither those of single raters below, nor what macOS leaves (``._*``)."""
    below = ("", "Session[1-5]/", "*/Session[1-5]/")
    return sorted(p for above in below for p in folder.glob(f"{above}dialog/EmoEvaluation/Ses*.txt") if p.is_file())


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise CorpusError(f"cannot read the labels in {clean(str(path))} ({error.strerror})") from error


SESSIONS = {"Ses01": 1085, "Ses02": 1023, "Ses03": 1151, "Ses04": 1031, "Ses05": 1241}

IEMOCAP = CorpusSpec(
    name="IEMOCAP",
    layouts=(Layout("iemocap", "Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_F000.wav", open_folder),),
    classes=("angry", "happy", "neutral", "sad"),
    signal_length=310_000,
    tabs=10,
    published_seed=16,
    language="English",
    class_counts={"angry": 1103, "happy": 1636, "neutral": 1708, "sad": 1084},
    session_counts=SESSIONS,
    male_speakers=tuple(f"{session}M" for session in SESSIONS),
)
