"""Choosing one of several things, or which of several, from a list over the screen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from timnet.text import clean


@dataclass(frozen=True, slots=True)
class Choice:
    """``key`` is the answer, ``title`` what is shown for it, ``help`` what it means."""

    key: str
    title: str
    help: str = ""


_MOVES: list[BindingType] = [
    Binding("down,j", "move(1)", show=False),
    Binding("up,k", "move(-1)", show=False),
    Binding("escape,q", "leave", "close"),
]


class Choose(ModalScreen[str | None]):
    """Answers the key of what was chosen, None when the user leaves it."""

    CSS_PATH = "choose.tcss"
    BINDINGS: ClassVar[list[BindingType]] = _MOVES

    def __init__(self, title: str, choices: Sequence[Choice], current: str = "") -> None:
        super().__init__()
        self._title, self._choices, self._current = title, tuple(choices), current

    def compose(self) -> ComposeResult:
        """A title and the list."""
        with Vertical(id="box"):
            yield Static(self._title, id="title", markup=False)
            yield OptionList(*(Option(_line(choice, self._width)) for choice in self._choices), id="list", markup=False)

    @property
    def _width(self) -> int:
        return max((len(choice.title) for choice in self._choices), default=0)

    def on_mount(self) -> None:
        """Begin at what holds now."""
        keys = [choice.key for choice in self._choices]
        choices = self.query_one(OptionList)
        choices.highlighted = keys.index(self._current) if self._current in keys else 0
        choices.focus()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Enter or a click."""
        self.dismiss(self._choices[event.option_index].key)

    def action_move(self, step: int) -> None:
        """Up or down."""
        choices = self.query_one(OptionList)
        (choices.action_cursor_down if step > 0 else choices.action_cursor_up)()

    def action_leave(self) -> None:
        """Nothing was chosen."""
        self.dismiss(None)


class ChooseSeveral(ModalScreen[tuple[str, ...] | None]):
    """Answers the keys of what is ticked, in the order of the list; None when the user leaves it as it was."""

    CSS_PATH = "choose.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        *_MOVES,
        Binding("space", "tick", show=False),
        Binding("enter", "done", show=False, priority=True),
    ]

    def __init__(self, title: str, choices: Sequence[Choice], current: Iterable[str]) -> None:
        super().__init__()
        self._title, self._choices, self._ticked = title, tuple(choices), set(current)

    def compose(self) -> ComposeResult:
        """A title, the list with ticks, and how to end."""
        with Vertical(id="box"):
            yield Static(self._title, id="title", markup=False)
            yield OptionList(*(Option(self._told(choice)) for choice in self._choices), id="list", markup=False)
            yield Static("space ticks   ⏎ takes them   esc leaves it", id="keys", markup=False)

    def _told(self, choice: Choice) -> Text:
        width = max(len(one.title) for one in self._choices)
        return Text("✓ " if choice.key in self._ticked else "  ").append_text(_line(choice, width))

    def on_mount(self) -> None:
        """So that keys go to the list."""
        choices = self.query_one(OptionList)
        choices.highlighted = 0
        choices.focus()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """A click."""
        self._tick(event.option_index)

    def action_tick(self) -> None:
        """Tick it, or take the tick away."""
        place = self.query_one(OptionList).highlighted
        if place is not None:
            self._tick(place)

    def _tick(self, place: int) -> None:
        choice = self._choices[place]
        self._ticked ^= {choice.key}
        self.query_one(OptionList).replace_option_prompt_at_index(place, self._told(choice))

    def action_move(self, step: int) -> None:
        """Up or down."""
        choices = self.query_one(OptionList)
        (choices.action_cursor_down if step > 0 else choices.action_cursor_up)()

    def action_done(self) -> None:
        """Take what is ticked."""
        self.dismiss(tuple(choice.key for choice in self._choices if choice.key in self._ticked))

    def action_leave(self) -> None:
        """Nothing changes."""
        self.dismiss(None)


def _line(choice: Choice, width: int) -> Text:
    text = Text(clean(choice.title).ljust(width), no_wrap=True, overflow="ellipsis")
    if choice.help:
        text.append(f"  {clean(choice.help)}", "dim")
    return text
