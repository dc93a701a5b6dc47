"""What runs attempts: the few things that the queue asks of this machine's processes, of Slurm and of Ray."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, TypeVar

from timnet.errors import TimnetError
from timnet.paths import AttemptPaths

Task_contra = TypeVar("Task_contra", contravariant=True)


class Phase(StrEnum):
    """Where a job is."""

    PENDING = "pending"
    RUNNING = "running"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Status:
    """What an engine says of one job, in its own words.

    ``reason``: why it waits, or how it ended. ``node``: where it runs or ran. ``exit_status``: of the process,
    negative for a signal, where the engine knows it. ``blameless``: it is gone for no fault of its run (preempted, its
    node failed, cancelled by an administrator), so that no crash is counted.
    """

    phase: Phase
    reason: str = ""
    node: str = ""
    exit_status: int | None = None
    blameless: bool = False


class EngineAway(TimnetError):
    """The engine cannot be asked at this moment (it is restarted, the network is down): nothing is known of its jobs.

    Nothing may be concluded from it; ask again later.
    """


class Engine(Protocol[Task_contra]):
    """Runs attempts as jobs. ``name`` is what the registry calls it; ``Task_contra`` what it needs to begin one."""

    @property
    def name(self) -> str:
        """``local``, ``slurm`` or ``ray``."""

    def submit(self, tasks: Sequence[Task_contra]) -> list[str]:
        """Hand over jobs, all or none; returns an id for each, by which a later process finds it too.

        Raises :class:`timnet.errors.BadInput` where it will never take them (no such partition), :class:`EngineAway`
        where it may later (its limit of jobs is reached, it does not answer).
        """

    def poll(self, ids: Sequence[str]) -> Mapping[str, Status]:
        """Where each job is; one that the engine does not know (any more) is gone. Raises :class:`EngineAway`."""

    def cancel(self, ids: Iterable[str]) -> None:
        """End jobs now, waiting or running; those that are gone are passed over. Raises :class:`EngineAway`."""


class RemoteEngine(Engine[AttemptPaths], Protocol):
    """Runs attempts on other machines. The head gives and gets files in the attempts' folders (:mod:`timnet.remote`).

    A job is ``python -m timnet.remote FOLDER``, or the same in another shape; what it writes in the folder is all that
    the head believes of it.
    """

    def find(self, folder: AttemptPaths) -> str | None:
        """The job of ``folder``, where a head died between submitting it and noting its id.

        Raises :class:`EngineAway`.
        """

    def exchange(self, job: str, folder: AttemptPaths) -> None:
        """Make the folder here and the one at the job equal: what it wrote comes here, ``want`` goes there.

        Nothing to do where both see one file system. Raises :class:`EngineAway`.
        """

    def forget(self, job: str, folder: AttemptPaths) -> None:
        """The attempt is over and all of it is in the registry: let go of what was kept for it elsewhere."""
