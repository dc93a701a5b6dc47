"""The head: gives waiting runs to an engine of other machines and brings home what they write.

Everything it knows is in the registry and in the attempts' folders, so it may be killed at any moment: jobs live on,
and the next head goes on where this one was. There is one for each engine.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from timnet import settings as settings_module
from timnet.bounded import read_json
from timnet.clock import now
from timnet.errors import OUT_OF_ROOM, BadInput, DiskFull, RegistryBusy, TimnetError, as_disk_full, no_room
from timnet.files import write_text
from timnet.notices.teller import Teller
from timnet.queue import liveness, waiting
from timnet.queue.dispatch import Dispatch
from timnet.queue.ends import in_words
from timnet.queue.engines.choose import ELSEWHERE, Asked
from timnet.queue.engines.engine import EngineAway, Phase, RemoteEngine, Status
from timnet.queue.ingest import bring_resume_point, copy_log, ingest
from timnet.records import EventKind, RunState
from timnet.registry import Registry
from timnet.registry.elsewhere import Errand
from timnet.remote.carrier import LEFT
from timnet.remote.parcel import Parcel
from timnet.remote.spool import WITHDRAWN, SpoolBroken
from timnet.settings import Settings

LOOK_SECONDS = 0.5
"""Between two looks at the folders and at what users want."""

POLL_SECONDS = 3.0
"""Between two questions to the engine."""

GRACE_SECONDS = 10.0
"""How long a job has to hear a wish by itself before the engine is told to end it."""

SETTLE_SECONDS = 4.0
"""How long a job is gone before that is believed: a network file system may show its last lines later."""

RESUME_SECONDS = 30.0
"""How old the resume point here may become while a run trains elsewhere."""

HINDERED_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Terms:
    """How to work: ``shared`` is the folder that jobs see, ``jobs`` how many runs are handed over at most."""

    shared: Path
    jobs: int
    stay: bool = False


@dataclass(slots=True)
class _Watched:
    """What this process remembers of an open attempt; all of it can be found out again.

    ``log_from``: bytes of the run's log before its own; ``log_done``: of its own that are here. ``told``: the wish that
    it was told, ``asked`` when. ``gone``: since when its job is gone and nothing new has come of it.
    """

    log_from: int
    log_done: int = 0
    told: str = ""
    asked: float | None = None
    cancelled: bool = False
    gone: float | None = None


class Head:
    """One engine's head."""

    def __init__(self, registry: Registry, settings: Settings, engine: RemoteEngine, terms: Terms, uid: str) -> None:
        self.registry = registry
        self.settings = settings
        self.engine = engine
        self.terms = terms
        self.uid = uid
        self.ending = False
        self._want: str | None = None
        self._next_poll = 0.0
        self._statuses: dict[str, Status] = {}
        self._watched: dict[tuple[int, int], _Watched] = {}
        self._hindered = ""
        self._dispatch = Dispatch(registry, settings, engine, terms.shared, uid, _say)
        self._teller = Teller(registry, settings.notify, _say)

    def run(self) -> None:
        """Work until done. Raises :class:`BadInput` where this engine has a head already, or refuses for good."""
        only = liveness.try_lock(self.registry.paths.head_lock(self.engine.name))
        if only is None:
            raise BadInput(
                f"a head for {self.engine.name} works on {self.registry.paths.db} already; see: timnet workers ls"
            )
        lock = liveness.try_lock(self.registry.paths.worker_lock(self.uid))
        assert lock is not None, "a fresh worker's lock cannot be held"
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGINT, self._on_signal)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        most = f"up to {self.terms.jobs} runs at once"
        _say(f"head {self.uid} gives {self.engine.name} {most}, in {self.terms.shared}")
        self.registry.workers.add(self.uid, self.engine.name, liveness.proof_of(os.getpid()), self.terms.jobs)
        try:
            while self._turn_or_wait():
                time.sleep(LOOK_SECONDS)
        finally:
            self._teller.close()
            left = len(self.registry.elsewhere.open(self.engine.name))
            _say(f"head {self.uid} ended{f'; {left} runs go on without it' if left else ''}")
            with suppress(TimnetError):
                self.registry.workers.ended(self.uid)
            self.registry.paths.worker_lock(self.uid).unlink(missing_ok=True)
            liveness.unlock(lock)
            liveness.unlock(only)

    # one look at everything

    def _turn_or_wait(self) -> bool:
        """One turn; what hinders it is said once, and it is tried again later: jobs go on, nothing is lost."""
        try:
            going_on = self._turn()
        except (DiskFull, RegistryBusy, EngineAway) as error:
            self._hinder(str(error))
        except OSError as error:
            full = as_disk_full(error, "taking in what was trained elsewhere")
            if full is None:
                raise
            self._hinder(str(full))
        else:
            self._hindered = ""
            return going_on
        deadline = time.monotonic() + HINDERED_SECONDS
        while not self.ending and time.monotonic() < deadline:
            time.sleep(LOOK_SECONDS)
        return not self.ending

    def _hinder(self, line: str) -> None:
        if line != self._hindered:
            _say(line)
        self._hindered = line

    def _turn(self) -> bool:
        """False when it is time to end."""
        self._want = self.registry.workers.seen(self.uid) or self._want
        errands = self.registry.elsewhere.open(self.engine.name)
        over = self.registry.elsewhere.over(self.engine.name)
        self._poll([*errands, *over])
        for errand in errands:
            self._attend(errand)
        for errand in over:
            self._sweep(errand)
        self._teller.look()
        if self.ending or self._want == "stop":
            return False
        if self._want == "drain":
            return bool(errands)
        free = self.terms.jobs - len(errands)
        given = self._dispatch.give(free) if free > 0 else 0
        return bool(self.terms.stay or errands or over or given or self.registry.runs.ls("state:queued", limit=1))

    def _poll(self, errands: list[Errand]) -> None:
        """Ask for the jobs' states now and then, so each answer is of the jobs that were asked for."""
        if errands and time.monotonic() >= self._next_poll:
            self._next_poll = time.monotonic() + POLL_SECONDS
            jobs = [errand.job for errand in errands if errand.job]
            found = self.engine.poll(jobs) if jobs else {}
            gone = Status(Phase.GONE, "the engine does not know it any more")
            self._statuses = {job: found.get(job, gone) for job in jobs}

    def _attend(self, errand: Errand) -> None:
        """Look after one attempt: what it wrote, what is wanted of it, whether it is still there."""
        if errand.job is None:
            self._find(errand)
            return
        seen = self._seen(errand)
        status = self._statuses.get(errand.job)
        if status is None or status.phase is not Phase.PENDING:
            self.engine.exchange(errand.job, errand.folder)
        news = self._take_in(errand, seen)
        self._pass_on(errand, seen, status)
        if status is None or status.phase is not Phase.GONE:
            seen.gone = None
            self._note_why_it_waits(errand, status)
        elif seen.gone is None or news:
            seen.gone = time.monotonic()
        elif time.monotonic() - seen.gone > SETTLE_SECONDS:
            self._decide(errand, status)

    def _find(self, errand: Errand) -> None:
        """A head died between claiming a run and noting its job: find the job, else give the run back."""
        job = self.engine.find(errand.folder)
        if job is not None:
            self.registry.elsewhere.submitted([(errand.run_id, errand.attempt, job)])
        elif errand.folder.spools():
            ingest(self.registry, errand)  # its process has said which job it is
        else:
            self._decide(errand, Status(Phase.GONE, "its head ended before it was submitted", blameless=True))

    def _take_in(self, errand: Errand, seen: _Watched) -> int:
        """What the attempt has written since; how many lines. What is broken ends the run with the reason."""
        try:
            news = ingest(self.registry, errand)
        except SpoolBroken as error:
            self._withdraw(errand)
            journal = self.registry.journal(errand.run_id, errand.attempt)
            journal.end(RunState.FAILED, EventKind.FAILED, str(error), error=str(error))
            _say(f"run {errand.key}: {error}")
            return 0
        bring_resume_point(self.registry, errand, RESUME_SECONDS)
        seen.log_done = copy_log(errand, self._log(errand), seen.log_from, seen.log_done)
        return news

    def _seen(self, errand: Errand) -> _Watched:
        key = (errand.run_id, errand.attempt)
        if key not in self._watched:
            self._watched[key] = _Watched(_log_from(errand))
        return self._watched[key]

    def _pass_on(self, errand: Errand, seen: _Watched, status: Status | None) -> None:
        """Write down what a user wants where the job looks; end it where it does not hear, or cannot yet."""
        want = errand.want.value if errand.want else ""
        if want != seen.told:
            write_text(errand.folder.want, want)
            seen.told, seen.asked = want, time.monotonic() if want else None
        if seen.asked is None or errand.job is None or seen.cancelled:
            return
        waits = status is not None and status.phase is Phase.PENDING
        if waits or time.monotonic() - seen.asked > GRACE_SECONDS:
            _say(f"run {errand.key}: job {errand.job} is to end ({want})")
            self.engine.cancel([errand.job])
            seen.cancelled = True

    def _note_why_it_waits(self, errand: Errand, status: Status | None) -> None:
        if status is not None:
            waits = status.phase is Phase.PENDING
            reason = waiting.in_engine(self.engine.name, status.reason) if waits else None
            if reason != errand.reason:
                self.registry.elsewhere.waits(errand.run_id, errand.attempt, reason)

    # ends

    def _decide(self, errand: Errand, status: Status) -> None:
        """The job is gone and its journal did not say how the run ended: decide for it."""
        bring_resume_point(self.registry, errand)
        self._withdraw(errand)
        exit_status = status.exit_status if status.exit_status is not None else self._exit_status(errand)
        runs = self.registry.runs
        if exit_status == OUT_OF_ROOM:
            text = no_room(DiskFull(f"no space left on the disk of {errand.folder.shared}"))
            state = runs.set_aside(errand.run_id, errand.attempt, text, exit_status)
        else:
            state = runs.reap(
                errand.run_id,
                errand.attempt,
                exit_code=exit_status,
                error=self._words(errand, status, exit_status),
                max_crashes=self.settings.max_crashes,
                back_off=liveness.BACK_OFF_SECONDS,
                blameless=status.blameless or exit_status == LEFT or self._seen(errand).cancelled,
            )
        _say(f"run {errand.key}: job {errand.job} is gone ({status.reason}){f'; it is {state} now' if state else ''}")

    def _words(self, errand: Errand, status: Status, exit_status: int | None) -> str:
        told = f"{self.engine.name} job {errand.job}: {status.reason}" if errand.job else status.reason
        if exit_status is None or exit_status == 0 or status.blameless:
            return told
        return f"{in_words(exit_status, errand.folder.log, 0, memory_ran_out=False)} ({told})"

    def _exit_status(self, errand: Errand) -> int | None:
        """What the job itself wrote of its process's end."""
        with suppress(OSError, ValueError, LookupError, TypeError):
            status = read_json(errand.folder.outcome, 1 << 12)["status"]
            return status if type(status) is int else None
        return None

    def _log(self, errand: Errand) -> Path:
        return self.registry.paths.run(errand.uid).log

    def _withdraw(self, errand: Errand) -> None:
        """Tell a process that may still be there that its attempt is over."""
        with suppress(OSError, DiskFull):
            write_text(errand.folder.want, WITHDRAWN)

    def _sweep(self, errand: Errand) -> None:
        """An attempt is over: once its job is gone, its folder goes too."""
        status = self._statuses.get(errand.job or "")
        if errand.job is not None and (status is None or status.phase is not Phase.GONE):
            return
        seen = self._seen(errand)
        copy_log(errand, self._log(errand), seen.log_from, seen.log_done)
        del self._watched[(errand.run_id, errand.attempt)]
        if errand.job is not None:
            self.engine.forget(errand.job, errand.folder)
        shutil.rmtree(errand.folder.folder, ignore_errors=True)
        self.registry.elsewhere.swept(errand)

    def _on_signal(self, *_: object) -> None:
        self.ending = True


def _log_from(errand: Errand) -> int:
    with suppress(BadInput):
        return Parcel.read(errand.folder.parcel).log_from
    return 0


def _say(line: str) -> None:
    with suppress(OSError):
        sys.stderr.write(f"{now()} {line}\n")
        sys.stderr.flush()


def main() -> int:
    """Parse the command line and be a head: what ``timnet work --engine slurm --detach`` starts."""
    parser = argparse.ArgumentParser(prog="python -m timnet.queue.head", description=__doc__)
    parser.add_argument("--db", type=Path, required=True)
    parser.add_argument("--engine", choices=ELSEWHERE, required=True)
    parser.add_argument("--options", type=json.loads, default={}, help="the engine's, by name, as JSON")
    parser.add_argument("--shared", type=Path)
    parser.add_argument("--jobs", type=int, default=0)
    parser.add_argument("--stay", action="store_true")
    parser.add_argument(
        "--uid", default=liveness.new_worker_uid(), help="its name in the registry (default: a new one)"
    )
    arguments = parser.parse_args()
    try:
        settings = replace(settings_module.load(), db=arguments.db)
        asked = Asked.checked(arguments.engine, arguments.options, arguments.shared, arguments.jobs)
        with Registry.open(arguments.db) as registry:
            work(registry, settings, asked, arguments.uid, stay=arguments.stay)
    except TimnetError as error:
        sys.stderr.write(f"timnet: {error}\n")
        return error.exit_code
    return 0


def work(registry: Registry, settings: Settings, asked: Asked, uid: str, *, stay: bool) -> None:
    """Be the head of the engine that was ``asked`` for. Raises as :meth:`Head.run` and :meth:`Asked.ready` do."""
    out = registry.elsewhere.open(asked.engine)  # runs that are out are waited for, even while nothing answers
    engine = asked.ready(settings, patient=bool(out))
    Head(registry, settings, engine, Terms(asked.folder(settings), asked.at_most(settings), stay), uid).run()


if __name__ == "__main__":
    sys.exit(main())
