"""Your own corpus: a folder an emotion, a manifest, or an audformat database, read as utterances and durations."""

from __future__ import annotations

import hashlib
import io
import stat
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from timnet.bounded import read_bounded
from timnet.corpora import audformat, tables
from timnet.corpora.audformat import read_audformat
from timnet.corpora.audio import LARGEST, is_cut_short
from timnet.corpora.check import CorpusCheck
from timnet.corpora.entries import SHORTEST_SECONDS, Entry, Listing, refuse
from timnet.corpora.findings import Finding, finding
from timnet.corpora.folders import read_folders
from timnet.corpora.manifest import read_manifest
from timnet.corpora.walk import natural, row_order
from timnet.errors import CorpusError
from timnet.records import CorpusRecord, Utterance
from timnet.text import clean

FOLDERS, MANIFEST, AUDFORMAT = "folders", "manifest", "audformat"
LAYOUTS = (FOLDERS, MANIFEST, AUDFORMAT)
END_TOLERANCE = 0.05
"""Seconds by which an end may lie behind the end of its file, as written times are rounded."""
MOST_CLASSES = 200


@dataclass(frozen=True, slots=True)
class Reading:
    """What a source holds, in row order: class, then file in natural order, then start.

    ``seconds[i]`` is how long utterance i lasts; ``folder`` is what paths are relative to.
    """

    layout: str
    folder: Path
    utterances: tuple[Utterance, ...]
    seconds: tuple[float, ...]
    findings: tuple[Finding, ...]

    @property
    def classes(self) -> tuple[str, ...]:
        """The labels found, in alphabetical order."""
        return tuple(sorted({utterance.label for utterance in self.utterances}))


@dataclass(frozen=True, slots=True)
class _File:
    """What is known of one audio file."""

    sha256: str
    seconds: float
    cut_short: bool


def layout_of(source: Path) -> str:
    """How an own corpus at ``source`` is laid out: one of :data:`LAYOUTS`."""
    if source.suffix.lower() in tables.SUFFIXES and not source.is_dir():
        return MANIFEST
    return AUDFORMAT if (source / audformat.HEADER).is_file() else FOLDERS


def read_own(source: Path, on_progress: Callable[[int, int], None] | None = None, *, skip_bad: bool = False) -> Reading:
    """Read an own corpus; its files are only read. ``on_progress`` is told how many files of how many.

    Raises :class:`CorpusError`, one line: nothing to read, a fault in a table, a recording that is gone or no
    audio (with ``skip_bad`` such files are named among the findings and left out), a segment behind the end of
    its file, or less than two classes.
    """
    layout = layout_of(source)
    listing: Listing = {FOLDERS: read_folders, MANIFEST: read_manifest, AUDFORMAT: read_audformat}[layout](source)
    folder = (source.parent if layout == MANIFEST else source).absolute()
    entries = sorted(listing.entries, key=lambda one: (*row_order(one.label, one.path), one.start))
    _check_classes(entries, source)
    files, faults = _open_all(folder, entries, on_progress)
    if faults and skip_bad:
        entries = [entry for entry in entries if entry.path in files]
        _check_classes(entries, source)
    elif faults:
        refuse(list(faults.values()))
    refuse([fault for entry in entries for fault in _segment_faults(entry, files[entry.path])])
    utterances = tuple(_utterance(entry, files[entry.path].sha256) for entry in entries)
    seconds = tuple(_end(entry, files[entry.path]) - entry.start for entry in entries)
    short = (path for path, file in files.items() if file.cut_short)
    findings = (
        *listing.findings,
        *finding("left out, cannot be used", faults),
        *finding("cut short, the header promises more sound than there is", short),
        *doubtful(utterances),
    )
    return Reading(layout, folder, utterances, seconds, findings)


def check_own(corpus: CorpusRecord, on_progress: Callable[[int, int], None] | None = None) -> CorpusCheck:
    """Compare a registered own corpus with its files as they are now; nothing is raised for what is gone.

    ``on_progress`` is told how many files of how many were read.
    """
    folder = Path(corpus.path)
    digests = {utterance.path: utterance.sha256 for utterance in corpus.utterances}
    missing: list[str] = []
    changed: list[str] = []
    for done, (path, sha256) in enumerate(digests.items(), start=1):
        file = _open(folder / path)
        if isinstance(file, str):
            missing.append(path)
        elif file.sha256 != sha256:
            changed.append(path)
        if on_progress is not None:
            on_progress(done, len(digests))
    findings = (
        *finding("missing or unreadable since the corpus was added", missing),
        *finding("changed since the corpus was added", changed),
        *doubtful(corpus.utterances),
    )
    return verdict(corpus, findings)


def verdict(corpus: CorpusRecord, findings: Sequence[Finding]) -> CorpusCheck:
    """The counts of a registered own corpus, with ``findings``."""
    counts = Counter(utterance.label for utterance in corpus.utterances)
    speakers = {utterance.speaker for utterance in corpus.utterances} - {""}
    classes = {name: counts[name] for name in corpus.classes}
    return CorpusCheck(
        corpus.name, corpus.path, len(corpus.utterances), len(speakers), classes, corpus.layout, tuple(findings)
    )


def _utterance(entry: Entry, sha256: str) -> Utterance:
    return Utterance(
        path=entry.path,
        label=entry.label,
        speaker=entry.speaker,
        sentence=entry.sentence,
        sha256=sha256,
        session=entry.session,
        start=entry.start,
        end=entry.end,
    )


def _open_all(
    folder: Path, entries: Sequence[Entry], on_progress: Callable[[int, int], None] | None
) -> tuple[dict[str, _File], dict[str, str]]:
    """Every file once, in natural order: what is known of it, or a line that says what is wrong with it."""
    wheres = {entry.path: entry.where for entry in reversed(entries)}
    paths = sorted(wheres, key=natural)
    files: dict[str, _File] = {}
    faults: dict[str, str] = {}
    for done, path in enumerate(paths, start=1):
        file = _open(folder / path)
        if isinstance(file, str):
            where = "" if wheres[path] == path else f"{wheres[path]}: "
            faults[path] = f"{where}{clean(path)} {file}"
        else:
            files[path] = file
        if on_progress is not None:
            on_progress(done, len(paths))
    return files, faults


def _open(path: Path) -> _File | str:
    """Digest and duration of an audio file, or what is wrong with it, as a phrase that follows its name."""
    import soundfile

    try:
        if not stat.S_ISREG(path.stat().st_mode):  # reading a pipe would wait for ever
            return "is not a regular file"
        audio = read_bounded(path, LARGEST)
        info = soundfile.info(io.BytesIO(audio))
    except (OSError, ValueError) as error:
        return f"cannot be read ({clean(str(getattr(error, 'strerror', None) or error))})"
    except (soundfile.SoundFileError, RuntimeError):
        return "is not readable as audio"
    if info.frames <= 0:
        return "holds no sound (zero samples)"
    return _File(hashlib.sha256(audio).hexdigest(), info.frames / info.samplerate, is_cut_short(audio))


def _end(entry: Entry, file: _File) -> float:
    return file.seconds if entry.end is None else min(entry.end, file.seconds)


def _segment_faults(entry: Entry, file: _File) -> Iterator[str]:
    behind = entry.end is not None and entry.end > file.seconds + END_TOLERANCE
    if behind or entry.start > file.seconds - SHORTEST_SECONDS:
        what = f"end {entry.end:g} s" if behind else f"start {entry.start:g} s"
        yield f"{entry.where}: {what} lies behind the end of {clean(entry.path)} ({file.seconds:.3f} s)"


def _check_classes(entries: Sequence[Entry], source: Path) -> None:
    classes = {entry.label for entry in entries}
    if not 2 <= len(classes) <= MOST_CLASSES:
        some = ", ".join(sorted(classes)[:8])
        raise CorpusError(
            f"{clean(str(source))} has {len(classes)} classes ({some}), 2 to {MOST_CLASSES} can be told apart"
        )


def doubtful(utterances: Sequence[Utterance]) -> Iterator[Finding]:
    """Sound that stands in more than one utterance: it could be in training and in the test fold."""
    by_content: defaultdict[tuple[str, float, float | None], list[str]] = defaultdict(list)
    by_file: defaultdict[str, list[Utterance]] = defaultdict(list)
    for utterance in utterances:
        by_content[utterance.sha256, utterance.start, utterance.end].append(utterance.path)
        by_file[utterance.path].append(utterance)
    for paths in by_content.values():
        if len(paths) > 1:
            yield from finding("byte-identical, yet named as different utterances", paths)
    overlapping = [path for path, parts in by_file.items() if len(parts) > 1 and _overlap(parts)]
    yield from finding("segments overlap, the same sound can be in training and in the test fold", overlapping)


def _overlap(parts: Sequence[Utterance]) -> bool:
    spans = sorted((part.start, float("inf") if part.end is None else part.end) for part in parts)
    return any(after[0] < before[1] for before, after in pairwise(spans))
