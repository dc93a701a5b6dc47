"""Everything a user can do, in one table.

Bindings, footer, help and command palette are all made from it, so none can tell another story. An
action's ``id`` names the method ``action_<id>`` of the screen (or the app) that carries it out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from textual.binding import Binding


class Place(StrEnum):
    """Where an action is offered."""

    ANYWHERE = "anywhere"
    GRID = "grid"
    RUN = "run"


@dataclass(frozen=True, slots=True)
class Action:
    """One action: its keys, a word for the footer, a sentence for the help.

    ``footer`` are the places whose footer names it; 80 columns hold about ten.
    """

    id: str
    keys: tuple[str, ...]
    label: str
    help: str
    group: str
    places: tuple[Place, ...]
    footer: tuple[Place, ...] = ()


_GRID, _RUN, _BOTH = (Place.GRID,), (Place.RUN,), (Place.GRID, Place.RUN)
_ANY = (Place.ANYWHERE,)

ACTIONS: tuple[Action, ...] = (
    Action("open", ("enter",), "open", "Open the selected run", "Look", _GRID, footer=_GRID),
    Action("back", ("escape", "backspace"), "back", "Go back to the grid", "Look", _RUN, footer=_RUN),
    Action("next_fold", ("]", "n"), "fold", "Go to the next fold of this experiment", "Look", _RUN, footer=_RUN),
    Action("previous_fold", ("[", "N"), "fold before", "Go to the previous fold of this experiment", "Look", _RUN),
    Action("events", ("e",), "events", "Show or hide epochs that were not checked", "Look", _RUN, footer=_RUN),
    Action("log", ("l",), "log", "Show or hide the end of the run's log", "Look", _RUN, footer=_RUN),
    Action("log_scale", ("y",), "log y", "Loss on a logarithmic or a linear axis", "Look", _BOTH),
    Action("pause", ("p",), "pause", "Pause; a running run first ends its epoch", "Queue", _BOTH, footer=_BOTH),
    Action("resume", ("r",), "resume", "Resume what is paused", "Queue", _BOTH, footer=_BOTH),
    Action("retry", ("R",), "retry", "Queue what failed or was cancelled again", "Queue", _BOTH, footer=_BOTH),
    Action("cancel", ("c", "ctrl+k"), "cancel", "Cancel; asks first if one is training", "Queue", _BOTH, footer=_BOTH),
    Action("start_worker", ("w",), "worker", "Start a worker; it outlives this view", "Queue", _BOTH, footer=_GRID),
    Action("left", ("left", "h"), "left", "Select the fold to the left, then the whole experiment", "Move", _GRID),
    Action("right", ("right", "l"), "right", "Select the fold to the right", "Move", _GRID),
    Action("up", ("up", "k"), "up", "Select the experiment above", "Move", _GRID),
    Action("down", ("down", "j"), "down", "Select the experiment below", "Move", _GRID),
    Action("page_up", ("pageup",), "page up", "Move up by a page", "Move", _GRID),
    Action("page_down", ("pagedown",), "page down", "Move down by a page", "Move", _GRID),
    Action("first", ("g", "home"), "first", "Select the newest experiment", "Move", _GRID),
    Action("last", ("G", "end"), "last", "Select the oldest experiment", "Move", _GRID),
    Action("whole", ("a",), "all folds", "Select the whole experiment, or its fold again", "Move", _GRID, footer=_GRID),
    Action("next_pane", ("tab",), "next pane", "Go to the next pane", "Move", _RUN),
    Action("previous_pane", ("shift+tab",), "previous pane", "Go to the pane before", "Move", _RUN),
    Action("theme", ("t",), "theme", "Change between dark and light", "Timnet", _ANY),
    Action("help", ("question_mark", "f1"), "help", "Show all keys and signs", "Timnet", _ANY, footer=_ANY),
    Action("command_palette", ("ctrl+p",), "palette", "Find an action by its name", "Timnet", _ANY),
    Action("quit", ("q", "ctrl+q", "ctrl+c"), "quit", "Close this view; training goes on", "Timnet", _ANY, footer=_ANY),
)  # fmt: skip

#: how keys are written where they are shown
KEY_NAMES = {
    "question_mark": "?", "escape": "esc", "enter": "⏎", "pageup": "PgUp", "pagedown": "PgDn", "up": "↑",
    "down": "↓", "left": "←", "right": "→", "backspace": "⌫", "shift+tab": "⇧tab", "home": "Home", "end": "End",
    "f1": "F1",
}  # fmt: skip


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
            id=f"{place}.{action.id}",
        )
        for action in ACTIONS
        if place in action.places
    ]


def key_name(key: str) -> str:
    """A key as people write it: ``?``, ``esc``, ``^k``."""
    if key.startswith("ctrl+"):
        return "^" + key.removeprefix("ctrl+")
    return KEY_NAMES.get(key, key)


def keys_of(action: Action) -> str:
    """All keys of an action, for the help."""
    return " ".join(key_name(key) for key in action.keys)
