"""The line in which a text to find is typed."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Static

from timnet.text import clean
from timnet_tui.palette import palette_of
from timnet_tui.render import style


class SearchLine(Horizontal):
    """In view while something is searched for. Typing searches at once; enter keeps what was found, escape ends it."""

    class Typed(Message):
        """Another text is wanted; an empty one ends the search."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Stepped(Message):
        """The next match is wanted, or with -1 the one before."""

        def __init__(self, step: int) -> None:
            super().__init__()
            self.step = step

    class Left(Message):
        """The user is done typing."""

    DEFAULT_CSS = """
    SearchLine { height: 1; background: $panel; display: none; }
    SearchLine > .sign { width: 2; }
    SearchLine > Input, SearchLine > Input:focus { width: 1fr; background: $panel; }
    SearchLine > .said { width: auto; padding: 0 1; }
    """

    def compose(self) -> ComposeResult:
        """The sign, the text, and how many matches there are."""
        yield Static("/", classes="sign", markup=False)
        yield _SearchInput(placeholder="find in the log", compact=True, select_on_focus=False)
        yield Static(classes="said", markup=False)

    @property
    def text(self) -> str:
        """What is searched for."""
        return self.query_one(_SearchInput).value

    @property
    def typing(self) -> bool:
        """Whether keys go into the line."""
        return self.query_one(_SearchInput).has_focus

    def open(self) -> None:
        """Type from now on. The focus moves at once: keys that were typed ahead must not be taken for actions."""
        self.display = True
        self.screen.set_focus(self.query_one(_SearchInput))

    def end(self) -> None:
        """Search for nothing."""
        self.query_one(_SearchInput).value = ""
        self.display = False

    def tell(self, found: tuple[int, int] | None) -> None:
        """Which match the pane is at, and of how many."""
        colours = palette_of(self.app.current_theme)
        text = Text()
        if found is not None:
            place, count = found
            said = f"{place} of {count}" if place else f"{count} found"
            text.append(said if count else "not found", style(colours.faint if count else colours.warning))
        self.query_one(".said", Static).update(text)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Search while it is typed."""
        event.stop()
        self.post_message(self.Typed(clean(event.value)))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Keep what was found."""
        event.stop()
        self.post_message(self.Left())


class _SearchInput(Input):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "step(-1)", show=False),
        Binding("down", "step(1)", show=False),
        Binding("escape", "leave_empty", show=False),
    ]

    @property
    def _line(self) -> SearchLine:
        assert isinstance(self.parent, SearchLine)
        return self.parent

    def action_step(self, step: int) -> None:
        """Another match."""
        self._line.post_message(SearchLine.Stepped(step))

    def action_leave_empty(self) -> None:
        """Search for nothing and leave."""
        self._line.end()
        self._line.post_message(SearchLine.Left())
