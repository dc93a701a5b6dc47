"""What front ends ask of corpora: register one, check it, get its features."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from timnet.corpora.check import CorpusCheck, check
from timnet.corpora.scan import digest, scan
from timnet.corpora.spec import spec_of
from timnet.records import CorpusRecord
from timnet.registry import Registry


def add_corpus(
    registry: Registry, name: str, folder: Path, on_progress: Callable[[int, int], None] | None = None
) -> tuple[CorpusRecord, CorpusCheck]:
    """Register the recordings of the corpus ``name`` below ``folder``; the files are only read.

    Raises :class:`timnet.errors.CorpusError` or :class:`timnet.errors.UnknownName`; nothing is then registered.
    """
    return register(registry, read_corpus(name, folder, on_progress))


def read_corpus(name: str, folder: Path, on_progress: Callable[[int, int], None] | None = None) -> CorpusRecord:
    """Read the recordings of the corpus ``name`` below ``folder``; no registry is needed yet.

    Raises as :func:`add_corpus` does.
    """
    spec = spec_of(name)
    found = scan(folder, spec, on_progress)
    return CorpusRecord(
        id=0,
        name=spec.name,
        layout=spec.layout.name,
        path=str(folder.absolute()),
        digest=digest(found.utterances, spec),
        classes=spec.classes,
        signal_length=spec.signal_length,
        tabs=spec.tabs,
        added="",
        utterances=found.utterances,
    )


def register(registry: Registry, corpus: CorpusRecord) -> tuple[CorpusRecord, CorpusCheck]:
    """Register what :func:`read_corpus` has read, and compare it with the published counts."""
    record = registry.corpora.add(corpus)
    return record, check(record.utterances, spec_of(record.name), Path(record.path))


def check_corpus(registry: Registry, name: str) -> CorpusCheck:
    """Compare a registered corpus with its files as they are now and with the published counts."""
    record = registry.corpora.get(name)
    return check(record.utterances, spec_of(record.name), Path(record.path))
