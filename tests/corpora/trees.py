"""Whole corpora with the right names and a millisecond of sound in each file, every file different."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from itertools import product
from pathlib import Path

_HEADER = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 52, b"WAVE", b"fmt ", 16, 1, 1, 16_000, 32_000, 2, 16, b"data", 16)


def tiny_wav(number: int) -> bytes:
    """A WAV file of eight samples that hold ``number``."""
    return _HEADER + struct.pack("<qq", number, 0)


def write_tree(folder: Path, paths: Iterable[str], first: int = 0) -> Path:
    """Write a tiny recording at every one of ``paths``."""
    made: set[Path] = set()
    for number, path in enumerate(paths, start=first):
        place = folder / path
        if place.parent not in made:
            place.parent.mkdir(parents=True, exist_ok=True)
            made.add(place.parent)
        place.write_bytes(tiny_wav(number))
    return folder


SAVEE_FILES = tuple(
    f"{emotion}{number:02d}.wav"
    for emotion in ("a", "d", "f", "h", "n", "sa", "su")
    for number in range(1, 31 if emotion == "n" else 16)
)
CASIA_SPEAKERS = ("liuchanhg", "wangzhe", "zhaoquanyin", "ZhaoZuoxiang")
CASIA_EMOTIONS = ("angry", "fear", "happy", "neutral", "sad", "surprise")
EMOVO_TEXTS = ("b1", "b2", "b3", "l1", "l2", "l3", "l4", "n1", "n2", "n3", "n4", "n5", "d1", "d2")


def _savee(form: str) -> list[str]:
    return [form.format(speaker, name) for speaker in ("DC", "JE", "JK", "KL") for name in SAVEE_FILES]


def _ravdess(form: str, channel: str = "01") -> list[str]:
    names = product(range(1, 25), range(1, 9 if channel == "01" else 7), (1, 2), (1, 2), (1, 2))
    return [
        form.format(a=a, name=f"03-{channel}-{e:02d}-{i:02d}-{s:02d}-{r:02d}-{a:02d}")
        for a, e, i, s, r in names
        if (e, i) != (1, 2)
    ]


def _emovo(form: str) -> list[str]:
    emotions = ("dis", "gio", "neu", "pau", "rab", "sor", "tri")
    speakers = ("f1", "f2", "f3", "m1", "m2", "m3")
    return [form.format(s=s, name=f"{e}-{s}-{t}") for e, s, t in product(emotions, speakers, EMOVO_TEXTS)]


def _casia(form: str, case: Callable[[str], str] = str) -> list[str]:
    every = product(CASIA_SPEAKERS, CASIA_EMOTIONS, range(201, 251))
    return [form.format(s=case(s), e=e, n=n) for s, e, n in every]


SONGS = _ravdess("song/Actor_{a:02d}/{name}.wav", "02")

TREES: dict[str, tuple[str, str, list[str]]] = {
    "SAVEE official": ("SAVEE", "savee-official", _savee("AudioData/{}/{}")),
    "SAVEE flat": ("SAVEE", "savee-flat", _savee("{}_{}")),
    "RAVDESS folders": ("RAVDESS", "ravdess", _ravdess("Actor_{a:02d}/{name}.wav")),
    "RAVDESS flat": ("RAVDESS", "ravdess", _ravdess("{name}.wav")),
    "EMOVO folders": ("EMOVO", "emovo", _emovo("{s}/{name}.wav")),
    "EMOVO flat upper case": ("EMOVO", "emovo", [name.upper() for name in _emovo("{name}.wav")]),
    "CASIA folders": ("CASIA", "casia-folders", _casia("{s}/{e}/{n}.wav")),
    "CASIA folders upper case": ("CASIA", "casia-folders", _casia("CASIA/{s}/{e}/{n}.wav", str.upper)),
    "CASIA names": ("CASIA", "casia-names", _casia("{n}-{e}-{s}.wav", str.lower)),
    "CASIA long names": ("CASIA", "casia-long", _casia("Chinese (Mandarin) 300_{s}_{e}_{n}.wav")),
}

_SESSIONS = (1085, 1023, 1151, 1031, 1241)
_KEPT = {"ang": 1103, "hap": 595, "exc": 1041, "neu": 1708, "sad": 1084}
_LEFT = {"fru": 1849, "sur": 107, "fea": 40, "dis": 2, "oth": 3, "xxx": 2507}


def write_iemocap(folder: Path) -> Path:
    """All of IEMOCAP's 10 039 utterances in its published tree, with what else lies there."""
    kept = [code for code, count in _KEPT.items() for _ in range(count)]
    left = [code for code, count in _LEFT.items() for _ in range(count)]
    number = 0
    for session, count in enumerate(_SESSIONS, start=1):
        take, kept = kept[:count], kept[count:]
        rest, left = left[: len(left) // (6 - session)], left[len(left) // (6 - session) :]
        _write_session(folder / f"Session{session}", session, [*take, *rest], number)
        number += 20_000
    return folder


def _write_session(folder: Path, session: int, codes: list[str], first: int) -> None:
    dialogues = [f"Ses0{session}{m}_{scene}" for m, scene in product("FM", ("impro01", "script01_1", "script02_2b"))]
    for place, dialogue in enumerate(dialogues):
        mine = codes[place :: len(dialogues)]
        names = [f"{dialogue}_{'FM'[n % 2]}{n // 2:03d}" for n in range(len(mine))]
        write_tree(folder, [f"sentences/wav/{dialogue}/{name}.wav" for name in names], first + 1000 * place)
        write_tree(folder, [f"dialog/wav/{dialogue}.wav"], first + 15_000 + place)
        evaluation(folder, dialogue, dict(zip(names, mine, strict=True)))


def evaluation(session: Path, dialogue: str, labels: dict[str, str]) -> Path:
    """An evaluation file as the raters' majority vote is published, and decoys beside it and below it."""
    place = session / "dialog" / "EmoEvaluation"
    (place / "Categorical").mkdir(parents=True, exist_ok=True)
    head = "% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n\n"
    lines = [
        f"[{n}.2901 - {n}.9357]\t{name}\t{code}\t[2.5000, 2.5000, 2.5000]\nC-E2:\tNeutral;\t()\nA-E3:\tval 3;\t()\n\n"
        for n, (name, code) in enumerate(labels.items())
    ]
    (place / f"{dialogue}.txt").write_text(head + "".join(lines))
    decoy = "".join(f"[0.1 - 0.2]\t{name}\tang\t[1, 1, 1]\n" for name in labels)
    (place / f"._{dialogue}.txt").write_text(decoy)
    (place / "Categorical" / f"{dialogue}_e1_cat.txt").write_text(decoy)
    return place / f"{dialogue}.txt"
