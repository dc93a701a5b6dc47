"""What the feature cache holds, seen from a registry: what is in use, what is stale, and removing it.

An entry is never wrong (its key covers what it was made from); it is *stale* when nobody will ask for it again: the
corpus it was made for has another version now, or the libraries that extract features have. What was made for
corpora that this registry does not know may belong to another registry, and is not called stale.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import prod
from pathlib import Path
from typing import Any

from timnet.errors import BadInput, UnknownName
from timnet.features.build import Wanted, wanted_of
from timnet.features.cache import CacheEntry, FeatureCache
from timnet.features.libraries import library_versions
from timnet.records import CorpusRecord
from timnet.text import clean


class Use(StrEnum):
    """What an entry is to a registry."""

    CURRENT = "current"
    OLD_VERSION = "older version"
    OTHER_LIBRARIES = "other libraries"
    UNKNOWN = "not of a corpus here"


FLOAT32, HEADER_BLOCK = 4, 64  # bytes
STALE = (Use.OLD_VERSION, Use.OTHER_LIBRARIES)


@dataclass(frozen=True, slots=True)
class Shelved:
    """An entry of the cache and what it is to the registry that was asked."""

    entry: CacheEntry
    use: Use

    @property
    def stale(self) -> bool:
        """Whether it can go: no corpus will ask for it again."""
        return self.use in STALE

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        one = self.entry
        return {
            "corpus": one.corpus,
            "key": one.key,
            "utterances": one.utterances,
            "bytes": one.bytes,
            "made": one.made,
            "use": str(self.use),
            "stale": self.stale,
        }


def shelf(cache_root: Path, corpora: Sequence[CorpusRecord]) -> tuple[Shelved, ...]:
    """Every entry of the cache, the newest first; ``corpora`` are a registry's current ones, with utterances."""
    current = {key_wanted(corpus) for corpus in corpora}
    names = {corpus.name.casefold() for corpus in corpora}
    libraries = library_versions()

    def use(entry: CacheEntry) -> Use:
        if entry.key in current:
            return Use.CURRENT
        if entry.libraries and dict(entry.libraries) != libraries:
            return Use.OTHER_LIBRARIES
        return Use.OLD_VERSION if entry.corpus.casefold() in names else Use.UNKNOWN

    return tuple(Shelved(entry, use(entry)) for entry in FeatureCache(cache_root).entries())


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether a corpus's features are in the cache: ``fresh`` whole and for its current version, with their bytes.

    ``stale_bytes`` are of entries made for the same corpus that nobody will ask for again.
    """

    fresh: bool = False
    bytes: int = 0
    stale_bytes: int = 0


def standing_of(entries: Sequence[CacheEntry], corpus: str, wanted: Wanted | None) -> Standing:
    """How the features of ``corpus`` stand among the cache's ``entries``; ``wanted`` is what it asks for now."""
    mine = next((one for one in entries if wanted is not None and one.key == wanted.key), None)
    # the header before the numbers fills whole blocks, so a file that was cut is told by its size alone
    header = 0 if mine is None or wanted is None else mine.bytes - prod(wanted.shape) * FLOAT32
    fresh = header > 0 and header % HEADER_BLOCK == 0
    others = sum(one.bytes for one in entries if one is not mine and one.corpus.casefold() == corpus.casefold())
    return Standing(fresh, mine.bytes if mine is not None and fresh else 0, others)


def remove_stale(cache_root: Path, corpora: Sequence[CorpusRecord]) -> tuple[Shelved, ...]:
    """Remove every stale entry; returns what was removed. Who has one mapped keeps reading it."""
    gone = tuple(one for one in shelf(cache_root, corpora) if one.stale)
    for one in gone:
        FeatureCache(cache_root).remove(one.entry.key)
    return gone


def remove_entry(cache_root: Path, key: str) -> CacheEntry:
    """Remove the one entry whose key begins with ``key``. Raises :class:`BadInput` where none or several do."""
    cache = FeatureCache(cache_root)
    found = [entry for entry in cache.entries() if key and entry.key.startswith(key)]
    if len(found) != 1:
        what = "nothing" if not found else f"{len(found)} entries"
        raise BadInput(f"the feature cache holds {what} under {clean(key)!r}; list it to see its keys")
    cache.remove(found[0].key)
    return found[0]


def remove_of(cache_root: Path, corpus: CorpusRecord) -> str:
    """Remove the features of a corpus's current version; returns their key. Raises :class:`UnknownName`."""
    key = wanted_of(corpus).key
    cache = FeatureCache(cache_root)
    if key not in {entry.key for entry in cache.entries()}:
        raise UnknownName(f"no features of {corpus.name} in {clean(str(cache.folder))}")
    cache.remove(key)
    return key


def key_wanted(corpus: CorpusRecord) -> str:
    """The key a corpus asks for; empty where it was registered without digests, so that it asks for none."""
    try:
        return wanted_of(corpus).key
    except BadInput:
        return ""
