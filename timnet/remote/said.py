"""What a line of a spool says, checked: a node may be broken, or not be timnet's at all.

Each ``read_`` function takes a line's values and raises :class:`ValueError`, :class:`LookupError` or
:class:`TypeError` for what no timnet writes. Texts become one short line that no terminal is disturbed by; every number
is finite and fits into the registry.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from timnet.records import CHECK_KINDS, Check, EpochMetrics, EpochRecord, EventKind, Prediction, RunState
from timnet.states import KIND_OF_END
from timnet.text import clean

LONGEST_TEXT = 2000
LONGEST_NAME = 255
_MOST = 2**53

_OPTIONAL = tuple(one.name for one in fields(EpochMetrics) if one.name not in ("epoch", "lr", "seconds", "diverged"))

Values = Mapping[str, Any]

#: what training tells beside its epochs
EVENTS = frozenset({EventKind.EARLY_STOP, EventKind.DIVERGED, EventKind.STALLED, EventKind.CODE_CHANGED})


@dataclass(frozen=True, slots=True)
class Hello:
    """A process began: where, and as which job of the engine."""

    host: str
    pid: int
    job: str | None


@dataclass(frozen=True, slots=True)
class Weights:
    """Weights were written there: ``kind`` is ``last``, ``best`` or ``final``."""

    kind: str
    epoch: int
    bytes: int
    metric: str | None
    value: float | None


@dataclass(frozen=True, slots=True)
class Result:
    """How good a run is. ``embeddings``: whether they were written too."""

    uar: float | None
    war: float
    predictions: tuple[Prediction, ...]
    embeddings: bool
    text: str


@dataclass(frozen=True, slots=True)
class End:
    """A run left the state ``running`` in another way."""

    to: RunState
    text: str
    error: str | None

    @property
    def kind(self) -> EventKind:
        """What its history says."""
        return KIND_OF_END[self.to]


def read_hello(told: Values) -> Hello:
    """Host, pid and job."""
    job = text(told["job"], LONGEST_NAME)
    return Hello(text(told["host"], LONGEST_NAME), whole(told["pid"], 1), job or None)


def read_begin(told: Values) -> tuple[list[EpochRecord], str]:
    """The epochs before, from the first on and none missing, and how it goes on."""
    history = [_record(one) for one in _list(told["history"])]
    if [record.metrics.epoch for record in history] != list(range(1, len(history) + 1)):
        raise ValueError("its epochs are not 1, 2, 3")
    return history, text(told["text"])


def read_epoch(told: Values) -> EpochRecord:
    """One epoch."""
    return _record(told["record"])


def read_event(told: Values) -> tuple[EventKind, str, int | None]:
    """Kind, text and epoch of an event."""
    kind = EventKind(told["kind"])
    if kind not in EVENTS:
        raise ValueError("no event that training tells")
    return kind, text(told["text"]), None if told["epoch"] is None else whole(told["epoch"])


def read_left(told: Values) -> str:
    """Why a process left for a while."""
    return text(told["text"])


def read_checkpoint(told: Values) -> Weights:
    """Which weights were written."""
    kind, metric = told["kind"], told["metric"]
    if kind not in ("last", "best", "final"):
        raise ValueError("no kind of weights")
    return Weights(
        kind, whole(told["epoch"]), whole(told["bytes"]),
        None if metric is None else text(metric, LONGEST_NAME), _real_or_none(told["value"]),
    )  # fmt: skip


def read_done(told: Values, classes: int, utterances: int) -> Result:
    """The result, of a corpus with so many classes and utterances."""
    predictions = tuple(_prediction(row, classes, utterances) for row in _list(told["predictions"]))
    if not predictions or len({one.item for one in predictions}) < len(predictions):
        raise ValueError("no predictions, or two of one utterance")
    uar = None if told["uar"] is None else _share(told["uar"])
    return Result(uar, _share(told["war"]), predictions, _flag(told["embeddings"]), text(told["text"]))


def read_end(told: Values) -> End:
    """How the run was left."""
    to, error = RunState(told["to"]), told["error"]
    if to not in KIND_OF_END:
        raise ValueError("no end that a process may bring about")
    return End(to, text(told["text"]), None if error is None else text(error))


def text(value: object, most: int = LONGEST_TEXT) -> str:
    """A text from outside as one line of at most ``most`` characters."""
    if not isinstance(value, str):
        raise TypeError("no text")
    if len(value) > most:
        value = f"{value[: most - 1]}…"
    return value if value.isascii() and value.isprintable() else clean(value)


def whole(value: object, least: int = 0) -> int:
    """A whole number from ``least`` on."""
    if type(value) is not int or not least <= value <= _MOST:
        raise ValueError("no whole number, or out of its range")
    return value


def _list(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError("no list")
    return value


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError("neither true nor false")
    return value


def _real(value: object) -> float:
    if type(value) not in (int, float):
        raise TypeError("no number")
    found = float(value)  # type: ignore[arg-type]  # a whole number that is too large raises OverflowError
    if not math.isfinite(found):
        raise ValueError("no finite number")
    return found


def _real_or_none(value: object) -> float | None:
    return None if value is None else _real(value)


def _share(value: object) -> float:
    found = _real(value)
    if not 0 <= found <= 1:
        raise ValueError("a share of 1 is from 0 to 1")
    return found


def _record(told: Any) -> EpochRecord:
    found = EpochRecord.from_dict(told)
    if found.check.kind not in CHECK_KINDS:
        raise ValueError("no check of an epoch")
    check = Check(found.check.kind, text(told["check"]["text"]))
    best_epoch = None if found.best_epoch is None else whole(found.best_epoch, 1)
    return EpochRecord(_metrics(found.metrics), check, best_epoch, _real_or_none(found.best_value))


def _metrics(told: EpochMetrics) -> EpochMetrics:
    return EpochMetrics(
        epoch=whole(told.epoch, 1),
        lr=_real(told.lr),
        seconds=_real(told.seconds),
        diverged=_flag(told.diverged),
        **{name: _real_or_none(getattr(told, name)) for name in _OPTIONAL},
    )


def _prediction(row: object, classes: int, utterances: int) -> Prediction:
    item, truth, said, probabilities = _list(row)
    for value, most in ((item, utterances), (truth, classes), (said, classes)):
        if whole(value) >= most:
            raise ValueError("an utterance or a class that the corpus has not")
    if len(_list(probabilities)) != classes:
        raise ValueError("not as many probabilities as classes")
    numbers = tuple(math.nan if value is None else _real(value) for value in probabilities)
    if any(abs(number) > 1e6 for number in numbers):  # so that each is finite in the registry's 32 bits too
        raise ValueError("no probability")
    return Prediction(item, truth, said, numbers)
