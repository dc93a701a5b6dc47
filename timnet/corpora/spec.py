"""The corpora that timnet knows by name."""

from __future__ import annotations

from timnet.corpora.emodb import EMODB
from timnet.corpora.layout import CorpusSpec, Layout, Parsed
from timnet.corpora.synthetic import DEMO
from timnet.errors import UnknownName
from timnet.text import clean

__all__ = ["KNOWN", "CorpusSpec", "Layout", "Parsed", "spec_of"]

KNOWN: dict[str, CorpusSpec] = {spec.name: spec for spec in (DEMO, EMODB)}
"""Every known corpus by its name, in alphabetical order."""


def spec_of(name: str) -> CorpusSpec:
    """The corpus called ``name``, whatever the case of its letters; raises :class:`UnknownName`."""
    spec = KNOWN.get(name.upper())
    if spec is None:
        raise UnknownName(f"unknown corpus {clean(name)!r}; known: {', '.join(KNOWN)}")
    return spec
