"""The line that names the main screens with their keys; a click goes there."""

from __future__ import annotations

from rich.text import Text
from textual.events import Click
from textual.strip import Strip
from textual.widget import Widget

from timnet_tui.actions import ACTIONS, Action, Place, key_name
from timnet_tui.messages import PlaceChosen
from timnet_tui.palette import Palette, palette_of
from timnet_tui.render import line_of, style

GROUP = "Screens"


class PlaceTabs(Widget):
    """One line. ``place`` is the screen that stands below."""

    DEFAULT_CSS = "PlaceTabs { height: 1; background: $panel; }"

    def __init__(self, place: Place) -> None:
        super().__init__()
        self._place = place

    def render_line(self, y: int) -> Strip:  # noqa: ARG002 - there is one line
        """The tabs."""
        colours = palette_of(self.app.current_theme)
        text = Text(no_wrap=True).append(" timnet ", style(colours.accent, bold=True))
        for action in main_screens():
            text.append_text(_tab(action, action.id == f"show_{self._place}", colours))
        return line_of(text, self.size.width, self.visual_style.rich_style)

    def on_click(self, event: Click) -> None:
        """Go to the screen whose name is under the pointer."""
        x = len(" timnet ")
        for action in main_screens():
            width = len(_name(action))
            if x <= event.x < x + width:
                self.post_message(PlaceChosen(action.id))
            x += width


def main_screens() -> list[Action]:
    """The actions that go to a main screen, in order."""
    return [action for action in ACTIONS if action.group == GROUP]


def _name(action: Action) -> str:
    return f"  {key_name(action.keys[0])} {action.label} "


def _tab(action: Action, here: bool, colours: Palette) -> Text:
    text = Text().append(_name(action), style(colours.text if here else colours.faint, bold=here))
    if here:
        text.stylize("reverse", 1)
    return text
