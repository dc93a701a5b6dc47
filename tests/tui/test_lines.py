"""A pane of lines by itself: where it stands when lines come."""

from __future__ import annotations

from rich.text import Text
from textual.app import App, ComposeResult

from timnet_tui.widgets.lines import Lines


class OnePane(App[None]):
    """Lines, and nothing else."""

    def compose(self) -> ComposeResult:
        """The pane."""
        yield Lines[str]("log", lambda line, _colours: Text(line), "nothing yet", id="log")


async def test_what_comes_after_the_pane_was_drawn_is_shown_to_its_end() -> None:
    app = OnePane()
    async with app.run_test(size=(40, 10)) as pilot:
        pane = app.query_one(Lines)
        await pilot.pause()
        pane.show([f"line {number}" for number in range(40)])
        await pilot.pause()
        assert pane.scroll_offset.y == pane.max_scroll_y == 31
        pane.scroll_up(animate=False)
        await pilot.pause()
        pane.show([f"line {number}" for number in range(50)])
        await pilot.pause()
        assert pane.scroll_offset.y == 30  # a user who scrolled up stays there


async def test_a_match_in_what_has_just_come_is_gone_to() -> None:
    app = OnePane()
    async with app.run_test(size=(40, 10)) as pilot:
        pane = app.query_one(Lines)
        await pilot.pause()
        pane.show(["found" if number == 20 else f"line {number}" for number in range(40)])
        pane.search("found")
        await pilot.pause()
        assert pane.scroll_offset.y <= 20 < pane.scroll_offset.y + 9
