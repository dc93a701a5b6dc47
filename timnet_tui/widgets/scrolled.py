"""What all scrolled widgets share: the bar stands where their contents do."""

from __future__ import annotations

from textual.scroll_view import ScrollView


class Scrolled(ScrollView, can_focus=False):
    """A view scrolled to a place that its contents have, whether its bar is laid out yet or not.

    Textual moves the bar when the view scrolls, and only one that is shown; where contents come and are scrolled at
    once, the bar is shown afterwards, and would stand at the top until the next scrolling.
    """

    def watch_show_vertical_scrollbar(self, shown: bool) -> None:
        """A bar that appears stands where the contents stand."""
        if shown:
            self.vertical_scrollbar.position = self.scroll_y
