"""ASCII in place of every sign, one cell for one cell."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.color import Color

from tests.support import REPOSITORY
from tests.tui.conftest import until
from tests.tui.fakes import app_with
from tests.tui.steps import grid_of, text_of
from timnet.settings import Settings
from timnet_tui.app import TimnetApp
from timnet_tui.palette import GLYPHS
from timnet_tui.signs import ASCII, AsciiSigns, ascii_only, to_ascii

SOURCES = (REPOSITORY / "timnet_tui").rglob("*.py")
SIGNS = sorted({sign for path in SOURCES for sign in re.findall(r"[^\x00-\x7f]", path.read_text())})


def test_every_sign_takes_as_many_cells_as_before() -> None:
    for sign, plain in ASCII.items():
        assert plain.isascii()
        assert len(plain) == cell_len(plain) == cell_len(sign) == 1, sign


@given(st.text())
def test_any_text_becomes_ascii_of_its_width_where_nothing_else_can_be_encoded(text: str) -> None:
    plain = to_ascii(text, "ascii")
    assert plain.isascii()
    assert cell_len(plain) == cell_len(text)


def test_no_sign_of_the_interface_is_left_to_the_question_mark() -> None:
    """Whoever draws with a new sign says here what stands for it."""
    shown = [sign for sign in SIGNS if to_ascii(sign, "ascii") == "?" and not sign.isalpha()]
    assert [sign for sign in shown if ASCII.get(sign) != "?"] == []


def test_states_keep_signs_of_their_own() -> None:
    assert len({to_ascii(glyph) for glyph in GLYPHS.values()}) == len(GLYPHS)


def test_letters_stay_where_they_can_be_encoded() -> None:
    assert to_ascii("Müller 王 ✓") == "Müller 王 v"
    assert to_ascii("Müller 王 ✓", "latin-1") == "Müller ?? v"
    assert to_ascii("Müller", "no-such-encoding") == "M?ller"


def test_braille_dots_stay_about_where_they_were() -> None:
    assert to_ascii("⠀⠉⣀⣿⠂") == " '.:'"


def test_styles_stay() -> None:
    bold = Style(bold=True)
    shown = AsciiSigns().apply([Segment("✓ok", bold), Segment("plain")], Color(0, 0, 0))
    assert shown == [Segment("vok", bold), Segment("plain")]


@pytest.mark.parametrize(
    ("choice", "encoding", "ascii"),
    [
        ("auto", "UTF-8", False), ("auto", "utf8", False), ("auto", "ANSI_X3.4-1968", True),
        ("auto", "ISO-8859-1", True), ("ascii", "UTF-8", True), ("unicode", "US-ASCII", False),
    ],
)  # fmt: skip
def test_the_locale_decides_unless_the_user_does(choice: str, encoding: str, ascii: bool) -> None:  # noqa: A002
    assert ascii_only(choice, encoding) is ascii


@pytest.mark.parametrize("size", [(80, 24), (160, 48)])
async def test_whole_screens_are_ascii(size: tuple[int, int]) -> None:
    fake = app_with()
    app = TimnetApp(Path("/data/runs.db"), Settings(glyphs="ascii"), reader=fake._poller._reader, clock=lambda: 0.0)
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: grid_of(pilot).row is not None)
        assert "enter open" in text_of(app), "keys by words, not by a letter that is another key"
        for keys in ((), ("question_mark",), ("escape", "enter"), ("l",)):
            await pilot.press(*keys)
            await app.workers.wait_for_complete()
            await pilot.pause()
            shown = text_of(app)
            assert shown.strip()
            assert shown.isascii(), re.findall(r"[^\x00-\x7f]", shown)
