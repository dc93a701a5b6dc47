"""Work on corpora that screens start. All of it is called in threads, and opens its own registry."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from timnet.corpora.check import CorpusCheck
from timnet.corpora.organise import Outcome
from timnet.errors import BadInput
from timnet.registry import Registry
from timnet.tasks import Progress
from timnet.text import clean
from timnet_tui.attempts import attempt
from timnet_tui.jobs import Report
from timnet_tui.looks.corpora import CorpusRow, not_registered
from timnet_tui.messages import CommandEnded, Undo


@dataclass(frozen=True, slots=True)
class FetchedInto:
    """A corpus that was downloaded and can be added."""

    name: str
    path: str
    utterances: int
    terms: str


@dataclass(frozen=True, slots=True)
class Extracted:
    """Features that are in the cache now: how many utterances, how many bytes."""

    utterances: int
    bytes: int


def nothing_registered() -> tuple[CorpusRow, ...]:
    """What is shown before there is a registry."""
    return tuple(not_registered((), {}))


def counting(report: Report) -> Callable[[int, int], None]:
    """``report`` for those who only count."""
    return lambda done, total: report(Progress(done, total))


def check(db: Path, name: str, report: Report, stop: threading.Event) -> CorpusCheck:  # noqa: ARG001 - report stops it
    """Compare a corpus with its files."""
    from timnet.sources import check_source

    with opened(db) as registry:
        return check_source(registry, name, counting(report))


def features(db: Path, cache: Path, name: str, report: Report, stop: threading.Event) -> Extracted:
    """Extract features where they are not there yet, in a child process."""
    from timnet.features.build import features_of

    with opened(db) as registry:
        corpus = registry.corpora.get(name)
    path = features_of(corpus, cache, None, report, stop)
    return Extracted(len(corpus.utterances), path.stat().st_size)


def organise(db: Path, name: str, target: Path, report: Report, stop: threading.Event, *, link: bool) -> Outcome:  # noqa: ARG001 - report stops it
    """Sort a corpus into one folder an emotion."""
    from timnet.corpora import organise as sorting
    from timnet.corpora.placing import place

    with opened(db) as registry:
        corpus = registry.corpora.get(name)
    placements = place(corpus.utterances)
    return sorting.organise(corpus.name, Path(corpus.path), placements, target, link=link, on_progress=counting(report))


def fetch(name: str, folder: Path, cache: Path, report: Report, stop: threading.Event) -> FetchedInto:
    """Download a corpus, in a child process."""
    from timnet.corpora.fetching import fetch_apart

    found = fetch_apart(name, folder, cache, report, stop)
    return FetchedInto(found["corpus"], found["path"], found["utterances"], found["terms"])


def forget(db: Path, name: str) -> CommandEnded:
    """Take a corpus from the list; it can be taken back."""

    def job(registry: Registry) -> CommandEnded:
        corpus = registry.corpora.get(name)
        registry.corpora.remove(name)
        undo = Undo(f"{name} in the list again", partial(remember, db, corpus.id))
        told = f"{clean(name)} is forgotten here; its files and its experiments are as they were"
        return CommandEnded(told, undo=undo)

    return attempt(db, job)


def remember(db: Path, version: int) -> CommandEnded:
    """Put a forgotten corpus back, as it was."""

    def job(registry: Registry) -> CommandEnded:
        corpus = registry.corpora.add(registry.corpora.by_id(version))
        return CommandEnded(f"{clean(corpus.name)} is in the list again")

    return attempt(db, job)


def said(title: str, result: Any) -> str:
    """What to tell when a piece of work is done."""
    match result:
        case CorpusCheck():
            count = len(result.problems)
            return f"{title}: {count} to look at" if count else f"{title}: nothing missing, nothing changed"
        case Extracted():
            return f"{title}: {result.utterances} utterances, {result.bytes / 2**20:.1f} MiB in the cache"
        case Outcome():
            before = f", {len(result.before)} were there already" if result.before else ""
            return f"{title}: {len(result.done)} files in {clean(result.target)}{before}"
        case FetchedInto():
            return f"{title}: {result.utterances} utterances in {clean(result.path)} ({result.terms}); a adds it"
        case _:
            return f"{title}: done"


def opened(db: Path) -> Registry:
    """The registry, where there is one. Raises :class:`BadInput`."""
    if not db.exists():
        raise BadInput(f"{clean(str(db))} is not there")
    return Registry.open(db)
