"""Register a corpus from whatever its user has: raw recordings, a published feature file, or data of one's own."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from timnet.corpora import combined, own
from timnet.corpora.check import CorpusCheck
from timnet.corpora.findings import Finding
from timnet.corpora.layout import CorpusSpec
from timnet.corpora.scan import digest
from timnet.corpora.service import ReadCorpus, check_corpus, read_corpus
from timnet.corpora.spec import KNOWN, canonical, spec_of
from timnet.corpora.walk import guess
from timnet.errors import BadInput, CorpusError
from timnet.features import published
from timnet.features.lengths import histogram, length_of, tabs_of
from timnet.protocols import COMBINED
from timnet.records import CorpusRecord
from timnet.registry import Registry
from timnet.text import clean

AUTO = "auto"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Source:
    """A corpus as it was read; ``lengths`` are lines on its durations and the signal length, for own corpora."""

    corpus: ReadCorpus
    lengths: tuple[str, ...] = ()


def read_source(
    name: str,
    source: Path,
    length: str | None = None,
    on_progress: Callable[[int, int], None] | None = None,
    *,
    skip_bad: bool = False,
) -> Source:
    """Read the corpus ``name`` from ``source``; nothing is registered and no file of the user's is touched.

    A known corpus (``EMODB``) is read from the folder of its raw recordings or from its published feature file;
    any other name is an own corpus: a folder an emotion, a manifest or an audformat database. ``length`` chooses
    an own corpus's signal length (:func:`timnet.features.lengths.length_of`; None means ``auto``). Raises
    :class:`BadInput`, one line.
    """
    known = canonical(name) in KNOWN
    if length is not None and (known or source.suffix.lower() == ".npy"):
        raise BadInput(f"the signal length of {clean(name)} is published; --length is for corpora of your own")
    if source.suffix.lower() == ".npy" and not source.is_dir():
        return Source(_published(name, source))
    if not known:
        return _own(name, source, length or AUTO, on_progress, skip_bad)
    if own.layout_of(source) == own.MANIFEST:
        raise BadInput(f"{canonical(name)} is the name of a known corpus; give a corpus of your own another one")
    return Source(read_corpus(name, source, on_progress, skip_bad=skip_bad))


def register_source(registry: Registry, source: Source) -> CorpusRecord:
    """Register what :func:`read_source` has read and make it the current version of its corpus.

    A name that is there in another case (``mine``, ``Mine``) is the same corpus and keeps its spelling.
    """
    record = source.corpus.record
    there = (one.name for one in registry.corpora.ls() if one.name.casefold() == record.name.casefold())
    return registry.corpora.add(replace(record, name=next(there, record.name)))


def combine_sources(
    registry: Registry, name: str, sources: Sequence[str], classes: Sequence[str] = combined.SHARED
) -> Source:
    """Put registered corpora together as the corpus ``name`` (:mod:`timnet.corpora.combined`); nothing is registered.

    Raises :class:`BadInput`, one line: a name that is taken by a known corpus or by another kind of corpus, or
    sources that cannot be put together.
    """
    if canonical(name) in KNOWN:
        raise BadInput(f"{canonical(name)} is the name of a known corpus; give the combined one another name")
    _check_name(name)
    there = {one.name.casefold(): one for one in registry.corpora.ls()}.get(name.casefold())
    if there is not None and there.layout != COMBINED:
        raise BadInput(f"{there.name} is there already and is not a combined corpus; give this one another name")
    record = combined.combine(name, [registry.corpora.get(canonical(source)) for source in sources], classes)
    record = replace(record, digest=_own_digest(record))
    return Source(ReadCorpus(record, combined.verdict(record)))


def name_of(source: Path) -> str | None:
    """Which known corpus lies in a folder, by the names of its files; None where they are not one's."""
    if not source.is_dir() or own.layout_of(source) != own.FOLDERS:
        return None
    return guess(source)


def check_source(registry: Registry, name: str, on_progress: Callable[[int, int], None] | None = None) -> CorpusCheck:
    """Compare a registered corpus, whatever it was read from, with its source as it is now."""
    corpus = registry.corpora.get(canonical(name))
    if corpus.layout in (*own.LAYOUTS, COMBINED):
        return own.check_own(corpus, on_progress)
    if corpus.layout == published.LAYOUT:
        return own.verdict(corpus, _published_findings(corpus))
    return check_corpus(registry, name, on_progress)


def _published(name: str, source: Path) -> ReadCorpus:
    spec = spec_of(name)
    record = published.corpus_of(source, spec.name, spec.classes, spec.signal_length, spec.tabs)
    record = replace(record, digest=digest(record.utterances, spec))
    return ReadCorpus(record, own.verdict(record, _miscounts(record, spec)))


def _miscounts(record: CorpusRecord, spec: CorpusSpec) -> list[Finding]:
    """Classes that have another number of rows than recordings are published."""
    counts = Counter(utterance.label for utterance in record.utterances)
    return [
        Finding(f"class {label} has {counts[label]} utterances, {expected} are published")
        for label, expected in spec.class_counts.items()
        if counts[label] != expected
    ]


def _published_findings(corpus: CorpusRecord) -> list[Finding]:
    try:
        same = published.holds(published.read_features(Path(corpus.path)), corpus)
    except BadInput as error:
        return [Finding(str(error))]
    changed = [] if same else [Finding(f"{clean(corpus.path)} has changed since the corpus was added")]
    return [*_miscounts(corpus, spec_of(corpus.name)), *changed]


def _own(
    name: str, source: Path, length: str, on_progress: Callable[[int, int], None] | None, skip_bad: bool
) -> Source:
    _check_name(name)
    try:
        found = own.read_own(source, on_progress, skip_bad=skip_bad)
    except CorpusError as error:
        if own.layout_of(source) != own.FOLDERS:
            raise
        known = ", ".join(KNOWN)
        raise CorpusError(f"{error}. {name!r} is read as a corpus of your own; known by name are {known}") from error
    samples = length_of(length, found.seconds)
    record = CorpusRecord(
        id=0,
        name=name,
        layout=found.layout,
        path=str(found.folder),
        digest="",
        classes=found.classes,
        signal_length=samples,
        tabs=tabs_of(samples),
        added="",
        utterances=found.utterances,
    )
    record = replace(record, digest=_own_digest(record))
    return Source(ReadCorpus(record, own.verdict(record, found.findings)), tuple(histogram(found.seconds, samples)))


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise BadInput(f"{clean(name)!r} is no name for a corpus; it takes up to 32 letters, digits, _ and -")


def _own_digest(corpus: CorpusRecord) -> str:
    """Also covers the signal length, which is the user's choice here: another length is another version."""
    spec = CorpusSpec(corpus.name.casefold(), (), corpus.classes, corpus.signal_length, corpus.tabs, None, "", {})
    text = f"{digest(corpus.utterances, spec)} {corpus.signal_length} {corpus.tabs}"
    return hashlib.sha256(text.encode()).hexdigest()
