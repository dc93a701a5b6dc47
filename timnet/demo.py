"""The demo: the whole main job on the synthetic corpus, from raw files to exported images."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from timnet.corpora.service import add_corpus
from timnet.corpora.synthetic import write_corpus
from timnet.export.service import export_confusion, export_curves, export_table, export_tsne
from timnet.features.build import features_of
from timnet.queue.enqueue import enqueue
from timnet.queue.plan import Request, plan
from timnet.records import Experiment
from timnet.registry import Registry
from timnet.settings import Settings
from timnet.tasks import Progress

CORPUS = "DEMO"
SEED = 46


@dataclass(frozen=True, slots=True)
class DemoPlace:
    """Where the demo keeps everything it makes."""

    folder: Path

    @property
    def db(self) -> Path:
        """Its own registry."""
        return self.folder / "runs.db"

    @property
    def corpus(self) -> Path:
        """The synthetic recordings."""
        return self.folder / "corpus"

    @property
    def results(self) -> Path:
        """The table and the images."""
        return self.folder / "results"


def prepare(
    registry: Registry,
    settings: Settings,
    place: DemoPlace,
    report: Callable[[Progress], None],
    epochs: int | None = None,
    stop: threading.Event | None = None,
) -> Experiment:
    """Write the corpus, register it, extract its features and queue the demo's experiment.

    ``epochs`` None means: as the preset ``demo`` has it. Another thread ends the extraction by ``stop``.
    """
    write_corpus(place.corpus, on_progress=lambda done, total: report(Progress(done, total, "speaking")))
    corpus, _ = add_corpus(registry, CORPUS, place.corpus)
    features_of(corpus, settings.cache, None, report, stop)
    request = Request((CORPUS,), presets=("demo",), seeds=(SEED,), epochs=epochs)
    [experiment] = enqueue(registry, plan(registry, request))
    return experiment


def export(registry: Registry, experiment: Experiment, place: DemoPlace) -> list[Path]:
    """The table (Markdown, CSV, JSON), both curves, t-SNE and the confusion matrix, as files."""
    made: list[Path] = []
    for form, suffix in (("markdown", "md"), ("csv", "csv"), ("json", "json")):
        path = export_table(registry, [experiment.id], form, place.results / f"table.{suffix}")
        assert isinstance(path, Path)
        made.append(path)
    for figure in (export_curves, export_tsne, export_confusion):
        made += figure(registry, experiment.id, place.results)
    return made
