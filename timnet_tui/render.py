"""Small steps from text to lines on the screen, shared by the line-rendered widgets."""

from __future__ import annotations

from functools import lru_cache

from rich.cells import cell_len, set_cell_size
from rich.color import Color
from rich.console import Console
from rich.style import Style
from rich.text import Text
from textual.strip import Strip

from timnet_tui.palette import RGB

_CONSOLE = Console(color_system="truecolor", width=10_000)


@lru_cache(maxsize=1024)
def style(colour: RGB | None = None, background: RGB | None = None, *, bold: bool = False) -> Style:
    """A Rich style from RGB colours."""
    return Style(
        color=None if colour is None else Color.from_rgb(*colour),
        bgcolor=None if background is None else Color.from_rgb(*background),
        bold=bold or None,
    )


def line_of(text: Text, width: int, base: Style, offset: int = 0) -> Strip:
    """The part of one line of text from ``offset`` on, ``width`` cells wide, on the style ``base``."""
    strip = Strip(text.render(_CONSOLE, end="")).crop_extend(offset, offset + width, base)
    # a text without spans renders without its own style, so that is laid below as well
    own = Style.parse(text.style) if isinstance(text.style, str) else text.style
    return strip.apply_style(base + own)


def wrapped(text: Text, width: int) -> list[Text]:
    """``text`` in lines of at most ``width`` cells, broken between words, and where a word is longer, inside it."""
    if text.cell_len <= width:
        return [text]
    return [*text.wrap(_CONSOLE, max(1, width), overflow="fold", no_wrap=False)]


def fit(text: str, width: int) -> str:
    """``text`` in exactly ``width`` cells, its end replaced by an ellipsis where it is longer."""
    if cell_len(text) > width > 0:
        text = set_cell_size(text, width - 1) + "…"
    return set_cell_size(text, width)
