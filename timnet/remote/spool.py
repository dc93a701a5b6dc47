"""The journal of an attempt that cannot reach the registry: lines of JSON, only ever appended to.

The head reads them by their place in the file (:mod:`timnet.queue.ingest`), so each counts once. A line is whole or is
not there: what a full disk let in of one is taken back, and one without its end is not read.
"""

from __future__ import annotations

import errno
import json
import math
import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from timnet.bounded import open_regular, parse_json
from timnet.clock import now
from timnet.errors import Fenced, TimnetError, as_disk_full
from timnet.paths import AttemptPaths
from timnet.records import EpochRecord, EventKind, Prediction, RunState, Want

LONGEST_LINE = 1 << 24
"""Bytes. The longest that timnet writes is a begin with its history, 400 bytes for each epoch before it."""

WITHDRAWN = "withdrawn"
"""In the file ``want``: this attempt is over for the head, whatever its process believes."""

LOOK_SECONDS = 1.0
"""Between two looks at ``want``: a thousand jobs ask one file server."""

AWAY_SECONDS = 900.0
"""How long a process waits, before it writes, for a folder that is away: training that long anew costs more."""

_GONE = (errno.ENOENT, errno.ENOTDIR)
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII)


class SpoolBroken(TimnetError):
    """A spool holds what no timnet has written, or lacks what it has."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line: what was done (``do``), when (UTC, ISO 8601), and with what. ``end`` is the byte after it."""

    do: str
    time: str
    values: Mapping[str, Any]
    end: int


class Spool:
    """Writes one; has what :class:`timnet.training.journal.AttemptJournal` asks for.

    An engine may start a job again; each start writes a spool of its own, and only the latest may write anything.
    """

    def __init__(self, folder: AttemptPaths, start: int, descriptor: int) -> None:
        self.start = start
        self._folder = folder
        self._file = descriptor
        self._size = 0
        self._next = folder.spool(start + 1)
        self._wanted: Want | None = None
        self._next_look = 0.0

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
            except OSError as error:
                full = as_disk_full(error, f"beginning {folder.spool(start)}")
                if full is not None:
                    raise full from error
                raise

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
        """What the file ``want`` said when it was last looked at, a second ago at most."""
        if time.monotonic() >= self._next_look:
            self._wanted = self._look()
            self._next_look = time.monotonic() + LOOK_SECONDS
        return self._wanted

    def _look(self) -> Want | None:
        """Raises :class:`Fenced` where the attempt is over; what cannot be asked now is no reason to leave."""
        try:
            if self._is_here():
                self._own()
            said = self._folder.want.read_text().strip()
        except OSError as error:
            if error.errno in _GONE and self._is_removed():
                raise self._fenced() from None
            return self._wanted
        if said == WITHDRAWN:
            raise self._fenced()
        return Want(said) if said in set(Want) else None

    def _is_removed(self) -> bool:
        """Whether the head has removed the folder: all that it shares is still there, so it was not unmounted."""
        try:
            return self._folder.is_shared and not self._folder.folder.is_dir()
        except OSError:
            return False

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
        """The result. A probability that is no number stands there as null."""
        rows = [
            (one.item, one.truth, one.predicted, [p if math.isfinite(p) else None for p in one.probabilities])
            for one in predictions
        ]
        self._write("done", uar=uar, war=war, predictions=rows, embeddings=embeddings is not None, text=text)

    def end(self, to: RunState, kind: EventKind, text: str, error: str | None = None) -> None:
        """The run is paused, cancelled, failed, or given back."""
        self._write("end", to=to, kind=kind, text=text, error=error)

    def _own(self) -> None:
        """Raises :class:`Fenced` where this start is over, :class:`OSError` where the folder is away for too long."""
        deadline = time.monotonic() + AWAY_SECONDS
        while not self._is_here():
            if self._is_removed():
                raise self._fenced()
            if time.monotonic() > deadline:
                raise FileNotFoundError(errno.ENOENT, f"{self._folder.folder} has been away for long")
            time.sleep(LOOK_SECONDS)  # whatever is written now would make the folder anew, below its mount point
        if self._next.exists():
            raise self._fenced()

    def _is_here(self) -> bool:
        """Whether the spool can be found by its name; not all network file systems tell which file that is."""
        try:
            return self._folder.spool(self.start).is_file()
        except OSError:
            return False

    def _fenced(self) -> Fenced:
        return Fenced(f"{self._folder.folder.name} is over or was started again; this process writes nothing more")

    def _write(self, do: str, **values: object) -> None:
        self._own()
        data = json.dumps({"do": do, "time": now(), **values}, allow_nan=False).encode() + b"\n"
        if len(data) > LONGEST_LINE:
            raise TimnetError(f"{do} is a line of more than {LONGEST_LINE >> 20} MiB, which no head reads")
        name = self._folder.spool(self.start)
        try:
            if os.fstat(self._file).st_size != self._size:  # what is left of a line that could not be taken back then
                os.ftruncate(self._file, self._size)
            if os.write(self._file, data) < len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(name))
            os.fsync(self._file)
            self._size += len(data)
        except OSError as error:
            full = as_disk_full(error, f"writing {name}")
            self._take_back()
            if full is not None:
                raise full from error
            raise

    def _take_back(self) -> None:
        try:
            os.ftruncate(self._file, self._size)
        except OSError:  # the next line does it; until then it has no end, and is not read
            return


def read_lines(path: Path, offset: int, most: int = LONGEST_LINE) -> tuple[list[Line], int]:
    """The whole lines from byte ``offset`` on, about ``most`` bytes of them, and the byte after them.

    Raises :class:`SpoolBroken` where the first of them is no line of a spool, or the spool is shorter than it was;
    :class:`OSError` where it cannot be read.
    """
    data = _read(path, offset, most)
    lines: list[Line] = []
    place = offset
    for raw in data.split(b"\n")[:-1]:
        try:
            lines.append(_line(raw, place + len(raw) + 1))
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            if lines:  # what came before counts, whenever it is read
                break
            what = type(error).__name__
            raise SpoolBroken(f"{path.name} holds no line of a spool at byte {place} ({what})") from error
        place = lines[-1].end
    return lines, place


def _read(path: Path, offset: int, most: int) -> bytes:
    """Bytes with at least one whole line where there is one."""
    with open_regular(path, follow=False) as stream:
        if os.fstat(stream.fileno()).st_size < offset:
            raise SpoolBroken(f"{path.name} is shorter than the {offset} bytes that were read of it")
        stream.seek(offset)
        data = stream.read(most)
        if len(data) == most < LONGEST_LINE and b"\n" not in data:
            data += stream.readline(LONGEST_LINE - most)
    if len(data) >= LONGEST_LINE and b"\n" not in data:
        raise SpoolBroken(f"{path.name} holds a line of more than {LONGEST_LINE >> 20} MiB at byte {offset}")
    return data


def _line(raw: bytes, end: int) -> Line:
    told = parse_json(raw.decode("utf-8"), finite=True)
    time_ = told.pop("time")
    if not _TIME.fullmatch(time_):
        raise ValueError("no time as timnet writes it")
    datetime.fromisoformat(time_)
    do = told.pop("do")
    if not isinstance(do, str):
        raise TypeError("what was done is no text")
    return Line(do, time_, told, end)
