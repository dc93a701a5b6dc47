"""One line of text asked for over the screen, checked while it is typed."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from timnet.errors import BadInput
from timnet.text import clean

KEYS = "⏎ takes it   esc leaves it"


class TypeLine(ModalScreen[str | None]):
    """Answers what was typed, None when the user leaves it. ``check`` raises :class:`BadInput` for what cannot be."""

    CSS_PATH = "type.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "leave")]

    def __init__(
        self, title: str, text: str, value: str = "", check: Callable[[str], object] = lambda _text: None
    ) -> None:
        super().__init__()
        self._title, self._text, self._value, self._check = title, text, clean(value), check

    def compose(self) -> ComposeResult:
        """A title, what is meant, the line, and what is wrong with it."""
        with Vertical(id="box"):
            yield Static(self._title, id="title", markup=False)
            yield Static(self._text, id="text", markup=False)
            yield Input(self._value, id="line", compact=True, select_on_focus=False)
            yield Static(KEYS, id="said", markup=False)

    def on_mount(self) -> None:
        """Type at once."""
        line = self.query_one(Input)
        line.focus()
        line.cursor_position = len(self._value)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Say what is wrong."""
        problem = self._problem(event.value)
        said = self.query_one("#said", Static)
        said.update(problem or KEYS)
        said.set_class(bool(problem), "wrong")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Answer, unless something is wrong with it."""
        if not self._problem(event.value):
            self.dismiss(event.value.strip())

    def _problem(self, text: str) -> str:
        try:
            self._check(text.strip())
        except BadInput as error:
            return clean(str(error))
        return ""

    def action_leave(self) -> None:
        """Nothing changes."""
        self.dismiss(None)
