"""The table of results, and exporting from wherever results are seen."""

from __future__ import annotations

from timnet_tui.actions.table import Action, Place

_HERE = (Place.RESULTS,)
_EXPORT = (Place.GRID, Place.RUN, Place.RUNS, Place.RESULTS)

ACTIONS: tuple[Action, ...] = (
    Action("open", ("enter",), "open", "See what a result is made of; again: open that run", "Look", _HERE,
           footer=_HERE),
    Action("leave", ("escape",), "back", "Back from the runs to the table", "Look", _HERE),
    Action("rows", ("r",), "rows", "Choose what stands down the side: corpus, preset, seed, ...", "Look", _HERE,
           footer=_HERE),
    Action("cols", ("c",), "columns", "Choose what stands across", "Look", _HERE, footer=_HERE),
    Action("swap", ("s",), "swap", "Change rows and columns with each other", "Look", _HERE, footer=_HERE),
    Action("metric", ("M",), "metric", "UAR and WAR, UAR alone, WAR alone", "Look", _HERE, footer=_HERE),
    Action("filter", ("slash",), "filter", "Only experiments that pass a filter, e.g. protocol:loso", "Look", _HERE,
           footer=_HERE),
    Action("left", ("left", "h"), "left", "Select the cell to the left", "Move", _HERE),
    Action("right", ("right", "l"), "right", "Select the cell to the right", "Move", _HERE),
    Action("up", ("up", "k"), "up", "Select the cell above, or the run above", "Move", _HERE),
    Action("down", ("down", "j"), "down", "Select the cell below, or the run below", "Move", _HERE),
    Action("first", ("g", "home"), "first", "Select the first row", "Move", _HERE),
    Action("last", ("G", "end"), "last", "Select the last row", "Move", _HERE),
    Action("import_results", ("i",), "import", "Take in what was trained elsewhere: a Keras log, published weights",
           "Look", (Place.GRID, Place.RESULTS)),
    Action("demo", ("d",), "demo", "Train the demo in this registry; again: stop making it", "Look", (Place.GRID,)),
    Action("export", ("x",), "export", "Write a table, curves, t-SNE, a confusion matrix or runs to files", "Look",
           _EXPORT, footer=_HERE),
)  # fmt: skip
