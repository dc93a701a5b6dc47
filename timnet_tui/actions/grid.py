"""The grid's actions."""

from __future__ import annotations

from timnet_tui.actions.table import Action, Place

_GRID = (Place.GRID,)

ACTIONS: tuple[Action, ...] = (
    Action("open", ("enter",), "open", "Open the selected run or experiment", "Look", _GRID, footer=_GRID),
    Action("log_scale", ("y",), "log y", "Loss on a logarithmic or a linear axis", "Look", _GRID),
    Action("left", ("left", "h"), "left", "Select the fold to the left, then the whole experiment", "Move", _GRID),
    Action("right", ("right", "l"), "right", "Select the fold to the right", "Move", _GRID),
    Action("up", ("up", "k"), "up", "Select the experiment above", "Move", _GRID),
    Action("down", ("down", "j"), "down", "Select the experiment below", "Move", _GRID),
    Action("page_up", ("pageup",), "page up", "Move up by a page", "Move", _GRID),
    Action("page_down", ("pagedown",), "page down", "Move down by a page", "Move", _GRID),
    Action("first", ("g", "home"), "first", "Select the newest experiment", "Move", _GRID),
    Action("last", ("G", "end"), "last", "Select the oldest experiment", "Move", _GRID),
    Action("whole", ("a",), "all folds", "Select the whole experiment, or its fold again", "Move", _GRID, footer=_GRID),
)  # fmt: skip
