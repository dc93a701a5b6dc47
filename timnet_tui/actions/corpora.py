"""What can be done with corpora."""

from __future__ import annotations

from timnet_tui.actions.table import Action, Place

_HERE = (Place.CORPORA,)

ACTIONS: tuple[Action, ...] = (
    Action("add", ("a", "enter"), "add", "Register a corpus; what was recognised is shown first", "Corpora", _HERE,
           footer=_HERE),
    Action("check", ("v",), "verify", "Compare a corpus with its files now and with the published counts", "Corpora",
           _HERE, footer=_HERE),
    Action("features", ("e",), "extract", "Extract a corpus's features ahead of time", "Corpora", _HERE, footer=_HERE),
    Action("organise", ("o",), "organise", "Sort a corpus into one folder an emotion, as copies or links", "Corpora",
           _HERE, footer=_HERE),
    Action("fetch", ("f",), "fetch", "Download a public corpus, or say where to ask for it", "Corpora", _HERE,
           footer=_HERE),
    Action("forget", ("ctrl+d", "delete"), "forget", "Take a corpus from the list; its recordings are not touched",
           "Corpora", _HERE, footer=_HERE),
    Action("stop", ("c", "escape"), "stop", "Stop the work on the selected corpus", "Corpora", _HERE, footer=_HERE),
    Action("up", ("up", "k"), "up", "Select the corpus above", "Move", _HERE),
    Action("down", ("down", "j"), "down", "Select the corpus below", "Move", _HERE),
    Action("first", ("g", "home"), "first", "Select the first corpus", "Move", _HERE),
    Action("last", ("G", "end"), "last", "Select the last corpus", "Move", _HERE),
)  # fmt: skip
