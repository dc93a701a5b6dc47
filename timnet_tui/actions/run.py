"""The run screen's actions."""

from __future__ import annotations

from timnet_tui.actions.table import Action, Place

_RUN = (Place.RUN,)

ACTIONS: tuple[Action, ...] = (
    Action("next_fold", ("]",), "fold", "Go to the next fold of this experiment", "Look", _RUN, footer=_RUN),
    Action("previous_fold", ("[",), "fold before", "Go to the previous fold of this experiment", "Look", _RUN),
    Action("events", ("e",), "events", "Show or hide epochs that were not checked", "Look", _RUN, footer=_RUN),
    Action("log", ("l",), "log", "Show or hide the end of the run's log", "Look", _RUN, footer=_RUN),
    Action("log_scale", ("y",), "log y", "Loss on a logarithmic or a linear axis", "Look", _RUN),
    Action("next_pane", ("tab",), "next pane", "Go to the next pane", "Move", _RUN),
    Action("previous_pane", ("shift+tab",), "previous pane", "Go to the pane before", "Move", _RUN),
)  # fmt: skip
