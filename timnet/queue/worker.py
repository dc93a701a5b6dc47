"""The worker: claims waiting runs, keeps up to N training processes busy, and looks after the dead.

It is detached from the terminal that started it and lives until nothing waits (or for ever, with
``--stay``). Everything it knows is in the registry, so it may be killed at any moment.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from timnet import settings as settings_module
from timnet.errors import OUT_OF_ROOM, DiskFull, TimnetError, UnknownName, as_disk_full, no_room
from timnet.machine.priority import step_back_as_session
from timnet.notices.teller import Teller
from timnet.queue import liveness
from timnet.queue.ends import MemoryKills, in_words
from timnet.queue.engines import local
from timnet.queue.engines.engine import Phase, Status
from timnet.queue.logs import say
from timnet.queue.places import PlacesHere
from timnet.queue.presence import Presence
from timnet.queue.stall import Standstill, Unheard
from timnet.registry import Registry
from timnet.settings import Settings, parse_jobs

TICK_SECONDS = 0.1
CHORE_SECONDS = 1.0
GRACE_SECONDS = 30.0
NO_ROOM = "no space left on the disk while training"


class Worker:
    """One worker process. :meth:`run` returns when nothing is left to do or somebody wants it to end."""

    def __init__(self, registry: Registry, settings: Settings, uid: str, *, stay: bool) -> None:
        self.registry = registry
        self.settings = settings
        self.jobs = settings.jobs_here  # with "auto" a guess until runs wait
        self.stay = stay
        self.uid = uid
        self.tasks: dict[str, local.Task] = {}
        self._engine = local.LocalEngine(registry, settings, say)
        self._presence = Presence(registry, uid, local.NAME)
        self._want: str | None = None
        self._next_chores = 0.0
        self._standstill = Standstill()
        self._unheard = Unheard()
        self._memory_kills = MemoryKills()
        self._places = PlacesHere(registry, settings, say)
        self._teller = Teller(registry, settings.notify, say)

    def run(self) -> None:
        """Work until done."""
        with self._presence.shown(self.jobs, self._places.stop.set):
            step_back_as_session(self.settings.nice)
            say(f"worker {self.uid} takes up to {self.jobs} runs at once from {self.registry.paths.db}")
            try:
                self._presence.work(self._turn, TICK_SECONDS, _no_room_to_start)
            finally:
                self._end_tasks()
                self._engine.close()
                self._places.close()
                self._teller.close()
                say(f"worker {self.uid} ended")

    def _turn(self) -> bool:
        """One look at everything; False when it is time to end."""
        self._bury_the_gone()
        if time.monotonic() >= self._next_chores:
            self._next_chores = time.monotonic() + CHORE_SECONDS
            self._want = self.registry.workers.seen(self.uid) or self._want
            for run, state in liveness.reap(self.registry, self.settings.max_crashes):
                say(f"run {run.key}: its process is gone; it is {state} now")
            self._look_at_runs()
            self._memory_kills.look()
            self._teller.look()
        if self._presence.ending or self._want == "stop":
            return False
        if self._want == "drain":
            return bool(self.tasks)
        self._settle_places()
        claimed = False if self._presence.ending else self._fill()
        return bool(self.stay or self.tasks or claimed or self._waits_for_later())

    def _settle_places(self) -> None:
        """Once, when runs wait: how many to train at once, where that is left to the worker."""
        settled = self._places.settle()
        if settled is not None:
            self.settings, self.jobs = settled, settled.jobs_here
            self.registry.workers.takes(self.uid, self.jobs)
            self._engine.close()
            self._engine = local.LocalEngine(self.registry, self.settings, say)

    def _fill(self) -> bool:
        claimed = False
        while len(self.tasks) < self.jobs:
            found = self.registry.runs.claim(
                lambda uid: liveness.try_lock(self.registry.paths.run(uid).lock),
                liveness.proof_of(os.getpid()),
                local.NAME,
                self.uid,
            )
            if found is None:
                break
            claim, lock = found
            say(f"run {claim.key}: attempt {claim.attempt}, after epoch {claim.from_epoch}")
            try:
                log = self.registry.paths.run(claim.uid).log
                task = local.Task(claim, lock, log.stat().st_size if log.exists() else 0)
                [job] = self._engine.submit([task])
                self.tasks[job] = task
            except BaseException:
                liveness.unlock(lock)  # nothing was started: whoever looks next finds the run's lock free
                raise
            claimed = True
        return claimed

    def _waits_for_later(self) -> bool:
        """Whether a run waits that cannot start yet: it crashed a moment ago, or its old process still holds it."""
        return bool(self.registry.runs.ls("state:queued", limit=1))

    def _look_at_runs(self) -> None:
        runs = []
        for job, task in self.tasks.items():
            claim = task.claim
            try:
                runs.append(self.registry.runs.by_id(claim.run_id))
            except UnknownName:  # it ended a moment ago and was deleted
                continue
            text = self._standstill.look(runs[-1])
            if text is not None:
                say(f"run {claim.key}: {text}")
                self.registry.runs.stalled(claim.run_id, claim.attempt, text)
            if self._unheard.look(runs[-1]):
                say(f"run {claim.key}: its process does not leave as wanted ({runs[-1].want}); it is killed")
                self._engine.cancel([job])
        self._places.look(runs)

    def _bury_the_gone(self) -> None:
        for job, status in self._engine.poll(list(self.tasks)).items():
            if status.phase is Phase.GONE:
                self._bury(job, status)

    def _bury(self, job: str, status: Status) -> None:
        """A training process has ended: if it did not say how, decide for it. Then let go of the lock."""
        claim, exit_status = self.tasks[job].claim, status.exit_status
        assert exit_status is not None, "what it started itself it has an exit status of"
        if exit_status == OUT_OF_ROOM:
            self.registry.runs.set_aside(claim.run_id, claim.attempt, no_room(DiskFull(NO_ROOM)), exit_status)
        log, log_from = self.registry.paths.run(claim.uid).log, self.tasks[job].log_from
        state = self.registry.runs.reap(
            claim.run_id,
            claim.attempt,
            exit_code=exit_status,
            error=in_words(exit_status, log, log_from, memory_ran_out=self._memory_kills.rising()),
            max_crashes=self.settings.max_crashes,
            back_off=liveness.BACK_OFF_SECONDS,
        )
        task = self.tasks.pop(job)
        self._engine.forget(job)
        self._standstill.forget(claim.run_id)
        self._unheard.forget(claim.run_id)
        liveness.unlock(task.lock)
        say(f"run {claim.key}: process {status.reason}{f'; it is {state} now' if state else ''}")

    def _end_tasks(self) -> None:
        """Ask the training processes to leave at their next step, and wait for them."""
        with suppress(TimnetError):
            self.registry.runs.want_stop([task.claim.run_id for task in self.tasks.values()])
        for job, status in self._engine.leave(list(self.tasks), GRACE_SECONDS).items():
            with suppress(TimnetError):
                self._bury(job, status)


def _no_room_to_start(error: OSError) -> str | None:
    """Of a log or a lock that could not be made."""
    full = as_disk_full(error, "starting runs")
    return str(full) if full else None


def main() -> int:
    """Parse the command line and work."""
    parser = argparse.ArgumentParser(prog="python -m timnet.queue.worker", description=__doc__)
    parser.add_argument("--db", type=Path, required=True)
    parser.add_argument("--jobs", type=parse_jobs, default=0, help="a number, or auto")
    parser.add_argument("--stay", action="store_true")
    parser.add_argument(
        "--uid", help="its name in the registry (default: a new one)", default=liveness.new_worker_uid()
    )
    arguments = parser.parse_args()
    try:
        settings = settings_module.load()
        settings = replace(settings, db=arguments.db, jobs=arguments.jobs or settings.jobs)
        with Registry.open(arguments.db) as registry:
            Worker(registry, settings, arguments.uid, stay=arguments.stay).run()
    except TimnetError as error:
        sys.stderr.write(f"timnet: {error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
