"""A list whose lines can be ticked, with ticks that can be told from no tick without colour."""

from __future__ import annotations

from typing import TypeVar

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.widgets import SelectionList
from textual.widgets.option_list import OptionDoesNotExist

Value = TypeVar("Value")
TICKED, OPEN = "[✓]", "[ ]"


class Ticks(SelectionList[Value]):
    """Textual's list shows the same sign in another colour; here it is another sign."""

    def render_line(self, y: int) -> Strip:
        """Textual's line with signs of ours before the text."""
        strip = super().render_line(y)
        try:
            option = self.get_option_at_index(self.scroll_offset.y + y)
        except OptionDoesNotExist:
            return strip
        sides, text = list(strip)[:3], list(strip)[3:]
        # what was clicked is told by the style of the sign that Textual drew
        style = (text[0].style or Style()) + Style(meta=(sides[1].style or Style()).meta)
        return Strip([Segment(TICKED if option.value in self.selected else OPEN, style), *text])
