"""Whether a registered corpus is complete, and still what it was when it was registered."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from timnet.corpora.findings import Finding, finding
from timnet.corpora.layout import CorpusSpec, Parsed
from timnet.corpora.scan import Scan, scan
from timnet.errors import CorpusError
from timnet.records import Utterance
from timnet.text import clean


@dataclass(frozen=True, slots=True)
class CorpusCheck:
    """The verdict on a corpus; :meth:`to_dict` is the JSON contract of ``timnet corpora check``.

    ``utterances``, ``speakers`` and ``classes`` count what is registered. ``problems`` are lines to read,
    ``notes`` tell what is so in every whole copy of the corpus, and ``files`` in JSON names
    every file that a problem is about.
    """

    corpus: str
    path: str
    utterances: int
    speakers: int
    classes: dict[str, int]
    layout: str = ""
    findings: tuple[Finding, ...] = ()

    @property
    def problems(self) -> tuple[str, ...]:
        """What is not as published, or not as it was."""
        return tuple(str(found) for found in self.findings if not found.ordinary)

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out of a whole corpus."""
        return tuple(str(found) for found in self.findings if found.ordinary)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "corpus": self.corpus,
            "path": self.path,
            "utterances": self.utterances,
            "speakers": self.speakers,
            "classes": dict(self.classes),
            "problems": list(self.problems),
            "layout": self.layout,
            "notes": list(self.notes),
            "files": [found.to_dict() for found in self.findings if found.paths and not found.ordinary],
        }


def check(
    utterances: Sequence[Utterance],
    spec: CorpusSpec,
    folder: Path,
    on_progress: Callable[[int, int], None] | None = None,
) -> CorpusCheck:
    """Compare the registered ``utterances`` with the published counts and with what ``folder`` holds now.

    Everything found is a line of ``problems``; nothing is raised for a file, or a folder, that is gone.
    ``on_progress`` is told how many files of how many were read.
    """
    try:
        now = scan(folder, spec, on_progress, skip_bad=True)
    except CorpusError as error:
        return _verdict(utterances, spec, folder, "", {}, (Finding(str(error)),))
    findings = (*now.findings, *_changes(utterances, now, folder))
    return _verdict(utterances, spec, folder, now.layout, now.published, findings)


def check_fresh(found: Scan, spec: CorpusSpec, folder: Path) -> CorpusCheck:
    """Compare what was read a moment ago with the published counts, without reading it again."""
    return _verdict(found.utterances, spec, folder, found.layout, found.published, found.findings)


def _verdict(
    utterances: Sequence[Utterance],
    spec: CorpusSpec,
    folder: Path,
    layout: str,
    published: Mapping[Parsed, str],
    findings: Sequence[Finding],
) -> CorpusCheck:
    classes = Counter(u.label for u in utterances)
    speakers = Counter(u.speaker for u in utterances)
    every = (
        *_miscounts("class", classes, spec.class_counts),
        *_miscounts("speaker", speakers, spec.speaker_counts),
        *_miscounts("session", Counter(u.session for u in utterances), spec.session_counts),
        *_against(published, utterances),
        *findings,
        *_twins(utterances),
    )
    counts = {name: classes[name] for name in sorted({*spec.classes, *classes})}
    return CorpusCheck(spec.name, str(folder), len(utterances), len(speakers), counts, layout, every)


def _miscounts(kind: str, counts: Mapping[str, int], published: Mapping[str, int]) -> Iterator[Finding]:
    for name in sorted({*counts, *published}) if published else ():
        have, want = counts.get(name, 0), published.get(name, 0)
        if have != want:
            yield Finding(f"{kind} {clean(name)} has {have} utterances, {want} are published")


def _against(published: Mapping[Parsed, str], utterances: Sequence[Utterance]) -> Iterator[Finding]:
    """Published recordings that are not there, by their names, and what is there but was not published."""
    if not published:
        return
    parsed = {Parsed(u.label, u.speaker, u.sentence, u.take, u.session): u.path for u in utterances}
    missing = (name for what, name in published.items() if what not in parsed)
    yield from finding("published, but not here", missing)
    unknown = (path for what, path in parsed.items() if what not in published)
    yield from finding("used, but of no name that is published", unknown)


def _changes(utterances: Sequence[Utterance], now: Scan, folder: Path) -> Iterator[Finding]:
    """What became of the files since they were registered."""
    heard = {file.path: file.sha256 for file in now.heard}
    missing: list[str] = []
    changed: list[str] = []
    for utterance in utterances:
        found = heard.get(utterance.path) or _sha256(folder / utterance.path)
        if found is None:
            missing.append(utterance.path)
        elif found != utterance.sha256:
            changed.append(utterance.path)
    paths = {u.path for u in utterances}
    yield from finding("missing since the corpus was added", missing)
    yield from finding("changed since the corpus was added", changed)
    new = (u.path for u in now.utterances if u.path not in paths)
    yield from finding("new since the corpus was added, not used", new)


def _twins(utterances: Sequence[Utterance]) -> Iterator[Finding]:
    """Recordings that are the same to the byte under different names: one of them is mislabelled or leaks."""
    by_content: defaultdict[str, list[str]] = defaultdict(list)
    for utterance in utterances:
        by_content[utterance.sha256].append(utterance.path)
    for paths in by_content.values():
        if len(paths) > 1:
            yield from finding("byte-identical, yet named as different utterances", paths)


def _sha256(path: Path) -> str | None:
    """Digest of a file's bytes, None where it is not there to be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None
    except OSError:
        return None
