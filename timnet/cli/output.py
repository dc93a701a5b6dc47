"""Printing: data on standard output, messages on standard error, foreign text made harmless."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING
from unicodedata import combining, east_asian_width

from timnet.records import Experiment, Run, RunState
from timnet.selection import selection_text
from timnet.text import clean

if TYPE_CHECKING:
    from rich.console import Console

    from timnet.evaluation.summary import Summary
    from timnet.tasks import Progress

GAP = 2
WIDE = 10**9

GLYPHS = {
    RunState.QUEUED: ("·", "dim"),
    RunState.RUNNING: ("▶", "cyan"),
    RunState.PAUSED: ("‖", "yellow"),
    RunState.DONE: ("✓", "green"),
    RunState.FAILED: ("✗", "red"),
    RunState.CANCELLED: ("–", "dim"),
}
SUBMITTED = ("▷", "dim")
"""A run that waits in an engine of other machines."""


@cache
def out() -> Console:
    """The console on standard output, for tables in a terminal."""
    from rich.console import Console

    return Console(highlight=False)


@cache
def err() -> Console:
    """The console on standard error, for messages and progress."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def say(message: str) -> None:
    """A message for the user, on standard error; what it quotes is made harmless."""
    sys.stderr.write(clean(message) + "\n")


def print_json(value: object) -> None:
    """``value`` as JSON on standard output."""
    from timnet.export.contract import to_json

    sys.stdout.write(to_json(value))


def print_table(
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    right: Sequence[str] = (),
    optional: Sequence[str] = (),
) -> None:
    """Aligned columns on standard output; cells are plain text.

    Columns named in ``optional`` are left out, in that order, while the table is wider than the terminal.
    """
    shown = [[clean(cell) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        _print_plain(headings, shown, fitting_columns(headings, shown, optional, WIDE), right)
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="bold", show_header=any(headings))
    keep = fitting_columns(headings, shown, optional, out().width)
    for place in keep:
        table.add_column(Text(headings[place]), justify="right" if headings[place] in right else "left")
    for row in shown:
        table.add_row(*(Text(row[place]) for place in keep))
    out().print(table)


def _print_plain(
    headings: Sequence[str], rows: Sequence[Sequence[str]], keep: Sequence[int], right: Sequence[str]
) -> None:
    """The same table for a pipe or a file: as wide as it needs to be, no styles, nothing behind the last word."""
    lines = [*([[clean(heading) for heading in headings]] if any(headings) else []), *rows]
    sizes = {place: max((cells(line[place]) for line in lines), default=0) for place in keep}
    for line in lines:
        padded = []
        for place in keep:
            blanks = " " * (sizes[place] - cells(line[place]))
            padded.append(blanks + line[place] if headings[place] in right else line[place] + blanks)
        sys.stdout.write((" " * GAP).join(padded).rstrip() + "\n")


def cells(text: str) -> int:
    """How many columns of a terminal ``text`` takes: none for combining marks, two for wide characters."""
    if text.isascii():
        return len(text)
    return sum(0 if combining(one) else 2 if east_asian_width(one) in "WF" else 1 for one in text)


def fitting_columns(
    headings: Sequence[str], rows: Sequence[Sequence[str]], optional: Sequence[str], width: int
) -> list[int]:
    """The places of the columns that fit ``width``: empty optional ones go first, then in the order given."""
    sizes = [max([cells(heading), *(cells(row[place]) for row in rows)]) for place, heading in enumerate(headings)]
    keep = list(range(len(headings)))
    empty = [name for name in optional if not any(row[headings.index(name)] for row in rows)]
    for name in [*empty, *(name for name in optional if name not in empty)]:
        if name in empty or sum(sizes[place] + GAP for place in keep) - GAP > width:
            keep.remove(headings.index(name))
    return keep


def score(value: float | None) -> str:
    """A fraction as per cent with two decimals; a dash for none."""
    return "–" if value is None else f"{value * 100:.2f}"


def mean_text(summary: Summary, n: int) -> str:
    """``84.80 ± 7.97``; the mean alone where there is one value, a dash where there is none.

    Where the mean is not over all ``n`` folds that stand beside it, its own n follows.
    """
    if summary.mean is None:
        return score(None)
    spread = "" if summary.sd is None else f" ± {score(summary.sd)}"
    return f"{score(summary.mean)}{spread}{'' if summary.n == n else f' (n = {summary.n})'}"


def describe(experiment: Experiment) -> str:
    """One experiment in one line, with its protocol and selection rule."""
    return (
        f"experiment {experiment.id}: {experiment.corpus}, preset {experiment.preset}, protocol {experiment.protocol}, "
        f"seed {experiment.seed}, selection {selection_text(experiment.selection, experiment.optimistic)}"
    )


def epoch_text(run: Run) -> str:
    """Epochs finished of epochs planned; a dash for a run that was trained elsewhere."""
    return "–" if run.state is RunState.DONE and not run.epoch else f"{run.epoch}/{run.epochs}"


def state_text(run: Run) -> str:
    """A run's state with its glyph, and what somebody wants of it."""
    want = f" ({run.want} asked)" if run.want else ""
    return f"{glyph_of(run)[0]} {word_of(run)}{want}"


def glyph_of(run: Run) -> tuple[str, str]:
    """The sign for a run's state, and its style."""
    return SUBMITTED if run.submitted else GLYPHS[run.state]


def word_of(run: Run) -> str:
    """A run's state; ``submitted`` for one that waits in an engine of other machines, and is ``running`` to timnet."""
    return "submitted" if run.submitted else run.state.value


@contextmanager
def progress_bar(title: str) -> Iterator[Callable[[Progress], None]]:
    """A progress bar on standard error for as long as the block runs; lines where there is no terminal."""
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bars(*columns, console=err(), transient=True, disable=not err().is_terminal) as bars:
        task = bars.add_task(title, total=None)

        def report(progress: Progress) -> None:
            bars.update(task, completed=progress.done, total=progress.total)

        yield report
