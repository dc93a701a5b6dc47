"""The error tree.

Everything a user can cause is a :class:`TimnetError` whose message is one line saying what
happened, where, and what to do. Front ends print that line and exit with ``exit_code``; any other
exception is a defect of timnet and keeps its traceback.
"""

from __future__ import annotations

import errno

LONGEST_MESSAGE = 2000
"""Characters of an error's message: what it quotes from a foreign file could be of any length."""


class TimnetError(Exception):
    """Something failed while doing what was asked (exit code 1)."""

    exit_code = 1

    def __init__(self, message: str = "") -> None:
        super().__init__(message if len(message) <= LONGEST_MESSAGE else f"{message[: LONGEST_MESSAGE - 1]}…")


class BadInput(TimnetError):
    """What was asked cannot be done as asked: bad argument, file, name or state (exit code 2)."""

    exit_code = 2


class CorpusError(BadInput):
    """A corpus folder, file name or audio file is not what it should be."""


class UnknownName(BadInput):
    """A corpus, preset, experiment or run that the registry does not know."""


class WeightsError(BadInput):
    """A weights file is truncated, foreign, or belongs to another network shape."""


class OtherProgram(BadInput):
    """A node's timnet is another than a run was queued with: the run pauses until somebody has decided."""


class RegistryError(BadInput):
    """``runs.db`` cannot be used: newer, corrupt, read-only, or on a filesystem that breaks it."""


class RegistryBusy(RegistryError):
    """Another process has held the registry for long, as one does that was stopped inside a write. Try again later."""


class RegistryGone(RegistryError):
    """The file that was opened is no longer the registry: deleted, replaced, or migrated by a newer timnet.

    Nothing was written to it. Who holds it open has nothing more to do and leaves.
    """


class DiskFull(BadInput):
    """There is no room to write. Nothing was half-written."""


OUT_OF_ROOM = 74
"""How a training process exits where the disk is so full that it cannot say so: its worker does, once there is room."""


def no_room(full: DiskFull) -> str:
    """What a run says that paused because the disk was ``full``."""
    return f"{str(full).partition(';')[0]}; free some room, then resume it"


class Stopped(TimnetError):
    """A user stopped the work before it was done. What was whole by then stays."""

    exit_code = 130


class Fenced(TimnetError):
    """The attempt no longer owns its run: another one does, or a user ended it.

    The training process that meets it exits with status 75 (``EX_TEMPFAIL``) and writes nothing more.
    """

    exit_code = 75


def as_disk_full(error: BaseException, doing: str) -> DiskFull | None:
    """``error`` as a :class:`DiskFull` naming what was being done, or None if it is something else."""
    if isinstance(error, DiskFull):
        return error
    full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    # by name: only the registry's room imports sqlite3
    full = full or (type(error).__name__ == "OperationalError" and "disk is full" in str(error))
    if not full:
        return None
    where = getattr(error, "filename", None)
    place = f" at {where}" if where else ""
    return DiskFull(f"no space left on the disk{place} while {doing}; free some room and run the command again")
