"""A pane of text lines: events, the end of a log, a matrix. Only the lines in view are made."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import ClassVar, Generic, TypeVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.events import Click
from textual.geometry import Size
from textual.strip import Strip

from timnet_tui.palette import Palette, ink, palette_of
from timnet_tui.render import line_of, style
from timnet_tui.widgets.scrolled import Scrolled

Item = TypeVar("Item")


class Lines(Scrolled, Generic[Item], can_focus=True):
    """Shows items, each as the line that ``to_line`` makes of it when it comes into view.

    A pane that ``follows`` stays at its end: while the last line is in view, new lines scroll in; once a user has
    scrolled up, it stays. In one that ``selects``, a line is selected and up and down move the selection.
    """

    DEFAULT_CSS = "Lines { width: 1fr; height: 1fr; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "up", show=False),
        Binding("down", "down", show=False),
    ]

    def __init__(
        self,
        title: str,
        to_line: Callable[[Item, Palette], Text],
        empty: str,
        *,
        id: str,  # noqa: A002 - Textual's own name for it
        follows: bool = True,
        selects: bool = False,
    ) -> None:
        super().__init__(id=id)
        self._title = title
        self._to_line = to_line
        self._empty = empty
        self._items: Sequence[Item] = ()
        self._lines: dict[int, Text] = {}
        self._subtitle = ""
        self._follows = self._following = follows
        self._selects = selects
        self._place = 0
        self._wanted: re.Pattern[str] | None = None
        self._matches: list[int] = []

    def show(self, items: Sequence[Item], subtitle: str = "", empty: str | None = None) -> None:
        """Show other items; ``subtitle`` stands beside the title, ``empty`` where there are none."""
        if items is self._items and subtitle == self._subtitle and empty in (None, self._empty):
            return
        self._empty = self._empty if empty is None else empty
        self._items, self._subtitle, self._lines = items, subtitle, {}
        self._place = min(self._place, max(0, len(items) - 1))
        self._match()
        self._measure()
        if self._following:
            self.scroll_end(animate=False, immediate=True, x_axis=False, force=True)
        self.refresh()

    @property
    def shown(self) -> Sequence[Item]:
        """What is shown now."""
        return self._items

    @property
    def selected(self) -> Item | None:
        """The selected item, where one can be selected."""
        return self._items[self._place] if self._selects and self._place < len(self._items) else None

    @property
    def text(self) -> str:
        """Everything that is shown, as lines of text."""
        colours = palette_of(self.app.current_theme)
        return "\n".join(self._to_line(item, colours).plain for item in self._items)

    # searching

    def search(self, text: str) -> None:
        """Light up ``text`` wherever it stands, in capitals or not, and go to where it stands last; none for ''."""
        self._wanted = re.compile(re.escape(text), re.IGNORECASE) if text else None
        self._match()
        self._place = len(self._items)
        if self._matches:
            self.find(-1)
        self.refresh()

    def find(self, step: int) -> None:
        """To the next match, or with -1 to the one before; round at the ends."""
        if not self._matches:
            return
        after = [place for place in self._matches if place > self._place]
        before = [place for place in self._matches if place < self._place]
        self._place = (after or self._matches)[0] if step > 0 else (before or self._matches)[-1]
        self._following = False
        self._into_view(centre=True)
        self.refresh()

    @property
    def found(self) -> tuple[int, int] | None:
        """Which match the pane is at, counted from 1, and how many there are; None where nothing is searched for."""
        if self._wanted is None:
            return None
        return (self._matches.index(self._place) + 1 if self._place in self._matches else 0), len(self._matches)

    def _match(self) -> None:
        if self._wanted is None:
            self._matches = []
            return
        colours, wanted = palette_of(self.app.current_theme), self._wanted
        lines = (self._to_line(item, colours).plain for item in self._items)
        self._matches = [place for place, line in enumerate(lines) if wanted.search(line)]

    # moving

    def action_up(self) -> None:
        """The line above, or one line up."""
        self._go(-1) if self._selects else self.scroll_up(animate=False)

    def action_down(self) -> None:
        """The line below, or one line down."""
        self._go(1) if self._selects else self.scroll_down(animate=False)

    def _go(self, step: int) -> None:
        self._place = min(max(0, self._place + step), max(0, len(self._items) - 1))
        self._into_view()
        self.refresh()

    def on_click(self, event: Click) -> None:
        """A click selects a line."""
        place = event.y - 1 + self.scroll_offset.y
        if self._selects and event.y and place < len(self._items):
            self._place = place
            self.refresh()

    def _into_view(self, *, centre: bool = False) -> None:
        """Scroll as little as needed, or with ``centre`` so that what stands around is seen as well."""
        height, top = max(1, self.size.height - 1), self.scroll_offset.y
        if centre and not top <= self._place < top + height:
            top = self._place - height // 2
        y = min(max(top, self._place - height + 1), self._place)
        self.scroll_to(y=max(0, y), animate=False, immediate=True, force=True)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """A pane scrolled to its end follows it; one scrolled away from it stays where it is."""
        super().watch_scroll_y(old_value, new_value)
        self._following = self._follows and new_value >= self.max_scroll_y

    # drawing

    def _measure(self) -> None:
        colours = palette_of(self.app.current_theme)
        measured = self._items[-self._measured :]
        widest = max((self._to_line(item, colours).cell_len for item in measured), default=0)
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
            return line_of(self._lit(index, colours), width, base, self.scroll_offset.x)
        if y == 1 and not self._items:
            return line_of(Text(self._empty, style(colours.faint)), width, base)
        return Strip.blank(width, base)

    def _lit(self, index: int, colours: Palette) -> Text:
        """A line with what is searched for lit up, and the selection marked."""
        line = self._lines[index]
        if self._selects and index == self._place and self.has_focus:
            line = line.copy()
            line.stylize(style(background=colours.raised, bold=True))
        if self._wanted is not None:
            line = line.copy()
            back = colours.accent if index == self._place else colours.warning
            for match in self._wanted.finditer(line.plain):
                line.stylize(style(ink(back), back), *match.span())
        return line

    def _heading(self, colours: Palette) -> Text:
        text = Text(no_wrap=True).append(
            self._title, style(colours.accent if self.has_focus else colours.text, bold=True)
        )
        if self._subtitle:
            text.append(f"  {self._subtitle}", style(colours.faint))
        return text
