"""A pane of text lines that follows its end: events, and the end of a log."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from rich.text import Text
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from timnet_tui.palette import Palette, palette_of
from timnet_tui.render import line_of, style

Item = TypeVar("Item")


class Lines(ScrollView, Generic[Item], can_focus=True):
    """Shows items, each as the line that ``to_line`` makes of it when it comes into view.

    While the last line is in view, new lines scroll in; once a user has scrolled up, the pane stays.
    """

    DEFAULT_CSS = "Lines { width: 1fr; height: 1fr; }"

    def __init__(self, title: str, to_line: Callable[[Item, Palette], Text], empty: str, *, id: str) -> None:  # noqa: A002
        super().__init__(id=id)
        self._title = title
        self._to_line = to_line
        self._empty = empty
        self._items: Sequence[Item] = ()
        self._lines: dict[int, Text] = {}
        self._subtitle = ""
        self._following = True

    def show(self, items: Sequence[Item], subtitle: str = "") -> None:
        """Show other items; ``subtitle`` stands beside the title."""
        if items is self._items and subtitle == self._subtitle:
            return
        self._items, self._subtitle, self._lines = items, subtitle, {}
        self._measure()
        if self._following:
            self.scroll_end(animate=False, immediate=True, x_axis=False)
        self.refresh()

    @property
    def shown(self) -> Sequence[Item]:
        """What is shown now."""
        return self._items

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """A pane scrolled to its end follows it; one scrolled away from it stays where it is."""
        super().watch_scroll_y(old_value, new_value)
        self._following = new_value >= self.max_scroll_y

    def _measure(self) -> None:
        dark = palette_of(self.app.current_theme)
        widest = max((self._to_line(item, dark).cell_len for item in self._items[-self._measured :]), default=0)
        self.virtual_size = Size(widest, len(self._items) + 1)

    #: lines whose width is measured; older ones are read scrolled up, and then cut at the widest of these
    _measured = 500

    def on_resize(self) -> None:
        """Stay at the end when the room changes there."""
        if self._following:
            self.call_after_refresh(self.scroll_end, animate=False, x_axis=False)

    def on_mount(self) -> None:
        """Lines that were made stay, until the theme changes."""
        self.app.theme_changed_signal.subscribe(self, lambda _theme: self._lines.clear())

    def render_line(self, y: int) -> Strip:
        """The title stays, the lines scroll below it."""
        colours, base, width = palette_of(self.app.current_theme), self.visual_style.rich_style, self.size.width
        if y == 0:
            return line_of(self._heading(colours), width, base)
        index = y - 1 + self.scroll_offset.y
        if index < len(self._items):
            if index not in self._lines:
                self._lines[index] = self._to_line(self._items[index], colours)
            return line_of(self._lines[index], width, base, self.scroll_offset.x)
        if y == 1 and not self._items:
            return line_of(Text(self._empty, style(colours.faint)), width, base)
        return Strip.blank(width, base)

    def _heading(self, colours: Palette) -> Text:
        text = Text().append(self._title, style(colours.accent if self.has_focus else colours.text, bold=True))
        if self._subtitle:
            text.append(f"  {self._subtitle}", style(colours.faint))
        return text
