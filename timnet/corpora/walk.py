"""Which files of a folder are utterances of a corpus: names alone, no audio is opened."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from timnet.corpora.layout import CorpusSpec, Parsed
from timnet.errors import CorpusError
from timnet.text import clean

NAMED = 8
"""How many files a problem names before it only counts."""


@dataclass(frozen=True, slots=True)
class Recognised:
    """The utterances among a folder's wav files, in published row order, and what was left out and why."""

    names: tuple[tuple[str, Parsed], ...]
    problems: tuple[str, ...]


def recognise(folder: Path, spec: CorpusSpec) -> Recognised:
    """Walk ``folder`` and read every wav file's name by the corpus's layout.

    Raises :class:`CorpusError` where there is no such folder, no wav in it, or none that fits.
    """
    place = clean(str(folder))
    paths = list(wavs(folder))
    if not paths:
        raise CorpusError(f"{place} holds no .wav file; name the folder that holds {spec.name}'s recordings")
    fitting, foreign = _parse_all(paths, spec)
    if not fitting:
        raise CorpusError(
            f"{place} holds {len(paths)} .wav files, none named as {spec.name} names them"
            f" (like {spec.layout.example}); the first is {clean(paths[0])}"
        )
    names, copies = _without_copies(fitting)
    problems = []
    if foreign:
        problems.append(f"left out, not named as {spec.name} names its files: {several(foreign)}")
    if copies:
        problems.append(f"left out, further copies of a file name: {several(copies)}")
    return Recognised(tuple(sorted(names, key=lambda item: row_order(item[1].label, item[0]))), tuple(problems))


def wavs(folder: Path) -> Iterator[str]:
    """Paths of all ``*.wav`` below ``folder`` (any case), relative, with forward slashes, sorted.

    Hidden files and folders are passed over, ``._*`` (what macOS leaves on foreign disks) among them.
    Links to folders are followed, each folder once. Raises :class:`CorpusError`.
    """
    try:
        is_folder = stat.S_ISDIR(folder.stat().st_mode)
    except (OSError, ValueError) as error:
        raise CorpusError(f"there is no folder {clean(str(folder))} to read; check the path") from error
    if not is_folder:
        raise CorpusError(f"{clean(str(folder))} is a file, not a folder; name the folder that holds the recordings")
    found: list[str] = []
    seen: set[tuple[int, int]] = set()
    for base, folders, files in os.walk(folder, onerror=_unreadable, followlinks=True):
        status = Path(base).stat()
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += (
            (Path(base) / name).relative_to(folder).as_posix()
            for name in files
            if name.lower().endswith(".wav") and not name.startswith(".")
        )
    return iter(sorted(found))


def row_order(label: str, path: str) -> tuple[str, list[tuple[int, str]], list[tuple[int, str]]]:
    """Sort key of the published row order: the class, then the file's name in natural order."""
    return label, natural(PurePosixPath(path).name), natural(path)


def natural(text: str) -> list[tuple[int, str]]:
    """Sort key under which ``a2`` comes before ``a10``: each run of digits counts as one number."""
    parts = re.split(r"([0-9]+)", text)
    return [(int(part), "") if number else (-1, part) for part, number in zip(parts, _alternating(), strict=False)]


def several(names: Iterable[str]) -> str:
    """``names`` for a message: a count, and the first few of them."""
    listed = [clean(name) for name in names]
    more = f" and {len(listed) - NAMED} more" if len(listed) > NAMED else ""
    return f"{len(listed)} ({', '.join(listed[:NAMED])}{more})"


def _alternating() -> Iterator[bool]:
    while True:
        yield False
        yield True


def _unreadable(error: OSError) -> None:
    raise CorpusError(f"cannot list {clean(str(error.filename))} ({error.strerror}); check its permissions") from error


def _parse_all(paths: list[str], spec: CorpusSpec) -> tuple[list[tuple[str, Parsed]], list[str]]:
    """Split ``paths`` into what fits the grammar and what does not (or cannot be stored as text)."""
    fitting: list[tuple[str, Parsed]] = []
    foreign: list[str] = []
    for path in paths:
        parsed = spec.layout.parse(PurePosixPath(path)) if _is_text(path) else None
        if parsed is None:
            foreign.append(path)
        else:
            fitting.append((path, parsed))
    return fitting, foreign


def _is_text(path: str) -> bool:
    """Whether the name is valid Unicode: the registry and the feature cache keep it as UTF-8."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def _without_copies(fitting: list[tuple[str, Parsed]]) -> tuple[list[tuple[str, Parsed]], list[str]]:
    """Count a file name that means the same utterance once, as some archives hold everything twice."""
    kept: dict[tuple[str, Parsed], tuple[str, Parsed]] = {}
    copies: list[str] = []
    for path, parsed in fitting:
        key = (PurePosixPath(path).name.lower(), parsed)
        if key in kept:
            copies.append(path)
        else:
            kept[key] = (path, parsed)
    return list(kept.values()), copies
