"""The exported t-SNE itself, as a picture, on terminals that can show one."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.text import Text
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from timnet.errors import TimnetError
from timnet.text import clean
from timnet_tui import pictures
from timnet_tui.palette import palette_of
from timnet_tui.pictures import Inline
from timnet_tui.render import line_of, style
from timnet_tui.widgets.plane import Key

#: numbers of pictures, from one that no other program is likely to use
_NUMBERS = itertools.count(0x54494D)
SECONDS_AT_MOST = 600


def draw(db: Path, key: Key) -> bytes:
    """The PNG that ``timnet export tsne`` makes. Raises :class:`TimnetError` as :func:`draw_file` does."""
    with TemporaryDirectory(prefix="timnet-") as folder:
        return draw_file(db, key, Path(folder)).read_bytes()


def draw_file(db: Path, key: Key, folder: Path) -> Path:
    """Have a child process, as it loads matplotlib, draw the t-SNE into ``folder``, which holds no other picture.

    Raises :class:`TimnetError` with the child's own line where it cannot be drawn.
    """
    fold = ["--fold", str(key[1])] if key[1] else []
    command = [sys.executable, "-m", "timnet", "--db", str(db), "export", "tsne", str(key[0]), *fold]
    done = subprocess.run(
        [*command, "--format", "png", "-o", str(folder)],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SECONDS_AT_MOST, check=False,
    )  # fmt: skip
    found = sorted(folder.glob("*.png"))
    if not found:
        raise TimnetError(done.stderr.strip() or f"the export ended with status {done.returncode}")
    return found[0]


class Picture(Widget):
    """Shows the picture of one key at a time; nothing is drawn before :meth:`want` is called."""

    DEFAULT_CSS = "Picture { height: 1fr; width: 1fr; }"
    ALLOW_SELECT = False

    class Drawn(Message):
        """A picture is there, or cannot be: then ``problem`` says why."""

        def __init__(self, key: Key, png: bytes, problem: str = "") -> None:
            super().__init__()
            self.key = key
            self.png = png
            self.problem = problem

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's own name for it
        super().__init__(id=id)
        self._key: Key | None = None
        self._png = b""
        self._said = ""
        self._inline: Inline | None = None
        self._strips: list[Strip] = []

    @property
    def possible(self) -> bool:
        """Whether this terminal shows pictures; their placeholders need true colours."""
        app = self.app
        plain = app.no_color or app.is_web or getattr(app, "ascii_only", False)
        return not plain and app.console.color_system == "truecolor" and pictures.can_show(os.environ)

    def want(self, db: Path, key: Key | None) -> None:
        """Show the picture of ``key``, drawing it where it is another than before."""
        if key == self._key and key is not None:
            return
        self._forget()
        self._key, self._png = key, b""
        self._said = "no result yet" if key is None else "drawing the picture …"
        self.refresh()
        if key is not None:
            self.run_worker(partial(self._work, db, key), thread=True, group="pictures", exit_on_error=False)

    def _work(self, db: Path, key: Key) -> None:
        """In the thread."""
        try:
            self.post_message(self.Drawn(key, draw(db, key)))
        except Exception as error:  # told in place of the picture; the screen must stay up
            self.post_message(self.Drawn(key, b"", clean(str(error) or type(error).__name__)))

    def on_picture_drawn(self, message: Drawn) -> None:
        """Take it, if it is still wanted."""
        message.stop()
        if message.key == self._key:
            self._png, self._said = message.png, message.problem
            self._place()

    def on_resize(self) -> None:
        """Another room, another size."""
        self._place()

    def on_show(self) -> None:
        """It may have been drawn while it was not in view."""
        self._place()

    def on_unmount(self) -> None:
        """The terminal need not keep it."""
        self._forget()

    def _place(self) -> None:
        size = pictures.size_of(self._png)
        if size is None or not self.size.area or not self.display:
            self.refresh()
            return
        wanted = pictures.fitting(size, self.size.width, self.size.height)
        if self._inline is None or (self._inline.columns, self._inline.rows) != wanted:
            self._forget()
            self._inline = Inline(next(_NUMBERS) & 0xFFFFFF, *wanted)
            self._write(self._inline.sent(self._png))
            self._strips = self._inline.strips()
        self.refresh()

    def _forget(self) -> None:
        if self._inline is not None:
            self._write(self._inline.forgotten())
        self._inline, self._strips = None, []

    def _write(self, sequences: str) -> None:
        driver = self.app._driver  # as the app itself does for the clipboard: Textual has no public way
        if driver is not None:
            driver.write(sequences)

    def render_line(self, y: int) -> Strip:
        """The placeholders, or why there are none."""
        width, base = self.size.width, self.visual_style.rich_style
        if y < len(self._strips):
            return self._strips[y].adjust_cell_length(width, base)
        if y == self.size.height // 2 and not self._strips:
            said = Text(self._said.center(width), style(palette_of(self.app.current_theme).faint))
            return line_of(said, width, base)
        return Strip.blank(width, base)
