"""What a worker has printed, over the queue; it goes on while the worker does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from timnet_tui.palette import Palette
from timnet_tui.render import style
from timnet_tui.widgets.lines import Lines


class WorkerLog(ModalScreen[None]):
    """Shows the lines that the queue's screen hands on."""

    CSS_PATH = "worker_log.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,enter,L", "dismiss", "close")]

    def __init__(self, title: str, lines: Sequence[str] | None) -> None:
        super().__init__()
        self._title, self._first = title, lines

    def compose(self) -> ComposeResult:
        """The lines and how to leave."""
        with Vertical(id="box"):
            yield Lines[str](self._title, _line, "it has printed nothing yet", id="lines")
            yield Static("arrows scroll   esc closes", id="keys", markup=False)

    def on_mount(self) -> None:
        """Show what is known already."""
        self.query_one(Lines).focus()
        self.show(self._first)

    def show(self, lines: Sequence[str] | None) -> None:
        """Show what there is now."""
        if self.is_mounted and lines is not None:
            self.query_one(Lines).show(lines)


def _line(line: str, colours: Palette) -> Text:
    return Text(line, style(colours.text), no_wrap=True)
