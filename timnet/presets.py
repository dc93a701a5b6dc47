"""Presets: named settings with their source. Each says exactly what it sets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from timnet.errors import BadInput, UnknownName
from timnet.records import CorpusRecord, TrainingConfig
from timnet.text import clean

#: short names for settings on the command line
ALIASES = {
    "lr": "learning_rate",
    "batch": "batch_size",
    "smoothing": "label_smoothing",
    "kernel": "kernel_size",
}


@dataclass(frozen=True, slots=True)
class Preset:
    """Settings for every corpus (``config``), and what differs for one corpus (``for_corpus``).

    ``folds`` is the number of folds; a corpus in ``folds_for`` has its own. ``tabs`` None: as many TABs as the corpus
    is described with. ``own``: a user's, from the file beside the registry (:mod:`timnet.preset_file`).
    """

    name: str
    source: str
    config: TrainingConfig = field(default_factory=TrainingConfig)
    for_corpus: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    protocol: str = "random"
    folds: int = 10
    folds_for: Mapping[str, int] = field(default_factory=dict)
    tabs: int | None = None
    own: bool = False

    def config_of(self, corpus: CorpusRecord, epochs: int | None, changes: Mapping[str, Any]) -> TrainingConfig:
        """The configuration for ``corpus``: the preset's, the corpus's number of TABs, ``epochs``, then ``changes``.

        Where fewer ``epochs`` are wanted than the preset averages, all of them are.
        """
        tabs = corpus.tabs if self.tabs is None else self.tabs
        values = {"tabs": tabs, **self.for_corpus.get(corpus.name, {})}
        config = replace(self.config, **values)
        if epochs is not None:
            average = min(config.average, epochs) if config.select == "average" else config.average
            config = replace(config, epochs=epochs, average=average)
        return replace(config, **changes)

    def folds_of(self, corpus: CorpusRecord) -> int:
        """How many folds the preset has on ``corpus``."""
        return self.folds_for.get(corpus.name, self.folds)


_SEED_REPORT = {
    # corpus: (beta1, beta2, epochs, dropout); batch 512, checked every 2nd epoch, best val_loss kept
    "CASIA": (0.93, 0.98, 500, 0.10),
    "SAVEE": (0.93, 0.98, 600, 0.12),
    "EMODB": (0.96, 0.99, 600, 0.10),
    "RAVDESS": (0.92, 0.99, 600, 0.13),
    "EMOVO": (0.96, 0.99, 600, 0.10),
    "IEMOCAP": (0.96, 0.99, 200, 0.10),
}

PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset(
            "github", "the authors' code as corrected in August 2023 (TIM-Net_SER): 500 epochs, the last one counts"
        ),
        Preset(
            "paper",
            "the ICASSP 2023 paper: github's settings, but the best epoch on the test fold counts (optimistic); the"
            " authors withdrew that in August 2023",
            config=TrainingConfig(monitor="val_accuracy", select="best"),
        ),
        Preset(
            "seed",
            "the student's report on macOS: batch 512, best val_loss of the test fold (optimistic), every 2nd epoch",
            config=TrainingConfig(batch_size=512, check_every=2, monitor="val_loss", select="best"),
            for_corpus={
                name: {"beta1": beta1, "beta2": beta2, "epochs": epochs, "dropout": dropout}
                for name, (beta1, beta2, epochs, dropout) in _SEED_REPORT.items()
            },
            folds_for={"CASIA": 8, "SAVEE": 8, "IEMOCAP": 2},
        ),
        Preset(
            "fast",
            "80 epochs: centred and masked features, batch 16, a cosine schedule, as inner validation sets of"
            " EMODB chose them (docs/results.md)",
            config=TrainingConfig(
                normalise="centred",
                mask_frames=40,
                mask_coefficients=8,
                learning_rate=4e-3,
                schedule="cosine",
                warmup=0.1,
                batch_size=16,
                epochs=80,
                select="average",
                average=8,
            ),
        ),
        Preset(
            "demo",
            "github's settings with a small batch and few epochs, for the synthetic corpus",
            config=TrainingConfig(batch_size=8, epochs=20, check_every=2),
            folds=4,
        ),
    )
}


def preset_of(name: str, presets: Mapping[str, Preset] = PRESETS) -> Preset:
    """The preset ``name`` of ``presets``. Raises :class:`UnknownName` that lists them."""
    if name not in presets:
        raise UnknownName(f"no preset {clean(name)!r}; there are: {', '.join(presets)}")
    return presets[name]


def parse_changes(settings: list[str]) -> list[dict[str, Any]]:
    """``["lr=5e-4,1e-3", "dropout=.2"]`` as every combination: a grid of changes to a configuration.

    Raises :class:`BadInput` naming the first that cannot be used.
    """
    grid: list[dict[str, Any]] = [{}]
    for setting in settings:
        name, equals, values = setting.partition("=")
        name = ALIASES.get(name.strip(), name.strip())
        known = TrainingConfig.__dataclass_fields__
        if not equals or name not in known:
            raise BadInput(
                f"cannot set {clean(setting)!r}; write name=value with one of: {', '.join([*ALIASES, *known])}"
            )
        if any(name in chosen for chosen in grid):
            raise BadInput(f"{name} is set twice; write all its values in one: {name}=first,second")
        kind = type(getattr(TrainingConfig(), name))
        grid = [{**chosen, name: _value(name, text, kind)} for chosen in grid for text in values.split(",")]
    return grid


def _value(name: str, text: str, kind: type) -> Any:
    try:
        return kind(text.strip())
    except ValueError:
        raise BadInput(f"{name} needs {'a whole number' if kind is int else 'a number'}, not {text!r}") from None
