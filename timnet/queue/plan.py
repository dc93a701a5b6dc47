"""From what a user asks for to the experiments that would be queued. Nothing is written here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from timnet.corpora.spec import KNOWN
from timnet.errors import BadInput
from timnet.presets import parse_changes, preset_of
from timnet.protocols import check_folds
from timnet.records import CorpusRecord
from timnet.registry import Registry
from timnet.registry.experiments import NewExperiment, chosen_folds

DEFAULT_SEED = 46


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for; None means: as the preset or the corpus has it."""

    corpora: tuple[str, ...]
    preset: str = "github"
    protocol: str | None = None
    folds: int | None = None
    only: tuple[int, ...] = ()
    seeds: tuple[int, ...] = ()
    epochs: int | None = None
    changes: tuple[str, ...] = ()
    rule: tuple[tuple[str, Any], ...] = ()
    tags: tuple[str, ...] = ()
    note: str = ""
    priority: int = 0


def plan(registry: Registry, request: Request) -> list[NewExperiment]:
    """One experiment for each corpus x seed x combination of changes, all checked.

    Raises :class:`BadInput` (or a kind of it) for the first thing that cannot be.
    """
    if not request.corpora:
        raise BadInput("name a corpus to train on; list them with: timnet corpora ls")
    corpora = [registry.corpora.get(name) for name in request.corpora]
    return [
        _experiment(corpus, request, seed, {**changes, **dict(request.rule)})
        for corpus in corpora
        for seed in request.seeds or (_seed_of(corpus),)
        for changes in parse_changes(list(request.changes))
    ]


def parse_folds(text: str) -> tuple[int, ...]:
    """Fold numbers from ``1,2`` or ``1-3,7``. Raises :class:`BadInput`."""
    folds: list[int] = []
    for part in (part.strip() for part in text.split(",")) if text.strip() else ():
        first, dash, last = part.partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()) or len(first) > 6 or len(last) > 6:
            raise BadInput(f"{part!r} names no fold; write fold numbers like 1,2 or 1-3")
        if dash and int(last) < int(first):
            raise BadInput(f"{part!r} names no fold: a range goes from the lower to the higher, e.g. {last}-{first}")
        folds += range(int(first), int(last or first) + 1)
    return tuple(folds)


def _seed_of(corpus: CorpusRecord) -> int:
    spec = KNOWN.get(corpus.name)
    return spec.published_seed if spec and spec.published_seed is not None else DEFAULT_SEED


def _experiment(corpus: CorpusRecord, request: Request, seed: int, changes: dict[str, Any]) -> NewExperiment:
    preset = preset_of(request.preset)
    protocol = request.protocol or preset.protocol
    folds = preset.folds_of(corpus) if request.folds is None else request.folds
    check_folds(protocol, corpus.utterances, folds, seed)
    chosen_folds(request.only, folds)
    return NewExperiment(
        corpus=corpus,
        config=preset.config_of(corpus, request.epochs, changes),
        protocol=protocol,
        preset=preset.name,
        seed=seed,
        folds=folds,
        only=request.only,
        priority=request.priority,
        note=request.note,
        tags=request.tags,
    )


def chosen_sequence(values: Sequence[str]) -> tuple[str, ...]:
    """Names given one by one or with commas: ``["EMODB,SAVEE", "CASIA"]``."""
    return tuple(name.strip() for value in values for name in value.split(",") if name.strip())
