"""The actions of the run screen, which shows one fold or a whole experiment."""

from __future__ import annotations

from timnet_tui.actions.table import Action, Place

_RUN = (Place.RUN,)

ACTIONS: tuple[Action, ...] = (
    Action("next_fold", ("]",), "fold", "Go to the next fold of this experiment", "Look", _RUN, footer=_RUN),
    Action("previous_fold", ("[",), "fold before", "Go to the previous fold of this experiment", "Look", _RUN),
    Action("whole", ("f",), "all folds", "This fold, or all folds: their mean with a band", "Look", _RUN, footer=_RUN),
    Action("zoom_in", ("+", "z", "="), "zoom in", "Show less, round the cursor", "Curves", _RUN),
    Action("zoom_out", ("-", "Z"), "zoom out", "Show more of the curves, at last everything", "Curves", _RUN),
    Action("pan_left", ("shift+left",), "earlier", "Move what is in view towards the start", "Curves", _RUN),
    Action("pan_right", ("shift+right",), "later", "Move what is in view towards the end, which it then follows",
           "Curves", _RUN),
    Action("cursor_left", ("comma",), "read before", "Read the epoch before, or a t-SNE point", "Curves", _RUN),
    Action("cursor_right", (".",), "read after", "Read the epoch after, or a t-SNE point", "Curves", _RUN),
    Action("cursor_far_left", ("<",), "10 before", "Read ten epochs before", "Curves", _RUN),
    Action("cursor_far_right", (">",), "10 after", "Read ten epochs after", "Curves", _RUN),
    Action("reset_view", ("0",), "all", "Everything in view again, no cursor", "Curves", _RUN),
    Action("log_scale", ("y",), "log y", "Loss on a logarithmic or a linear axis", "Curves", _RUN),
    Action("smoother", ("s",), "smooth", "Smooth the curves more: 0, 0.6, 0.9, 0.99", "Curves", _RUN),
    Action("rougher", ("S",), "smooth less", "Smooth the curves less", "Curves", _RUN),
    Action("x_axis", ("X",), "x axis", "Count epochs, optimiser steps, or minutes", "Curves", _RUN),
    Action("band", ("b",), "band", "The mean's band: sd, se, 95 % interval, min-max", "Curves", _RUN),
    Action("every_fold", ("F",), "each fold", "Show or hide the single folds behind their mean", "Curves", _RUN),
    Action("metric", ("M",), "metric", "The upper curves: accuracy, UAR, learning rate, seconds", "Curves", _RUN),
    Action("enlarge", ("v",), "enlarge", "All the room for one chart, for the other, for both again", "Curves", _RUN),
    Action("next_pane", ("tab",), "next pane", "Open the next pane", "Panes", _RUN),
    Action("previous_pane", ("shift+tab",), "pane before", "Open the pane before", "Panes", _RUN),
    Action("facts", ("a",), "about", "What is known of the run", "Panes", _RUN),
    Action("events", ("e",), "events", "Events; again: checks, attempts, problems, all", "Panes", _RUN),
    Action("log", ("l",), "log", "The end of the run's log", "Panes", _RUN),
    Action("search", ("/",), "find", "Find a text in the log", "Panes", _RUN),
    Action("find_next", ("ctrl+n", "f3"), "next match", "To the next match in the log", "Panes", _RUN),
    Action("find_before", ("ctrl+b", "shift+f3"), "match before", "To the match before in the log", "Panes", _RUN),
    Action("confusion", ("o",), "confusion", "Confusion matrix; again: counts, or per cent of the row", "Panes", _RUN),
    Action("recall", ("i",), "recall", "The recall of each class", "Panes", _RUN),
    Action("plane", ("d",), "t-SNE", "t-SNE of the test utterances; again: let a class stand out", "Panes", _RUN),
    Action("wrong", ("D",), "wrong", "Mark what was not recognised in the t-SNE", "Panes", _RUN),
    Action("picture", ("I",), "picture", "The t-SNE as the exported picture (Kitty, Ghostty, sixel)", "Panes", _RUN),
    Action("settings", ("g",), "config", "All settings, and what differs from the preset", "Panes", _RUN),
    Action("files", ("k",), "files", "What the run has kept on disk", "Panes", _RUN),
    Action("copy", ("Y",), "copy", "Copy the selected file's path, or the run's id", "Panes", _RUN),
)  # fmt: skip

#: pane -> the action that opens it
PANES = {pane: pane for pane in ("facts", "events", "log", "confusion", "recall", "plane", "settings", "files")}
