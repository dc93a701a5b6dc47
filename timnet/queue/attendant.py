"""What a head does for an attempt that is out: bring home what it writes, pass on wishes, decide for the dead.

An attempt in trouble (its folder cannot be read, the engine does not answer) is tried again later and keeps no other
waiting. All that is remembered here can be found out again.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from timnet.bounded import read_json
from timnet.errors import (
    OUT_OF_ROOM,
    BadInput,
    DiskFull,
    Fenced,
    RegistryBusy,
    as_disk_full,
    no_room,
)
from timnet.files import write_text
from timnet.queue import liveness, waiting
from timnet.queue.bringing import LONGEST_LOG, bring_resume_point, copy_log
from timnet.queue.ends import in_words
from timnet.queue.engines.engine import EngineAway, Phase, RemoteEngine, Status
from timnet.queue.ingest import Intake, Lacking
from timnet.queue.stall import Standstill
from timnet.records import EventKind, RunState
from timnet.registry import Registry
from timnet.registry.elsewhere import Errand
from timnet.remote.carrier import LEFT
from timnet.remote.parcel import Parcel
from timnet.remote.spool import WITHDRAWN, SpoolBroken
from timnet.settings import Settings
from timnet.text import clean

LOOK_SECONDS = (0.5, 1.0)
"""Between two looks at a folder: while something new is in it, and at most."""

POLL_SECONDS = 3.0
"""Between two questions to the engine."""

GRACE_SECONDS = 10.0
"""How long a job has to hear a wish by itself before the engine is told to end it."""

LINGER_SECONDS = 60.0
"""How long a job may go on whose attempt is over, and how long a file may be missing that a spool tells of."""

SETTLE_SECONDS = 4.0
"""How long a job is gone before that is believed: a network file system may show its last lines later."""

RESUME_SECONDS = 30.0
"""How old the resume point here may become while a run trains elsewhere."""

TROUBLED_SECONDS = 5.0
"""Between two looks at an attempt in trouble."""

LONGEST_REASON = 500
_GONE = Status(Phase.GONE, "the engine does not know it any more")


@dataclass(slots=True)
class _Watched:
    """What is remembered of an attempt.

    ``log_from``: bytes of the run's log before its own, None where that cannot be known; ``log_done``: of its own that
    are here. ``told``: the wish that it was told, ``asked`` when; ``ended``: the engine has ended it because of that.
    ``cancelled``: when the engine was last told to. ``gone``: since when its job is gone and nothing new came of it.
    ``over``: since when its attempt is. ``trouble``: what was said of it; ``lacks``: since when a file is missing.
    """

    intake: Intake
    log_from: int | None
    log_done: int = 0
    told: str | None = None
    asked: float | None = None
    cancelled: float | None = None
    ended: bool = False
    gone: float | None = None
    over: float | None = None
    trouble: str = ""
    lacks: float | None = None
    look: float = 0.0
    pause: float = 0.0


class Attendant:
    """Looks after the attempts of one engine."""

    def __init__(
        self, registry: Registry, settings: Settings, engine: RemoteEngine, say: Callable[[str], None]
    ) -> None:
        self._registry = registry
        self._settings = settings
        self._engine = engine
        self._say = say
        self._next_poll = 0.0
        self._statuses: dict[str, Status] = {}
        self._watched: dict[tuple[int, int], _Watched] = {}
        self._standstill = Standstill(lambda: time.monotonic())

    def watch(self) -> None:
        """Tell in a run's history where no epoch has come for long. To be called every few seconds."""
        for run in self._registry.runs.running():
            if run.engine == self._engine.name and (text := self._standstill.look(run)) is not None:
                self._say(f"run {run.key}: {text}")
                self._registry.runs.stalled(run.id, run.attempt, text)

    def poll(self, errands: Sequence[Errand]) -> None:
        """Ask for the jobs' states now and then, so each answer is of the jobs that were asked for.

        Raises :class:`EngineAway`; then nothing is concluded of any job until an answer comes.
        """
        if not errands or time.monotonic() < self._next_poll:
            return
        self._next_poll = time.monotonic() + POLL_SECONDS
        jobs = [errand.job for errand in errands if errand.job]
        self._statuses, before = {}, self._statuses
        found = self._engine.poll(jobs) if jobs else {}
        self._statuses = {job: found.get(job, _GONE) for job in jobs}
        for errand in errands:
            if self._status(errand) != before.get(errand.job or ""):
                self._seen(errand).look = 0.0

    def attend(self, errand: Errand) -> None:
        """Look after an attempt that owns its run. Raises :class:`RegistryBusy`."""
        seen = self._seen(errand)
        if time.monotonic() < seen.look and seen.told == _wish(errand):
            return
        self._carefully(errand, seen, self._attend)

    def sweep(self, errand: Errand) -> None:
        """An attempt is over: once its job is gone, its folder goes too. Raises :class:`RegistryBusy`."""
        seen = self._seen(errand)
        if time.monotonic() >= seen.look:
            self._carefully(errand, seen, self._sweep)

    def _carefully(self, errand: Errand, seen: _Watched, what: Callable[[Errand, _Watched], None]) -> None:
        seen.pause = min(LOOK_SECONDS[1], 2 * seen.pause or LOOK_SECONDS[0])
        try:
            what(errand, seen)
        except Fenced:
            seen.pause = 0.0
        except RegistryBusy:
            raise
        except (OSError, DiskFull, EngineAway) as error:
            seen.pause = TROUBLED_SECONDS
            text = str(as_disk_full(error, "bringing home what was trained") or error)
            if all(text != one.trouble for one in self._watched.values()):
                self._say(f"run {errand.key}: cannot be looked after now, and is tried again ({clean(text)})")
            seen.trouble = text
        else:
            seen.trouble = ""
        seen.look = time.monotonic() + seen.pause

    # attempts that own their runs

    def _attend(self, errand: Errand, seen: _Watched) -> None:
        if errand.job is None:
            self._find(errand, seen)
            return
        status = self._status(errand)
        if not self._is_there(errand, seen, status):
            return
        news = self._take_in(errand, seen, status)
        if news is None:
            return
        self._pass_on(errand, seen, status)
        if news:
            seen.pause = 0.0
        if status is None or status.phase is not Phase.GONE:
            seen.gone = None
            self._note_why_it_waits(errand, status)
        elif seen.gone is None or news:
            seen.gone = time.monotonic()
        elif time.monotonic() - seen.gone > SETTLE_SECONDS:
            self._decide(errand, seen, status)

    def _is_there(self, errand: Errand, seen: _Watched, status: Status | None) -> bool:
        """Whether the attempt's folder is. Raises :class:`FileNotFoundError` where all that is shared is away.

        What the attempt wrote is then not lost, so nothing is decided, unless a user gives the run up.
        """
        folder = errand.folder
        if folder.folder.is_dir():
            return True
        lost = "its folder was deleted" if folder.is_shared else ""
        if not lost and errand.want is None:
            raise FileNotFoundError(
                f"{folder.shared} is not there; bring it back, or give the run up: timnet queue cancel {errand.key}"
            )
        seen.ended = not lost
        self._cancel(errand, seen, lost or "given up")
        if status is not None and status.phase is Phase.GONE:
            self._decide(errand, seen, Status(Phase.GONE, lost or "given up while its folder was away"))
        return False

    def _find(self, errand: Errand, seen: _Watched) -> None:
        """A head died between claiming a run and noting its job: find the job, else give the run back."""
        there = errand.folder.folder.is_dir()
        if not there and not errand.folder.is_shared and errand.want is None:
            raise FileNotFoundError(f"{errand.folder.shared} is not there")
        job = self._engine.find(errand.folder)
        if job is not None:
            self._registry.elsewhere.submitted([(errand.run_id, errand.attempt, job)])
            return
        seen.gone = seen.gone or time.monotonic()
        if errand.folder.spools() and time.monotonic() - seen.gone < SETTLE_SECONDS:
            self._take_in(errand, seen, None)  # its process has said which job it is
        else:
            self._decide(errand, seen, Status(Phase.GONE, "its head ended before it was submitted", blameless=True))

    def _take_in(self, errand: Errand, seen: _Watched, status: Status | None) -> int | None:
        """What the attempt has written since; how many lines. What is broken ends the run with the reason: None."""
        try:
            if errand.job is not None and (status is None or status.phase is not Phase.PENDING):
                self._engine.exchange(errand.job, errand.folder)
            # the log first: the next attempt's begins behind it, as soon as the journal says that this one is over
            if seen.log_from is not None:
                seen.log_done = copy_log(errand, self._log(errand), seen.log_from, seen.log_done)
            news = seen.intake.take_in()
            seen.lacks = None
        except Lacking as error:
            seen.lacks = seen.lacks or time.monotonic()
            if time.monotonic() - seen.lacks < LINGER_SECONDS:
                return 1  # as if more had come: it is waited for
            self._give_up(errand, error)
            return None
        except SpoolBroken as error:
            self._give_up(errand, error)
            return None
        bring_resume_point(self._registry, errand, RESUME_SECONDS)
        return news

    def _give_up(self, errand: Errand, error: SpoolBroken) -> None:
        self._withdraw(errand)
        journal = self._registry.journal(errand.run_id, errand.attempt)
        journal.end(RunState.FAILED, EventKind.FAILED, str(error), error=str(error))
        self._say(f"run {errand.key}: {error}")

    def _pass_on(self, errand: Errand, seen: _Watched, status: Status | None) -> None:
        """Write down what a user wants where the job looks; end it where it does not hear, or cannot yet."""
        want = _wish(errand)
        if seen.told is None:  # by a head before this one, perhaps
            with suppress(OSError, UnicodeDecodeError):
                seen.told = errand.folder.want.read_text().strip()
        if want != seen.told:
            write_text(errand.folder.want, want)
            seen.told, seen.asked = want, None
        if want and seen.asked is None:
            seen.asked = time.monotonic()
        if seen.asked is None or (status is not None and status.phase is Phase.GONE):
            return
        waits = status is not None and status.phase is Phase.PENDING
        if waits or time.monotonic() - seen.asked > GRACE_SECONDS:
            seen.ended = True
            self._cancel(errand, seen, want)

    def _cancel(self, errand: Errand, seen: _Watched, why: str) -> None:
        """Have the engine end the job, once a minute until it is gone."""
        if errand.job is None or (seen.cancelled and time.monotonic() - seen.cancelled < LINGER_SECONDS):
            return
        self._say(f"run {errand.key}: {self._engine.name} job {errand.job} is to end ({why})")
        self._engine.cancel([errand.job])
        seen.cancelled = time.monotonic()
        self._next_poll = min(self._next_poll, time.monotonic() + LOOK_SECONDS[0])

    def _note_why_it_waits(self, errand: Errand, status: Status | None) -> None:
        if status is None:
            return
        waits = status.phase is Phase.PENDING
        told = clean(status.reason)[:LONGEST_REASON]
        reason = waiting.in_engine(self._engine.name, told) if waits else None
        if reason != errand.reason:
            self._registry.elsewhere.waits(errand.run_id, errand.attempt, reason)

    # ends

    def _decide(self, errand: Errand, seen: _Watched, status: Status) -> None:
        """The job is gone and its journal did not say how the run ended: decide for it."""
        self._withdraw(errand)
        try:
            # a network file system shows a folder as it is now once something was written in it: so look once more
            if self._take_in(errand, seen, status) != 0:
                return
            bring_resume_point(self._registry, errand)
        except OSError:
            if errand.want is None:
                raise
        exit_status = status.exit_status if status.exit_status is not None else self._exit_status(errand)
        runs = self._registry.runs
        if exit_status == OUT_OF_ROOM:
            text = no_room(DiskFull(f"no space left on the disk of {errand.folder.shared}"))
            state = runs.set_aside(errand.run_id, errand.attempt, text, exit_status)
        else:
            state = runs.reap(
                errand.run_id,
                errand.attempt,
                exit_code=exit_status,
                error=self._words(errand, status, exit_status),
                max_crashes=self._settings.max_crashes,
                back_off=liveness.BACK_OFF_SECONDS,
                # a job that was asked to leave and is gone has left, whoever had it ended
                blameless=status.blameless or exit_status == LEFT or seen.ended or errand.want is not None,
            )
        self._say(
            f"run {errand.key}: job {errand.job} is gone ({clean(status.reason)[:LONGEST_REASON]})"
            f"{f'; it is {state} now' if state else ''}"
        )

    def _words(self, errand: Errand, status: Status, exit_status: int | None) -> str:
        told = f"{self._engine.name} job {errand.job}: {status.reason}" if errand.job else status.reason
        told = clean(told)[:LONGEST_REASON]
        if exit_status is None or exit_status == 0 or status.blameless:
            return told
        return f"{in_words(exit_status, errand.folder.log, 0, memory_ran_out=False)} ({told})"

    def _exit_status(self, errand: Errand) -> int | None:
        """What the job itself wrote of the end of its latest process."""
        with suppress(OSError, ValueError, LookupError, TypeError):
            told = read_json(errand.folder.outcome, 1 << 12)
            status, start = told["status"], told["start"]
            latest = start == len(errand.folder.spools())
            return status if latest and type(status) is int and -64 <= status <= 255 else None
        return None

    def _log(self, errand: Errand) -> Path:
        return self._registry.paths.run(errand.uid).log

    def _withdraw(self, errand: Errand) -> None:
        """Tell a process that may still be there that its attempt is over."""
        with suppress(OSError, DiskFull):
            if errand.folder.folder.is_dir():
                write_text(errand.folder.want, WITHDRAWN)

    def _sweep(self, errand: Errand, seen: _Watched) -> None:
        seen.over = seen.over or time.monotonic()
        status = self._status(errand)
        if errand.job is not None and (status is None or status.phase is not Phase.GONE):
            if status is not None and (status.phase is Phase.PENDING or time.monotonic() - seen.over > LINGER_SECONDS):
                self._cancel(errand, seen, "its attempt is over")
            return
        if errand.job is not None:
            with suppress(SpoolBroken):  # the end of the log, which may be written after that of the journal
                self._engine.exchange(errand.job, errand.folder)
        self._finish_log(errand, seen)
        if errand.job is not None:
            self._engine.forget(errand.job, errand.folder)
        folder = errand.folder.folder
        shutil.rmtree(folder, ignore_errors=True)
        if folder.exists() or not errand.folder.is_shared:
            if time.monotonic() - seen.over < LINGER_SECONDS:
                return
            self._say(f"run {errand.key}: {folder} cannot be removed now; nobody needs it any more")
        self._registry.elsewhere.swept(errand)
        self._standstill.forget(errand.run_id)
        del self._watched[(errand.run_id, errand.attempt)]

    def _finish_log(self, errand: Errand, seen: _Watched) -> None:
        """Bring the last of the log, where no later attempt has begun to write behind it, or can meanwhile."""
        lock = liveness.try_lock(self._registry.paths.run(errand.uid).lock) if errand.latest else None
        if lock is None:
            return
        try:
            if seen.log_from is not None and self._registry.elsewhere.is_latest(errand):
                copy_log(errand, self._log(errand), seen.log_from, seen.log_done, LONGEST_LOG)
        finally:
            liveness.unlock(lock)

    def _status(self, errand: Errand) -> Status | None:
        return self._statuses.get(errand.job or "")

    def _seen(self, errand: Errand) -> _Watched:
        key = (errand.run_id, errand.attempt)
        if key not in self._watched:
            self._watched[key] = _Watched(Intake(self._registry, errand), _log_from(errand))
        return self._watched[key]


def _wish(errand: Errand) -> str:
    return errand.want.value if errand.want else ""


def _log_from(errand: Errand) -> int | None:
    with suppress(BadInput):
        return Parcel.read(errand.folder.parcel).log_from
    return None
