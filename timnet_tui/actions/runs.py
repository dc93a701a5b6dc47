"""The actions of lists of runs: the list of all, and where the grid shares them."""

from __future__ import annotations

from timnet_tui.actions.table import Action, Place

_RUNS = (Place.RUNS,)
_LISTS = (Place.RUNS, Place.GRID)

ACTIONS: tuple[Action, ...] = (
    Action("open", ("enter",), "open", "Open the selected run; of runs put together, list them", "Look", _RUNS,
           footer=_RUNS),
    Action("filter", ("slash",), "filter", "Show only what passes a filter, e.g. corpus:EMODB uar>0.8", "Look", _LISTS,
           footer=_RUNS, at_once=True),
    Action("sort", ("o",), "sort", "Choose what to sort by", "Look", _RUNS, footer=_RUNS),
    Action("reverse", ("O",), "reverse", "Turn the order round", "Look", _RUNS),
    Action("group", ("b",), "group by", "Put runs together by corpus, preset, tag, ..., with mean, sd and n", "Look",
           _RUNS, footer=_RUNS),
    Action("columns", ("v",), "columns", "Choose the columns", "Look", _RUNS),
    Action("up", ("up", "k"), "up", "Select the run above", "Move", _RUNS),
    Action("down", ("down", "j"), "down", "Select the run below", "Move", _RUNS),
    Action("page_up", ("pageup",), "page up", "Move up by a page", "Move", _RUNS),
    Action("page_down", ("pagedown",), "page down", "Move down by a page", "Move", _RUNS),
    Action("first", ("g", "home"), "first", "Select the first", "Move", _RUNS),
    Action("last", ("G", "end"), "last", "Select the last", "Move", _RUNS),
    Action("left", ("left", "h"), "left", "Columns further to the left", "Move", _RUNS),
    Action("right", ("right", "l"), "right", "Columns further to the right", "Move", _RUNS),
    Action("mark", ("space",), "mark", "Mark the selected run, or take its mark away", "Marks", _LISTS, footer=_RUNS),
    Action("mark_up", ("shift+up", "K"), "mark up", "Mark on the way up", "Marks", _RUNS),
    Action("mark_down", ("shift+down", "J"), "mark down", "Mark on the way down", "Marks", _RUNS),
    Action("mark_all", ("asterisk",), "mark all", "Mark all that pass the filter", "Marks", _RUNS),
    Action("step_back", ("escape",), "unmark", "Take the marks away; then show single runs; then clear the filter",
           "Marks", _LISTS),
    Action("compare", ("C",), "compare", "Set 2 to 20 marked runs or experiments side by side", "Marks", _LISTS,
           footer=_RUNS),
    Action("tags", ("T",), "tags", "Tag the experiments of what is marked or selected", "Keep", _LISTS),
    Action("note", ("m",), "note", "Write a note on an experiment", "Keep", _LISTS),
    Action("pin", ("P",), "pin", "Pin experiments, or unpin them", "Keep", _LISTS),
    Action("delete", ("ctrl+d", "delete"), "delete", "Remove whole experiments; asks first, and can be undone", "Keep",
           _LISTS),
    Action("copy", ("Y",), "copy id", "Copy the ids of what is marked or selected", "Keep", _LISTS),
)  # fmt: skip
