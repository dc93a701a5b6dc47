"""How runs in the queue and workers look, cell by cell."""

from __future__ import annotations

from timnet.queue.forecast import Span, duration
from timnet.records import Run, RunState, Worker
from timnet.text import clean
from timnet_tui import wording
from timnet_tui.looks.queue import QueueRow, WorkerRow
from timnet_tui.palette import Palette, colour_of, glyph_of
from timnet_tui.widgets.table import Cell, Column

RUNS = (
    Column("run", "run", kept=True),
    Column("corpus", "corpus", most=12),
    Column("state", "state", most=11),
    Column("epoch", "epoch", most=13, right=True),
    Column("priority", "prio", right=True),
    Column("start", "starts", "in how long it starts", right=True),
    Column("end", "ends", "in how long it ends", right=True),
    Column("why", " why", "what it waits for", most=61),
    Column("preset", "preset", most=12),
    Column("protocol", "protocol", most=14),
    Column("selection", "selection", most=24),
    Column("seed", "seed", right=True),
    Column("tags", "tags", most=24),
)
WORKERS = (
    Column("pid", "worker", right=True, kept=True),
    Column("engine", "engine", most=8),
    Column("host", "host", most=16),
    Column("busy", "busy", right=True),
    Column("standing", "state", most=8),
    Column("doing", "at work on", most=110),
    Column("since", "since (UTC)", most=16),
)
WANTED = {"stop": "stops", "drain": "drains"}


def run_cell(row: QueueRow, column: Column, colours: Palette) -> Cell:
    """A run of the queue."""
    run = row.run
    if column.key == "state":
        return Cell(f"{glyph_of(run)} {wording.standing_of(run)}", colour_of(run, colours))
    if column.key == "why":
        return Cell(f" {why(run)}", colours.error if run.state is RunState.FAILED else colours.text)
    if column.key == "selection":
        text = wording.selection_of(run.selection, optimistic=run.optimistic)
        return Cell(text, colours.warning if run.optimistic else colours.faint)
    texts = {
        "run": run.key,
        "corpus": clean(run.corpus),
        "epoch": f"{run.epoch}/{run.epochs}",
        "priority": str(run.priority),
        "start": starts(run, row.span),
        "end": ends(run, row.span),
        "preset": clean(run.preset),
        "protocol": clean(run.protocol),
        "seed": str(run.seed),
        "tags": clean(" ".join(run.tags)),
    }
    plain = column.key in ("run", "corpus", "start", "end")
    return Cell(texts[column.key], colours.text if plain else colours.faint, bold=column.key == "run")


def why(run: Run) -> str:
    """What a run waits for; what was asked of one that trains; why one ended."""
    if run.want is not None:
        return wording.WANTED[run.want]
    if run.state is RunState.RUNNING and not run.submitted:
        job = f"{clean(run.engine or '')} job {clean(run.job)}" if run.job else ""
        if run.node is None:
            return f"{job} starts" if job else "trains"
        return f"trains on {clean(run.node)}{f', {job}' if job else ''}"
    return clean(run.waiting_for or run.error or "")


def starts(run: Run, span: Span) -> str:
    """In how long a run starts: a dash where nobody can tell."""
    if run.state is RunState.RUNNING and not run.submitted:
        return "now"
    if run.state not in (RunState.QUEUED, RunState.RUNNING) or span.start is None:
        return "–"
    return "next" if span.start == 0 else duration(span.start)


def ends(run: Run, span: Span) -> str:
    """In how long a run ends, without early stopping."""
    told = run.state in (RunState.RUNNING, RunState.QUEUED) and span.end is not None
    return duration(span.end or 0.0) if told else "–"


def worker_cell(row: WorkerRow, column: Column, colours: Palette) -> Cell:
    """A worker."""
    worker = row.worker
    if column.key == "standing":
        ending = worker.want is not None
        return Cell(standing(worker), colours.warning if ending else colours.text)
    texts = {
        "pid": str(worker.pid),
        "engine": clean(worker.engine),
        "host": clean(worker.host),
        "busy": f"{len(worker.running)}/{worker.jobs}",
        "doing": doing(row),
        "since": clean(worker.started[5:16].replace("T", " ")),
    }
    return Cell(texts[column.key], colours.text if column.key in ("pid", "doing") else colours.faint)


def standing(worker: Worker) -> str:
    """Whether a worker takes runs, or what was asked of it."""
    return WANTED.get(worker.want, clean(worker.want)) if worker.want else "works"


def doing(row: WorkerRow) -> str:
    """``2.3 EMODB 12/20, 12s left``, for each run that the worker is at; how many wait in its engine."""
    told = []
    for one in row.runs:
        run = one.run
        if run.submitted:
            continue
        left = "" if one.span.end is None else f", {duration(one.span.end)} left"
        told.append(f"{run.key} {clean(run.corpus)} {run.epoch}/{run.epochs}{left}")
    submitted = len(row.worker.submitted)
    told += [f"{submitted} submitted"] if submitted else []
    return "; ".join(told) or "nothing"
