"""All that a job on another machine has to know: one JSON file, written by the head before it submits the job."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from timnet.bounded import read_json
from timnet.errors import BadInput
from timnet.files import write_text
from timnet.records import TrainingConfig
from timnet.text import clean

MOST_BYTES = 1 << 28
_BROKEN = (LookupError, TypeError, ValueError, AttributeError, OSError)


@dataclass(frozen=True, slots=True)
class Parcel:
    """One attempt at one run.

    ``labels`` are indices into ``classes``, one for each utterance; ``train``, ``inner`` and ``test`` are rows of the
    fold, as in :class:`timnet.protocols.Fold`. ``features`` is the key of their array, float32 of ``shape``, in the
    cache of the shared folder. ``threads``, ``nice`` and ``device`` are as in the settings. ``log_from``: bytes
    of the run's log that earlier attempts have written. ``code`` is what the
    experiment was queued with, as plain values; None where that is not known.
    """

    key: str
    attempt: int
    corpus: str
    classes: tuple[str, ...]
    labels: tuple[int, ...]
    fold: int
    folds: int
    train: tuple[int, ...]
    inner: tuple[int, ...]
    test: tuple[int, ...]
    config: TrainingConfig
    seed: int
    features: str
    shape: tuple[int, int, int]
    threads: int = 1
    nice: int = 0
    device: str = "auto"
    log_from: int = 0
    code: Mapping[str, Any] | None = None

    def write(self, path: Path) -> None:
        """Write it whole or not at all. Raises :class:`timnet.errors.DiskFull`."""
        write_text(path, json.dumps(asdict(self)) + "\n")

    @classmethod
    def read(cls, path: Path) -> Self:
        """What :meth:`write` wrote. Raises :class:`BadInput` for anything else."""
        with _broken(path):
            return cls._of(read_json(path, MOST_BYTES))

    @staticmethod
    def code_in(path: Path) -> object:
        """``code`` alone, which can be read whatever timnet wrote the rest. Raises :class:`BadInput`."""
        with _broken(path):
            return read_json(path, MOST_BYTES).get("code")

    @classmethod
    def _of(cls, told: dict[str, Any]) -> Self:
        lists = {name: tuple(told[name]) for name in ("classes", "labels", "train", "inner", "test", "shape")}
        found = cls(**{**told, **lists, "config": TrainingConfig.from_dict(told["config"])})
        n = len(found.labels)
        rows = (*found.train, *found.inner, *found.test)
        if found.shape[0] != n or not all(type(row) is int and 0 <= row < n for row in rows):
            raise ValueError("rows and labels do not fit the features")
        if not all(type(label) is int and 0 <= label < len(found.classes) for label in found.labels):
            raise ValueError("a label names no class")
        if not found.features.isalnum():
            raise ValueError("the features' key is none")
        return found


@contextmanager
def _broken(path: Path) -> Iterator[None]:
    """One line for what no timnet has written, or another one."""
    try:
        yield
    except _BROKEN as error:
        reason = clean(f"{type(error).__name__}: {error}")[:200]
        raise BadInput(f"cannot read what is to be trained from {path} ({reason}); submit the run again") from error
