"""Keys of the user's own: what they change, and what is said of those that cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tui.conftest import until
from tests.tui.fakes import app_with
from tests.tui.steps import grid_of, text_of, toasts
from timnet.settings import Settings
from timnet_tui.actions import ACTIONS, Place, at
from timnet_tui.app import TimnetApp
from timnet_tui.keymap import Keymap, is_key, keymap_of
from timnet_tui.screens.run import RunScreen


def test_an_action_gets_other_keys_at_one_place_or_at_all() -> None:
    one = keymap_of((("grid.pause", "N, f6"),))
    assert one == Keymap({"grid.pause": ("N", "f6")})
    assert one.for_textual() == {"grid.pause": "N,f6"}
    everywhere = keymap_of((("pause", "N"),))
    assert {"grid.pause", "run.pause"} <= set(everywhere.keys)
    assert set(everywhere.keys.values()) == {("N",)}
    assert keymap_of((("help", "?"),)).keys == {"anywhere.help": ("question_mark",)}


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (("grid.pouse", "P"), "keys: there is no action 'grid.pouse'; did you mean grid.pause?"),
        (("fly", "P"), "keys: there is no action 'fly'; they are listed by: timnet settings --keys"),
        (("grid.pause", "r"), "keys: r for grid.pause is the key of grid.resume; grid.pause keeps its own"),
        (("grid.pause", "q"), "keys: q for grid.pause is the key of anywhere.quit; grid.pause keeps its own"),
        (("grid.pause", "nokey!"), "keys: 'nokey!' for grid.pause is no key; keys look like P, f6, ctrl+b or pagedown"),
        (
            ("x\x1b[2J", "P"),
            "keys: there is no action 'x\N{REPLACEMENT CHARACTER}[2J'; they are listed by: timnet settings --keys",
        ),
    ],
)
def test_what_cannot_be_is_named_in_one_line_and_left_as_it_was(wanted: tuple[str, str], said: str) -> None:
    assert keymap_of((wanted,)) == Keymap({}, (said,))


def test_two_actions_may_swap_their_keys() -> None:
    swapped = keymap_of((("grid.pause", "r"), ("grid.resume", "p")))
    assert swapped == Keymap({"grid.pause": ("r",), "grid.resume": ("p",)})


@given(st.lists(st.tuples(st.sampled_from([a.id for a in ACTIONS]), st.sampled_from("pqrtabc1?")), max_size=6))
def test_whatever_is_asked_no_key_ever_means_two_things(wanted: list[tuple[str, str]]) -> None:
    found = keymap_of(wanted)
    for place in set(Place) - {Place.ANYWHERE}:
        keys = [key for action in at(place) for key in found.of(action, place)]
        assert len(keys) == len(set(keys))


@pytest.mark.parametrize("key", ["P", "?", "f6", "ctrl+b", "pagedown", "ctrl+shift+left", "é", "question_mark"])
def test_these_are_keys(key: str) -> None:
    assert is_key(key)


@pytest.mark.parametrize("key", ["", "f 6", "ctrl+", "no!", "\x1b"])
def test_these_are_none(key: str) -> None:
    assert not is_key(key)


def app_of(*keys: tuple[str, str]) -> TimnetApp:
    return TimnetApp(Path("/data/runs.db"), Settings(keys=keys), reader=app_with()._poller._reader, clock=lambda: 0.0)


async def test_a_key_of_ones_own_works_and_is_shown_everywhere() -> None:
    app = app_of(("grid.open", "o"), ("grid.whole", "ctrl+a"))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: grid_of(pilot).row is not None)
        assert " o open" in text_of(app)
        assert "^a all folds" in text_of(app)
        assert "open (o)" in {one.title for one in app.get_system_commands(app.screen)}
        await pilot.press("enter")
        assert not isinstance(app.screen, RunScreen)
        await pilot.press("question_mark")
        await pilot.pause()
        assert "o              Open the selected run" in text_of(app)
        await pilot.press("escape", "o")
        assert isinstance(app.screen, RunScreen)


async def test_a_fault_in_the_keys_is_told_at_start_and_the_interface_opens() -> None:
    app = app_of(("grid.pause", "q"), ("fly", "x"))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: grid_of(pilot).row is not None)
        assert "q for grid.pause is the key of anywhere.quit" in toasts(pilot)
        assert "there is no action 'fly'" in toasts(pilot)
        await pilot.press("q")
        await until(pilot, lambda: not app.is_running)
