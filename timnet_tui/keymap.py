"""The keys of a user's own: ``[keys]`` in the settings laid over the action table, and what is wrong with them.

A key that cannot be set as wanted is left as it was and named in one line; it never keeps the interface from
starting.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches

from textual.keys import Keys

from timnet.text import clean
from timnet_tui.actions import ACTIONS, Action, Place, key_name

MODIFIERS = ("ctrl+", "shift+", "alt+", "super+", "hyper+", "meta+")
_NAMED = frozenset(key.value for key in Keys)

#: ``<place>.<action>``, as the bindings have it
Id = str


@dataclass(frozen=True, slots=True)
class Keymap:
    """``keys``: the keys of each action that has others than in the table. ``complaints``: a line for each fault.

    ``words``: keys are shown by words alone (``enter``), for terminals without signs for them.
    """

    keys: Mapping[Id, tuple[str, ...]] = field(default_factory=dict)
    complaints: tuple[str, ...] = ()
    words: bool = False

    def for_textual(self) -> dict[str, str]:
        """As ``App.set_keymap`` takes it."""
        return {name: ",".join(keys) for name, keys in self.keys.items()}

    def of(self, action: Action, place: Place) -> tuple[str, ...]:
        """The keys of an action where it is offered at ``place``."""
        found = place if place in action.places else Place.ANYWHERE
        return self.keys.get(f"{found}.{action.id}", action.keys)

    def shown(self, action: Action, place: Place | None = None) -> str:
        """All keys of an action, as people write them."""
        places = [place] if place else action.places
        return " ".join(dict.fromkeys(self._name(key) for one in places for key in self.of(action, one)))

    def _name(self, key: str) -> str:
        name = key_name(key)
        return key if self.words and not name.isascii() else name


def keymap_of(wanted: Sequence[tuple[str, str]], *, words: bool = False) -> Keymap:
    """The keymap of the settings' ``[keys]``: ``("grid.pause", "P,f6")``, or ``("pause", "P")`` for every place."""
    keys: dict[Id, tuple[str, ...]] = {}
    complaints = []
    ids = {f"{place}.{action.id}": action.id for action in ACTIONS for place in action.places}
    for name, text in wanted:
        chosen = tuple(dict.fromkeys(_normal(key.strip()) for key in text.split(",")))
        named = [one for one, action in ids.items() if name in (one, action)]
        bad = next((key for key in chosen if not is_key(key)), None)
        if not named:
            complaints.append(_unknown(name, [*ids, *ids.values()]))
        elif bad is not None:
            complaints.append(f"keys: {clean(bad)!r} for {name} is no key; keys look like P, f6, ctrl+b or pagedown")
        else:
            keys.update(dict.fromkeys(named, chosen))
    return replace(_without_clashes(keys, complaints), words=words)


def is_key(name: str) -> bool:
    """Whether a terminal could ever send this key."""
    while name.startswith(MODIFIERS):
        name = name.partition("+")[2]
    return (len(name) == 1 and name.isprintable()) or name in _NAMED or name.replace("_", "").isalpha()


def _normal(key: str) -> str:
    """A sign by Textual's name for it: ``?`` is ``question_mark``."""
    from textual.keys import _character_to_key

    *modifiers, last = key.split("+") if len(key) > 1 else [key]
    return "+".join([*modifiers, _character_to_key(last) if len(last) == 1 else last])


def _unknown(name: str, known: Sequence[str]) -> str:
    close = get_close_matches(name, known, 1)
    hint = f"; did you mean {close[0]}?" if close else "; they are listed by: timnet settings --keys"
    return f"keys: there is no action {clean(name)!r}{hint}"


def _without_clashes(keys: dict[Id, tuple[str, ...]], complaints: list[str]) -> Keymap:
    """Give up, one after the other, what would make a key mean two things on one screen."""
    while True:
        clash = _clash(keys)
        if clash is None:
            return Keymap(keys, tuple(complaints))
        mine, key, other = clash
        complaints.append(f"keys: {key_name(key)} for {mine} is the key of {other}; {mine} keeps its own")
        del keys[mine]


def _clash(keys: Mapping[Id, tuple[str, ...]]) -> tuple[Id, str, Id] | None:
    """An action with a key of the user's, that key, and another action that has it on the same screen."""
    for place in Place:
        taken: dict[str, Id] = {}
        for action in (one for one in ACTIONS if place in one.places or Place.ANYWHERE in one.places):
            name = f"{place if place in action.places else Place.ANYWHERE}.{action.id}"
            for key in keys.get(name, action.keys):
                if key in taken and taken[key] != name:
                    return (name, key, taken[key]) if name in keys else (taken[key], key, name)
                taken[key] = name
    return None
