"""The line at the bottom that names keys; a click presses one.

Textual's own footer makes a widget of every key, and all of them again whenever the focus moves or a screen opens. This
is one widget, so that the app starts and screens open in half of the time.
"""

from __future__ import annotations

from dataclasses import dataclass

from rich.cells import cell_len
from rich.text import Text
from textual.binding import Binding
from textual.events import Click, Leave, MouseMove
from textual.screen import Screen
from textual.strip import Strip
from textual.widget import Widget

from timnet_tui.palette import palette_of
from timnet_tui.render import line_of, style


@dataclass(frozen=True, slots=True)
class NamedKey:
    """A key as it is pressed and as it is written, and what it does, in a word and in a sentence."""

    key: str
    shown: str
    label: str
    help: str

    @property
    def width(self) -> int:
        """Cells, with the one that keeps it apart from the next."""
        return cell_len(self.shown) + 1 + cell_len(self.label) + 1


class KeyLine(Widget):
    """The keys of the bindings that are shown where the focus is."""

    ALLOW_SELECT = False
    DEFAULT_CSS = "KeyLine { dock: bottom; height: 1; background: $panel; }"

    def __init__(self) -> None:
        super().__init__()
        self._keys: tuple[NamedKey, ...] = ()
        self._under: NamedKey | None = None

    @property
    def keys(self) -> tuple[NamedKey, ...]:
        """The keys, from the left."""
        return self._keys

    def on_mount(self) -> None:
        """Look whenever the focus or the screens have changed."""
        self.screen.bindings_updated_signal.subscribe(self, self._changed)
        self._look()

    def _changed(self, screen: Screen[object]) -> None:
        if self.app.app_focus and self.is_attached and screen is self.screen:
            self._look()

    def _look(self) -> None:
        first: dict[str, Binding] = {}
        for active in self.screen.active_bindings.values():
            if active.binding.show:
                first.setdefault(active.binding.action, active.binding)
        keys = tuple(
            NamedKey(one.key, self.app.get_key_display(one), one.description, one.tooltip) for one in first.values()
        )
        if keys != self._keys:
            self._keys, self._under = keys, None
            self.refresh()

    def render_line(self, y: int) -> Strip:  # noqa: ARG002 - there is one line
        """The keys one after the other."""
        colours = palette_of(self.app.current_theme)
        text = Text(no_wrap=True)
        for one in self._keys:
            back = colours.fill if one is self._under else None
            text.append(one.shown, style(colours.accent, back, bold=True))
            text.append(f" {one.label}", style(colours.text, back)).append(" ")
        return line_of(text, self.size.width, self.visual_style.rich_style)

    def _at(self, x: int) -> NamedKey | None:
        for one in self._keys:
            if x < one.width:
                return one
            x -= one.width
        return None

    def on_mouse_move(self, event: MouseMove) -> None:
        """What a click would press stands out."""
        self._point_at(self._at(event.x))

    def on_leave(self, _event: Leave) -> None:
        """Nothing is pointed at."""
        self._point_at(None)

    def _point_at(self, key: NamedKey | None) -> None:
        if key is not self._under:
            self._under = key
            self.tooltip = key.help or None if key else None
            self.refresh()

    def on_click(self, event: Click) -> None:
        """Press the key that was clicked on."""
        key = self._at(event.x)
        if key is not None:
            self.app.simulate_key(key.key)
