"""From the journal of an attempt on another machine into the registry, each line once.

Lines are recorded in one transaction with the place up to which they were read, so a head may be killed at any moment.
They are fenced by the attempt's number, as what a training process here writes is. What is recorded depends on the
bytes of the spools alone, not on when they were read or in which pieces.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from timnet.clock import at, now
from timnet.errors import Fenced, TimnetError
from timnet.files import fenced
from timnet.paths import RunPaths
from timnet.queue.bringing import bring, bring_resume_point
from timnet.records import EventKind, RunState
from timnet.registry import Registry
from timnet.registry.elsewhere import Errand
from timnet.registry.journal import Journal
from timnet.remote import said
from timnet.remote.spool import Line, SpoolBroken, read_lines
from timnet.states import INTENT_LEADS_TO, KIND_OF_END
from timnet.text import clean

AT_ONCE = 1 << 18
"""Bytes of a spool that are read at a time."""

WRITE_SECONDS = 0.01
"""After so long in a transaction what is left of the lines waits for the next: all writers wait meanwhile."""

UNTRUE = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError)
"""What reading a line raises that no timnet has written."""


class Lacking(SpoolBroken):
    """A spool tells of a file that is not there, or that a network file system does not show yet."""


class Intake:
    """Takes in what one attempt writes. It remembers nothing that decides what is recorded."""

    def __init__(self, registry: Registry, errand: Errand) -> None:
        self._registry = registry
        self._errand = errand
        self._journal = self._new_journal()

    def take_in(self) -> int:
        """Record what is new; returns how many lines that were.

        Nothing is taken from an attempt that no longer owns its run, nor from a start of its job once a later one was
        heard. Raises :class:`SpoolBroken` where a spool holds what no timnet has written, all before that being
        recorded; :class:`timnet.errors.DiskFull`, :class:`OSError`.
        """
        read = self._registry.elsewhere.read_to(self._errand.run_id, self._errand.attempt)
        count = 0
        for start in self._errand.folder.starts():
            if start < max(read, default=1):
                continue
            try:
                count += self._take_in(start, read.get(start, 0))
            except (FileNotFoundError, Fenced):
                break
        return count

    def _take_in(self, start: int, offset: int) -> int:
        spool = self._errand.folder.spool(start)
        count = 0
        while steps := self._steps(spool, read_lines(spool, offset, AT_ONCE)[0], offset):
            while steps:
                done = self._record_some(spool, start, offset, steps)
                count, offset = count + done, steps[done - 1].line.end
                if steps[done - 1].ends:
                    return count
                steps = steps[done:]
        return count

    def _record_some(self, spool: Path, start: int, offset: int, steps: Sequence[_Step]) -> int:
        """Record the first of some steps; how many those are."""
        try:
            return self._record(start, offset, steps)
        except _StepFailed as error:
            # those before it count, whether or not they were read together
            done = error.done and self._record(start, offset, steps[: error.done])
            if not done:
                raise self._broken(spool, offset, error.cause) from error
            return done

    def _steps(self, spool: Path, lines: Sequence[Line], offset: int) -> list[_Step]:
        """What is to be done for some lines, up to the first that no timnet has written."""
        reading = _Reading(self._registry, self._errand)
        steps: list[_Step] = []
        place = offset
        for line in lines:
            try:
                steps.append(reading.step(line, first=place == 0))
            except UNTRUE as error:
                if not steps:
                    raise self._broken(spool, place, error) from error
                break
            place = line.end
        return steps

    def _record(self, start: int, offset: int, steps: Sequence[_Step]) -> int:
        """Record the first of some steps, and how far was read; how many those are."""
        attempt = (self._errand.run_id, self._errand.attempt)
        elsewhere = self._registry.elsewhere
        try:
            with fenced(self._journal.owning):
                for step in steps:
                    step.bring()
            with self._journal.owning():
                read = elsewhere.read_to(*attempt)
                if read.get(start, 0) != offset or max(read, default=start) > start:
                    raise Fenced("another head was quicker")
                done = self._apply(steps)
                elsewhere.has_read(*attempt, start, steps[done - 1].line.end)
        except BaseException:
            self._journal = self._new_journal()  # what it remembers may not have been recorded
            raise
        return done

    def _apply(self, steps: Sequence[_Step]) -> int:
        deadline = time.monotonic() + WRITE_SECONDS
        latest = now()
        for number, step in enumerate(steps):
            try:
                # a node's clock may be wrong: nothing happened before the attempt began, or has not happened yet
                with at(min(max(step.line.time, self._errand.started), latest)):
                    step.apply(self._journal)
            except (Fenced, OSError):
                raise
            except TimnetError as error:
                if not isinstance(error, SpoolBroken):
                    raise
                raise _StepFailed(number, error) from error
            except Exception as error:  # whatever a line leads to that no timnet has written
                raise _StepFailed(number, error) from error
            if step.ends or time.monotonic() > deadline:
                return number + 1
        return len(steps)

    def _broken(self, spool: Path, place: int, error: Exception) -> SpoolBroken:
        if isinstance(error, SpoolBroken):
            return error
        what = clean(f"{type(error).__name__}: {error}")[:200]
        return SpoolBroken(
            f"{spool.name} of {self._errand.folder.folder.name} holds what no timnet has written, "
            f"at byte {place} ({what})"
        )

    def _new_journal(self) -> Journal:
        return self._registry.journal(self._errand.run_id, self._errand.attempt)


def ingest(registry: Registry, errand: Errand) -> int:
    """Take in once what is new in the folder of ``errand``, as :meth:`Intake.take_in` does."""
    return Intake(registry, errand).take_in()


class _StepFailed(Exception):
    """The step after ``done`` others could not be recorded."""

    def __init__(self, done: int, cause: Exception) -> None:
        super().__init__(str(cause))
        self.done = done
        self.cause = cause


class _Step:
    """One line, read: which files it needs here first, and what it says to the registry's own journal."""

    def __init__(self, line: Line, apply: Callable[[Journal], None], bring: Callable[[], None] = lambda: None) -> None:
        self.line = line
        self.apply = apply
        self.bring = bring
        self.ends = line.do in ("done", "end")


class _Reading:
    """Makes steps of an attempt's lines."""

    def __init__(self, registry: Registry, errand: Errand) -> None:
        self._registry = registry
        self._errand = errand
        self._ours: RunPaths = registry.paths.run(errand.uid)

    def step(self, line: Line, *, first: bool) -> _Step:
        """Raises :data:`UNTRUE` for what no timnet has written."""
        if first != (line.do == "hello"):
            raise ValueError("a spool begins with one hello")
        reads: dict[str, Callable[[Line], _Step]] = {
            "hello": self._hello, "begin": self._begin, "epoch": self._epoch, "event": self._event,
            "left": self._left, "checkpoint": self._checkpoint, "done": self._done, "end": self._end,
        }  # fmt: skip
        return reads[line.do](line)

    def _hello(self, line: Line) -> _Step:
        told = said.read_hello(line.values)
        attempt, elsewhere = (self._errand.run_id, self._errand.attempt), self._registry.elsewhere

        def apply(_: Journal) -> None:
            elsewhere.runs_on(*attempt, told.host, told.pid, told.job)
            elsewhere.waits(*attempt, None)

        return _Step(line, apply)

    def _begin(self, line: Line) -> _Step:
        history, text = said.read_begin(line.values)
        return _Step(line, lambda journal: journal.begin(history, text))

    def _epoch(self, line: Line) -> _Step:
        record = said.read_epoch(line.values)

        def apply(journal: Journal) -> None:
            before = self._registry.elsewhere.standing(self._errand.run_id, self._errand.attempt).epoch
            if record.metrics.epoch != before + 1:
                raise ValueError(f"epoch {record.metrics.epoch} after epoch {before}")
            journal.epoch(record)

        return _Step(line, apply)

    def _event(self, line: Line) -> _Step:
        kind, text, epoch = said.read_event(line.values)
        return _Step(line, lambda journal: journal.event(kind, text, epoch))

    def _left(self, line: Line) -> _Step:
        text = said.read_left(line.values)
        return _Step(line, lambda journal: journal.event(EventKind.REQUEUED, text))

    def _checkpoint(self, line: Line) -> _Step:
        told = said.read_checkpoint(line.values)
        paths = {"last": self._ours.checkpoint, "best": self._ours.best_weights}
        path = self._ours.final_weights if told.kind == "final" else paths[told.kind](told.epoch)

        def apply(journal: Journal) -> None:
            journal.checkpoint(told.kind, told.epoch, path, told.metric, told.value, size=told.bytes)

        return _Step(line, apply)

    def _done(self, line: Line) -> _Step:
        experiment = self._registry.experiments.get(self._registry.runs.by_id(self._errand.run_id).experiment_id)
        corpus = self._registry.corpora.by_id(experiment.corpus_id)
        told = said.read_done(line.values, len(corpus.classes), len(corpus.utterances))
        theirs, ours = self._errand.folder.run, self._ours
        files = [(theirs.final_weights, ours.final_weights)]
        if told.embeddings:
            files.append((theirs.embeddings, ours.embeddings))
        missing: list[str] = []

        def bring_all() -> None:
            bring_resume_point(self._registry, self._errand)
            missing[:] = [here.name for there, here in files if not bring(there, here)]

        def apply(journal: Journal) -> None:
            if missing:
                raise Lacking(f"{self._errand.folder.folder.name} tells of a result, and its {missing[0]} is not there")
            embeddings = ours.embeddings if told.embeddings else None
            journal.done(told.uar, told.war, told.predictions, embeddings, told.text)

        return _Step(line, apply, bring_all)

    def _end(self, line: Line) -> _Step:
        told = said.read_end(line.values)

        def apply(journal: Journal) -> None:
            to, kind = told.to, told.kind
            if to in (RunState.PAUSED, RunState.CANCELLED) and told.error is None:
                # it did as it was asked; since then the user may have asked for something else
                want = self._registry.elsewhere.standing(self._errand.run_id, self._errand.attempt).want
                to = RunState.QUEUED if want is None else INTENT_LEADS_TO[want]
                kind = KIND_OF_END[to]
            journal.end(to, kind, told.text, told.error)

        return _Step(line, apply, partial(bring_resume_point, self._registry, self._errand))
