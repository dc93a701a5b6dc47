"""Printing: data on standard output, messages on standard error, foreign text made harmless."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

from timnet.records import Run, RunState
from timnet.text import clean

if TYPE_CHECKING:
    from rich.console import Console

    from timnet.tasks import Progress

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
    """The console on standard output, for tables."""
    from rich.console import Console

    return Console(highlight=False, soft_wrap=not sys.stdout.isatty())


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


def print_table(headings: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[str] = ()) -> None:
    """Aligned columns on standard output; cells are plain text."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    for heading in headings:
        table.add_column(
            heading, justify="right" if heading in right else "left", no_wrap=heading not in ("why", "note")
        )
    for row in rows:
        table.add_row(*(Text(clean(cell)) for cell in row))
    out().print(table)


def score(value: float | None) -> str:
    """A fraction as per cent with two decimals; a dash for none."""
    return "–" if value is None else f"{value * 100:.2f}"


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
