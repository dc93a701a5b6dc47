"""The corpora that timnet knows by name."""

from __future__ import annotations

from timnet.corpora.casia import CASIA
from timnet.corpora.emodb import EMODB
from timnet.corpora.emovo import EMOVO
from timnet.corpora.iemocap import IEMOCAP
from timnet.corpora.layout import CorpusSpec, Layout, Parsed
from timnet.corpora.ravdess import RAVDESS
from timnet.corpora.savee import SAVEE
from timnet.corpora.synthetic import DEMO
from timnet.errors import UnknownName
from timnet.records import CORPUS_ALIASES
from timnet.text import clean

__all__ = ["KNOWN", "CorpusSpec", "Layout", "Parsed", "canonical", "spec_of"]

KNOWN: dict[str, CorpusSpec] = {spec.name: spec for spec in (CASIA, DEMO, EMODB, EMOVO, IEMOCAP, RAVDESS, SAVEE)}
"""Every known corpus by its name, in alphabetical order."""


def canonical(name: str) -> str:
    """The name under which a known corpus is kept, whatever its case or alias; any other name as it is."""
    upper = CORPUS_ALIASES.get(name.upper(), name.upper())
    return upper if upper in KNOWN else name


def spec_of(name: str) -> CorpusSpec:
    """The corpus called ``name``, whatever the case of its letters; raises :class:`UnknownName`."""
    spec = KNOWN.get(canonical(name))
    if spec is None:
        raise UnknownName(f"unknown corpus {clean(name)!r}; known: {', '.join(KNOWN)}")
    return spec
