"""All keys and signs on one page, made from the action table."""

from __future__ import annotations

from itertools import groupby
from typing import ClassVar

from rich.console import Group
from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult, RenderResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widget import Widget

from timnet.records import RunState
from timnet_tui.actions import ACTIONS, Action, Place, at
from timnet_tui.keymap import Keymap
from timnet_tui.palette import GLYPHS, SUBMITTED, Palette, heat, ink, palette_of
from timnet_tui.render import style

STATES = {
    "queued": "waits; with a number, how far it had come",
    "running": "trains; the number is how much of its epochs is done",
    "paused": "waits for you to resume it",
    "done": "its final UAR in per cent, the brighter the higher",
    "failed": "failed; its log says why",
    "cancelled": "cancelled; retry queues it again",
}


class Help(ModalScreen[None]):
    """Scrolls where the terminal is small; any of the usual keys closes it."""

    CSS_PATH = "help.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,question_mark,f1,enter", "dismiss", "close")]

    def compose(self) -> ComposeResult:
        """One page."""
        with VerticalScroll(id="page"):
            yield _Page(self._place())

    def _place(self) -> Place:
        """Where it was asked for."""
        stack = self.app.screen_stack
        below = stack[stack.index(self) - 1] if self in stack else None
        return getattr(below, "PLACE", Place.ANYWHERE)

    def on_mount(self) -> None:
        """So that the arrow keys scroll at once."""
        self.query_one("#page").focus()


class _Page(Widget):
    DEFAULT_CSS = "_Page { height: auto; }"

    def __init__(self, place: Place) -> None:
        super().__init__()
        self._place = place

    def render(self) -> RenderResult:
        colours = palette_of(self.app.current_theme)
        keymap: Keymap = getattr(self.app, "keymap", Keymap())
        return Group(
            _keys(colours, keymap, self._place),
            Text(),
            _signs(colours),
            Text(),
            Text(SMALL_PRINT, style(colours.faint)),
        )


SMALL_PRINT = (
    "◆ marks the best check, ▴ checks that improved and were kept. Scores are in per cent; a mean never stands "
    "without its n. optimistic: the test fold itself chose the epoch, so the score is too good. "
    "Select a whole experiment (a, or left of fold 1) to pause, resume, retry or cancel all its folds. "
    "Closing this view stops nothing: workers are processes of their own."
)


def _keys(colours: Palette, keymap: Keymap, place: Place) -> Table:
    """First what the keys do here, then what they do on other screens."""
    table = _table()
    here = [action for action in at(place) if place in action.places or place is Place.ANYWHERE]
    anywhere = [action for action in at(place) if action not in here]
    elsewhere = [action for action in ACTIONS if action not in here and action not in anywhere]
    for group, actions in groupby([*here, *anywhere], key=lambda action: action.group):
        table.add_row(Text(group, style(colours.accent, bold=True)))
        for action in actions:
            keys = keymap.shown(action, place if place in action.places else Place.ANYWHERE)
            table.add_row(Text(keys, style(colours.text, bold=True)), Text(action.help, style(colours.text)))
    for group, actions in groupby(elsewhere, key=lambda action: action.group):
        table.add_row(Text(f"{group}, on other screens", style(colours.faint, bold=True)))
        for action in actions:
            table.add_row(Text(keymap.shown(action), style(colours.text, bold=True)), _help(action, colours))
    return table


def _help(action: Action, colours: Palette) -> Text:
    text = Text(action.help, style(colours.text))
    places = [str(place) for place in action.places if place is not Place.ANYWHERE]
    if len(places) == 1:
        text.append(f"  ({places[0]})", style(colours.faint))
    return text


def _signs(colours: Palette) -> Table:
    table = _table()
    table.add_row(Text("Signs", style(colours.accent, bold=True)))
    for state, glyph in GLYPHS.items():
        sign = Text(f"{glyph} {state}", style(colours.states[state], bold=True))
        table.add_row(sign, Text(STATES[state], style(colours.text)))
        if state is RunState.QUEUED:
            sign = Text(f"{SUBMITTED} submitted", style(colours.states[state], bold=True))
            table.add_row(sign, Text("handed to Slurm or Ray, and waits there for a place", style(colours.text)))
    scale = Text()
    for score in range(20, 101, 10):
        background = heat(score / 100, colours)
        scale.append(f"{score:^5}", style(ink(background), background))
    table.add_row(Text("UAR %", style(colours.text, bold=True)), scale)
    return table


def _table() -> Table:
    table = Table.grid(padding=(0, 1))
    table.add_column(width=14, no_wrap=True)
    table.add_column()
    return table
