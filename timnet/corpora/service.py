"""What front ends ask of corpora: register one, check it, get its features."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from timnet.corpora.check import CorpusCheck, check, check_fresh
from timnet.corpora.scan import digest, scan
from timnet.corpora.spec import canonical, spec_of
from timnet.records import CorpusRecord
from timnet.registry import Registry


@dataclass(frozen=True, slots=True)
class ReadCorpus:
    """A corpus as it was read from its files, ready to be registered, and what was found on the way."""

    record: CorpusRecord
    found: CorpusCheck


def add_corpus(
    registry: Registry,
    name: str,
    folder: Path,
    on_progress: Callable[[int, int], None] | None = None,
    *,
    skip_bad: bool = False,
) -> tuple[CorpusRecord, CorpusCheck]:
    """Register the recordings of the corpus ``name`` below ``folder``; the files are only read.

    Raises :class:`timnet.errors.CorpusError` or :class:`timnet.errors.UnknownName`; nothing is then registered.
    With ``skip_bad``, files that cannot be used are named in the verdict and left out.
    """
    return register(registry, read_corpus(name, folder, on_progress, skip_bad=skip_bad))


def read_corpus(
    name: str, folder: Path, on_progress: Callable[[int, int], None] | None = None, *, skip_bad: bool = False
) -> ReadCorpus:
    """Read the recordings of the corpus ``name`` below ``folder``; no registry is needed yet.

    Raises as :func:`add_corpus` does.
    """
    spec = spec_of(name)
    found = scan(folder, spec, on_progress, skip_bad=skip_bad)
    record = CorpusRecord(
        id=0,
        name=spec.name,
        layout=found.layout,
        path=str(folder.absolute()),
        digest=digest(found.utterances, spec),
        classes=spec.classes,
        signal_length=spec.signal_length,
        tabs=spec.tabs,
        added="",
        utterances=found.utterances,
    )
    return ReadCorpus(record, check_fresh(found, spec, folder.absolute()))


def register(registry: Registry, corpus: ReadCorpus) -> tuple[CorpusRecord, CorpusCheck]:
    """Register what :func:`read_corpus` has read."""
    return registry.corpora.add(corpus.record), corpus.found


def check_corpus(registry: Registry, name: str, on_progress: Callable[[int, int], None] | None = None) -> CorpusCheck:
    """Compare a registered corpus with its files as they are now and with the published counts."""
    record = registry.corpora.get(canonical(name))
    return check(record.utterances, spec_of(record.name), Path(record.path), on_progress)
