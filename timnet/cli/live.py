"""Follow runs until they end: a live table in a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from timnet.cli.output import err, glyph_of, say, score, word_of
from timnet.queue.service import ensure_worker, look
from timnet.records import Run, RunState, Worker
from timnet.registry import Registry
from timnet.selection import selection_text
from timnet.settings import Settings, load
from timnet.states import ENDED
from timnet.text import clean

if TYPE_CHECKING:
    from rich.table import Table

POLL_SECONDS = 0.25
BAR_WIDTH = 20
LINES_A_RUN = 20


def follow_runs(registry: Registry, settings: Settings, keys: Sequence[str], *, work: bool = False) -> int:
    """Show the runs ``keys`` until all have ended or pause; returns 0 when all are done, else 1.

    With ``work``, a worker is started whenever runs wait and none takes them, unless a user told the workers
    to stop. Ctrl-C ends the view alone (status 130).
    """
    watch = Watch(registry, settings, keys, work=work)
    command = command_for(settings)
    try:
        watch.look()
        if watch.idle:
            say(f"runs wait and no worker takes them; start one: {command} work --detach")
        runs = (_follow_live if err().is_terminal else _follow_lines)(watch)
    except KeyboardInterrupt:
        say("")
        say(f"the runs go on in the background; look again: {command} runs watch, end them: {command} queue cancel")
        return 130
    for run in runs:
        if run.state in (RunState.FAILED, RunState.CANCELLED, RunState.PAUSED):
            why = f": {run.error}" if run.error else ""
            say(f"run {run.key} is {run.state}{why}; its log: {command} runs logs {run.key}")
    waiting = sum(run.state is RunState.QUEUED for run in runs)
    if waiting:
        say(f"the workers were told to stop; {waiting} runs wait, go on with: {command} work")
    return 0 if all(run.state is RunState.DONE for run in runs) else 1


def command_for(settings: Settings) -> str:
    """``timnet``, with ``--db`` where a user would otherwise get another registry."""
    return "timnet" if settings.db == load().db else f"timnet --db {settings.db}"


class Watch:
    """Runs to look at again and again; with ``work``, somebody is kept working on them."""

    def __init__(self, registry: Registry, settings: Settings, keys: Sequence[str], *, work: bool) -> None:
        self.registry = registry
        self.settings = settings
        self.work = work
        self.runs: list[Run] = []
        self.workers: tuple[Worker, ...] = ()
        self._keys = set(keys)
        self._filter = f"experiment:{','.join(sorted({key.partition('.')[0] for key in keys}))}"
        self._told_to_stop = False

    def look(self) -> list[Run]:
        """The runs as they are now, the dead found and, where wanted, a worker started."""
        view = look(self.registry, self.settings.max_crashes, self._filter)
        self.runs = [run for run in view.runs if run.key in self._keys]
        self.workers = view.workers
        if self.workers:
            self._told_to_stop = all(worker.want for worker in self.workers)
        if self.work and not self._told_to_stop:
            ensure_worker(self.registry, self.settings.jobs_asked)
        return self.runs

    @property
    def idle(self) -> bool:
        """Whether runs wait that nobody takes, and nobody is about to."""
        return not self.work and not self.workers and any(run.state is RunState.QUEUED for run in self.runs)

    @property
    def over(self) -> bool:
        """Whether nothing more will happen: all have ended or pause, or the workers were stopped."""
        going = [run for run in self.runs if run.state not in ENDED and run.state is not RunState.PAUSED]
        stopped = self._told_to_stop and not self.workers
        return not going or (stopped and all(run.state is RunState.QUEUED for run in going))


def _follow_live(watch: Watch) -> list[Run]:
    from rich.live import Live

    with Live(console=err(), refresh_per_second=4, transient=False) as live:
        while True:
            runs = watch.look()
            live.update(_table(watch.registry, runs, err().height))
            if watch.over:
                return runs
            time.sleep(POLL_SECONDS)


def _follow_lines(watch: Watch) -> list[Run]:
    shown: dict[str, tuple[str, int]] = {}
    while True:
        runs = watch.look()
        for run in runs:
            before = shown.get(run.key)
            step = max(1, run.epochs // LINES_A_RUN)
            if before is None or before[0] != word_of(run) or run.epoch // step > before[1] // step:
                shown[run.key] = (word_of(run), run.epoch)
                if before is not None or run.state is not RunState.QUEUED:
                    say(_line(run))
        if watch.over:
            return runs
        time.sleep(POLL_SECONDS)


def _line(run: Run) -> str:
    if run.state is RunState.DONE:
        return f"{run.key}  done  {_result(run)}"
    if run.state is RunState.RUNNING and run.epoch == 0 and not run.submitted:
        return f"{run.key}  running  starting"
    why = run.waiting_for or run.error
    return f"{run.key}  {word_of(run)}  epoch {run.epoch}/{run.epochs}  {_metrics(run)}{f'  {why}' if why else ''}"


def _result(run: Run) -> str:
    """Both scores and how they were obtained."""
    label = f"{run.protocol}, {selection_text(run.selection, run.optimistic)}"
    return f"UAR {score(run.uar)} %  WAR {score(run.war)} %  {label}"


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
        glyph, style = glyph_of(run)
        table.add_row(
            run.key,
            Text(f"{glyph} {word_of(run)}", style=style),
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
    return sorted(runs, key=lambda run: (not _trains(run), run.state in ENDED))[:room]


def _trains(run: Run) -> bool:
    return run.state is RunState.RUNNING and not run.submitted


def _title(runs: Sequence[Run]) -> str:
    done = sum(run.state is RunState.DONE for run in runs)
    left = eta_seconds(runs)
    time_left = f", about {duration(left)} left" if left else ""
    return f"{runs[0].corpus if runs else ''}: {done} of {len(runs)} runs done{time_left}"


def _result_or_metrics(run: Run) -> str:
    if run.state is RunState.DONE:
        return _result(run)
    return _metrics(run) or clean(run.waiting_for or "")


def _news(registry: Registry, run: Run) -> str:
    if not _trains(run):
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
    at_once = max(1, sum(_trains(run) for run in runs))
    epochs = sum(run.epochs - run.epoch for run in runs if run.state in (RunState.RUNNING, RunState.QUEUED))
    return epochs * sum(speeds) / len(speeds) / at_once


def duration(seconds: float) -> str:
    """``3 h 20 min``, ``4 min 10 s``, ``12 s``."""
    whole = round(seconds)
    hours, minutes = divmod(whole // 60, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {whole % 60:02d} s" if minutes else f"{whole} s"
