"""Calling Slurm's commands: arguments as a list, a time limit, and what their failing means."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from timnet.errors import BadInput
from timnet.queue.engines.engine import EngineAway
from timnet.queue.engines.slurm_words import is_unanswered, words_of

COMMANDS = ("sbatch", "squeue", "scontrol", "scancel", "srun")
SECONDS = 60.0
"""How long a command may take; where the controller is down, most give up by themselves before."""

_OF_AN_OUTER_JOB = ("SLURM_", "SLURMD_", "SRUN_", "SBATCH_", "SUBMITIT_", "SQUEUE_", "SCONTROL_", "SINFO_", "SACCT_")
_OF_THE_CLUSTER = frozenset({"SLURM_CONF", "SLURM_CONF_SERVER", "SLURM_CLUSTERS", "SLURM_JWT"})


def need_commands() -> None:
    """Raise :class:`BadInput` where Slurm's commands are not here."""
    missing = [name for name in COMMANDS if shutil.which(name) is None]
    if missing:
        raise BadInput(
            f"there is no Slurm here: no {', '.join(missing)} on the PATH; run this where jobs are submitted, "
            "such as a cluster's login node"
        )


def ask(*arguments: str) -> str:
    """What a command prints. Raises :class:`EngineAway` where it fails, for whatever reason."""
    status, out, words = call(*arguments)
    if status:
        raise EngineAway(f"Slurm does not answer ({arguments[0]}: {words or f'status {status}'})")
    return out


def call(*arguments: str) -> tuple[int, str, str]:
    """A command's status, what it prints, and what it complains of (:func:`words_of`).

    Raises :class:`EngineAway` where Slurm cannot be asked, :class:`BadInput` where the command is not there.
    """
    try:
        done = subprocess.run(
            arguments,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=SECONDS,
            check=False,
            env=outside(),
        )
    except subprocess.TimeoutExpired:
        raise EngineAway(f"Slurm does not answer ({arguments[0]} took more than {SECONDS:.0f} s)") from None
    except (FileNotFoundError, PermissionError):
        need_commands()
        raise BadInput(f"{arguments[0]} cannot be run; see: timnet engine check slurm") from None
    words = words_of(done.stderr)
    if done.returncode and is_unanswered(words):
        raise EngineAway(f"Slurm does not answer ({words})")
    return done.returncode, done.stdout, words


def outside() -> dict[str, str]:
    """The environment without what a job of Slurm would find there: a head may itself run in a job.

    The user's own defaults for ``sbatch`` are gone too: they would override what this job asks for
    (:meth:`timnet.queue.engines.slurm_options.SlurmOptions.with_defaults` has read them).
    """
    return {
        name: value
        for name, value in os.environ.items()
        if name in _OF_THE_CLUSTER or not name.startswith(_OF_AN_OUTER_JOB)
    }


@contextmanager
def as_outside() -> Iterator[None]:
    """Inside, this process's environment is :func:`outside`."""
    before = dict(os.environ)
    kept = outside()
    for name in before.keys() - kept.keys():
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.update({name: value for name, value in before.items() if name not in kept})
