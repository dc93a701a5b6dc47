"""What is asked of the queue, wherever a run can be selected."""

from __future__ import annotations

from timnet_tui.actions.table import Action, Place

_RUNS = (Place.GRID, Place.RUN, Place.RUNS, Place.QUEUE)
_FOOTER = (Place.GRID, Place.RUN, Place.QUEUE)

ACTIONS: tuple[Action, ...] = (
    Action("pause", ("p",), "pause", "Pause; a running run first ends its epoch", "Queue", _RUNS, footer=_FOOTER),
    Action("resume", ("r",), "resume", "Resume what is paused", "Queue", _RUNS, footer=_FOOTER),
    Action("retry", ("R",), "retry", "Queue what failed or was cancelled again", "Queue", _RUNS, footer=_FOOTER),
    Action("cancel", ("c", "ctrl+k"), "cancel", "Cancel; asks first if one is training", "Queue", _RUNS,
           footer=_FOOTER),
    Action("start_worker", ("w",), "worker", "Start a worker; it outlives this view", "Queue", _RUNS,
           footer=(Place.GRID, Place.QUEUE)),
)  # fmt: skip
