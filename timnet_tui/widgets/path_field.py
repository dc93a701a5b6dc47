"""A line for a path, with what it could go on with below; tab completes it as in a shell."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Input, Static

from timnet.text import clean
from timnet_tui.completion import Completion, complete
from timnet_tui.palette import palette_of
from timnet_tui.render import style

HINT = "tab completes"


class PathField(Vertical):
    """Folders are listed in a thread, as a disk may be slow or gone. ``suffixes`` are of the files offered."""

    DEFAULT_CSS = """
    PathField { height: 2; }
    PathField > Input { width: 1fr; }
    PathField > Static { height: 1; width: 1fr; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; }
    """

    class Changed(Message):
        """The path is another one now."""

        def __init__(self, field: PathField) -> None:
            super().__init__()
            self.field = field

    class Submitted(Message):
        """Enter was pressed."""

        def __init__(self, field: PathField) -> None:
            super().__init__()
            self.field = field

    class _Listed(Message):
        def __init__(self, text: str, found: Completion, *, take: bool) -> None:
            super().__init__()
            self.text, self.found, self.take = text, found, take

    def __init__(
        self,
        value: str = "",
        placeholder: str = "",
        suffixes: Sequence[str] = (),
        *,
        folders_only: bool = False,
        id: str | None = None,  # noqa: A002 - Textual's own name for it
    ) -> None:
        super().__init__(id=id)
        self._value, self._placeholder = clean(value), placeholder
        self._suffixes, self._folders_only = tuple(suffixes), folders_only

    def compose(self) -> ComposeResult:
        """The line and what fits."""
        yield _PathInput(self._value, self._placeholder, compact=True, select_on_focus=False)
        yield Static(HINT, markup=False)

    @property
    def text(self) -> str:
        """What stands there."""
        return self._input.value.strip()

    @text.setter
    def text(self, value: str) -> None:
        self._input.value = clean(value)
        self._input.cursor_position = len(self._input.value)

    @property
    def path(self) -> Path | None:
        """The path that is meant, None where nothing was typed."""
        if not self.text:
            return None
        try:
            return Path(self.text).expanduser()
        except RuntimeError:  # ~somebody who is not known here
            return Path(self.text)

    @property
    def _input(self) -> Input:
        return self.query_one(Input)

    def focus(self, scroll_visible: bool = True) -> PathField:
        """Type here."""
        self._input.focus(scroll_visible)
        return self

    def on_input_changed(self, event: Input.Changed) -> None:
        """Look what fits now."""
        event.stop()
        self._list(take=False)
        self.post_message(self.Changed(self))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Say so by this widget's own message."""
        event.stop()
        self.post_message(self.Submitted(self))

    def complete(self) -> None:
        """Go on as far as it is certain; where nothing can be added, go to the next field."""
        self._list(take=True)

    def _list(self, *, take: bool) -> None:
        text = self._input.value

        def look() -> None:
            found = complete(text, self._suffixes, folders_only=self._folders_only)
            self.post_message(self._Listed(text, found, take=take))

        self.run_worker(look, thread=True, exclusive=True, group="paths", exit_on_error=False)

    def on_path_field__listed(self, event: _Listed) -> None:
        """Show the names; take what is certain where tab asked for it."""
        event.stop()
        if event.text != self._input.value or not self.is_mounted:
            return
        if event.take and event.found.value == event.text:
            self.screen.focus_next()
        elif event.take:
            self.text = event.found.value
        self._show(event.found)

    def _show(self, found: Completion) -> None:
        colours = palette_of(self.app.current_theme)
        names = found.names if self._input.value else ()
        line = Text("  ".join(clean(name) for name in names) or HINT, style(colours.faint), no_wrap=True)
        self.query_one(Static).update(line)


class _PathInput(Input):
    BINDINGS: ClassVar[list[BindingType]] = [Binding("tab", "complete", show=False)]

    def action_complete(self) -> None:
        """Ask the field, which knows what fits."""
        field = self.parent
        assert isinstance(field, PathField)
        field.complete()
