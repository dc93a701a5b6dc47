"""What a user asks of Slurm for each run, checked, and as submitit takes it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from timnet.errors import BadInput
from timnet.queue.engines.slurm_words import Partition, in_hours, minutes_of

PARALLEL = 256
"""Tasks of one array at once, where nothing else is asked for."""

UNLIMITED_MINUTES = 365 * 24 * 60
"""What is asked for where a partition has neither a usual nor a longest time: submitit needs a number."""

_LONGEST_TEXT = 500
_KEY = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_OF_ITS_OWN = {
    "partition": "--partition", "gres": "--gres", "time": "--time", "cpus-per-task": "--cpus", "mem": "--mem",
    "account": "--account", "qos": "--qos", "constraint": "--constraint",
}  # fmt: skip
_OURS = frozenset(
    {
        "array", "chdir", "comment", "error", "export", "input", "job-name", "no-requeue", "nodes", "ntasks",
        "ntasks-per-node", "open-mode", "output", "parsable", "requeue", "signal", "test-only", "wait", "wrap",
    }
)  # fmt: skip
_DEFAULTS = {
    "partition": "SBATCH_PARTITION", "gres": "SBATCH_GRES", "time": "SBATCH_TIMELIMIT", "account": "SBATCH_ACCOUNT",
    "qos": "SBATCH_QOS", "constraint": "SBATCH_CONSTRAINT",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class SlurmOptions:
    """What each job asks for; what is empty or None is left to the cluster.

    ``time`` as Slurm reads it: minutes or ``H:MM:SS``. ``array_parallelism``: tasks of one array that run at once.
    ``extra``: further options of ``sbatch``, name and value, the value empty for a flag.
    """

    partition: str = ""
    gres: str = ""
    time: str = ""
    cpus_per_task: int | None = None
    mem: str = ""
    account: str = ""
    qos: str = ""
    constraint: str = ""
    array_parallelism: int = PARALLEL
    extra: tuple[tuple[str, str], ...] = ()

    @classmethod
    def checked(cls, *, extra: Sequence[str] = (), **values: Any) -> Self:
        """With ``extra`` as ``key=value`` or ``key``. Raises :class:`BadInput` for what Slurm could not understand."""
        found = cls(**values, extra=tuple(_extra(one) for one in extra))
        for name in _DEFAULTS.keys() | {"mem"}:
            _check_text(f"--{name}", getattr(found, name))
        if found.time:
            found.minutes()
        for name, number in (
            ("--cpus", found.cpus_per_task),
            ("--array-parallelism", found.array_parallelism),
        ):
            if number is not None and number < 1:
                raise BadInput(f"{name} {number} is not at least 1")
        return found

    def with_defaults(self, environment: Mapping[str, str]) -> Self:
        """With the user's own defaults for ``sbatch`` where nothing was asked for here."""
        unset: dict[str, Any] = {
            name: environment.get(variable, "") for name, variable in _DEFAULTS.items() if not getattr(self, name)
        }
        return replace(self, **unset)

    def minutes(self) -> int | None:
        """The time that is asked for. Raises :class:`BadInput`."""
        if not self.time:
            return None
        try:
            minutes = minutes_of(self.time)
        except ValueError:
            minutes = 0
        if minutes < 1:
            raise BadInput(f"--time {self.time!r} is no time limit; write minutes, or hours as in 2:00:00")
        return minutes

    def minutes_in(self, known: Sequence[Partition]) -> int:
        """How long each job may run, in the partition asked for or the default one.

        Raises :class:`BadInput` where there is no such partition, or it allows less.
        """
        chosen = self._partition(known)
        asked = self.minutes()
        if chosen is None:
            return asked or UNLIMITED_MINUTES
        if asked and chosen.longest is not None and asked > chosen.longest:
            raise BadInput(f"the partition {chosen.name} allows at most --time {in_hours(chosen.longest)}")
        return asked or chosen.minutes or UNLIMITED_MINUTES

    def _partition(self, known: Sequence[Partition]) -> Partition | None:
        """The partition; of several that are asked for, the one that allows the least."""
        if not self.partition:
            chosen = next((one for one in known if one.default), None)
            if known and chosen is None:
                raise BadInput(f"Slurm has no default partition here; choose one with --partition: {_names(known)}")
            return chosen
        by_name = {one.name: one for one in known}
        asked = self.partition.split(",")
        unknown = [name for name in asked if name not in by_name]
        if unknown:
            raise BadInput(f"Slurm has no partition {unknown[0]!r}; there are: {_names(known)}")
        return min((by_name[name] for name in asked), key=lambda one: one.longest or UNLIMITED_MINUTES)

    def parameters(self, minutes: int, comment: str) -> dict[str, Any]:
        """As submitit's Slurm executor takes them."""
        texts = {name: getattr(self, name) for name in ("partition", "gres", "mem", "account", "qos", "constraint")}
        cpus = self.cpus_per_task or 1
        return {
            "job_name": "timnet",
            "comment": comment,
            "time": minutes,
            "nodes": 1,
            "ntasks_per_node": 1,
            "cpus_per_task": cpus,
            "array_parallelism": self.array_parallelism,
            "signal_delay_s": warning_seconds(minutes),
            "wckey": None,
            # from 22.05 on, a step does not ask for its job's cores by itself
            "srun_args": [f"--cpus-per-task={cpus}"],
            "additional_parameters": {"requeue": True, **{key: value or True for key, value in self.extra}},
            **{name: value for name, value in texts.items() if value},
        }


def warning_seconds(minutes: int) -> int:
    """How long before its end a job is told to leave: a tenth of its time, within bounds.

    Slurm may say so half a minute earlier.
    """
    return min(120, max(10, minutes * 6))


def _names(known: Sequence[Partition]) -> str:
    return ", ".join(f"{one.name} (default)" if one.default else one.name for one in known) or "none"


def _extra(text: str) -> tuple[str, str]:
    key, _, value = text.strip().removeprefix("--").partition("=")
    key = key.replace("_", "-")
    if key in _OF_ITS_OWN:
        raise BadInput(f"--slurm {key}: it has an option of its own, {_OF_ITS_OWN[key]}")
    if key in _OURS:
        raise BadInput(f"--slurm {key}: timnet sets this one itself")
    if not _KEY.fullmatch(key):
        raise BadInput(f"--slurm {text!r} is no option of sbatch; write for example --slurm reservation=course")
    _check_text(f"--slurm {key}", value)
    return key, value


def _check_text(option: str, value: str) -> None:
    if len(value) > _LONGEST_TEXT or any(unicodedata.category(character)[0] in "CZ" for character in value):
        raise BadInput(f"{option} {value[:40]!r} holds characters that no option of Slurm has")
