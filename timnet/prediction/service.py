"""``timnet predict``, the front end's side: which networks, which files, and what to make of the answers.

The networks themselves run in a child process (:mod:`timnet.prediction.engine`); nothing here loads TensorFlow.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from timnet.corpora.spec import KNOWN
from timnet.errors import BadInput, UnknownName
from timnet.export.gather import finished_runs
from timnet.features.recipe import MfccRecipe
from timnet.prediction.distance import Facts, doubts
from timnet.prediction.order import Order
from timnet.prediction.windows import Slide, Window, best_of
from timnet.records import CorpusRecord, Experiment, Run, TrainingConfig
from timnet.registry import Registry
from timnet.selection import selection_text
from timnet.tasks import Progress, run_task
from timnet.text import clean

AUDIO = frozenset({".wav", ".flac", ".ogg", ".mp3"})


@dataclass(frozen=True, slots=True)
class Networks:
    """The networks to ask: those of ``runs``, or all folds of the ``published`` weights (zip or folder)."""

    corpus: CorpusRecord
    config: TrainingConfig
    description: str
    runs: tuple[Run, ...] = ()
    weights: tuple[Path, ...] = ()
    published: Path | None = None

    @property
    def window(self) -> float:
        """What a network hears, in seconds."""
        recipe = MfccRecipe(self.corpus.signal_length)
        return recipe.signal_length / recipe.sample_rate


@dataclass(frozen=True, slots=True)
class Prediction:
    """The answer for one recording, or ``error``. ``windows`` are more than one only where they slid.

    ``probabilities`` are means over the networks and windows, in the order of ``classes``; ``doubts`` say why
    to trust the answer less.
    """

    path: str
    classes: tuple[str, ...]
    networks: int
    facts: Facts | None = None
    windows: tuple[Window, ...] = ()
    probabilities: tuple[float, ...] = ()
    doubts: tuple[str, ...] = ()
    error: str | None = None

    @property
    def label(self) -> str | None:
        """The most probable class."""
        return self.classes[best_of(self.probabilities)] if self.probabilities else None


def networks_of_run(registry: Registry, key: str) -> Networks:
    """The network of one run. Raises :class:`BadInput`: unknown, not done, or without weights on disk."""
    run = registry.runs.get(key)
    experiment = registry.experiments.get(run.experiment_id)
    [run] = finished_runs(registry, experiment, run.fold)
    corpus = registry.corpora.by_id(experiment.corpus_id)
    about = f"the network of run {run.key} ({corpus.name}, fold {run.fold} of {run.folds}, {_rule(experiment)})"
    return Networks(corpus, experiment.config, about, (run,), (_weights(registry, run),))


def networks_of_experiment(registry: Registry, experiment_id: int) -> Networks:
    """The networks of all finished folds. Raises :class:`BadInput`: unknown, none finished, weights gone."""
    experiment = registry.experiments.get(experiment_id)
    runs = tuple(finished_runs(registry, experiment))
    corpus = registry.corpora.by_id(experiment.corpus_id)
    folds = f"{len(runs)} of {experiment.folds} folds"
    about = f"the mean of {folds} of experiment {experiment.id} ({corpus.name}, {_rule(experiment)})"
    return Networks(corpus, experiment.config, about, runs, tuple(_weights(registry, run) for run in runs))


def networks_of_weights(registry: Registry, source: Path, name: str) -> Networks:
    """The authors' weights for the corpus ``name``, which need not be registered. Raises :class:`BadInput`."""
    try:
        corpus = registry.corpora.get(name)
    except UnknownName:
        spec = KNOWN.get(name.upper())
        if spec is None:
            raise
        corpus = CorpusRecord(0, spec.name, "", "", "", spec.classes, spec.signal_length, spec.tabs, "")
    about = f"the mean of all folds in {clean(source.name)} ({corpus.name})"
    return Networks(corpus, TrainingConfig(tabs=corpus.tabs), about, published=source)


def _rule(experiment: Experiment) -> str:
    """How the networks were trained and chosen."""
    return f"protocol {experiment.protocol}, selection {selection_text(experiment.selection, experiment.optimistic)}"


def _weights(registry: Registry, run: Run) -> Path:
    found = [one for one in registry.results.checkpoints(run.id) if one.kind == "final"]
    if not found:
        raise BadInput(f"run {run.key} has left no weights here (one imported from a log has none); name another run")
    path = registry.paths.resolve(found[0].path)
    if not path.is_file():
        raise BadInput(f"the weights of run {run.key} are gone from {path}; put them back or train it again")
    return path


def audio_files(paths: Sequence[Path]) -> list[Path]:
    """The files named, and those below the folders named that are audio by their names, in order of their paths.

    Raises :class:`BadInput` for what is not there, is neither file nor folder, or holds no audio.
    """
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            try:
                below = sorted(one for one in path.rglob("*") if one.suffix.lower() in AUDIO and one.is_file())
            except (OSError, RecursionError) as error:  # folders in each other without end are a path too long, or this
                reason = getattr(error, "strerror", None) or "it has too many folders in each other"
                raise BadInput(f"cannot list {clean(str(path))} ({reason}); name the recordings themselves") from error
            found = [one for one in below if not one.name.startswith(".")]  # a Mac's "._name" holds no sound
            if not found:
                raise BadInput(f"{clean(str(path))} holds no recordings ({', '.join(sorted(AUDIO))})")
            files += found
        elif path.is_file():
            files.append(path)
        else:
            what = "is neither file nor folder" if path.exists() else "does not exist"
            raise BadInput(f"{clean(str(path))} {what}; name recordings or folders of them")
    return files


def predict(
    registry: Registry,
    networks: Networks,
    files: Sequence[Path],
    slide: Slide = Slide.AUTO,
    on_progress: Callable[[Progress], None] | None = None,
) -> list[Prediction]:
    """Ask ``networks`` about every file. One that cannot be read has its ``error``, the others their answers.

    Raises :class:`timnet.errors.WeightsError` where the weights cannot be used, or are of another corpus.
    """
    config = networks.config
    order = Order(
        corpus=networks.corpus.name,
        files=tuple(str(path.absolute()) for path in files),
        slide=slide,
        signal_length=networks.corpus.signal_length,
        classes=len(networks.corpus.classes),
        tabs=config.tabs,
        filters=config.filters,
        kernel_size=config.kernel_size,
        variant=config.variant,
        weights=tuple(str(path.absolute()) for path in networks.weights),
        published=None if networks.published is None else str(networks.published.absolute()),
    )
    with tempfile.TemporaryDirectory(prefix="timnet-") as scratch:
        written = Path(scratch) / "order.json"
        order.write(written)
        result = run_task("timnet.prediction", [str(written)], on_progress)
    heard_by = _tested_by(registry, networks)
    return [
        _prediction(networks, str(path), int(result["networks"]), one, heard_by)
        for path, one in zip(files, result["files"], strict=True)
    ]


def _prediction(
    networks: Networks, path: str, count: int, found: dict[str, Any], tested_by: dict[str, int]
) -> Prediction:
    empty = Prediction(path, networks.corpus.classes, count)
    if found["error"] is not None:
        return replace(empty, error=found["error"])
    facts = Facts(**found["facts"])
    windows = tuple(Window(one["start"], one["end"], tuple(one["probabilities"])) for one in found["windows"])
    said = doubts(facts, networks.window, len(windows) if found["slid"] else 0)
    tested = tested_by.get(found["sha256"], count)
    if tested < count:
        which = "the network has" if count == 1 else f"{count - tested} of the {count} networks have"
        said.append(f"a recording of the training corpus: {which} probably been trained on it")
    return replace(empty, facts=facts, windows=windows, probabilities=tuple(found["probabilities"]), doubts=tuple(said))


def _tested_by(registry: Registry, networks: Networks) -> dict[str, int]:
    """For every file of the training corpus, by its digest: how many of the runs' test folds it is in."""
    if not networks.runs:
        return {}
    counts = dict.fromkeys((one.sha256 for one in networks.corpus.utterances), 0)
    for run in networks.runs:
        items = registry.results.predictions(run.id).item.tolist()
        for digest in {networks.corpus.utterances[item].sha256 for item in items}:
            counts[digest] += 1
    return counts
