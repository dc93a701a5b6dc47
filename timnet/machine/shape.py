"""What decides how long a step takes: the shape of the data and of the network."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Self

from timnet.records import CorpusRecord, Experiment, TrainingConfig


@dataclass(frozen=True, slots=True)
class WorkShape:
    """One fold's training: ``rows`` of float32 ``[frames, coefficients]``, and the network that reads them."""

    rows: int
    frames: int
    coefficients: int
    classes: int
    batch_size: int = 64
    filters: int = 39
    kernel_size: int = 2
    tabs: int = 8

    @property
    def steps(self) -> int:
        """Steps of an epoch."""
        return max(1, -(-self.rows // self.batch_size))

    @property
    def text(self) -> str:
        """As it is remembered and shown."""
        network = f"{self.tabs} TABs of {self.filters} filters, kernel {self.kernel_size}"
        return f"{self.rows} x {self.frames} x {self.coefficients}, batch {self.batch_size}, {network}"

    @classmethod
    def of(cls, rows: int, frames: int, coefficients: int, classes: int, config: TrainingConfig) -> Self:
        """The shape of training ``config`` on so much data."""
        return cls(
            rows=rows,
            frames=frames,
            coefficients=coefficients,
            classes=classes,
            batch_size=config.batch_size,
            filters=config.filters,
            kernel_size=config.kernel_size,
            tabs=config.tabs,
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for the command line of a measuring process."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """The inverse of :meth:`to_dict`."""
        return cls(**values)


EMODB = WorkShape(rows=482, frames=188, coefficients=39, classes=7)
"""EMODB as published: nine of ten folds."""


def shape_of(corpus: CorpusRecord, experiment: Experiment) -> WorkShape:
    """The shape of an experiment's runs; the folds' sizes differ by a few utterances, which does not matter here."""
    from timnet.features.build import wanted_of

    n, frames, coefficients = wanted_of(corpus).shape
    rows = max(1, round(n * (experiment.folds - 1) / experiment.folds)) if experiment.folds > 1 else n
    return WorkShape.of(rows, frames, coefficients, len(corpus.classes), experiment.config)
