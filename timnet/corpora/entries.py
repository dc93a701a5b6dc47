"""What the sources of an own corpus have in common: entries, and the text and times that they may hold."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from timnet.corpora.findings import Finding
from timnet.errors import CorpusError
from timnet.text import clean

LONGEST_NAME = 64
LONGEST_SENTENCE = 1000
MOST_ENTRIES = 1_000_000
MOST_FAULTS = 1000
SHORTEST_SECONDS = 0.01
SUFFIXES = (".wav", ".flac", ".ogg", ".mp3", ".aif", ".aiff")
ADVICE = "correct it and add the corpus again"

# A letter or digit first: so no name is a formula to a spreadsheet, an option to a shell or a hidden file.
_NAME = re.compile(r"[^\W_][\w .\-]*")
_TIMEDELTA = re.compile(r"(?:(\d{1,5}) days? )?(\d{1,2}):([0-5]\d):([0-5]\d(?:\.\d{1,9})?)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Entry:
    """One utterance as its source tells it. ``where`` names the place in the source, for messages.

    ``path`` is as in :class:`timnet.records.Utterance`; ``start`` and ``end`` are seconds.
    """

    where: str
    path: str
    label: str
    speaker: str = ""
    sentence: str = ""
    session: str = ""
    start: float = 0.0
    end: float | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """What a source lists, in its own order, and what a user should know about the rest."""

    entries: tuple[Entry, ...]
    findings: tuple[Finding, ...] = ()


def entry_of(where: str, row: Mapping[str, Any]) -> Entry:
    """Make an entry of a row's values (text, numbers or None). Raises :class:`CorpusError` that says where and why."""
    start, end = seconds_of(row.get("start"), where, "start") or 0.0, seconds_of(row.get("end"), where, "end")
    if end is not None and end - start < SHORTEST_SECONDS:
        raise CorpusError(f"{where}: it ends ({end:g} s) before it starts ({start:g} s) or is shorter than 10 ms")
    return Entry(
        where=where,
        path=_path(row.get("path"), where),
        label=label_of(_text(row.get("label")), where),
        speaker=_name(_text(row.get("speaker")), where, "speaker"),
        sentence=clean(_text(row.get("sentence")))[:LONGEST_SENTENCE],
        session=_name(_text(row.get("session")), where, "session"),
        start=start,
        end=end,
    )


def label_of(text: str, where: str) -> str:
    """A class name: trimmed, in small letters, Unicode's composed form. Raises :class:`CorpusError`."""
    label = _name(text.lower(), where, "label")
    if not label:
        raise CorpusError(f"{where}: it has no label; every utterance needs one")
    return label


def seconds_of(value: object, where: str, what: str) -> float | None:
    """A time in seconds from a number, ``"1.5"`` or ``"0 days 00:00:01.500"``; None for no value (also NaN, NaT)."""
    text = _text(value)
    if text.lower() in ("", "nan", "nat", "none", "null"):
        return None
    match = _TIMEDELTA.fullmatch(text)
    if match is not None:
        days, hours, minutes, seconds = match.groups()
        return int(days or 0) * 86_400 + int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number < math.inf:
        raise CorpusError(f"{where}: {what} is {clean(text[:40])!r}; it has to be a time in seconds, 0 or more")
    return number


def entries_of(name: str, rows: Iterable[tuple[str, Mapping[str, Any]]]) -> tuple[Entry, ...]:
    """An entry for each ``(where, row)`` of the source called ``name``.

    Raises :class:`CorpusError`: the first fault, and how many there are; a file or segment that is listed twice
    is one.
    """
    entries: list[Entry] = []
    faults: list[str] = []
    for where, row in rows:
        try:
            entries.append(entry_of(where, row))
        except CorpusError as error:
            faults.append(str(error))
        if len(entries) > MOST_ENTRIES or len(faults) >= MOST_FAULTS:
            break
    if len(entries) > MOST_ENTRIES:
        raise CorpusError(f"{clean(name)} lists more than {MOST_ENTRIES} recordings")
    refuse([*faults, *_repeats(entries)])
    if not entries:
        raise CorpusError(f"{clean(name)} lists no recording; {ADVICE}")
    return tuple(entries)


def refuse(faults: Sequence[str]) -> None:
    """Raise one :class:`CorpusError` with the first of ``faults`` and how many there are, if there are any."""
    if faults:
        more = f" (the first of {len(faults)} such faults)" if len(faults) > 1 else ""
        raise CorpusError(f"{faults[0]}{more}; {ADVICE}")


def _repeats(entries: Sequence[Entry]) -> Iterator[str]:
    """Entries that tell of the same sound again, whatever their labels."""
    seen: dict[tuple[str, float, float | None], str] = {}
    for entry in entries:
        key = (entry.path, entry.start, entry.end)
        if key in seen:
            yield f"{entry.where}: {clean(entry.path)} is listed already ({seen[key]})"
        else:
            seen[key] = entry.where


def _text(value: object) -> str:
    return "" if value is None else str(value).strip()


def _name(text: str, where: str, what: str) -> str:
    """A label, a speaker or a session: empty, or a name of letters, digits, spaces and ``_ . -``."""
    name = unicodedata.normalize("NFC", text)
    if name and (len(name) > LONGEST_NAME or not _NAME.fullmatch(name) or clean(name) != name):
        raise CorpusError(
            f"{where}: the {what} {clean(name[:40])!r} is no name; it takes up to {LONGEST_NAME} letters, digits,"
            " spaces and _ . - and begins with a letter or digit"
        )
    return name


def _path(value: object, where: str) -> str:
    path = _text(value).replace("\\", "/")
    if not path:
        raise CorpusError(f"{where}: it names no file")
    try:
        path.encode()
    except UnicodeEncodeError:
        raise CorpusError(f"{where}: the file's name is no valid text") from None
    if "\0" in path or len(path) > 4096:
        raise CorpusError(f"{where}: {clean(path[:40])!r} is no file name")
    return path
