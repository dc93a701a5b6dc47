"""One action, the places where it is offered, and how its keys are written.

Bindings, footer, help and command palette are all made from these, so none can tell another story. An
action's ``id`` names the method ``action_<id>`` of the screen (or the app) that carries it out; users remap
its keys in ``timnet.toml`` as ``<place>.<id>``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Place(StrEnum):
    """Where an action is offered."""

    ANYWHERE = "anywhere"
    GRID = "grid"
    RUN = "run"
    RUNS = "runs"
    COMPARE = "compare"
    QUEUE = "queue"
    NEW = "new"
    RESULTS = "results"
    CORPORA = "corpora"


@dataclass(frozen=True, slots=True)
class Action:
    """One action: its keys, a word for the footer, a sentence for the help.

    ``footer`` are the places whose footer names it; 80 columns hold about ten. ``at_once`` is for what is followed by
    typing: it is done before the next key is looked at, so that no letter becomes a command.
    """

    id: str
    keys: tuple[str, ...]
    label: str
    help: str
    group: str
    places: tuple[Place, ...]
    footer: tuple[Place, ...] = ()
    at_once: bool = False


#: how keys are written where they are shown
KEY_NAMES = {
    "question_mark": "?", "escape": "esc", "enter": "⏎", "pageup": "PgUp", "pagedown": "PgDn", "up": "↑",
    "down": "↓", "left": "←", "right": "→", "backspace": "⌫", "shift+tab": "⇧tab", "home": "Home", "end": "End",
    "f1": "F1", "less_than_sign": "<", "greater_than_sign": ">", "asterisk": "*",
    "slash": "/", "shift+up": "⇧↑", "shift+down": "⇧↓", "shift+left": "⇧←",
    "shift+right": "⇧→", "comma": ",", "f3": "F3", "shift+f3": "⇧F3", "delete": "Del", "plus": "+", "minus": "-",
    "equals_sign": "=",
}  # fmt: skip


def key_name(key: str) -> str:
    """A key as people write it: ``?``, ``esc``, ``^k``."""
    if key.startswith("ctrl+"):
        return "^" + key.removeprefix("ctrl+")
    return KEY_NAMES.get(key, key)


def keys_of(action: Action) -> str:
    """All keys of an action, for the help."""
    return " ".join(key_name(key) for key in action.keys)
