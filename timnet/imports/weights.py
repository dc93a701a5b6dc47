"""The authors' weights: everything that can be refused is refused here, before an engine is loaded."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from timnet.errors import WeightsError
from timnet.model.published import FoldWeights, check_shape, name_and_seed, read_published
from timnet.protocols import check_folds
from timnet.records import CorpusRecord
from timnet.registry import Registry
from timnet.tasks import Progress, run_task
from timnet.text import clean


def import_weights(
    registry: Registry,
    cache: Path,
    source: Path,
    corpus: str,
    seed: int | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    stop: threading.Event | None = None,
) -> tuple[int, int]:
    """Evaluate published weights in a child process and record them; returns the experiment and its number of folds.

    ``seed`` None means: the one in the file's name. Raises :class:`WeightsError` for weights that are broken or
    belong to another corpus or seed, :class:`timnet.errors.Stopped` where ``stop`` was set; nothing is then recorded.
    """
    found = registry.corpora.get(corpus)
    read_for(source, found, seed)
    arguments = {"db": registry.paths.db, "source": source.absolute(), "corpus": found.name, "cache": cache.absolute()}
    words = [f"--{name}={value}" for name, value in arguments.items()]
    words += [] if seed is None else [f"--seed={seed}"]
    result = run_task("timnet.training.published", words, on_progress, stop=stop)
    return int(result["experiment"]), int(result["folds"])


def read_for(source: Path, corpus: CorpusRecord, seed: int | None) -> tuple[list[FoldWeights], int]:
    """Read all folds' weights and the seed of their folds, checked against ``corpus``.

    Raises :class:`WeightsError` as :func:`import_weights` does, and :class:`timnet.errors.BadInput` where the
    corpus cannot be split into that many folds.
    """
    seed = _seed(source, corpus, seed)
    folds = read_published(source)
    for fold in folds:
        check_shape(fold, len(corpus.classes), corpus.tabs)
    check_folds("random", corpus.utterances, len(folds), seed)
    return folds, seed


def seed_named(source: Path, corpus: str) -> int | None:
    """The seed that the file's name tells, None where it tells none.

    Raises :class:`WeightsError` where the name tells of another corpus than ``corpus``.
    """
    named, seed = name_and_seed(source)
    if named is not None and not corpus.upper().startswith(named):
        raise WeightsError(
            f"{clean(source.name)} holds weights of {named} by its name, not of {corpus}; "
            f"give it with --corpus {named}, or rename it if the name is wrong"
        )
    return seed


def _seed(source: Path, corpus: CorpusRecord, seed: int | None) -> int:
    named_seed = seed_named(source, corpus.name)
    if seed is None:
        if named_seed is None:
            raise WeightsError(f"{clean(source.name)} does not name the seed of its folds; say it with --seed")
        return named_seed
    if named_seed is not None and seed != named_seed:
        raise WeightsError(
            f"{clean(source.name)} was trained on the folds of seed {named_seed}; with seed {seed} it would be "
            "tested on utterances it was trained on"
        )
    return seed
