"""What never changes about an experiment, read once: its corpus and what its preset would have set."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from timnet.errors import TimnetError
from timnet.records import Experiment, Run, TrainingConfig
from timnet.registry import Registry


@dataclass(frozen=True, slots=True)
class Background:
    """``usual`` is the preset's configuration for this corpus; None for an experiment of no known preset.

    ``preset`` is where that preset's settings come from. ``path`` and ``digest`` are of the corpus's version that the
    experiment stands on. ``fold_names`` say what each fold tests (``speaker 03``), where that has a name. ``code`` is
    what it was queued with, as name and value.
    """

    path: str = ""
    digest: str = ""
    classes: tuple[str, ...] = ()
    utterances: int = 0
    usual: TrainingConfig | None = None
    preset: str = ""
    fold_names: tuple[str, ...] = ()
    code: tuple[tuple[str, str], ...] = ()

    def fold_name(self, run: Run) -> str:
        """What the run's fold tests, empty where it has no name."""
        return self.fold_names[run.fold - 1] if 0 < run.fold <= len(self.fold_names) else ""

    def steps(self, run: Run, config: TrainingConfig) -> int:
        """Optimiser steps in an epoch of ``run``, where its corpus is cut into folds of equal size.

        The first folds are larger by one where the number of utterances cannot be divided, as in scikit-learn's
        ``KFold``. For folds by speaker or session this is about right. 1 where no utterance is known.
        """
        share, rest = divmod(self.utterances, max(1, run.folds))
        rows = self.utterances - share - (run.fold <= rest)
        return max(1, ceil(rows / max(1, config.batch_size)))


def background_of(registry: Registry, experiment: Experiment) -> Background:
    """Read it. An experiment whose corpus version cannot be read has a background that knows nothing."""
    try:
        corpus = registry.corpora.by_id(experiment.corpus_id)
    except TimnetError:
        return Background()
    from timnet.preset_file import presets_or_shipped
    from timnet.protocols import names_of_folds

    presets = presets_or_shipped(registry.paths.presets)
    preset = presets.get(experiment.preset) if experiment.source == "trained" else None
    return Background(
        path=corpus.path,
        digest=corpus.digest,
        classes=corpus.classes,
        utterances=len(corpus.utterances),
        usual=preset.config_of(corpus, None, {}) if preset else None,
        preset=preset.source if preset else "",
        fold_names=names_of_folds(experiment.protocol, corpus.utterances, experiment.folds),
        code=_code_of(registry, experiment),
    )


def _code_of(registry: Registry, experiment: Experiment) -> tuple[tuple[str, str], ...]:
    """What it was queued with; nothing where that is not known, or cannot be read."""
    try:
        code = registry.experiments.code(experiment.id)
    except TimnetError:
        return ()
    return () if code is None else tuple(code.facts(registry.paths))
