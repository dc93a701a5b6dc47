"""How screens ask the registry for what may go wrong. Called in a worker thread, on a connection of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from timnet.errors import TimnetError
from timnet.registry import Registry
from timnet.text import clean
from timnet_tui.messages import CommandEnded


def attempt(db: Path, job: Callable[[Registry], CommandEnded]) -> CommandEnded:
    """Do ``job``; whatever goes wrong is told to the user and does not end the screen."""
    try:
        if not db.exists():
            return CommandEnded(f"{clean(str(db))} is gone", failed=True)
        with Registry.open(db) as registry:
            return job(registry)
    except Exception as error:
        return failed(error)


def failed(error: Exception) -> CommandEnded:
    """Why something could not be done, as the end of a command."""
    return CommandEnded(reason(error), failed=True)


def reason(error: Exception) -> str:
    """What went wrong, in one line."""
    return clean(str(error) if isinstance(error, TimnetError) else f"{type(error).__name__}: {error}")
