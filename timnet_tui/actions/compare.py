"""The actions of a comparison."""

from __future__ import annotations

from timnet_tui.actions.table import Action, Place

_COMPARE = (Place.COMPARE,)

ACTIONS: tuple[Action, ...] = (
    Action("metric", ("M",), "metric", "Go to the next metric: accuracy, UAR, loss", "Look", _COMPARE, footer=_COMPARE),
    Action("smoother", ("s",), "smooth", "Smooth the curves more, then not at all", "Look", _COMPARE, footer=_COMPARE),
    Action("log_scale", ("y",), "log y", "A logarithmic or a linear axis", "Look", _COMPARE),
    Action("band", ("b",), "band", "Go to the next band: sd, se, 95 % CI, min-max, none", "Look", _COMPARE,
           footer=_COMPARE),
    Action("folds", ("f", "F"), "folds", "Show or hide the folds behind each mean, and each fold's difference", "Look",
           _COMPARE, footer=_COMPARE),
    Action("base", ("enter",), "set first", "Set the others against the selected one", "Look", _COMPARE,
           footer=_COMPARE),
    Action("zoom_in", ("plus", "equals_sign", "z"), "zoom in", "Show fewer epochs", "Look", _COMPARE),
    Action("zoom_out", ("minus", "Z"), "zoom out", "Show more epochs", "Look", _COMPARE),
    Action("zoom_reset", ("0",), "all epochs", "Show all epochs again", "Look", _COMPARE),
    Action("left", ("left", "h"), "left", "Select the one to the left", "Move", _COMPARE),
    Action("right", ("right", "l"), "right", "Select the one to the right", "Move", _COMPARE),
    Action("up", ("up", "k"), "up", "Scroll up", "Move", _COMPARE),
    Action("down", ("down", "j"), "down", "Scroll down", "Move", _COMPARE),
    Action("page_up", ("pageup",), "page up", "Scroll up by a page", "Move", _COMPARE),
    Action("page_down", ("pagedown",), "page down", "Scroll down by a page", "Move", _COMPARE),
    Action("open", ("o",), "open", "Open the selected run, or the experiment's first", "Look", _COMPARE),
    Action("export", ("x",), "export", "Write the comparison to a file", "Look", _COMPARE, footer=_COMPARE),
    Action("copy", ("Y",), "copy ids", "Copy the ids of what is compared", "Look", _COMPARE),
)  # fmt: skip
