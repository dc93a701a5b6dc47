"""``python -m timnet.training.published``: evaluate the authors' weights and record them as an experiment.

Everything is computed before the registry is touched; then experiment, runs, predictions and files appear
together, or not at all.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from timnet.cores import cores
from timnet.features.recipe import MfccRecipe
from timnet.imports.weights import read_for
from timnet.model.network import NetworkShape, TimNet
from timnet.model.published import FoldWeights, apply_published
from timnet.model.weights import save_weights
from timnet.protocols import make_folds
from timnet.queue.liveness import proof_of
from timnet.records import EventKind, TrainingConfig
from timnet.registry import Registry
from timnet.registry.experiments import NewExperiment
from timnet.tasks import Progress, serve_task
from timnet.training.data import CorpusData, load_corpus
from timnet.training.device import prepare
from timnet.training.fold import record_result
from timnet.training.rows import Rows
from timnet.training.step import Evaluation, embed, evaluate, forward_of

PRESET = "published-weights"
SELECTION = "best-test"  # the authors kept the epoch with the best accuracy on the test fold


@dataclass(frozen=True, slots=True)
class Import:
    """What is asked for; ``seed`` None means: the one in the file's name."""

    db: Path
    source: Path
    corpus: str
    seed: int | None
    cache: Path


@dataclass(frozen=True, slots=True)
class Evaluated:
    """One fold's weights, their answers for the test fold, and their embeddings of all utterances."""

    weights: FoldWeights
    result: Evaluation
    embeddings: NDArray[np.float32]


def import_weights(wanted: Import, report: Callable[[Progress], None]) -> dict[str, Any]:
    """Evaluate every fold's published weights on the fold that they did not train on, and record it.

    Returns ``{"experiment": id, "folds": n}``. Raises :class:`timnet.errors.WeightsError` for weights that are
    broken or belong to another corpus or seed; nothing is then recorded.
    """
    with Registry.open(wanted.db) as registry:
        corpus = registry.corpora.get(wanted.corpus)
        report(Progress(0, 1, "reading the weights"))
        folds, seed = read_for(wanted.source, corpus, wanted.seed)
        config = TrainingConfig(tabs=folds[0].tabs, monitor="val_accuracy", select="best")
        prepare("cpu", cores())
        model = TimNet(NetworkShape(MfccRecipe(corpus.signal_length).frames, len(corpus.classes), corpus.tabs))
        for one in folds:
            apply_published(one, model)  # what does not fit is said before the long work
        data = load_corpus(corpus, wanted.cache, None, report)
        splits = make_folds("random", corpus.utterances, len(folds), seed)
        results, forward = [], forward_of(model)  # compiled once for all folds
        for split, one in zip(splits, folds, strict=True):
            apply_published(one, model)
            rows = Rows(data.features, split.test)
            result = evaluate(forward, rows, data.labels[split.test], len(data.classes))
            results.append(Evaluated(one, result, embed(forward, Rows.all_of(data.features))))
            report(Progress(split.number, len(folds), f"fold {split.number}: WAR {result.war:.4f}"))
        new = NewExperiment(
            corpus, config, "random", PRESET, seed, len(folds), source="published", selection=SELECTION,
            note=f"the authors' weights from {wanted.source.name}",
        )  # fmt: skip
        return _record(registry, new, data, results, model)


def _record(
    registry: Registry, new: NewExperiment, data: CorpusData, results: list[Evaluated], model: TimNet
) -> dict[str, Any]:
    folders: list[Path] = []
    try:
        with registry.db.write():
            [experiment] = registry.experiments.create([new])
            splits = make_folds(new.protocol, new.corpus.utterances, new.folds, new.seed)
            runs = registry.runs.of_experiment(experiment.id)
            for run, split, one in zip(runs, splits, results, strict=True):
                paths = registry.paths.run(run.uid)
                folders.append(paths.folder)
                claim = registry.runs.begin_import(run.id, proof_of(os.getpid()))
                journal = registry.journal(run.id, claim.attempt)
                journal.event(EventKind.IMPORTED, new.note)
                apply_published(one.weights, model)
                save_weights(model, paths.final_weights)
                journal.checkpoint("final", 0, paths.final_weights)
                text = f"evaluated: UAR {one.result.uar:.4f}, WAR {one.result.war:.4f} ({SELECTION}, optimistic)"
                record_result(journal, split, data, one.result, one.embeddings, paths.embeddings, text)
    except BaseException:
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)
        raise
    return {"experiment": experiment.id, "folds": new.folds}


def main() -> int:
    """Parse the command line and serve the task to the front end that started it."""
    parser = argparse.ArgumentParser(prog="python -m timnet.training.published", description=__doc__)
    parser.add_argument("--db", type=Path, required=True)
    parser.add_argument("--source", type=Path, required=True)
    parser.add_argument("--corpus", required=True)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--cache", type=Path, required=True)
    wanted = Import(**vars(parser.parse_args()))
    return serve_task(lambda report: import_weights(wanted, report))


if __name__ == "__main__":
    sys.exit(main())
