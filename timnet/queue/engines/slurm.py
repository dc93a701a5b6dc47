"""Slurm, through submitit: an attempt is a job, several are an array.

Nothing is kept in memory that a later head would miss: which job an attempt is stands in its folder and in the job's
comment, and what became of it Slurm is asked each time.
"""

from __future__ import annotations

import io
import json
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import redirect_stderr, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from timnet.bounded import read_json
from timnet.errors import BadInput, TimnetError, as_disk_full
from timnet.files import write_text
from timnet.paths import AttemptPaths
from timnet.queue.engines.engine import EngineAway, Phase, Status
from timnet.queue.engines.slurm_call import as_outside, ask, call, need_commands
from timnet.queue.engines.slurm_job import Attempt, said_by
from timnet.queue.engines.slurm_options import SlurmOptions, warning_seconds
from timnet.queue.engines.slurm_words import (
    COMMENT_FORMAT,
    LIST_FORMAT,
    SACCT_FIELDS,
    Listed,
    Partition,
    comments,
    complaint,
    is_job,
    partitions,
    refusal,
    sacct_jobs,
    scontrol_jobs,
    squeue_jobs,
    status_of,
    words_of,
)
from timnet.text import clean

NAME = "slurm"
FOLDER = "slurm"
"""Below the shared folder: a folder for each submission, with what submitit keeps of it."""

MOST_TASKS = 1000
"""Of one array: a cluster allows as many if nobody has set its MaxArraySize."""

_ALWAYS = 2**31
"""How often submitit may give a job back to the queue; whether it gets on is looked at each time."""

_TOKEN = re.compile(r"[0-9a-f]{16}")
_KEPT = ("submitted.pkl", "0_result.pkl", "0_log.out", "0_log.err")
"""What submitit has of each job, behind its id."""

_TAIL_BYTES = 1 << 13
_UNKNOWN = Status(Phase.GONE, "Slurm does not know it any more")
_NEVER_BEGAN = Status(Phase.GONE, "CANCELLED before it began", blameless=True)


class SlurmEngine:
    """Submits, watches and cancels jobs.

    ``shared`` is a folder that all nodes see at the same path; ``attempt`` is what each job calls on its node.
    """

    def __init__(self, shared: Path, options: SlurmOptions, attempt: type[Attempt] = Attempt) -> None:
        self._attempt = attempt
        self._shared = shared.absolute()
        self._options = options.with_defaults(os.environ)
        self._accounting = True

    @property
    def name(self) -> str:
        """What the registry calls it."""
        return NAME

    # submitting

    def submit(self, tasks: Sequence[AttemptPaths]) -> list[str]:
        """A job for each folder; those that have one already keep it."""
        ids = {task.folder: self.find(task) for task in tasks}
        fresh = [task for task in tasks if ids[task.folder] is None]
        minutes = self.ready() if fresh else 0
        done: list[str] = []
        try:
            for start in range(0, len(fresh), MOST_TASKS):
                part = fresh[start : start + MOST_TASKS]
                done += self._submit_attempts(part, minutes)
        except BaseException:
            with suppress(TimnetError):
                self.cancel(done)
            raise
        ids.update(zip((task.folder for task in fresh), done, strict=True))
        return [job for job in (ids[task.folder] for task in tasks) if job is not None]

    def ready(self) -> int:
        """See that jobs can be submitted; returns the minutes that each will ask for.

        Raises :class:`BadInput` and :class:`EngineAway` as :meth:`submit` does.
        """
        need_commands()
        _need_plain(self._shared)
        _need_writable(self._shared / FOLDER)
        return self._options.minutes_in(self.partitions())

    def partitions(self) -> list[Partition]:
        """The cluster's partitions. Raises :class:`EngineAway`."""
        return partitions(ask("scontrol", "-o", "show", "partition"))

    def submit_calls(self, calls: Sequence[Callable[[], Any]], minutes: int, token: str) -> list[str]:
        """Hand picklable callables over as one submission, in its own folder, :meth:`folder_of`."""
        folder = self.folder_of(token)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            return _hand_over(folder, calls, self._options.parameters(minutes, _comment(token)))
        except BaseException as error:
            # without it, a job that Slurm has taken all the same does nothing
            shutil.rmtree(folder, ignore_errors=True)
            with suppress(TimnetError):
                self.cancel(self._by_comment(token))
            full = as_disk_full(error, "submitting jobs")
            if full is not None:
                raise full from error
            raise

    def folder_of(self, token: str) -> Path:
        """Where submitit keeps what belongs to one submission."""
        return self._shared / FOLDER / token

    def _submit_attempts(self, tasks: Sequence[AttemptPaths], minutes: int) -> list[str]:
        token, many = secrets.token_hex(8), len(tasks) > 1
        for index, task in enumerate(tasks):
            write_text(_note(task), json.dumps({"submission": token, "task": index if many else None}) + "\n")
        calls = [self._attempt(str(task.folder), minutes, warning_seconds(minutes)) for task in tasks]
        return self.submit_calls(calls, minutes, token)

    # what has become of them

    def poll(self, ids: Sequence[str]) -> Mapping[str, Status]:
        """Where each job is: one ``squeue`` for all, and a question more for each array with jobs that are over."""
        known = [job for job in ids if is_job(job)]
        found = self._listed(known) if known else {}
        over = [job for job in known if job not in found]
        for array in dict.fromkeys(job.partition("_")[0] for job in over):
            found = {**self._remembered(array), **found}
        unclear = [job for job in over if job not in found or found[job].state == "CANCELLED"]
        for job, record in self._accounted(unclear).items():
            found[job] = record
        return {
            job: self._with_last_words(job, status_of(found[job])) if job in found else self._without_record(job)
            for job in ids
        }

    def _listed(self, ids: Sequence[str]) -> dict[str, Listed]:
        arrays = ",".join(dict.fromkeys(job.partition("_")[0] for job in ids))
        status, out, words = call("squeue", "-r", "-h", f"--jobs={arrays}", "-o", LIST_FORMAT)
        if status and "nvalid job id" not in words:
            raise EngineAway(f"Slurm does not answer (squeue: {words})")
        return {record.job: record for record in squeue_jobs(out)}

    def _remembered(self, array: str) -> dict[str, Listed]:
        """What the controller still knows of jobs that have just ended."""
        status, out, words = call("scontrol", "-o", "show", "job", array)
        if status and "nvalid job id" not in words:
            raise EngineAway(f"Slurm does not answer (scontrol: {words})")
        return {record.job: record for record in scontrol_jobs(out)}

    def _accounted(self, ids: Sequence[str]) -> dict[str, Listed]:
        """What the accounting knows, on clusters that keep one."""
        if not ids or not self._accounting or shutil.which("sacct") is None:
            return {}
        status, out, words = call("sacct", "-X", "-n", "-P", "-o", SACCT_FIELDS, "-j", ",".join(ids))
        self._accounting = "disabled" not in words
        return {} if status else {record.job: record for record in sacct_jobs(out) if record.job in ids}

    def _without_record(self, job: str) -> Status:
        """Slurm forgets jobs after some minutes, but a waiting task of an array that is cancelled at once."""
        laid_out = is_job(job) and self._kept(f"{job}_submitted.pkl")
        return _NEVER_BEGAN if laid_out and not self._kept(f"{job}_0_log.out") else _UNKNOWN

    def _with_last_words(self, job: str, status: Status) -> Status:
        """What a job has said of its end, or its Python has, where they did."""
        if status.phase is not Phase.GONE or status.exit_status == 0:
            return status
        for name in (said_by(Path(), job).name, f"{job}_0_log.err"):
            for path in self._kept(name):
                said = complaint(tail(path))
                if said:
                    return replace(status, reason=f"{status.reason}: {said}")
        return status

    def cancel(self, ids: Iterable[str]) -> None:
        """End jobs, in one call."""
        ids = [job for job in ids if is_job(job)]
        if ids:
            status, _, words = call("scancel", *ids)
            if status and "nvalid job id" not in words and "ompleted" not in words:
                raise EngineAway(f"Slurm does not cancel ({words})")

    # finding and forgetting

    def find(self, folder: AttemptPaths) -> str | None:
        """The job of ``folder``, from submitit's files.

        A job whose work was not laid out yet when its head died is cancelled: it would wait for it in vain.
        """
        noted = _noted(folder)
        if noted is None:
            return None
        token, task = noted
        scripts = list(self.folder_of(token).glob("[0-9]*_submission.sh"))
        if not scripts:
            self.cancel(self._by_comment(token))
            return None
        number = scripts[0].name.partition("_")[0]
        job = number if task is None else f"{number}_{task}"
        if (self.folder_of(token) / f"{job}_submitted.pkl").exists():
            return job
        self.cancel([job])
        return None

    def _by_comment(self, token: str) -> list[str]:
        """The jobs of a submission, where their ids may never have reached this side."""
        listed = comments(ask("squeue", "-r", "-h", "--me", "-o", COMMENT_FORMAT))
        return [job for job, said in listed.items() if said == _comment(token)]

    def exchange(self, job: str, folder: AttemptPaths) -> None:
        """Nothing: both sides see one file system."""

    def forget(self, job: str, folder: AttemptPaths) -> None:
        """Remove what submitit has kept of the job."""
        if not is_job(job):
            return
        noted = _noted(folder)
        places = [self.folder_of(noted[0])] if noted else [path.parent for path in self._kept(f"{job}_submitted.pkl")]
        for place in places:
            for name in (*(f"{job}_{ending}" for ending in _KEPT), said_by(Path(), job).name):
                (place / name).unlink(missing_ok=True)
            if not any(place.glob("*_submitted.pkl")):
                shutil.rmtree(place, ignore_errors=True)

    def _kept(self, name: str) -> list[Path]:
        return list((self._shared / FOLDER).glob(f"*/{name}"))


def _hand_over(folder: Path, calls: Sequence[Callable[[], Any]], parameters: Mapping[str, Any]) -> list[str]:
    """Raises as :meth:`SlurmEngine.submit` does."""
    # else it sets up logging for the whole process as it is loaded, and with that closes what others log to
    os.environ.setdefault("SUBMITIT_LOG_LEVEL", "NOCONFIG")
    try:
        from submitit.core.utils import FailedSubmissionError, UncompletedJobError
        from submitit.slurm.slurm import SlurmExecutor
    except ImportError:
        raise BadInput("Slurm needs submitit, which is not installed; see the extra timnet[slurm]") from None
    executor = SlurmExecutor(folder, max_num_timeout=_ALWAYS)
    executor.update_parameters(**parameters)
    try:
        with as_outside(), redirect_stderr(io.StringIO()):  # submitit prints there what it also raises
            return [job.job_id for job in executor.submit_array(calls)]
    except (UncompletedJobError, FailedSubmissionError) as error:
        raise refusal(words_of(str(error))) from None


def tail(path: Path) -> str:
    """The end of a file; empty where it cannot be read."""
    with suppress(OSError), path.open("rb") as stream:
        stream.seek(max(0, path.stat().st_size - _TAIL_BYTES))
        return stream.read(_TAIL_BYTES).decode(errors="replace")
    return ""


def _comment(token: str) -> str:
    return f"timnet-{token}"


def _note(folder: AttemptPaths) -> Path:
    return folder.engine / "submission.json"


def _noted(folder: AttemptPaths) -> tuple[str, int | None] | None:
    """The submission of an attempt, and its place in it where there are several; None where it was never submitted."""
    with suppress(OSError, ValueError, LookupError, TypeError, BadInput):
        told = read_json(_note(folder), 1 << 12)
        token, task = told["submission"], told["task"]
        if _TOKEN.fullmatch(token) and (task is None or type(task) is int):
            return token, task
    return None


def _need_plain(path: Path) -> None:
    """Slurm reads a % in the name of an output file as a pattern, and quotes in a script in its own way."""
    odd = next((character for character in str(path) if character in "%\\'\"" or not character.isprintable()), None)
    if odd is not None:
        raise BadInput(f"Slurm cannot write to a folder with {odd!r} in its path, {clean(str(path))}; choose another")


def _need_writable(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".{os.getpid()}.writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        full = as_disk_full(error, f"writing in {folder}")
        if full is not None:
            raise full from error
        reason = error.strerror or type(error).__name__
        raise BadInput(f"cannot write in the shared folder {folder.parent} ({reason}); choose another") from error
