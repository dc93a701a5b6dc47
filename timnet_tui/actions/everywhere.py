"""What can be done on every screen."""

from __future__ import annotations

from timnet_tui.actions.table import Action, Place

_ANY = (Place.ANYWHERE,)
_OVER = (Place.RUN, Place.COMPARE, Place.NEW)

ACTIONS: tuple[Action, ...] = (
    Action("back", ("escape", "backspace"), "back", "Go back to the screen before", "Look", _OVER, footer=_OVER),
    Action("show_grid", ("1",), "grid", "Experiments by folds", "Screens", _ANY),
    Action("show_runs", ("2",), "runs", "All runs: filter, sort, group, mark", "Screens", _ANY),
    Action("show_queue", ("3",), "queue", "What trains, what waits and why, and the workers", "Screens", _ANY),
    Action("show_results", ("4",), "results", "All results in one table, ours and published ones", "Screens", _ANY),
    Action("show_corpora", ("5",), "corpora", "What experiments are made of", "Screens", _ANY),
    Action("undo", ("u",), "undo", "Take back the last thing that can be taken back", "Timnet", _ANY),
    Action("theme", ("t",), "theme", "Go to the next theme", "Timnet", _ANY),
    Action("help", ("question_mark", "f1"), "help", "Show all keys and signs", "Timnet", _ANY, footer=_ANY),
    Action("command_palette", ("ctrl+p",), "palette", "Find an action by its name", "Timnet", _ANY),
    Action("quit", ("q", "ctrl+q", "ctrl+c"), "quit", "Close this view; training goes on", "Timnet", _ANY, footer=_ANY),
)  # fmt: skip
