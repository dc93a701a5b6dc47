"""The filter bar by itself: what is typed is checked, completed, applied after a pause, and found again."""

from __future__ import annotations

from textual.app import App, ComposeResult
from textual.pilot import Pilot
from textual.widgets import Input, Static

from tests.tui.conftest import until
from timnet.registry.completion import Values
from timnet_tui.widgets.filter_bar import FilterBar


class Host(App[None]):
    """A bar over nothing, and what it said."""

    AUTO_FOCUS = None

    def __init__(self, history: list[str] | None = None) -> None:
        super().__init__()
        self.applied: list[str] = []
        self.left = 0
        self.history = [] if history is None else history

    def compose(self) -> ComposeResult:
        yield FilterBar(self.history, id="bar")

    def on_filter_bar_changed(self, message: FilterBar.Changed) -> None:
        self.applied.append(message.text)

    def on_filter_bar_left(self) -> None:
        self.left += 1
        self.set_focus(None)

    @property
    def bar(self) -> FilterBar:
        return self.query_one(FilterBar)


def said(pilot: Pilot[None], part: str = "#filter-said") -> str:
    return str(pilot.app.query_one(part, Static).visual)


def value(pilot: Pilot[None]) -> str:
    return pilot.app.query_one(Input).value


async def test_a_filter_is_applied_when_no_key_follows() -> None:
    app = Host()
    async with app.run_test(size=(80, 10)) as pilot:
        assert not app.bar.display
        app.bar.open()
        await pilot.press(*"uar", "greater_than_sign", *"0.8")
        assert app.applied in ([], ["uar>0.8"])  # not once a letter
        await until(pilot, lambda: app.applied == ["uar>0.8"])
        assert app.bar.typing
        app.bar.tell("3 runs")
        assert said(pilot) == "3 runs"
        await pilot.press("enter")
        await until(pilot, lambda: app.left == 1)
        assert app.bar.display
        assert app.applied == ["uar>0.8"]


async def test_what_cannot_be_understood_is_said_and_not_applied() -> None:
    app = Host()
    async with app.run_test(size=(80, 10)) as pilot:
        app.bar.open()
        await pilot.press(*"corpus:EMODB")
        await until(pilot, lambda: app.applied == ["corpus:EMODB"])
        await pilot.press("space", *"colour:red")
        await until(pilot, lambda: "no field 'colour'" in said(pilot, "#filter-words"))
        await pilot.press("enter")
        await pilot.pause(0.3)
        assert app.applied == ["corpus:EMODB"]
        assert app.left == 0
        assert app.bar.text == "corpus:EMODB"


async def test_escape_clears_it_and_leaves() -> None:
    app = Host()
    async with app.run_test(size=(80, 10)) as pilot:
        app.bar.open()
        await pilot.press(*"tag:x")
        await until(pilot, lambda: app.applied == ["tag:x"])
        await pilot.press("escape")
        await until(pilot, lambda: app.left == 1)
        assert app.applied == ["tag:x", ""]
        await until(pilot, lambda: not app.bar.display)
        assert app.history == ["tag:x"]


async def test_earlier_filters_come_back_and_what_was_typed_is_kept() -> None:
    app = Host(["tag:a", "tag:b"])
    async with app.run_test(size=(80, 10)) as pilot:
        app.bar.open()
        await pilot.press(*"sav", "up")
        assert value(pilot) == "tag:b"
        await pilot.press("up", "up")
        assert value(pilot) == "tag:a"
        await pilot.press("down", "down")
        assert value(pilot) == "sav"
        await pilot.press("up", "up", "enter")
        await until(pilot, lambda: app.applied[-1:] == ["tag:a"])
        assert app.history == ["tag:b", "tag:a"]  # used last, so found first


async def test_tab_takes_a_field_then_goes_through_its_values() -> None:
    app = Host()
    async with app.run_test(size=(80, 10)) as pilot:
        app.bar.offer(Values({"corpus": ("EMODB", "SAVEE")}))
        app.bar.open()
        await pilot.press(*"-co")
        await until(pilot, lambda: "corpus:" in said(pilot, "#filter-words"))
        for expected in ("-corpus:", "-corpus:EMODB", "-corpus:SAVEE", "-corpus:EMODB"):
            await pilot.press("tab")
            assert value(pilot) == expected
        await until(pilot, lambda: app.applied[-1:] == ["-corpus:EMODB"])
        await pilot.press("space", *"ua", "tab", "tab", "tab")
        assert value(pilot) == "-corpus:EMODB uar>="


async def test_a_filter_made_elsewhere_is_shown_and_applied() -> None:
    app = Host()
    async with app.run_test(size=(80, 10)) as pilot:
        app.bar.apply("corpus:EMODB")
        await until(pilot, lambda: app.applied == ["corpus:EMODB"])
        assert value(pilot) == "corpus:EMODB"
        assert app.bar.display
        app.bar.apply("")
        await until(pilot, lambda: app.applied == ["corpus:EMODB", ""])
        assert not app.bar.display
