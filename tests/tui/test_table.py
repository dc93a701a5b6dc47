"""The action table itself: no key means two things, every action has its method and its test."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

from tests.tui.proofs import proved
from timnet_tui.actions import ACTIONS, Place, at, bindings, keys_of
from timnet_tui.app import MAIN_SCREENS, TimnetApp
from timnet_tui.screens.base import RegistryScreen

PLACES = sorted({place for action in ACTIONS for place in action.places} - {Place.ANYWHERE})


def screens() -> dict[Place, type[RegistryScreen]]:
    """The screen of each place, from all screen modules."""
    for path in sorted(Path("timnet_tui/screens").glob("[a-z]*.py")):
        import_module(f"timnet_tui.screens.{path.stem}")
    found: dict[Place, type[RegistryScreen]] = {}
    waiting = [RegistryScreen]
    while waiting:
        kind = waiting.pop()
        waiting += kind.__subclasses__()
        if "PLACE" in vars(kind):
            found[kind.PLACE] = kind
    return found


@pytest.mark.parametrize("place", PLACES)
def test_no_key_means_two_things_on_one_screen(place: Place) -> None:
    keys = [key for action in at(place) for key in action.keys]
    assert sorted(keys) == sorted(set(keys))


@pytest.mark.parametrize("place", PLACES)
def test_every_action_has_its_method(place: Place) -> None:
    screen = screens()[place]
    for binding in bindings(place):
        assert callable(getattr(screen, f"action_{binding.action}")), f"{place}.{binding.action}"


def test_actions_of_every_place_have_methods_of_the_app() -> None:
    for binding in bindings(Place.ANYWHERE):
        assert callable(getattr(TimnetApp, f"action_{binding.action}"))


@pytest.mark.parametrize("place", PLACES)
def test_the_footer_fits_80_columns(place: Place) -> None:
    shown = [action for action in at(place) if place in action.footer or Place.ANYWHERE in action.footer]
    assert sum(len(keys_of(action).split()[0]) + len(action.label) + 2 for action in shown) <= 80


def test_every_main_screen_has_its_key() -> None:
    assert {action.id for action in ACTIONS if action.group == "Screens"} == {f"show_{place}" for place in MAIN_SCREENS}


def test_every_action_at_every_place_has_a_test() -> None:
    wanted = {f"{place}.{action.id}" for action in ACTIONS for place in action.places}
    assert proved(Path(__file__).parent) == wanted
