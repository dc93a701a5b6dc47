"""A corpus put together of others, to train on one and test on another: their shared classes, cut to one length.

Nothing is copied: its utterances are the recordings of its sources, where they lie. ``session`` tells the source, and
speakers and sentences stand behind its name, as speaker 03 of EMODB is not speaker 03 of another corpus.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from timnet.corpora import own
from timnet.corpora.check import CorpusCheck
from timnet.corpora.entries import label_of
from timnet.errors import BadInput
from timnet.features.lengths import tabs_of
from timnet.protocols import COMBINED
from timnet.records import CorpusRecord, Utterance
from timnet.text import clean

SHARED = ("angry", "fear", "happy", "neutral", "sad")
"""The five classes that the paper's cross-corpus experiments use: all its corpora but IEMOCAP have them."""
SIGNAL_LENGTH = 100_000
"""The paper's, in samples at 22 050 Hz (4.5 s)."""
FEWEST = 2


def combine(name: str, sources: Sequence[CorpusRecord], classes: Sequence[str] = SHARED) -> CorpusRecord:
    """The corpus ``name`` of ``sources``, not yet registered and without a digest.

    Rows stand by class, then source in the order given, then as in the source. Raises :class:`BadInput`: fewer than
    two sources or classes, a source that lacks one of the classes, is itself combined, or has no recordings here.
    """
    chosen = tuple(sorted({label_of(label.strip(), "--classes") for label in classes}))
    if len(chosen) < FEWEST:
        raise BadInput(f"{len(chosen)} classes cannot be told apart; name two or more")
    if len({source.name for source in sources}) != len(sources) or len(sources) < FEWEST:
        raise BadInput("a combined corpus is made of two different corpora or more; list them with: timnet corpora ls")
    for source in sources:
        _check_source(source, chosen)
    folder = Path(os.path.commonpath([source.path for source in sources]))
    utterances = tuple(
        _moved(utterance, source, folder)
        for label in chosen
        for source in sources
        for utterance in source.utterances
        if utterance.label == label
    )
    return CorpusRecord(
        id=0,
        name=name,
        layout=COMBINED,
        path=str(folder),
        digest="",
        classes=chosen,
        signal_length=SIGNAL_LENGTH,
        tabs=tabs_of(SIGNAL_LENGTH),
        added="",
        utterances=utterances,
    )


def counts(corpus: CorpusRecord) -> dict[str, dict[str, int]]:
    """How many utterances of each class every source gives: ``{source: {class: n}}``."""
    found = Counter((utterance.session, utterance.label) for utterance in corpus.utterances)
    sources = dict.fromkeys(utterance.session for utterance in corpus.utterances)
    return {source: {label: found[source, label] for label in corpus.classes} for source in sources}


def verdict(corpus: CorpusRecord) -> CorpusCheck:
    """The counts of a combined corpus as it was just made, and the recordings that more than one source has."""
    return own.verdict(corpus, tuple(own.doubtful(corpus.utterances)))


def _check_source(source: CorpusRecord, classes: Sequence[str]) -> None:
    name = clean(source.name)
    if source.layout == COMBINED:
        raise BadInput(f"{name} is itself combined; name the corpora that it is made of")
    if not source.utterances or not Path(source.path).is_dir():
        raise BadInput(f"{name} has no folder of recordings here, only features or a log; add its recordings first")
    there = {utterance.label for utterance in source.utterances}
    missing = [clean(label) for label in classes if label not in there]
    if missing:
        raise BadInput(
            f"{name} has no {' and no '.join(missing)} (it has {', '.join(map(clean, source.classes))});"
            " name classes that all have with --classes"
        )


def _moved(utterance: Utterance, source: CorpusRecord, folder: Path) -> Utterance:
    """The utterance as the combined corpus tells it; its path is relative to ``folder``."""
    path = Path(os.path.relpath(Path(source.path) / utterance.path, folder)).as_posix()
    return replace(
        utterance,
        path=path,
        speaker=_of(source, utterance.speaker),
        sentence=_of(source, utterance.sentence),
        session=source.name,
    )


def _of(source: CorpusRecord, name: str) -> str:
    return f"{source.name}-{name}" if name else ""
