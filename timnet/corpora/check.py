"""Whether a registered corpus is complete, and still what it was when it was registered."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from timnet.corpora.layout import CorpusSpec
from timnet.corpora.walk import recognise, several
from timnet.errors import CorpusError
from timnet.records import Utterance
from timnet.text import clean


@dataclass(frozen=True, slots=True)
class CorpusCheck:
    """The verdict on a corpus; :meth:`to_dict` is the JSON contract of ``timnet corpora check``.

    ``utterances``, ``speakers`` and ``classes`` count what is registered.
    """

    corpus: str
    path: str
    utterances: int
    speakers: int
    classes: dict[str, int]
    problems: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {**asdict(self), "problems": list(self.problems)}


def check(utterances: Sequence[Utterance], spec: CorpusSpec, folder: Path) -> CorpusCheck:
    """Compare the registered ``utterances`` with the published counts and with what ``folder`` holds now.

    Everything found is a line of ``problems``; nothing is raised for a file, or a folder, that is gone.
    """
    classes = Counter(u.label for u in utterances)
    speakers = Counter(u.speaker for u in utterances)
    problems = [
        *_miscounts("class", classes, spec.class_counts),
        *_miscounts("speaker", speakers, spec.speaker_counts),
        *_changes(utterances, spec, folder),
        *_twins(utterances),
    ]
    counts = {name: classes[name] for name in sorted({*spec.classes, *classes})}
    return CorpusCheck(spec.name, str(folder), len(utterances), len(speakers), counts, tuple(problems))


def _miscounts(kind: str, counts: Mapping[str, int], published: Mapping[str, int]) -> Iterator[str]:
    for name in sorted({*counts, *published}):
        have, want = counts.get(name, 0), published.get(name, 0)
        if have != want:
            yield f"{kind} {clean(name)} has {have} utterances, {want} are published"


def _changes(utterances: Sequence[Utterance], spec: CorpusSpec, folder: Path) -> Iterator[str]:
    """What became of the files since they were registered."""
    try:
        now = recognise(folder, spec)
    except CorpusError as error:
        yield str(error)
        return
    yield from now.problems
    missing: list[str] = []
    changed: list[str] = []
    for utterance in utterances:
        found = _sha256(folder / utterance.path)
        if found is None:
            missing.append(utterance.path)
        elif found != utterance.sha256:
            changed.append(utterance.path)
    registered = {u.path for u in utterances}
    new = [path for path, _ in now.names if path not in registered]
    yield from _line("missing since the corpus was added", missing)
    yield from _line("changed since the corpus was added", changed)
    yield from _line("new since the corpus was added, not used", new)


def _twins(utterances: Sequence[Utterance]) -> Iterator[str]:
    """Recordings that are the same to the byte under different names: one of them is mislabelled or leaks."""
    by_content: defaultdict[str, list[str]] = defaultdict(list)
    for utterance in utterances:
        by_content[utterance.sha256].append(utterance.path)
    for paths in by_content.values():
        if len(paths) > 1:
            yield f"byte-identical: {', '.join(clean(path) for path in paths)}"


def _line(what: str, paths: Iterable[str]) -> Iterator[str]:
    listed = list(paths)
    if listed:
        yield f"{what}: {several(listed)}"


def _sha256(path: Path) -> str | None:
    """Digest of a file's bytes, None where it is not there to be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None
    except OSError:
        return None
