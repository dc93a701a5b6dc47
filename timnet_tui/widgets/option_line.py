"""Options in as many lines as they need: one is chosen, or several are ticked, by arrows and space or by a click."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from rich.cells import cell_len
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.events import Click
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from timnet.text import clean
from timnet_tui.palette import palette_of
from timnet_tui.render import line_of, style


class OptionLine(Widget, can_focus=True):
    """``several``: each option is ticked for itself, and at least one stays so."""

    DEFAULT_CSS = "OptionLine { height: auto; width: 1fr; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "move(-1)", show=False),
        Binding("right,l", "move(1)", show=False),
        Binding("space", "tick", show=False),
    ]

    class Changed(Message):
        """Something else is chosen."""

        def __init__(self, line: OptionLine) -> None:
            super().__init__()
            self.line = line

    def __init__(
        self,
        options: Sequence[str],
        chosen: Iterable[str] = (),
        *,
        several: bool = False,
        id: str | None = None,  # noqa: A002 - Textual's own name for it
    ) -> None:
        super().__init__(id=id)
        self._several = several
        self._options: tuple[str, ...] = ()
        self._chosen: frozenset[str] = frozenset()
        self._at = 0
        self._set(options, chosen)

    def show(self, options: Sequence[str], chosen: Iterable[str] = ()) -> None:
        """Offer other options; what was chosen stays so where it is among them."""
        kept = [option for option in self._chosen if option in options]
        self._set(options, (kept or chosen) if self._several else [*chosen, *kept])
        self.refresh(layout=True)

    def _set(self, options: Sequence[str], chosen: Iterable[str]) -> None:
        self._options = tuple(options)
        kept = [option for option in chosen if option in options] or list(options[:1])
        self._chosen = frozenset(kept if self._several else kept[:1])
        self._at = self._options.index(kept[0]) if kept else 0

    @property
    def chosen(self) -> tuple[str, ...]:
        """What is chosen, in the order of the options."""
        return tuple(option for option in self._options if option in self._chosen)

    @property
    def value(self) -> str:
        """The one that is chosen."""
        return next(iter(self.chosen), "")

    def action_move(self, step: int) -> None:
        """To the option beside; where only one can be chosen, that is chosen."""
        if self._options:
            self._at = (self._at + step) % len(self._options)
            if not self._several:
                self._take(self._options[self._at])
            self.refresh()

    def action_tick(self) -> None:
        """Tick the option, or take its tick away."""
        if self._options:
            self._take(self._options[self._at])

    def _take(self, option: str) -> None:
        before = self._chosen
        if not self._several:
            self._chosen = frozenset({option})
        elif before != {option}:
            self._chosen = before ^ {option}
        self.refresh()
        if self._chosen != before:
            self.post_message(self.Changed(self))

    def on_click(self, event: Click) -> None:
        """Take the option under the pointer."""
        x = 0
        for place in self._places(event.y):
            width = cell_len(self._word(self._options[place])) + 1
            if x <= event.x < x + width:
                self._at = place
                self._take(self._options[place])
            x += width

    def _word(self, option: str) -> str:
        mark = ("■ " if option in self._chosen else "□ ") if self._several else " "
        return f"{mark}{clean(option)} "

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002 - Textual's signature
        """As many lines as the options need."""
        return len(self._lines(width))

    def _lines(self, width: int) -> list[list[int]]:
        """The places of the options in each line."""
        lines: list[list[int]] = [[]]
        x = 0
        for place, option in enumerate(self._options):
            wide = cell_len(self._word(option))
            if lines[-1] and x + wide > width:
                lines.append([])
                x = 0
            lines[-1].append(place)
            x += wide + 1
        return lines

    def _places(self, y: int) -> list[int]:
        lines = self._lines(self.size.width)
        return lines[y] if y < len(lines) else []

    def render_line(self, y: int) -> Strip:
        """The options of one line; those chosen stand out, and the one that keys are for is underlined."""
        colours = palette_of(self.app.current_theme)
        text = Text(no_wrap=True)
        for place in self._places(y):
            option = self._options[place]
            on = option in self._chosen
            start = len(text)
            text.append(self._word(option), style(colours.text if on else colours.faint, bold=on))
            if on and not self._several:
                text.stylize("reverse", start)
            if self.has_focus and place == self._at:
                text.stylize("underline", start)
            text.append(" ")
        return line_of(text, self.size.width, self.visual_style.rich_style)
