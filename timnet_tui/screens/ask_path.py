"""Asks for a place on the disk, with completion, before something is written there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Checkbox, Static

from timnet_tui.widgets.path_field import PathField


@dataclass(frozen=True, slots=True)
class Target:
    """The place, and whether the one option was ticked."""

    path: Path
    ticked: bool


class AskPath(ModalScreen[Target | None]):
    """Answers a folder, None when the user leaves it. ``tick`` is an option that can be ticked, empty for none."""

    CSS_PATH = "form.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "leave")]

    def __init__(self, title: str, text: str, yes: str, value: str = "", tick: str = "") -> None:
        super().__init__()
        self._title, self._text, self._yes, self._value, self._tick = title, text, yes, value, tick

    def compose(self) -> ComposeResult:
        """What it is about, the folder, the option, two answers."""
        with Vertical(classes="form"):
            yield Static(self._title, classes="title", markup=False)
            yield Static(self._text, classes="text", markup=False)
            yield PathField(self._value, "folder", folders_only=True, id="path")
            if self._tick:
                yield Checkbox(self._tick, compact=True, id="tick")
            with Horizontal(classes="answers"):
                yield Button(self._yes, id="yes", variant="primary", compact=True)
                yield Button("Leave it (esc)", id="no", compact=True)

    def on_mount(self) -> None:
        """Type at once."""
        field = self.query_one(PathField)
        field.text = self._value
        field.focus()

    def on_path_field_submitted(self) -> None:
        """Enter takes it."""
        self._answer()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """A button answers."""
        if event.button.id == "yes":
            self._answer()
        else:
            self.dismiss(None)

    def _answer(self) -> None:
        path = self.query_one(PathField).path
        if path is None:
            self.query_one(PathField).focus()
            return
        self.dismiss(Target(path, bool(self._tick) and self.query_one(Checkbox).value))

    def action_leave(self) -> None:
        """Nothing is done."""
        self.dismiss(None)
