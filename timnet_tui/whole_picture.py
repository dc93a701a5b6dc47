"""The exported t-SNE on the whole terminal, as sixels, while the interface steps aside.

Sixels inside the interface would be painted over what Textual draws, and flicker.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
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
    """In the thread."""
    try:
        path = inline.draw_file(app.db, key, Path(mkdtemp(prefix="timnet-")))
    except Exception as error:  # told to the user; the screen must stay up
        app.post_message(CommandEnded(clean(str(error) or type(error).__name__), failed=True))
        return
    app.call_from_thread(show, app, path)


def show(app: TimnetApp, path: Path) -> None:
    """Show a picture until a key is pressed; where the terminal cannot, say so, and where the file is."""
    terminal = sys.__stdin__
    if app.is_headless or terminal is None or not terminal.isatty():
        shown = False
    else:
        with app.suspend():
            shown = sixel.show(path, terminal.fileno(), SAID)
        app.refresh(layout=True)
    if shown:
        rmtree(path.parent, ignore_errors=True)
    else:
        app.toast(CommandEnded(no_picture(os.environ, path), failed=True))


def no_picture(environment: Mapping[str, str], path: Path) -> str:
    """Why there is none, and where to look instead."""
    why = IN_TMUX if environment.get("TMUX") else ELSEWHERE
    return f"{why}\nthe picture is {clean(str(path))}"
