"""Which file goes where when a corpus is sorted into one folder an emotion: names alone, nothing is written."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from timnet.errors import CorpusError
from timnet.records import Utterance
from timnet.text import PLACEHOLDER, clean


@dataclass(frozen=True, slots=True)
class Placement:
    """One file: ``source`` is relative to the corpus folder, ``folder/name`` to the target folder."""

    source: str
    folder: str
    name: str
    sha256: str

    @property
    def target(self) -> str:
        """Where it goes, relative to the target folder."""
        return f"{self.folder}/{self.name}"


def place(utterances: Sequence[Utterance]) -> tuple[Placement, ...]:
    """Give every utterance its place: its emotion's folder, its own name there.

    Names that would meet in one folder are prefixed by their speakers, and numbered where even that does
    not part them. Case does not tell two names apart, as it does not on a Mac. Raises :class:`CorpusError`
    for what cannot be sorted as files, and for names that would leave the folder.
    """
    if any(u.start or u.end is not None for u in utterances):
        raise CorpusError("this corpus has utterances that are parts of a file; files cannot be sorted by emotion then")
    for utterance in utterances:
        _check(utterance)
    files = list(dict.fromkeys((u.label, u.path, u.speaker, u.sha256) for u in utterances))
    meeting = Counter(_key(label, PurePosixPath(path).name) for label, path, _, _ in files)
    taken = {key for key, count in meeting.items() if count == 1}
    placements = []
    for label, path, speaker, sha256 in files:
        name = PurePosixPath(path).name
        if meeting[_key(label, name)] > 1:
            name = _free(label, f"{_safe(speaker)}_{name}" if speaker else name, taken)
            taken.add(_key(label, name))
        placements.append(Placement(path, label, name, sha256))
    return tuple(placements)


def is_plain(name: str) -> bool:
    """Whether ``name`` is one visible step down from a folder, and never a step aside or up."""
    return bool(name) and not name.startswith(".") and "/" not in name and "\0" not in name


def _check(utterance: Utterance) -> None:
    path = PurePosixPath(utterance.path)
    if path.is_absolute() or ".." in path.parts or not path.name:
        raise CorpusError(f"the path {clean(utterance.path)!r} leads out of the corpus folder; add the corpus again")
    for kind, name in (("class", utterance.label), ("file", path.name)):
        if not is_plain(name):
            raise CorpusError(f"the {kind} name {clean(name)!r} cannot be used for a sorted corpus; rename it")


def _key(label: str, name: str) -> tuple[str, str]:
    folded = (unicodedata.normalize("NFC", text).casefold() for text in (label, name))
    return next(folded), next(folded)


def _free(label: str, name: str, taken: set[tuple[str, str]]) -> str:
    return next(candidate for candidate in _candidates(name) if _key(label, candidate) not in taken)


def _candidates(name: str) -> Iterator[str]:
    yield name
    path, number = PurePosixPath(name), 2
    while True:
        yield f"{path.stem}-{number}{path.suffix}"
        number += 1


def _safe(speaker: str) -> str:
    return clean(speaker).replace("/", "_").replace(PLACEHOLDER, "_").lstrip(".")
