"""Everything a user can do, in one table: one file a place, joined here."""

from __future__ import annotations

from collections.abc import Iterator

from textual.binding import Binding

from timnet_tui.actions import compare, corpora, everywhere, grid, new, queue, results, run, runs
from timnet_tui.actions.table import Action, Place, key_name, keys_of

__all__ = ["ACTIONS", "Action", "Place", "at", "bindings", "key_name", "keys_of"]

ACTIONS: tuple[Action, ...] = (
    *grid.ACTIONS,
    *run.ACTIONS,
    *runs.ACTIONS,
    *compare.ACTIONS,
    *queue.ACTIONS,
    *new.ACTIONS,
    *results.ACTIONS,
    *corpora.ACTIONS,
    *everywhere.ACTIONS,
)


def at(place: Place) -> Iterator[Action]:
    """The actions offered at ``place``, those that are offered anywhere included."""
    return (action for action in ACTIONS if place in action.places or Place.ANYWHERE in action.places)


def bindings(place: Place) -> list[Binding | tuple[str, str] | tuple[str, str, str]]:
    """Textual's bindings for the actions that belong to exactly ``place``."""
    return [
        Binding(
            ",".join(action.keys),
            action.id,
            action.label,
            show=place in action.footer,
            key_display=key_name(action.keys[0]),
            tooltip=action.help,
            priority=action.at_once,
            id=f"{place}.{action.id}",
        )
        for action in ACTIONS
        if place in action.places
    ]
