"""Registries and feature caches to measure with: a corpus of a given shape whose recordings nobody needs."""

from __future__ import annotations

from pathlib import Path

from benchmarks.shapes import COEFFICIENTS, SHAPES
from timnet.features.cache import FeatureCache, key_of, shape_of
from timnet.features.recipe import MfccRecipe
from timnet.records import CorpusRecord, ProcessProof, TrainingConfig, Utterance
from timnet.registry import Registry
from timnet.registry.experiments import NewExperiment

SIGNAL_LENGTH = 96_000
CLASSES = ("angry", "boredom", "disgust", "fear", "happy", "neutral", "sad")
SPEAKERS = 10


def corpus_of(utterances: int, name: str = "BENCH") -> CorpusRecord:
    """A corpus of EMODB's shape, of any size."""
    items = tuple(_utterance(number) for number in range(utterances))
    return CorpusRecord(0, name, "raw", "corpus", f"digest-{name}", CLASSES, SIGNAL_LENGTH, 8, "", items)


def _utterance(number: int) -> Utterance:
    label, speaker = CLASSES[number % len(CLASSES)], f"{number % SPEAKERS:02d}"
    return Utterance(f"{number:06d}.wav", label, speaker, sentence=f"{number % 9}", sha256=f"{number:064x}")


def project(folder: Path, folds: int, epochs: int) -> Path:
    """A registry with one experiment that waits, its features in the cache ``folder/cache``; returns the registry."""
    import numpy as np

    one = SHAPES["EMODB"]
    corpus = corpus_of(one.train + one.test)
    recipe = MfccRecipe(SIGNAL_LENGTH)
    key, shape = key_of(corpus.utterances, recipe), shape_of(corpus.utterances, recipe)
    cache = FeatureCache(folder / "cache")
    with cache.locked(key):
        features, _ = one.arrays()
        cache.write(key, shape, features, {"corpus": corpus.name, "utterances": shape[0]})
    assert np.prod(shape[1:]) == one.frames * COEFFICIENTS
    db = folder / "runs.db"
    with Registry.open(db) as registry:
        _create(registry, corpus, folds, epochs)
    return db


def one_running(db: Path) -> tuple[int, str, TrainingConfig]:
    """A registry with one run that is being trained: its row, its uid and its settings."""
    proof = ProcessProof("bench", "boot", 1, 1.0)
    with Registry.open(db) as registry:
        _create(registry, corpus_of(70), 10, 500)
        claimed = registry.runs.claim(lambda _uid: 0, proof, "local", None)
        assert claimed is not None
        registry.runs.started(claimed[0], proof)
        registry.journal(claimed[0].run_id, claimed[0].attempt).begin([], "started")
        run = registry.runs.by_id(claimed[0].run_id)
        return run.id, run.uid, registry.experiments.get(run.experiment_id).config


def cached(root: Path, shape: tuple[int, int, int]) -> Path:
    """The path of an array of that shape in the feature cache ``root``, made on the first call."""
    import numpy as np

    cache = FeatureCache(root)
    with cache.locked("bench"):
        if cache.lookup("bench", shape) is None:
            generator = np.random.default_rng(1)
            rows = (generator.standard_normal(shape[1:], np.float32) for _ in range(shape[0]))
            cache.write("bench", shape, rows, {"corpus": "BENCH", "utterances": shape[0]})
    return cache.path_of("bench")


def _create(registry: Registry, corpus: CorpusRecord, folds: int, epochs: int) -> None:
    stored = registry.corpora.add(corpus)
    config = TrainingConfig(epochs=epochs)
    registry.experiments.create([NewExperiment(stored, config, "random", "github", 46, folds)])
