"""What training writes of an attempt, wherever that goes: into the registry, or into a spool on another machine."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from timnet.records import EpochRecord, EventKind, Prediction, RunState, Want


class AttemptJournal(Protocol):
    """One attempt's. See :class:`timnet.registry.journal.Journal` for each; all raise :class:`timnet.errors.Fenced`."""

    def want(self) -> Want | None:
        """What a user wants of this run now."""

    def owning(self) -> AbstractContextManager[None]:
        """Inside, files may be renamed and removed."""

    def begin(self, history: Sequence[EpochRecord], text: str) -> None:
        """The attempt goes on after ``history``."""

    def epoch(self, record: EpochRecord) -> Want | None:
        """One finished epoch and its check; returns what a user wants."""

    def event(self, kind: EventKind, text: str, epoch: int | None = None) -> None:
        """One event."""

    def checkpoint(
        self, kind: str, epoch: int, path: Path, metric: str | None = None, value: float | None = None
    ) -> None:
        """Where the ``last``, ``best`` or ``final`` weights lie."""

    def done(
        self, uar: float | None, war: float, predictions: Iterable[Prediction], embeddings: Path | None, text: str
    ) -> None:
        """The result, with which the run ends."""

    def end(self, to: RunState, kind: EventKind, text: str, error: str | None = None) -> None:
        """The run leaves the state ``running`` in another way."""
