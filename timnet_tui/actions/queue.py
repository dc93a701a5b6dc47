"""What is asked of the queue, wherever a run can be selected, and on the queue's own screen."""

from __future__ import annotations

from timnet_tui.actions.table import Action, Place

_RUNS = (Place.GRID, Place.RUN, Place.RUNS, Place.QUEUE)
_FOOTER = (Place.GRID, Place.RUN, Place.QUEUE)
_QUEUE = (Place.QUEUE,)

ACTIONS: tuple[Action, ...] = (
    Action("pause", ("p",), "pause", "Pause; a running run first ends its epoch", "Queue", _RUNS, footer=_FOOTER),
    Action("resume", ("r",), "resume", "Resume what is paused", "Queue", _RUNS, footer=_FOOTER),
    Action("retry", ("R",), "retry", "Queue what failed or was cancelled again", "Queue", _RUNS, footer=_FOOTER),
    Action("cancel", ("c", "ctrl+k"), "cancel", "Cancel; asks first if one is training", "Queue", _RUNS,
           footer=_FOOTER),
    Action("start_worker", ("w",), "worker", "Start a worker; it outlives this view", "Queue", _RUNS,
           footer=(Place.GRID, Place.QUEUE)),
    Action("hold_all", ("H",), "hold all", "Pause all that wait or train; where nothing does, resume all", "Queue",
           _QUEUE),
    Action("open", ("enter",), "open", "Open the selected run, or the selected worker's log", "Look", _QUEUE),
    Action("filter", ("slash",), "filter", "Show only what passes a filter, e.g. corpus:EMODB", "Look", _QUEUE,
           footer=_QUEUE, at_once=True),
    Action("move_up", ("K", "shift+up"), "move up", "Move up in the queue", "Order", _QUEUE, footer=_QUEUE),
    Action("move_down", ("J", "shift+down"), "move down", "Move down in the queue", "Order", _QUEUE),
    Action("move_top", ("less_than_sign",), "to the top", "Move ahead of all that wait", "Order", _QUEUE),
    Action("move_bottom", ("greater_than_sign",), "to the end", "Move behind all that wait", "Order", _QUEUE),
    Action("higher", ("plus",), "priority +", "Raise the priority; higher runs first", "Order", _QUEUE),
    Action("lower", ("minus",), "priority -", "Lower the priority", "Order", _QUEUE),
    Action("mark", ("space",), "mark", "Mark the selected run, or take its mark away", "Marks", _QUEUE),
    Action("step_back", ("escape",), "unmark", "Take the marks away; then clear the filter", "Marks", _QUEUE),
    Action("stop_worker", ("s",), "stop worker", "End a worker; its runs go back to the queue", "Workers", _QUEUE),
    Action("drain_worker", ("d",), "drain worker", "End a worker after the runs it is at", "Workers", _QUEUE),
    Action("worker_log", ("L",), "worker's log", "Show what the worker printed", "Workers", _QUEUE),
    Action("next_pane", ("tab",), "workers", "From the runs to the workers, and back", "Move", _QUEUE),
    Action("previous_pane", ("shift+tab",), "runs", "From the workers to the runs, and back", "Move", _QUEUE),
    Action("up", ("up", "k"), "up", "Select the line above", "Move", _QUEUE),
    Action("down", ("down", "j"), "down", "Select the line below", "Move", _QUEUE),
    Action("page_up", ("pageup",), "page up", "Move up by a page", "Move", _QUEUE),
    Action("page_down", ("pagedown",), "page down", "Move down by a page", "Move", _QUEUE),
    Action("first", ("g", "home"), "first", "Select the first", "Move", _QUEUE),
    Action("last", ("G", "end"), "last", "Select the last", "Move", _QUEUE),
    Action("left", ("left", "h"), "left", "Columns further to the left", "Move", _QUEUE),
    Action("right", ("right", "l"), "right", "Columns further to the right", "Move", _QUEUE),
)  # fmt: skip
