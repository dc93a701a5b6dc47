"""What Keras prints while it trains (``fit`` and ``evaluate`` with ``verbose=1``), read back.

Several folds stand one after the other; each begins with ``Epoch 1/M``. An epoch counts when its closing
line, the one with the ``val_`` values, is there to its end. Checks are what a checkpoint callback prints, such
as ``Epoch 7: val_loss improved to 1.98, saving model``. All other text between them is passed over. The shapes
of the lines are those of Keras 2 (``[=====]``) and Keras 3 (``━━━━━``), as seen in their output.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import BinaryIO

from timnet.errors import BadInput
from timnet.imports.segments import Segment, segments
from timnet.records import EventKind

MAX_FOLDS = 1000
MAX_EPOCHS = 1_000_000

_NUMBER = r"(?:-?\d+\.\d{4}(?:e[+-]\d{2,3})?|nan|-?inf)"  # Keras prints %.4f, or %.4e below 0.001
_STAMP = r"20\d\d-\d\d-\d\d "  # TensorFlow's own lines begin with the time, at times right behind a number
_HEADER = re.compile(rf"Epoch (\d{{1,7}})/(\d{{1,7}}?)(?:\s*$|{_STAMP})")
_BAR = re.compile(r"\s*(\d{1,9})/(\d{1,9})\s.*?\s(\d{1,9})(us|ms|s)\b(?:\s(\d{1,9})(us|ms|s)/step)?")
_METRIC = re.compile(rf"(?<!\w)(val_)?(loss|accuracy|acc|lr|learning_rate): ({_NUMBER})(?=\s|$|{_STAMP})")
_CHECK = re.compile(r"Epoch (\d{1,7}): (.+)")
_IMPROVED = re.compile(r"(\w{1,40}) improved (?:from \S+ )?to ([-+\d.e]{1,40}|-?inf), saving model")
_NOT_IMPROVED = re.compile(r"(\w{1,40}) did not improve")
_EVALUATION = re.compile(r"Model evaluation:\s*\[([\d.e+-]{1,40}), ([\d.e+-]{1,40})\]")
_REPORT_HEAD = re.compile(r"\s*precision\s+recall\s+f1-score\s+support\s*")
_REPORT_ROW = re.compile(r"\s*(\S.{0,80}?)\s+\d\.\d\d\s+(\d\.\d\d)\s+\d\.\d\d\s+(\d{1,7})\s*")
_AVERAGE = re.compile(r"Average ACC: ([\d.e+-]{1,40})\s*")
_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0}


@dataclass(frozen=True, slots=True)
class LoggedCheck:
    """A checkpoint callback's word on one epoch. ``monitor`` is what it watched, ``value`` the better value saved."""

    kind: EventKind
    monitor: str = ""
    value: float | None = None


@dataclass(frozen=True, slots=True)
class LoggedEpoch:
    """One whole epoch. None stands for what was not finite; ``check`` None where no callback said anything."""

    epoch: int
    loss: float | None
    accuracy: float | None
    val_loss: float | None
    val_accuracy: float | None
    lr: float | None
    seconds: float
    diverged: bool
    check: LoggedCheck | None


@dataclass(frozen=True, slots=True)
class ClassRecall:
    """A row of scikit-learn's classification report: the recall with two decimals, and how many were true."""

    label: str
    recall: float
    support: int


@dataclass(frozen=True, slots=True)
class LoggedFold:
    """One fold. ``planned`` epochs were asked for; ``last_line`` is the log's line of the last thing read of it.

    ``accuracy`` is the one of the evaluation after training, None where the log does not get that far.
    ``stopped``: a callback ended the training early.
    """

    planned: int
    epochs: tuple[LoggedEpoch, ...]
    accuracy: float | None
    report: tuple[ClassRecall, ...]
    stopped: bool
    last_line: int

    @property
    def finished(self) -> bool:
        """Whether the training came to its end."""
        last = self.epochs[-1].epoch if self.epochs else 0
        return bool(self.epochs) and (last == self.planned or self.accuracy is not None or self.stopped)


@dataclass(frozen=True, slots=True)
class KerasLog:
    """All folds with at least one whole epoch; ``complete``: the script's closing average is there."""

    folds: tuple[LoggedFold, ...]
    complete: bool
    lines: int


@dataclass(slots=True)
class _Fold:
    planned: int
    epochs: list[LoggedEpoch] = field(default_factory=list)
    accuracy: float | None = None
    report: tuple[ClassRecall, ...] = ()
    stopped: bool = False
    last_line: int = 0

    def frozen(self) -> LoggedFold:
        return LoggedFold(self.planned, tuple(self.epochs), self.accuracy, self.report, self.stopped, self.last_line)


def parse_keras_log(stream: BinaryIO) -> KerasLog:
    """Read a log from an open file, holding no more of its text than a line.

    A log that ends anywhere gives what is whole before that point. Raises :class:`BadInput`: no whole epoch with
    ``val_`` values at all, epochs out of order, or more folds or epochs than any training has.
    """
    reader = _Reader()
    line = 1
    for segment in segments(stream):
        line = segment.line
        reader.read(segment)
    folds = tuple(fold.frozen() for fold in reader.folds if fold.epochs)
    if not folds:
        raise BadInput(
            "there is no whole epoch with val_loss and val_accuracy in it; "
            "what can be imported is the output of Keras's fit(validation_data=..., verbose=1)"
        )
    return KerasLog(folds, reader.complete, line)


class _Reader:
    """The state between segments: the fold, the epoch that is open, the report that is being read."""

    def __init__(self) -> None:
        self.folds: list[_Fold] = []
        self.complete = False
        self._epoch = 0  # the last header's number
        self._open = False  # between a header and its closing line
        self._check: LoggedCheck | None = None
        self._rows: list[ClassRecall] | None = None
        self._count = 0

    def read(self, segment: Segment) -> None:
        """Take one segment in. One that was cut off by the log's end only counts where it cannot have gone on."""
        text = segment.text
        if text.startswith("Epoch "):
            if segment.whole and not self._header(segment):
                self._verdict(text)
        elif self.folds:
            if self._bar(segment):
                self.folds[-1].last_line = segment.line
            elif segment.whole and not self._open:
                self._after_training(segment)

    def _header(self, segment: Segment) -> bool:
        found = _HEADER.match(segment.text)
        if found is None:
            return False
        epoch, planned = int(found[1]), int(found[2])
        if not 1 <= epoch <= planned <= MAX_EPOCHS:
            return False
        if epoch == 1 or not self.folds:
            if len(self.folds) == MAX_FOLDS:
                raise BadInput(f"line {segment.line}: more than {MAX_FOLDS} folds; this is no log of one experiment")
            self.folds.append(_Fold(planned))
        elif epoch <= self._epoch:
            raise BadInput(
                f"line {segment.line}: epoch {epoch} comes after epoch {self._epoch}; "
                "import each log of several by itself"
            )
        self._epoch, self._open, self._check, self._rows = epoch, True, None, None
        self.folds[-1].last_line = segment.line
        return True

    def _verdict(self, text: str) -> None:
        """A callback's line on the open epoch."""
        found = _CHECK.match(text)
        if found is None or not self._open or int(found[1]) != self._epoch:
            return
        said = found[2].strip()
        if said.startswith("No save this epoch"):
            self._check = LoggedCheck(EventKind.CHECK_SKIPPED)
        elif said.startswith("early stopping"):
            self.folds[-1].stopped = True
        elif better := _IMPROVED.match(said):
            self._check = LoggedCheck(EventKind.CHECK_IMPROVED, better[1], _float(better[2]))
        elif same := _NOT_IMPROVED.match(said):
            self._check = LoggedCheck(EventKind.CHECK_NOT_IMPROVED, same[1])

    def _bar(self, segment: Segment) -> bool:
        """A progress bar: the closing one of the open epoch, or the one of an evaluation after it."""
        bar = _BAR.match(segment.text)
        if bar is None or int(bar[1]) != int(bar[2]) or "ETA:" in segment.text:
            return False
        if not segment.whole and not _certainly_whole(segment.text):
            return False
        values = {
            f"{val or ''}{'accuracy' if name == 'acc' else name}": _float(number)
            for val, name, number in _METRIC.findall(segment.text)
        }
        if self._open:
            if not {"loss", "accuracy", "val_loss", "val_accuracy"} <= values.keys():
                return False
            self._close(values, _seconds(bar))
            return True
        if self.folds[-1].accuracy is None and {"loss", "accuracy"} == values.keys():
            self.folds[-1].accuracy = values["accuracy"]
            return True
        return False

    def _close(self, values: dict[str, float | None], seconds: float) -> None:
        self._count += 1
        if self._count > MAX_EPOCHS:
            raise BadInput(f"more than {MAX_EPOCHS} epochs; this is no log of one experiment")
        self.folds[-1].epochs.append(
            LoggedEpoch(
                epoch=self._epoch,
                loss=values["loss"],
                accuracy=values["accuracy"],
                val_loss=values["val_loss"],
                val_accuracy=values["val_accuracy"],
                lr=values.get("lr") or values.get("learning_rate"),
                seconds=seconds,
                diverged=values["loss"] is None,
                check=self._check,
            )
        )
        self._open = False

    def _after_training(self, segment: Segment) -> None:
        """What the script prints of a trained fold: its evaluation, scikit-learn's report, the last average."""
        text, fold = segment.text, self.folds[-1]
        if found := _EVALUATION.search(text):
            accuracy = _float(found[2])
            if accuracy is not None and 0 <= accuracy <= 1:
                fold.accuracy, fold.last_line = accuracy, segment.line
        elif _REPORT_HEAD.fullmatch(text):
            self._rows = []
        elif _AVERAGE.fullmatch(text):
            self.complete, fold.last_line = True, segment.line
        elif self._rows is not None and (row := _REPORT_ROW.fullmatch(text)) is not None:
            if row[1] == "weighted avg":
                fold.report, self._rows, fold.last_line = tuple(self._rows), None, segment.line
            elif row[1] not in ("macro avg", "micro avg") and len(self._rows) < 100:
                self._rows.append(ClassRecall(row[1], float(row[2]), int(row[3])))


def _certainly_whole(text: str) -> bool:
    """Whether a line without its end can have no more to come: ``0.1234`` is never the head of a longer number."""
    return re.search(r": 0\.\d{4}$", text) is not None


def _float(text: str) -> float | None:
    """A number as printed; None for what is not finite or is no number."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _seconds(bar: re.Match[str]) -> float:
    """How long an epoch took: as printed, or steps times the time of one where that rounds to nothing."""
    whole = int(bar[3]) * _SECONDS[bar[4]]
    if whole == 0 and bar[5] is not None:
        return round(int(bar[2]) * int(bar[5]) * _SECONDS[bar[6]], 6)
    return whole
