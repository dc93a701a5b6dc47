"""What grows with a corpus and with a registry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

from benchmarks.ours.project import SIGNAL_LENGTH, corpus_of

PAGE = 50


def corpus(utterances: int, folder: str) -> dict[str, Callable[[], Any]]:
    """What is done to a corpus once: registered, read back, cut into folds, looked up in the feature cache."""
    from timnet.features.cache import key_of
    from timnet.features.recipe import MfccRecipe
    from timnet.protocols import make_folds
    from timnet.registry import Registry

    one = corpus_of(utterances)
    registry = Registry.open(Path(folder) / f"corpus-{utterances}.db")
    numbers = count()
    recipe = MfccRecipe(SIGNAL_LENGTH)
    stored = registry.corpora.add(one)

    def register() -> None:
        number = next(numbers)
        registry.corpora.add(replace(one, name=f"BENCH{number}", digest=f"digest-{number}"))

    def read() -> None:
        assert len(registry.corpora.utterances(stored.id)) == utterances

    return {
        "register": register,
        "read": read,
        "folds": lambda: _done(make_folds("random", one.utterances, 10, 46, 0.0)),
        "speakers": lambda: _done(make_folds("loso", one.utterances, 10, 46, 0.0)),
        "key": lambda: key_of(one.utterances, recipe),
    }


def registry(db: str) -> dict[str, Callable[[], Any]]:
    """What a list of runs costs: the registry opened, its first page, and the first page that a filter lets pass."""
    from timnet.registry import Registry

    opened = Registry.open_read_only(Path(db))

    def again() -> None:
        with Registry.open_read_only(Path(db)):
            pass

    return {
        "open": again,
        "page": lambda: _done(opened.pages.runs(limit=PAGE).runs),
        "filtered": lambda: _done(
            opened.pages.runs("state:done corpus:EMODB", sort="uar", descending=True, limit=PAGE)
        ),
    }


def _done(found: object) -> None:
    """Nothing of the result goes back: it would have to be JSON."""
    assert found is not None
