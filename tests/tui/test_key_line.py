"""The line of keys, and the stylesheet that is kept."""

from __future__ import annotations

import pytest
from textual.color import Color

from tests.tui.conftest import until
from tests.tui.fakes import app_with
from tests.tui.steps import click, text_of
from timnet_tui.screens.help import Help
from timnet_tui.stylesheet import KeptStylesheet
from timnet_tui.widgets.filter_bar import FilterBar
from timnet_tui.widgets.key_line import KeyLine


async def test_a_click_presses_the_key_under_the_pointer_and_the_line_follows_the_focus() -> None:
    app = app_with()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "? help" in text_of(app))
        line = app.screen.query_one(KeyLine)
        written = text_of(app).splitlines()[-1]
        await pilot.hover(KeyLine, offset=(written.index("R retry"), 0))
        assert line.tooltip == next(one.help for one in line.keys if one.label == "retry")
        await click(pilot, line, offset=(78, 0))  # no key is there
        await click(pilot, line, offset=(written.index("? help") + 3, 0))
        await until(pilot, lambda: isinstance(app.screen, Help))
        await pilot.press("escape", "slash")
        await until(pilot, lambda: app.focused is not None and app.screen.query_one(FilterBar) in app.focused.ancestors)
        await until(pilot, lambda: "retry" not in text_of(app).splitlines()[-1])


def test_a_stylesheet_is_parsed_again_only_for_other_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    from textual.css import stylesheet

    parsed: list[str] = []
    parse = stylesheet.parse
    monkeypatch.setattr(
        stylesheet, "parse", lambda scope, css, *more, **named: parsed.append(css) or parse(scope, css, *more, **named)
    )
    sheet = KeptStylesheet(variables={"ink": "red"})
    first, second = "Screen { color: $ink; }", "Input { color: $ink; }"
    sheet.add_source(first, ("a", ""))
    sheet.parse()
    sheet.add_source(second, ("b", ""))
    sheet.set_variables({"ink": "red"})
    sheet.reparse()
    assert parsed == [first, second]
    sheet.set_variables({"ink": "blue"})
    sheet.reparse()
    assert parsed == [first, second, first, second]
    assert [rule.styles.color for rule in sheet.rules] == [Color.parse("blue")] * 2
