"""Opening the full-screen interface. The parser of commands is not needed for it and not loaded: it takes as long."""

from __future__ import annotations

import gc
import sys
from dataclasses import replace
from pathlib import Path

from timnet.errors import BadInput
from timnet.settings import Settings, load


def need_terminal() -> None:
    """Refuse to draw the full-screen interface where nobody could see it."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise BadInput("the full-screen interface needs a terminal; commands that need none: timnet --help")


def open_on(db: Path | None) -> None:
    """Open the interface on a registry; without one, on that of the settings. Raises :class:`BadInput`."""
    settings = load()
    open_interface(settings if db is None else replace(settings, db=db))


def open_interface(settings: Settings) -> None:
    """Open the interface on the registry of ``settings``, until the user leaves it. Raises :class:`BadInput`."""
    need_terminal()
    gc.disable()  # what is loaded stays: to look for garbage in it takes a tenth of the start
    from timnet_tui.app import run

    run(settings.db, settings)
