"""The line that names a screen's panes, each with the key that shows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.text import Text
from textual.app import RenderResult
from textual.events import Click
from textual.message import Message
from textual.widget import Widget

from timnet_tui.palette import palette_of
from timnet_tui.render import style


@dataclass(frozen=True, slots=True)
class Pane:
    """One pane: the id of its widget, its name, and the key as people write it."""

    id: str
    name: str
    key: str = ""


class PaneTabs(Widget):
    """Shows which pane is open; a click opens another. Where the room is narrow, keys go before names do."""

    class Chosen(Message):
        """A pane was clicked."""

        def __init__(self, pane: str) -> None:
            super().__init__()
            self.pane = pane

    DEFAULT_CSS = "PaneTabs { height: 1; width: 1fr; background: $panel; text-wrap: nowrap; }"
    ALLOW_SELECT = False

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name for it
        super().__init__(id=id)
        self._panes: tuple[Pane, ...] = ()
        self._open = ""

    def show(self, panes: Sequence[Pane], opened: str) -> None:
        """Show these panes, ``opened`` as the one that is open."""
        if (tuple(panes), opened) != (self._panes, self._open):
            self._panes, self._open = tuple(panes), opened
            self.refresh()

    def render(self) -> RenderResult:
        """The names in a line."""
        colours = palette_of(self.app.current_theme)
        text = Text(no_wrap=True)
        for pane, (key, name) in zip(self._panes, self._labels(), strict=True):
            is_open = pane.id == self._open
            back = colours.raised if is_open else None
            if key:
                text.append(f" {key}", style(colours.accent, back))
            text.append(f" {name}", style(colours.text if is_open else colours.faint, back, bold=is_open))
        return text

    def _labels(self) -> list[tuple[str, str]]:
        """Key and name of each pane, as far as there is room for them."""
        room = self.size.width
        with_keys = [(pane.key, pane.name) for pane in self._panes]
        if sum(map(_width, with_keys)) <= room:
            return with_keys
        return [("", pane.name) for pane in self._panes]

    def on_click(self, event: Click) -> None:
        """A click opens the pane under it."""
        at = 0
        for pane, label in zip(self._panes, self._labels(), strict=True):
            at += _width(label)
            if event.x < at:
                self.post_message(self.Chosen(pane.id))
                return


def _width(label: tuple[str, str]) -> int:
    key, name = label
    return len(name) + 1 + (len(key) + 1 if key else 0)
