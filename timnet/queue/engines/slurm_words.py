"""What Slurm's commands print, read: lists of jobs, partitions, times, how a job ended, what an error means.

Nothing here asks anything: text in, records out.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from dataclasses import dataclass

from timnet.errors import BadInput, TimnetError
from timnet.queue.engines.engine import EngineAway, Phase, Status
from timnet.text import clean

LIST_FORMAT = "%i|%T|%N|%r"
"""For ``squeue -o``: job, state, nodes, reason; the reason comes last, as it may hold anything."""

COMMENT_FORMAT = "%i|%k"
"""For ``squeue -o``: job, comment."""

SACCT_FIELDS = "JobID,State,ExitCode,NodeList"

WAITING = frozenset({"PENDING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "SPECIAL_EXIT", "CONFIGURING"})
OVER = {
    "COMPLETED": "",
    "FAILED": "",
    "CANCELLED": "",
    "TIMEOUT": "its time limit was reached; ask for more with --time",
    "PREEMPTED": "its node was wanted for another job",
    "NODE_FAIL": "its node failed",
    "BOOT_FAIL": "its node did not start",
    "OUT_OF_MEMORY": "it took more memory than it had asked for; ask for more with --mem",
    "DEADLINE": "its deadline has passed",
    "REVOKED": "another cluster has it",
}
"""How jobs end, and what that means where the word alone does not say it."""

BLAMELESS = frozenset({"CANCELLED", "PREEMPTED", "NODE_FAIL", "BOOT_FAIL", "REVOKED"})

MEANINGS = {
    "Resources": "all slots that fit are taken",
    "Priority": "jobs before it come first",
    "BeginTime": "Slurm lets it wait a while before it starts again",
    "JobArrayTaskLimit": "as many run as --array-parallelism allows",
    "JobHeldUser": "held; scontrol release lets it go",
    "JobHeldAdmin": "held by an administrator",
    "PartitionDown": "the partition is down",
    "PartitionInactive": "the partition is inactive",
    "PartitionTimeLimit": "it asks for more time than the partition allows",
    "PartitionConfig": "the partition has no node that can take it",
    "ReqNodeNotAvail": "nodes that it needs are down or reserved",
    "AssocGrpGRES": "the group's devices are in use",
    "QOSMaxJobsPerUserLimit": "as many of your jobs run as are allowed",
    "QOSMaxGRESPerUser": "as many devices are in use as you are allowed",
    "AssocMaxJobsLimit": "as many of your jobs run as are allowed",
}
"""Slurm's commonest reasons for waiting, in other words."""

LONGEST_WORDS = 300

_REMARKS = ("srun:", "slurmstepd", "submitit ")

_FOR_LACK_OF_MEMORY = 125
"""What Slurm says instead of a signal's number."""

_SIGNALS = frozenset(int(one) for one in signal.Signals)
_JOB = re.compile(r"\d+(?:_\d+)?", re.ASCII)
_RANGE = re.compile(r"(\d{1,9})(?:-(\d{1,9})(?::(\d{1,9}))?)?", re.ASCII)
_TIME = re.compile(r"(?:(?P<days>\d{1,9})-)?(?P<parts>\d{1,9}(?::\d{1,9}){0,2})", re.ASCII)
_MOST_TASKS = 1 << 22
_PREFIX = re.compile(r"^(?:\w+: )?(?:error: |slurm_\w+:? error: |slurm_\w+: )?")
_UNANSWERED = re.compile(
    r"unable to contact|connect failure|connection refused|timed out|zero bytes|not responding|"
    r"temporarily|communication|connection reset|transport endpoint|shutting down|authentication|munge|"
    r"in standby mode|slurmdbd",
    re.IGNORECASE,
)
_LATER = re.compile(r"MaxSubmit|MaxJobs|Grp|job submit limit|Per(?:User|Account)", re.IGNORECASE)
_NEVER = re.compile(r"Max\w*(?:PerJob|PerNode|Wall)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Listed:
    """One job as a list shows it. ``exit_code``: ``status:signal``, where the list has it."""

    job: str
    state: str
    node: str = ""
    reason: str = ""
    exit_code: str = ""


@dataclass(frozen=True, slots=True)
class Partition:
    """A partition; times in minutes, None where there is no limit."""

    name: str
    default: bool
    state: str
    usual: int | None
    longest: int | None
    nodes: int

    @property
    def minutes(self) -> int | None:
        """What a job gets that does not say how long it takes."""
        return self.longest if self.usual is None else self.usual


# lists of jobs


def is_job(text: str) -> bool:
    """Whether it is a job's id as this module gives them: a registry may be somebody else's, and say anything."""
    return _JOB.fullmatch(text) is not None


def squeue_jobs(text: str) -> Iterator[Listed]:
    """The jobs of ``squeue -r -h -o LIST_FORMAT``; what is no such line is passed over."""
    for line in text.splitlines():
        parts = line.split("|", 3)
        if len(parts) == 4 and _JOB.fullmatch(parts[0]):
            yield Listed(parts[0], clean(parts[1].strip()), _name(parts[2]), _name(parts[3]))


def comments(text: str) -> dict[str, str]:
    """Each job's comment, from ``squeue -r -h -o COMMENT_FORMAT``."""
    pairs = (line.partition("|") for line in text.splitlines())
    return {job: comment for job, bar, comment in pairs if bar and _JOB.fullmatch(job)}


def scontrol_jobs(text: str) -> Iterator[Listed]:
    """The jobs of ``scontrol -o show job``: one line each, or one for all tasks of an array that still wait."""
    for line in text.splitlines():
        if not line.startswith("JobId="):
            continue
        record = Listed("", _field(line, "JobState"), *(_name(_field(line, key)) for key in ("NodeList", "Reason")))
        for job in _ids(line):
            yield Listed(job, record.state, record.node, record.reason, _field(line, "ExitCode"))


def sacct_jobs(text: str) -> Iterator[Listed]:
    """The jobs of ``sacct -X -n -P -o SACCT_FIELDS``; who has cancelled one is its reason."""
    for line in text.splitlines():
        parts = line.split("|")
        if len(parts) == 4 and _JOB.fullmatch(parts[0]):
            state, _, rest = clean(parts[1].strip()).partition(" ")
            yield Listed(parts[0], state, _name(parts[3]), rest.strip(), parts[2])


def _ids(line: str) -> Iterator[str]:
    array, tasks = _field(line, "ArrayJobId"), _field(line, "ArrayTaskId")
    if not array or array == "0" or not tasks:
        yield _field(line, "JobId")
        return
    for part in tasks.partition("%")[0].split(","):
        found = _RANGE.fullmatch(part)
        if found is not None:
            first, last, step = int(found[1]), int(found[2] or found[1]), int(found[3] or 1)
            for task in range(first, min(last, first + _MOST_TASKS) + 1, max(1, step)):
                yield f"{array}_{task}"


def _field(line: str, key: str) -> str:
    found = re.search(rf"(?:^| ){key}=(\S*)", line)
    return clean(found[1]) if found else ""


def _name(text: str) -> str:
    text = clean(text.strip())
    return "" if text in ("(null)", "None", "None assigned", "n/a", "N/A") else text


# where a job is


def status_of(job: Listed) -> Status:
    """Where a job is, in Slurm's words and, where they are hard to understand, in others."""
    state = job.state.upper().rstrip("+")
    if state in WAITING:
        return Status(Phase.PENDING, _waits(state, job.reason))
    if state not in OVER:  # also a state that a newer Slurm may have: nothing may be concluded from it
        return Status(Phase.RUNNING, "" if state == "RUNNING" else state, job.node)
    exit_status = exit_status_of(job.exit_code)
    return Status(Phase.GONE, _ended(state, job, exit_status), job.node, exit_status, state in BLAMELESS)


def exit_status_of(exit_code: str) -> int | None:
    """``0:9`` and ``137:0`` are -9, as Python has it; None for what is no exit code."""
    found = re.fullmatch(r"(\d{1,5}):(\d{1,3})", exit_code, re.ASCII)
    if found is None:
        return None
    status, by = int(found[1]), int(found[2])
    if by:
        number = signal.SIGKILL if by == _FOR_LACK_OF_MEMORY else by
        return -int(number) if number in _SIGNALS else None
    return 128 - status if status - 128 in _SIGNALS else status


def _waits(state: str, reason: str) -> str:
    if not reason:
        return "Slurm has not looked at it yet" if state == "PENDING" else state
    word = re.split(r"[,\s(]", reason, maxsplit=1)[0]
    meaning = MEANINGS.get(word)
    return f"{reason} ({meaning})" if meaning else reason


def _ended(state: str, job: Listed, exit_status: int | None) -> str:
    if state == "CANCELLED":
        return f"{state} {job.reason}" if job.reason.startswith("by ") else state
    if state == "FAILED":
        return f"{state}{_exit_words(exit_status)}"
    return f"{state}: {OVER[state]}" if OVER[state] else state


def _exit_words(exit_status: int | None) -> str:
    if not exit_status:
        return ""
    if exit_status > 0:
        return f", status {exit_status}"
    return f", killed by {signal.Signals(-exit_status).name}"


# times and partitions


def minutes_of(text: str) -> int:
    """A time limit as Slurm reads it, in whole minutes, rounded up: ``90``, ``1:30:00``, ``1-12``, ``2-0:30``.

    Raises :class:`ValueError`.
    """
    found = _TIME.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is no time")
    parts = [int(part) for part in found["parts"].split(":")]
    if found["days"] is not None:
        hours, minutes, seconds = (*parts, 0, 0)[:3]
        hours += 24 * int(found["days"])
    elif len(parts) == 3:
        hours, minutes, seconds = parts
    else:
        hours, minutes, seconds = (0, *(*parts, 0)[:2])
    return hours * 60 + minutes + -(-seconds // 60)


def in_hours(minutes: int) -> str:
    """``2:05:00`` for 125 minutes, as ``--time`` takes it."""
    return f"{minutes // 60}:{minutes % 60:02d}:00"


def partitions(text: str) -> list[Partition]:
    """The partitions of ``scontrol -o show partition``."""
    found = []
    for line in text.splitlines():
        if line.startswith("PartitionName="):
            nodes = _field(line, "TotalNodes")
            found.append(
                Partition(
                    name=_field(line, "PartitionName"),
                    default=_field(line, "Default") == "YES",
                    state=_field(line, "State"),
                    usual=_limit(_field(line, "DefaultTime")),
                    longest=_limit(_field(line, "MaxTime")),
                    nodes=int(nodes) if nodes.isdecimal() else 0,
                )
            )
    return found


def _limit(text: str) -> int | None:
    try:
        return minutes_of(text)
    except ValueError:  # NONE, UNLIMITED
        return None


# errors


def words_of(stderr: str) -> str:
    """What a command complained of, on one line and without saying which command it is."""
    lines = [_PREFIX.sub("", clean(line).strip()) for line in stderr.splitlines()]
    words = "; ".join(dict.fromkeys(line for line in lines if line and not line.startswith("Try ")))
    return words if len(words) <= LONGEST_WORDS else f"{words[: LONGEST_WORDS - 1]}…"


def complaint(log: str) -> str:
    """The last line of a job's output that is not Slurm's or submitit's remark on its end; empty without one."""
    lines = (clean(line.strip()) for line in reversed(log.splitlines()))
    return next((line[:LONGEST_WORDS] for line in lines if line and not line.startswith(_REMARKS)), "")


def is_unanswered(words: str) -> bool:
    """Whether ``words`` say that Slurm could not be asked, so that nothing is known."""
    return _UNANSWERED.search(words) is not None


def refusal(words: str) -> TimnetError:
    """What to raise where ``sbatch`` has said ``words``: it may take the job later, or never will."""
    if is_unanswered(words):
        return EngineAway(f"Slurm does not answer ({words})")
    if _LATER.search(words) and not _NEVER.search(words):
        return EngineAway(f"Slurm takes no more jobs for now ({words})")
    return BadInput(f"Slurm refuses the job: {words or 'without a word'}; see: timnet engine check slurm")
