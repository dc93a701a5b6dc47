"""Printing: data on standard output, messages on standard error, foreign text made harmless."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

from timnet.records import Experiment, Run, RunState
from timnet.text import clean

if TYPE_CHECKING:
    from rich.console import Console

    from timnet.tasks import Progress

GAP = 2

GLYPHS = {
    RunState.QUEUED: ("·", "dim"),
    RunState.RUNNING: ("▶", "cyan"),
    RunState.PAUSED: ("‖", "yellow"),
    RunState.DONE: ("✓", "green"),
    RunState.FAILED: ("✗", "red"),
    RunState.CANCELLED: ("–", "dim"),
}


@cache
def out() -> Console:
    """The console on standard output, for tables; as wide as they need where it is no terminal."""
    from rich.console import Console

    return Console(highlight=False, width=None if sys.stdout.isatty() else 10_000)


@cache
def err() -> Console:
    """The console on standard error, for messages and progress."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def say(message: str) -> None:
    """A message for the user, on standard error."""
    sys.stderr.write(message + "\n")


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
    from rich.table import Table
    from rich.text import Text

    shown = [[clean(cell) for cell in row] for row in rows]
    keep = fitting_columns(headings, shown, optional, out().width)
    table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="bold")
    for place in keep:
        table.add_column(headings[place], justify="right" if headings[place] in right else "left")
    for row in shown:
        table.add_row(*(Text(row[place]) for place in keep))
    out().print(table)


def fitting_columns(
    headings: Sequence[str], rows: Sequence[Sequence[str]], optional: Sequence[str], width: int
) -> list[int]:
    """The places of the columns that fit ``width``: empty optional ones go first, then in the order given."""
    sizes = [max([len(heading), *(len(row[place]) for row in rows)]) for place, heading in enumerate(headings)]
    keep = list(range(len(headings)))
    empty = [name for name in optional if not any(row[headings.index(name)] for row in rows)]
    for name in [*empty, *(name for name in optional if name not in empty)]:
        if name in empty or sum(sizes[place] + GAP for place in keep) - GAP > width:
            keep.remove(headings.index(name))
    return keep


def score(value: float | None) -> str:
    """A fraction as per cent with two decimals; a dash for none."""
    return "–" if value is None else f"{value * 100:.2f}"


def describe(experiment: Experiment) -> str:
    """One experiment in one line, with its protocol and selection rule."""
    return (
        f"experiment {experiment.id}: {experiment.corpus}, preset {experiment.preset}, protocol {experiment.protocol}, "
        f"seed {experiment.seed}, selection {selection_text(experiment.selection, experiment.optimistic)}"
    )


def selection_text(selection: str, optimistic: bool) -> str:
    """The selection rule, labelled where it looked at the test fold."""
    return f"{selection} (optimistic)" if optimistic else selection


def epoch_text(run: Run) -> str:
    """Epochs finished of epochs planned; a dash for a run that was trained elsewhere."""
    return "–" if run.state is RunState.DONE and not run.epoch else f"{run.epoch}/{run.epochs}"


def state_text(run: Run) -> str:
    """A run's state with its glyph, and what somebody wants of it."""
    want = f" ({run.want} asked)" if run.want else ""
    return f"{GLYPHS[run.state][0]} {run.state}{want}"


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
