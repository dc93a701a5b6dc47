"""How a result looks: as a few lines in a cell of the table, and in full beside it. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from timnet.evaluation.statistics import SeedScores
from timnet.export.tables import Cell, Entry, Table
from timnet.text import clean
from timnet_tui.looks.results import ResultsPage, why_not_compared
from timnet_tui.palette import Palette
from timnet_tui.render import style

#: entries of a mixed cell that are shown in the table; the others are told beside it
SHOWN = 3
BEST = "★"
NOTHING = "–"
OPTIMISTIC = "optimistic"


def score(one: SeedScores) -> str:
    """``83.8±3.1`` in per cent; the spread is over the folds of one seed."""
    if one.mean is None:
        return NOTHING
    return f"{100 * one.mean:.1f}" + ("" if one.fold_sd is None else f"±{100 * one.fold_sd:.1f}")


def cell_lines(cell: Cell, metrics: Sequence[str], colours: Palette) -> list[Text]:
    """Two lines for each result: its scores, then n and how it was come by; the most telling first."""
    if not cell.entries:
        return [Text(NOTHING, style(colours.faint))]
    lines: list[Text] = []
    for entry in cell.entries[:SHOWN]:
        lines += [_scores(entry, metrics, colours), _label(entry, colours)]
    more = len(cell.entries) - SHOWN
    if more > 0:
        lines.append(Text(f"and {more} more", style(colours.faint)))
    return lines


def _scores(entry: Entry, metrics: Sequence[str], colours: Palette) -> Text:
    text = Text(no_wrap=True)
    for metric in metrics:
        if text:
            text.append("/", style(colours.faint))
        best = metric in entry.best
        text.append(score(entry.score(metric)), style(colours.accent if best else colours.text, bold=best))
        if best:
            text.append(BEST, style(colours.accent, bold=True))
    return text


def _label(entry: Entry, colours: Palette) -> Text:
    text = Text(no_wrap=True).append(f"n {n_of(entry)} ", style(colours.faint))
    if entry.optimistic:
        text.append(f"{OPTIMISTIC} ", style(colours.warning))
    return text.append(f"{clean(entry.protocol)} {clean(entry.selection)}", style(colours.faint))


def n_of(entry: Entry) -> str:
    """``10``, ``3/10`` while folds are missing, ``20 (2 seeds)``, or a dash where nobody says."""
    if not entry.folds:
        return NOTHING
    count = str(entry.n) if entry.n == entry.folds else f"{entry.n}/{entry.folds}"
    return f"{count} ({len(entry.seeds)} seeds)" if len(entry.seeds) > 1 else count


def header(page: ResultsPage, rows: str, cols: str, metrics: Sequence[str], colours: Palette) -> Text:
    """What the table shows, in a line."""
    text = Text(no_wrap=True, overflow="ellipsis")
    named = " / ".join(metric.upper() for metric in metrics)
    text.append(f" {rows} × {cols}", style(colours.accent, bold=True))
    text.append(f"  {named} %, mean ± sd over folds", style(colours.text))
    if page.total > len(page.experiments):
        text.append(f"  the newest {len(page.experiments)} of {page.total} experiments", style(colours.warning))
    return text


def about(table: Table, row: str, col: str, cell: Cell, colours: Palette) -> Text:
    """All that is known of a cell: each result with its label, what it is made of, and what it is no match for."""
    text = Text().append(f"{clean(row)}, {clean(col)}", style(colours.accent, bold=True))
    if not cell.entries:
        text.append("\nnothing here yet\n", style(colours.faint))
    if cell.mixed:
        text.append(f"  {len(cell.entries)} results that must not be averaged", style(colours.warning))
    text.append("\n")
    for entry in cell.entries:
        _entry(text, entry, table, colours)
    text.append("\n")
    for note in table.notes:
        text.append(f"{clean(note)}\n", style(colours.faint))
    return text


def _entry(text: Text, entry: Entry, table: Table, colours: Palette) -> None:
    text.append(f"{clean(entry.source)}  ", style(colours.text, bold=True))
    text.append(f"{clean(entry.protocol)}, {clean(entry.selection)}", style(colours.text))
    if entry.optimistic:
        text.append(f" {OPTIMISTIC}", style(colours.warning))
    text.append("\n")
    for metric in table.metrics:
        one = entry.score(metric)
        text.append(f"  {metric.upper()} {score(one)}", style(colours.text, bold=metric in entry.best))
        if one.mean is not None and (one.folds or entry.folds):
            text.append(f"  n {one.folds}", style(colours.faint))
        if one.seed_sd is not None:
            text.append(f"  ±{100 * one.seed_sd:.1f} over {one.seeds} seeds", style(colours.faint))
        if metric in entry.best:
            text.append(f"  {BEST} best", style(colours.accent))
        text.append("\n")
    if entry.n < entry.folds or len(entry.seeds) > 1:
        seeds = f", seeds {' '.join(map(str, entry.seeds))}" if len(entry.seeds) > 1 else ""
        text.append(f"  {entry.n} of {entry.folds} folds{seeds}\n", style(colours.faint))
    for line in why_not_compared(entry, table.entries):
        text.append(f"  {line}\n", style(colours.warning))
