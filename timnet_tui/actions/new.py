"""Making new experiments: from anywhere, and in the form itself."""

from __future__ import annotations

from timnet_tui.actions.table import Action, Place

_NEW = (Place.NEW,)
_FROM = (Place.GRID, Place.RUN, Place.RUNS, Place.QUEUE)

ACTIONS: tuple[Action, ...] = (
    Action("new", ("n",), "new", "Queue new experiments", "Queue", (Place.ANYWHERE,)),
    Action("again", ("A",), "again", "Queue the same experiment again, but with other settings", "Queue", _FROM),
    Action("queue", ("ctrl+s",), "queue", "Queue what the form asks for", "Queue", _NEW, footer=_NEW),
    Action("train", ("ctrl+t",), "queue and train", "Queue it, and start a worker if none works", "Queue", _NEW,
           footer=_NEW),
    Action("next_field", ("down",), "next", "Go to the next field", "Move", _NEW),
    Action("previous_field", ("up",), "before", "Go to the field before", "Move", _NEW),
)  # fmt: skip
