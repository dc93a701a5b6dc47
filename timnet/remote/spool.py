"""The journal of an attempt that cannot reach the registry: lines of JSON, only ever appended to.

The head reads them by their place in the file (:mod:`timnet.queue.ingest`), so each counts once. A line is whole or is
not there: what a full disk let in of one is taken back, and one without its end is not read.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from timnet.clock import now
from timnet.errors import Fenced, TimnetError, as_disk_full
from timnet.paths import AttemptPaths
from timnet.records import EpochRecord, EventKind, Prediction, RunState, Want

LONGEST_LINE = 1 << 26
WITHDRAWN = "withdrawn"
"""In the file ``want``: this attempt is over for the head, whatever its process believes."""


class SpoolBroken(TimnetError):
    """A spool holds what no timnet has written, or lacks what it has."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line: what was done (``do``), when (UTC, ISO 8601), and with what."""

    do: str
    time: str
    values: Mapping[str, Any]


class Spool:
    """Writes one; has what :class:`timnet.training.journal.AttemptJournal` asks for.

    An engine may start a job again; each start writes a spool of its own, and only the latest may write anything.
    """

    def __init__(self, folder: AttemptPaths, start: int, descriptor: int) -> None:
        self.start = start
        self._folder = folder
        self._file = descriptor
        self._next = folder.spool(start + 1)

    @classmethod
    def begin_in(cls, folder: AttemptPaths) -> Self:
        """The next start's spool, made now. Raises :class:`timnet.errors.DiskFull`, :class:`OSError`."""
        start = len(folder.spools()) + 1
        while True:
            try:
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
                return cls(folder, start, os.open(folder.spool(start), flags, 0o644))
            except FileExistsError:
                start += 1

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    # what only a spool has

    def hello(self, **who: object) -> None:
        """The first line: host, pid, the engine's job, and what else describes the process."""
        self._write("hello", **who)

    def left(self, text: str) -> None:
        """The process leaves for a while; the engine starts the same job again."""
        self._write("left", text=text)

    # what every attempt's journal has

    def want(self) -> Want | None:
        """What the file ``want`` says."""
        self._own()
        try:
            said = self._folder.want.read_text().strip()
        except OSError:  # a network that is away for a moment; the folder itself gone: the attempt is over
            if not self._folder.folder.is_dir():
                raise self._fenced() from None
            return None
        if said == WITHDRAWN:
            raise self._fenced()
        return Want(said) if said in set(Want) else None

    @contextmanager
    def owning(self) -> Iterator[None]:
        """Inside, this is the latest start."""
        self._own()
        yield

    def begin(self, history: Sequence[EpochRecord], text: str) -> None:
        """The epochs so far, and how it goes on."""
        self._write("begin", history=[asdict(record) for record in history], text=text)

    def epoch(self, record: EpochRecord) -> Want | None:
        """One finished epoch and its check."""
        self._write("epoch", record=asdict(record))
        return self.want()

    def event(self, kind: EventKind, text: str, epoch: int | None = None) -> None:
        """One event."""
        self._write("event", kind=kind, text=text, epoch=epoch)

    def checkpoint(
        self, kind: str, epoch: int, path: Path, metric: str | None = None, value: float | None = None
    ) -> None:
        """Weights are there; ``kind`` and ``epoch`` decide where (:class:`timnet.paths.RunPaths`)."""
        self._write("checkpoint", kind=kind, epoch=epoch, bytes=path.stat().st_size, metric=metric, value=value)

    def done(
        self, uar: float | None, war: float, predictions: Iterable[Prediction], embeddings: Path | None, text: str
    ) -> None:
        """The result."""
        rows = [(one.item, one.truth, one.predicted, one.probabilities) for one in predictions]
        self._write("done", uar=uar, war=war, predictions=rows, embeddings=embeddings is not None, text=text)

    def end(self, to: RunState, kind: EventKind, text: str, error: str | None = None) -> None:
        """The run is paused, cancelled, failed, or given back."""
        self._write("end", to=to, kind=kind, text=text, error=error)

    def _own(self) -> None:
        if self._next.exists():
            raise self._fenced()

    def _fenced(self) -> Fenced:
        return Fenced(f"{self._folder.folder.name} is over or was started again; this process writes nothing more")

    def _write(self, do: str, **values: object) -> None:
        self._own()
        data = json.dumps({"do": do, "time": now(), **values}, allow_nan=False).encode() + b"\n"
        before = os.fstat(self._file).st_size
        try:
            if os.write(self._file, data) < len(data):
                raise OSError(28, os.strerror(28), str(self._folder.spool(self.start)))
            os.fsync(self._file)
        except OSError as error:
            os.ftruncate(self._file, before)
            full = as_disk_full(error, f"writing {self._folder.spool(self.start)}")
            if full is not None:
                raise full from error
            raise


def read_lines(path: Path, offset: int, most: int = LONGEST_LINE) -> tuple[list[Line], int]:
    """The whole lines from byte ``offset`` on, about ``most`` bytes of them, and the byte after them.

    Raises :class:`SpoolBroken` for what is no line of a spool, :class:`OSError` where it cannot be read.
    """
    with path.open("rb") as stream:
        stream.seek(offset)
        data = stream.read(most)
        if len(data) == most and b"\n" not in data:
            data += stream.readline(LONGEST_LINE)
            if not data.endswith(b"\n") and len(data) > LONGEST_LINE:
                raise SpoolBroken(f"{path.name} holds a line of more than {LONGEST_LINE >> 20} MiB at byte {offset}")
    end = data.rfind(b"\n") + 1
    lines, place = [], offset
    for raw in data[:end].splitlines(keepends=True):
        lines.append(_line(raw, path, place))
        place += len(raw)
    return lines, offset + end


def _line(raw: bytes, path: Path, place: int) -> Line:
    try:
        told = json.loads(raw)
        time_ = str(told.pop("time"))
        datetime.fromisoformat(time_)
        return Line(str(told.pop("do")), time_, told)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise SpoolBroken(f"{path.name} holds no line of a spool at byte {place} ({type(error).__name__})") from error
