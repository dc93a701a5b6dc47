"""The registered corpora with their counts, their cached features and who uses them, and those one could add."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from timnet.corpora.fetch import SOURCES, WHERE_TO_ASK
from timnet.corpora.spec import KNOWN
from timnet.errors import BadInput
from timnet.features.build import Wanted, wanted_of
from timnet.features.cache import FeatureCache
from timnet.features.shelf import Standing, standing_of
from timnet.records import CorpusRecord, Worker
from timnet.registry import Registry
from timnet_tui.watch import Follower

DEMO = "DEMO"


@dataclass(frozen=True, slots=True)
class Count:
    """How many utterances of a class there are; ``expected`` as published, None where nobody says."""

    name: str
    here: int
    expected: int | None = None


@dataclass(frozen=True, slots=True)
class CorpusRow:
    """One corpus. Of one that is known but not registered, ``version`` is None and all counts are 0.

    ``version`` is the id of its current version in the registry. ``expected`` and ``expected_speakers`` are as
    published, None where nothing is. ``experiments`` counts those of all its versions. ``terms`` tells on what
    terms it can be fetched (``fetchable``), or else where to ask for it; empty for a corpus of the user's own.
    """

    name: str
    version: int | None = None
    path: str = ""
    layout: str = ""
    added: str = ""
    digest: str = ""
    classes: tuple[Count, ...] = ()
    utterances: int = 0
    expected: int | None = None
    speakers: int = 0
    expected_speakers: int | None = None
    signal_length: int = 0
    tabs: int = 0
    features: Standing = field(default_factory=Standing)
    experiments: int = 0
    fetchable: bool = False
    terms: str = ""

    @property
    def id(self) -> str:
        """What tells it from others."""
        return self.name

    @property
    def registered(self) -> bool:
        """Whether it can be trained on here."""
        return self.version is not None

    @property
    def as_published(self) -> bool | None:
        """Whether every class has the published number of utterances; None where none are published."""
        if self.expected is None or not self.registered:
            return None
        return all(count.here == count.expected for count in self.classes)


@dataclass(frozen=True, slots=True)
class CorporaWatch:
    """All corpora, and what the feature cache at ``cache`` holds of them."""

    cache: Path

    def follower(self, before: Follower | None) -> CorporaFollower:
        """The follower of before goes on where it looks at the same cache."""
        if isinstance(before, CorporaFollower) and before.cache == self.cache:
            return before
        return CorporaFollower(self.cache)


@dataclass(frozen=True, slots=True)
class Corpora:
    """The registered ones by name, then the known ones that are not registered."""

    rows: tuple[CorpusRow, ...] = ()


class CorporaFollower:
    """Counts a version's utterances once; they never change. The cache is looked at when its folder changed."""

    def __init__(self, cache: Path) -> None:
        self.cache = cache
        self._counted: dict[int, tuple[CorpusRow, Wanted | None]] = {}
        self._stamp: int | None = None

    def read(self, registry: Registry, workers: tuple[Worker, ...]) -> Corpora:
        """The corpora as they are now."""
        self._stamp = self._cache_stamp()
        entries = FeatureCache(self.cache).entries()
        uses = registry.corpora.uses()
        current = registry.corpora.ls()
        self._counted = {one.id: self._count(registry, one) for one in current}
        rows = [
            replace(
                row,
                path=one.path,
                added=one.added,
                experiments=uses.get(one.name, 0),
                features=standing_of(entries, one.name, wanted),
            )
            for one in current
            for row, wanted in [self._counted[one.id]]
        ]
        return Corpora((*rows, *not_registered({one.name for one in current}, uses)))

    def grew(self, registry: Registry) -> bool:
        """Whether something came into the cache or left it."""
        return self._stamp != self._cache_stamp()

    def _count(self, registry: Registry, corpus: CorpusRecord) -> tuple[CorpusRow, Wanted | None]:
        known = self._counted.get(corpus.id)
        if known is not None and (known[0].layout, known[0].digest) == (corpus.layout, corpus.digest):
            return known
        whole = replace(corpus, utterances=registry.corpora.utterances(corpus.id))
        return row_of(whole), _wanted(whole)

    def _cache_stamp(self) -> int | None:
        try:
            return FeatureCache(self.cache).folder.stat().st_mtime_ns
        except OSError:
            return None


def row_of(corpus: CorpusRecord) -> CorpusRow:
    """What can be said of a version from its utterances alone."""
    labels = Counter(utterance.label for utterance in corpus.utterances)
    spec = KNOWN.get(corpus.name)
    published: Mapping[str, int] = spec.class_counts if spec else {}
    names = sorted({*corpus.classes, *labels, *published})
    return CorpusRow(
        name=corpus.name,
        version=corpus.id,
        path=corpus.path,
        layout=corpus.layout,
        added=corpus.added,
        digest=corpus.digest,
        classes=tuple(Count(name, labels[name], published.get(name, 0) if published else None) for name in names),
        utterances=len(corpus.utterances),
        expected=sum(published.values()) if published else None,
        speakers=len({utterance.speaker for utterance in corpus.utterances} - {""}),
        expected_speakers=len(spec.speaker_counts) or None if spec else None,
        signal_length=corpus.signal_length,
        tabs=corpus.tabs,
        fetchable=corpus.name in SOURCES,
        terms=_terms(corpus.name),
    )


def not_registered(here: Sequence[str] | set[str], uses: Mapping[str, int]) -> list[CorpusRow]:
    """A row for every known corpus that is not ``here``, but the synthetic one."""
    return [
        CorpusRow(
            name=spec.name,
            expected=spec.utterances or None,
            expected_speakers=len(spec.speaker_counts) or None,
            classes=tuple(Count(name, 0, spec.class_counts.get(name)) for name in spec.classes),
            experiments=uses.get(spec.name, 0),
            fetchable=spec.name in SOURCES,
            terms=_terms(spec.name),
        )
        for spec in KNOWN.values()
        if spec.name not in here and spec.name != DEMO
    ]


def _terms(name: str) -> str:
    return SOURCES[name].terms if name in SOURCES else WHERE_TO_ASK.get(name, "")


def _wanted(corpus: CorpusRecord) -> Wanted | None:
    try:
        return wanted_of(corpus)
    except BadInput:  # registered without digests: its features are never looked for
        return None
