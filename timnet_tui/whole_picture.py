"""The exported t-SNE on the whole terminal, as sixels, while the interface steps aside.

Sixels inside the interface would be painted over what Textual draws, and flicker.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from timnet.text import clean
from timnet_tui import sixel
from timnet_tui.messages import CommandEnded
from timnet_tui.widgets import inline
from timnet_tui.widgets.plane import Key

if TYPE_CHECKING:
    from timnet_tui.app import TimnetApp

SAID = " any key goes back; x exports it as a file"
ELSEWHERE = "this terminal shows no pictures (Kitty, Ghostty and those with sixels do)"
IN_TMUX = "tmux shows pictures from 3.4 on, where it was built with sixels, after: set -as terminal-features ',*:sixel'"


def order(app: TimnetApp, key: Key | None) -> None:
    """Have the picture drawn in a thread, and show it then."""
    if app.is_web:
        app.toast(CommandEnded("a browser shows no picture here; x exports the t-SNE as a file", failed=True))
    elif key is None:
        app.toast(CommandEnded("no result yet: t-SNE comes when a fold is finished", failed=True))
    else:
        app.toast(CommandEnded("drawing the picture …"))
        app.run_worker(partial(_draw, app, key), thread=True, group="pictures", exclusive=True, exit_on_error=False)


def _draw(app: TimnetApp, key: Key) -> None:
    """In the thread, which keeps the file for as long as it is shown."""
    with TemporaryDirectory(prefix="timnet-", ignore_cleanup_errors=True) as folder:
        try:
            path = inline.draw_file(app.db, key, Path(folder))
        except Exception as error:  # told to the user; the screen must stay up
            app.post_message(CommandEnded(clean(str(error) or type(error).__name__), failed=True))
        else:
            app.call_from_thread(show, app, path)


def show(app: TimnetApp, path: Path) -> None:
    """Show a picture until a key is pressed; where the terminal cannot, say so, and what to do instead."""
    terminal = sys.__stdin__
    if app.is_headless or terminal is None or not terminal.isatty():
        shown = False
    else:
        with app.suspend():
            shown = sixel.show(path, terminal.fileno(), SAID)
        app.refresh(layout=True)
    if not shown:
        app.toast(CommandEnded(no_picture(os.environ), failed=True))


def no_picture(environment: Mapping[str, str]) -> str:
    """Why there is none, and how to get one."""
    why = IN_TMUX if environment.get("TMUX") else ELSEWHERE
    return f"{why}\nx exports it as a file"
