"""From a folder of raw recordings to the list of utterances that makes a corpus."""

from __future__ import annotations

import hashlib
import json
import stat
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from timnet.corpora.audio import fault_of, is_cut_short
from timnet.corpora.layout import CorpusSpec
from timnet.corpora.walk import recognise, several
from timnet.errors import CorpusError
from timnet.records import Utterance
from timnet.text import clean


@dataclass(frozen=True, slots=True)
class Scan:
    """What a folder holds: utterances in published row order, and what a user should know about the rest."""

    utterances: tuple[Utterance, ...]
    problems: tuple[str, ...]


def scan(folder: Path, spec: CorpusSpec, on_progress: Callable[[int, int], None] | None = None) -> Scan:
    """Read every recording of ``spec`` below ``folder``; ``on_progress`` is told how many of how many.

    Raises :class:`CorpusError`, one line: no such folder, nothing that fits, or a recording that is
    empty, unreadable or no WAV file (the first is named, all are counted).
    """
    recognised = recognise(folder, spec)
    utterances: list[Utterance] = []
    faults: list[str] = []
    short: list[str] = []
    for done, (path, parsed) in enumerate(recognised.names, start=1):
        audio, fault = _read(folder / path)
        if fault is not None:
            faults.append(f"{clean(str(folder / path))} {fault}")
        elif is_cut_short(audio):
            short.append(path)
        digest = hashlib.sha256(audio).hexdigest()
        utterances.append(Utterance(path, parsed.label, parsed.speaker, parsed.sentence, parsed.take, digest))
        if on_progress is not None:
            on_progress(done, len(recognised.names))
    if faults:
        more = f" (the first of {len(faults)} such files)" if len(faults) > 1 else ""
        raise CorpusError(f"{faults[0]}{more}; restore or remove it")
    problems = recognised.problems
    if short:
        problems += (f"cut short, the header promises more sound than there is: {several(short)}",)
    return Scan(tuple(utterances), problems)


def digest(utterances: Sequence[Utterance], spec: CorpusSpec) -> str:
    """SHA-256 (hex) of a corpus version: its name and every field of every utterance, in row order."""
    text = json.dumps({"corpus": spec.name, "utterances": [asdict(u) for u in utterances]}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _read(path: Path) -> tuple[bytes, str | None]:
    """A file's bytes, and what is wrong with them if anything is."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # reading a pipe would wait for ever
            return b"", "is not a regular file"
        audio = path.read_bytes()
    except OSError as error:
        return b"", f"cannot be read ({error.strerror})"
    return audio, fault_of(audio)
