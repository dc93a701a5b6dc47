"""Follow runs until they end: a live table in a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from timnet.cli.output import GLYPHS, err, say, score
from timnet.queue.service import ensure_worker, look
from timnet.records import Run, RunState
from timnet.registry import Registry
from timnet.settings import Settings
from timnet.states import ENDED
from timnet.text import clean

if TYPE_CHECKING:
    from rich.table import Table

POLL_SECONDS = 0.25
BAR_WIDTH = 20
LINES_A_RUN = 20


def follow_runs(registry: Registry, settings: Settings, keys: Sequence[str], *, work: bool = False) -> int:
    """Show the runs ``keys`` until all have ended or pause; returns 0 when all are done, else 1.

    With ``work``, a worker is started whenever runs wait and none takes them. Ctrl-C ends the view alone.
    """
    try:
        view = _follow_live if err().is_terminal else _follow_lines
        runs = view(registry, settings, keys, work)
    except KeyboardInterrupt:
        say("\nthe runs go on in the background; look again: timnet runs watch, end them: timnet queue cancel")
        return 130
    failed = [run for run in runs if run.state is not RunState.DONE]
    for run in failed:
        why = f": {clean(run.error)}" if run.error else ""
        say(f"run {run.key} is {run.state}{why}; its log: timnet runs logs {run.key}")
    return 1 if failed else 0


def _look(registry: Registry, settings: Settings, keys: Sequence[str], work: bool) -> list[Run]:
    if work:
        ensure_worker(registry, settings.jobs_here)
    wanted = set(keys)
    experiments = ",".join(sorted({key.partition(".")[0] for key in keys}))
    view = look(registry, settings.max_crashes, f"experiment:{experiments}")
    return [run for run in view.runs if run.key in wanted]


def _is_over(runs: Sequence[Run]) -> bool:
    return all(run.state in ENDED or run.state is RunState.PAUSED for run in runs)


def _follow_live(registry: Registry, settings: Settings, keys: Sequence[str], work: bool) -> list[Run]:
    from rich.live import Live

    with Live(console=err(), refresh_per_second=4, transient=False) as live:
        while True:
            runs = _look(registry, settings, keys, work)
            live.update(_table(registry, runs, err().height))
            if _is_over(runs):
                return runs
            time.sleep(POLL_SECONDS)


def _follow_lines(registry: Registry, settings: Settings, keys: Sequence[str], work: bool) -> list[Run]:
    shown: dict[str, tuple[RunState, int]] = {}
    while True:
        runs = _look(registry, settings, keys, work)
        for run in runs:
            before = shown.get(run.key)
            step = max(1, run.epochs // LINES_A_RUN)
            moved = before is None or before[0] is not run.state or run.epoch // step > before[1] // step
            if moved:
                shown[run.key] = (run.state, run.epoch)
                if before is not None or run.state is not RunState.QUEUED:
                    say(_line(run))
        if _is_over(runs):
            return runs
        time.sleep(POLL_SECONDS)


def _line(run: Run) -> str:
    if run.state is RunState.DONE:
        return f"{run.key}  done  UAR {score(run.uar)} %  WAR {score(run.war)} %"
    if run.state is RunState.RUNNING and run.epoch == 0:
        return f"{run.key}  running  starting"
    why = run.waiting_for or run.error
    return f"{run.key}  {run.state}  epoch {run.epoch}/{run.epochs}  {_metrics(run)}{f'  {clean(why)}' if why else ''}"


def _metrics(run: Run) -> str:
    if run.last_loss is None or run.last_accuracy is None:
        return ""
    test = "" if run.last_val_accuracy is None else f"  val_accuracy {run.last_val_accuracy:.3f}"
    return f"loss {run.last_loss:.3f}  accuracy {run.last_accuracy:.3f}{test}"


def _table(registry: Registry, runs: Sequence[Run], height: int) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title=_title(runs), title_justify="left", title_style="bold")
    for heading in ("run", "", "epoch", "progress", "metrics", "last check"):
        table.add_column(heading, justify="right" if heading == "epoch" else "left", no_wrap=True)
    room = max(4, height - 6)
    for run in _most_interesting(runs, room):
        glyph, style = GLYPHS[run.state]
        table.add_row(
            run.key,
            Text(f"{glyph} {run.state}", style=style),
            f"{run.epoch}/{run.epochs}",
            Text(bar(run.epoch / run.epochs), style=style),
            Text(_result_or_metrics(run)),
            Text(_news(registry, run), style="dim", overflow="ellipsis"),
        )
    if len(runs) > room:
        table.caption = f"... and {len(runs) - room} more"
    return table


def _most_interesting(runs: Sequence[Run], room: int) -> list[Run]:
    """What runs first, when there is no room for all."""
    if len(runs) <= room:
        return list(runs)
    return sorted(runs, key=lambda run: (run.state is not RunState.RUNNING, run.state in ENDED))[:room]


def _title(runs: Sequence[Run]) -> str:
    done = sum(run.state is RunState.DONE for run in runs)
    left = eta_seconds(runs)
    time_left = f", about {duration(left)} left" if left else ""
    return f"{runs[0].corpus if runs else ''}: {done} of {len(runs)} runs done{time_left}"


def _result_or_metrics(run: Run) -> str:
    if run.state is RunState.DONE:
        return f"UAR {score(run.uar)} %  WAR {score(run.war)} %"
    return _metrics(run) or (run.waiting_for or "")


def _news(registry: Registry, run: Run) -> str:
    if run.state is not RunState.RUNNING:
        return clean(run.error or "")
    events = registry.results.events(run.id, limit=1)
    return clean(events[-1].text) if events else ""


def bar(share: float, width: int = BAR_WIDTH) -> str:
    """A bar of ``width`` cells, filled to ``share`` (0 to 1)."""
    full = round(min(max(share, 0.0), 1.0) * width)
    return "━" * full + "╌" * (width - full)


def eta_seconds(runs: Sequence[Run]) -> float | None:
    """Seconds of training left, from the measured seconds an epoch and the runs at once; None before any is known."""
    speeds = [run.last_seconds for run in runs if run.last_seconds]
    if not speeds:
        return None
    at_once = max(1, sum(run.state is RunState.RUNNING for run in runs))
    epochs = sum(run.epochs - run.epoch for run in runs if run.state in (RunState.RUNNING, RunState.QUEUED))
    return epochs * sum(speeds) / len(speeds) / at_once


def duration(seconds: float) -> str:
    """``3 h 20 min``, ``4 min 10 s``, ``12 s``."""
    whole = round(seconds)
    hours, minutes = divmod(whole // 60, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {whole % 60:02d} s" if minutes else f"{whole} s"
