"""From the folder of an attempt on another machine into the registry: its journal, each line once, its files and log.

Lines are recorded in one transaction with the place up to which they were read, so a head may be killed at any moment.
They are fenced by the attempt's number, as what a training process here writes is.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from timnet.clock import at, wall
from timnet.errors import Fenced, TimnetError
from timnet.files import fenced, replacing
from timnet.paths import RunPaths, drop_all_but, epoch_of
from timnet.records import EpochRecord, EventKind, Prediction, RunState
from timnet.registry import Registry
from timnet.registry.elsewhere import Errand
from timnet.registry.journal import Journal
from timnet.remote.spool import Line, SpoolBroken, read_lines
from timnet.text import clean

AT_ONCE = 1 << 22
"""Bytes of a spool that one transaction records: all writers wait for it."""

KEPT = 2
"""Resume points that are kept here, as in training."""

TRIES = 5
"""How often a resume point is copied again because the next one came meanwhile."""


def ingest(registry: Registry, errand: Errand) -> int:
    """Take in what is new in the folder of ``errand``; returns how many lines that were.

    Nothing is taken from an attempt that no longer owns its run. Raises :class:`SpoolBroken` where a spool holds what
    no timnet has written, :class:`timnet.errors.DiskFull`.
    """
    read = registry.elsewhere.read_to(errand.run_id, errand.attempt)
    count = 0
    for start, spool in enumerate(errand.folder.spools(), 1):
        offset = read.get(start, 0)
        while True:
            try:
                lines, after = read_lines(spool, offset, AT_ONCE)
            except FileNotFoundError:
                return count
            if not lines:
                break
            if not _record(registry, errand, start, offset, lines, after):
                return count
            count, offset = count + len(lines), after
    return count


def bring_resume_point(registry: Registry, errand: Errand, older_than: float = 0.0) -> None:
    """Copy the attempt's newest resume point, with the best weights that it names, to the run's own folder here.

    Not where the one here is newer than ``older_than`` seconds. Nothing happens where there is none, or the attempt no
    longer owns its run.
    """
    theirs, ours = errand.folder.run, registry.paths.run(errand.uid)
    here = ours.checkpoints()
    if here and older_than and abs(wall() - here[-1].stat().st_mtime) < older_than:
        return
    with suppress(Fenced), fenced(registry.journal(errand.run_id, errand.attempt).owning):
        for _ in range(TRIES):
            points = theirs.checkpoints()
            if not points:
                return
            newest = ours.checkpoint(epoch_of(points[-1]))
            if not newest.exists():
                _bring(points[-1], newest)
            for best in theirs.best():
                if not (ours.folder / best.name).exists():
                    _bring(best, ours.folder / best.name)
            if points[-1].exists():  # so the best weights that it names were there too all the while
                drop_all_but(ours.checkpoints(), newest, KEPT)
                return


def copy_log(errand: Errand, log: Path, first: int, done: int) -> int:
    """Bring the attempt's log behind the ``first`` bytes of the run's own; ``done`` bytes of it are there already.

    Returns how many are now. To do it twice changes nothing.
    """
    with suppress(FileNotFoundError), errand.folder.log.open("rb") as theirs:
        theirs.seek(done)
        log.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            while data := theirs.read(1 << 20):
                os.pwrite(descriptor, data, first + done)
                done += len(data)
        finally:
            os.close(descriptor)
    return done


def _record(registry: Registry, errand: Errand, start: int, offset: int, lines: Sequence[Line], after: int) -> bool:
    """Record some lines and how far was read; False where the attempt no longer owns its run."""
    journal = registry.journal(errand.run_id, errand.attempt)
    apply = _Apply(registry, errand, journal)
    try:
        with fenced(journal.owning):
            apply.bring_result(lines)
        with registry.db.write():
            if registry.elsewhere.read_to(errand.run_id, errand.attempt).get(start, 0) != offset:
                return False  # another head was quicker
            for line in lines:
                with at(line.time):
                    if not apply.line(line):
                        break  # the run has ended; what follows is nobody's
            registry.elsewhere.has_read(errand.run_id, errand.attempt, start, after)
    except Fenced:
        return False
    except (TimnetError, OSError):
        raise
    except Exception as error:  # whatever a line leads to that no timnet has written
        raise SpoolBroken(
            f"{errand.folder.spool(start).name} of {errand.folder.folder.name} holds what no timnet has written, "
            f"near byte {offset} ({clean(f'{type(error).__name__}: {error}')[:200]})"
        ) from error
    return True


def _bring(theirs: Path, ours: Path) -> None:
    with suppress(FileNotFoundError), theirs.open("rb") as source, replacing(ours) as target:
        shutil.copyfileobj(source, target, 1 << 20)


def _weights(paths: RunPaths, kind: str, epoch: int) -> Path:
    if type(epoch) is not int or epoch < 0:
        raise ValueError("an epoch is no number")
    if kind == "final":
        return paths.final_weights
    return {"last": paths.checkpoint, "best": paths.best_weights}[kind](epoch)


class _Apply:
    """Says one line of a spool to the registry's own journal."""

    def __init__(self, registry: Registry, errand: Errand, journal: Journal) -> None:
        self._registry = registry
        self._errand = errand
        self._journal = journal
        self._ours = registry.paths.run(errand.uid)

    def bring_result(self, lines: Sequence[Line]) -> None:
        """Copy what a result rests on, where ``lines`` tell of one."""
        theirs = self._errand.folder.run
        for line in lines:
            if line.do == "checkpoint" and line.values["kind"] == "final":
                _bring(theirs.final_weights, self._ours.final_weights)
            elif line.do in ("done", "end"):
                bring_resume_point(self._registry, self._errand)
                if line.values.get("embeddings"):
                    _bring(theirs.embeddings, self._ours.embeddings)

    def line(self, line: Line) -> bool:
        """Record it. False where the run ended with it."""
        does: dict[str, Callable[[Any], None]] = {
            "hello": self._hello, "begin": self._begin, "epoch": self._epoch, "event": self._event,
            "left": self._left, "checkpoint": self._checkpoint, "done": self._done, "end": self._end,
        }  # fmt: skip
        does[line.do](line.values)
        return line.do not in ("done", "end")

    def _hello(self, told: Any) -> None:
        job = str(told["job"]) or None
        self._registry.elsewhere.runs_on(
            self._errand.run_id, self._errand.attempt, str(told["host"]), int(told["pid"]), job
        )
        self._registry.elsewhere.waits(self._errand.run_id, self._errand.attempt, None)

    def _begin(self, told: Any) -> None:
        self._journal.begin([EpochRecord.from_dict(one) for one in told["history"]], str(told["text"]))

    def _epoch(self, told: Any) -> None:
        self._journal.epoch(EpochRecord.from_dict(told["record"]))

    def _event(self, told: Any) -> None:
        self._journal.event(EventKind(told["kind"]), str(told["text"]), told["epoch"])

    def _left(self, told: Any) -> None:
        self._journal.event(EventKind.REQUEUED, str(told["text"]))

    def _checkpoint(self, told: Any) -> None:
        path = _weights(self._ours, told["kind"], told["epoch"])
        self._journal.checkpoint(
            told["kind"], told["epoch"], path, told["metric"], told["value"], size=int(told["bytes"])
        )

    def _done(self, told: Any) -> None:
        if not self._ours.final_weights.exists():
            raise SpoolBroken(f"{self._errand.folder.folder.name} tells of a result and has no weights")
        predictions = [Prediction(item, truth, said, tuple(rows)) for item, truth, said, rows in told["predictions"]]
        embeddings = self._ours.embeddings if told["embeddings"] else None
        self._journal.done(told["uar"], told["war"], predictions, embeddings, str(told["text"]))

    def _end(self, told: Any) -> None:
        self._journal.end(RunState(told["to"]), EventKind(told["kind"]), str(told["text"]), told["error"])
