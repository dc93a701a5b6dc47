"""What is marked in a curve: checks that improved, the best epoch, resumes, other learning rates, lost losses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Protocol

from timnet.records import EpochMetrics, Event, EventKind
from timnet_tui.charts.model import Mark, MarkKind

#: a rate that changes more often follows a schedule: its own chart shows that better than marks would
RATE_CHANGES_AT_MOST = 8


class Marked(Protocol):
    """What is known of a run beside its epochs; each number is an epoch."""

    @property
    def improved(self) -> tuple[int, ...]: ...  # noqa: D102
    @property
    def best(self) -> int | None: ...  # noqa: D102
    @property
    def resumed(self) -> tuple[int, ...]: ...  # noqa: D102


def of_fold(
    epochs: Sequence[EpochMetrics],
    about: Marked,
    at: Mapping[int, float],
    line: int | None,
    *,
    colour: int | None,
    mean: bool,
) -> Iterator[Mark]:
    """The marks of one run; ``at`` gives the x of an epoch, ``line`` is where its best epoch is marked.

    Beside a mean only what would explain its course is marked, and among runs that are compared (``colour`` is
    set) the best epochs: marks of many folds would say nothing.
    """
    alone = not mean and colour is None
    if alone:
        yield from _marks(MarkKind.IMPROVED, (epoch for epoch in about.improved if epoch != about.best), at)
        yield from _marks(MarkKind.RESUMED, about.resumed, at)
    if colour is None:
        yield from _marks(MarkKind.LEARNING_RATE, rate_changes(epochs), at)
    yield from _marks(MarkKind.DIVERGED, [m.epoch for m in epochs if m.diverged], at)
    if not mean and line is not None and about.best is not None and about.best in at:
        yield Mark(MarkKind.BEST, at[about.best], line)


def _marks(kind: MarkKind, epochs: Iterator[int] | Sequence[int], at: Mapping[int, float]) -> Iterator[Mark]:
    return (Mark(kind, at[epoch]) for epoch in epochs if epoch in at)


def rate_changes(epochs: Sequence[EpochMetrics]) -> tuple[int, ...]:
    """The epochs from which on another learning rate held; none where it follows a schedule."""
    found = tuple(after.epoch for before, after in pairwise(epochs) if before.lr != after.lr)
    return found if len(found) <= RATE_CHANGES_AT_MOST else ()


def improved_epochs(events: Sequence[Event]) -> tuple[int, ...]:
    """The epochs at which a check improved and weights were kept."""
    return _epochs(events, EventKind.CHECK_IMPROVED)


def resumed_epochs(events: Sequence[Event]) -> tuple[int, ...]:
    """The last epochs before a new attempt went on, each once."""
    return tuple(dict.fromkeys(_epochs(events, EventKind.RESUMED)))


def _epochs(events: Sequence[Event], kind: EventKind) -> tuple[int, ...]:
    return tuple(event.epoch for event in events if event.kind == kind and event.epoch is not None)


def diverged(epochs: Sequence[EpochMetrics]) -> int | None:
    """The first epoch whose training loss was not finite."""
    return next((m.epoch for m in epochs if m.diverged), None)
