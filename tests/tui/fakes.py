"""Snapshots made by hand, and readers that give them out: nothing here touches a file or a clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.support import epoch_record
from timnet.queue.forecast import forecast
from timnet.records import (
    Checkpoint,
    EpochMetrics,
    Event,
    EventKind,
    Experiment,
    Run,
    RunState,
    TrainingConfig,
    Want,
    Worker,
)
from timnet.registry.load import Load, Share
from timnet.settings import Settings
from timnet_tui.app import TimnetApp
from timnet_tui.looks.experiment import ExperimentWatch, FoldHistory, Whole
from timnet_tui.looks.grid import GridPage, GridWatch, rows_of
from timnet_tui.looks.run import Detail, RunWatch
from timnet_tui.machine import Machine
from timnet_tui.snapshot import Snapshot
from timnet_tui.watch import Watch

#: what a fake reader answers to a question of some kind
Answers = Mapping[type, Callable[[Any], object]]

DB = Path("/data/runs.db")
HOSTILE = "\x1b]0;owned\x07[@click=app.quit]x[/x] \u202egnp.exe\u2028[/] \x9b31m"


def run(experiment: int = 2, fold: int = 1, state: RunState = RunState.QUEUED, **changes: object) -> Run:
    """A run; its row id is ``100 * experiment + fold``."""
    plain = Run(
        id=100 * experiment + fold, uid=f"emodb-{experiment}-f{fold:02d}", experiment_id=experiment, corpus="EMODB",
        protocol="random", preset="github", selection="last", optimistic=False, seed=46, fold=fold, folds=10,
        state=state, want=None, waiting_for=None, priority=0, epoch=0, epochs=20, attempt=0, crashes=0, uar=None,
        war=None, best_epoch=None, best_value=None, last_loss=None, last_accuracy=None, last_val_loss=None,
        last_val_accuracy=None, last_val_uar=None, last_seconds=None, engine=None, host=None, pid=None, error=None,
        created="2026-01-31T09:00:00.000Z", updated="2026-01-31T09:00:00.000Z",
    )  # fmt: skip
    return replace(plain, **changes)  # type: ignore[arg-type]


def done(experiment: int, fold: int, uar: float, **changes: object) -> Run:
    """A finished run."""
    changes = {"uar": uar, "war": uar + 0.01, "epoch": 20, "attempt": 1, "last_seconds": 1.5, **changes}
    return run(experiment, fold, RunState.DONE, **changes)


def training(experiment: int, fold: int, epoch: int, **changes: object) -> Run:
    """A run that trains."""
    changes = {
        "epoch": epoch, "attempt": 1, "last_seconds": 1.5, "engine": "local", "host": "lab", "pid": 4242, **changes,
    }  # fmt: skip
    return run(experiment, fold, RunState.RUNNING, **changes)


def some_runs() -> list[Run]:
    """Three experiments, the newest first, with runs in every state."""
    loso = {"protocol": "loso", "folds": 4, "preset": "github", "corpus": "SAVEE", "seed": 7}
    best = {"selection": "best-test", "optimistic": True, "preset": "paper", "best_epoch": 10, "best_value": 1.2084}
    return [
        *(run(3, fold, **loso) for fold in (1, 2, 3, 4)),
        done(2, 1, 0.857, **best),
        done(2, 2, 0.714, **best),
        training(2, 3, 12, **best),
        run(2, 4, RunState.FAILED, epoch=3, attempt=1, error="the loss is not finite (epoch 4)", **best),
        training(2, 5, 1, want=Want.PAUSE, **best),
        run(2, 6, RunState.CANCELLED, epoch=8, attempt=1, **best),
        run(2, 7, epoch=5, attempt=1, crashes=1, **best),
        run(2, 8, RunState.PAUSED, **best),
        run(2, 9, **best),
        run(2, 10, **best),
        *(done(1, fold, 0.95 - 0.1 * fold, folds=3, corpus="CASIA") for fold in (1, 2, 3)),
    ]


WORKER = Worker(1, "w1", "local", "lab", 77, 2, "2026-01-31T09:00:00.000Z", "", None, True)


def snapshot(runs: Sequence[Run] | None = None, **changes: object) -> Snapshot:
    """What every screen shows of ``runs``, with one worker."""
    runs = some_runs() if runs is None else runs
    depth = tuple((state, sum(run.state is state for run in runs)) for state in RunState)
    machine = Machine(cpu=0.73, memory=0.41)
    plain = Snapshot(DB, (WORKER,), depth, forecast(load_of(runs), 2), machine)
    return replace(plain, **changes)  # type: ignore[arg-type]


def load_of(runs: Sequence[Run]) -> Load:
    """What ``runs`` have left, each at the pace of 1.5 s an epoch."""
    shares = {
        state: tuple(Share(run.experiment_id, 1, run.epochs - run.epoch, 1.5) for run in runs if run.state is state)
        for state in (RunState.RUNNING, RunState.QUEUED)
    }
    return Load(shares[RunState.RUNNING], shares[RunState.QUEUED])


def epochs(count: int) -> tuple[EpochMetrics, ...]:
    """Metrics of the first ``count`` epochs."""
    return tuple(epoch_record(epoch).metrics for epoch in range(1, count + 1))


def detail(of: Run, log: tuple[str, ...] | None = None) -> Detail:
    """The detail of a run: its epochs and an event for each."""
    config = TrainingConfig(epochs=20, select="best", check_every=5)
    experiment = Experiment(
        of.experiment_id, "u", 1, of.corpus, of.protocol, of.preset, of.selection, of.optimistic, config, of.seed,
        of.folds, "trained", of.created, "a note",
    )  # fmt: skip
    events = [Event(1, of.id, "2026-01-31T09:00:00.000Z", EventKind.STARTED, None, "started", 1)]
    for epoch in range(1, of.epoch + 1):
        check = epoch_record(epoch).check
        time = f"2026-01-31T09:{epoch // 60:02d}:{epoch % 60:02d}.000Z"
        events.append(Event(1 + epoch, of.id, time, check.kind, epoch, check.text, 1))
    kept = (Checkpoint(of.id, "best", 10, "best.npz", "val_loss", 1.2, 1000, of.created),) if of.epoch >= 10 else ()
    return Detail(of, experiment, epochs(of.epoch), tuple(events), kept, log)


def whole(runs: Sequence[Run]) -> Whole:
    """All folds of an experiment with their epochs and events."""
    details = [detail(run) for run in runs]
    return Whole(
        details[0].experiment,
        tuple(FoldHistory(one.run, one.epochs, one.events) for one in details),
        tuple(event for one in details for event in one.events),
        tuple(kept for one in details for kept in one.checkpoints),
    )


class FakeReader:
    """Gives out one snapshot with the answer to whatever is watched, again only when something changed.

    ``runs`` are what grid and run screens see; other questions are answered by ``answers``.
    """

    unfinished = False

    def __init__(self, given: Snapshot, runs: Sequence[Run], answers: Answers | None = None) -> None:
        self.given = given
        self.runs = tuple(runs)
        self.answers: Answers = {
            GridWatch: self._grid,
            RunWatch: self._run,
            ExperimentWatch: self._whole,
            **(answers or {}),
        }
        self._last: tuple[Snapshot, tuple[Run, ...], Watch] | None = None

    def poll(self, watch: Watch) -> Snapshot | None:
        """The snapshot, once for each question."""
        if self._last == (self.given, self.runs, watch):
            return None
        self._last = (self.given, self.runs, watch)
        answer = self.answers[type(watch)](watch) if type(watch) in self.answers else None
        return replace(self.given, watch=watch, answer=answer)

    def close(self) -> None:
        """Nothing to let go of."""

    def _grid(self, watch: GridWatch) -> GridPage:
        rows = rows_of(self.runs)
        ids = [row.id for row in rows]
        watched = next((run for run in self.runs if run.id == watch.run_id), None)
        return GridPage(
            rows=rows[watch.first : watch.first + watch.count],
            first=watch.first,
            total=len(rows),
            asked=watch.experiment,
            place=ids.index(watch.experiment) if watch.experiment in ids else None,
            detail=None if watched is None else detail(watched),
        )

    def _run(self, watch: RunWatch) -> Detail | None:
        watched = next((run for run in self.runs if run.id == watch.run_id), None)
        if watched is None:
            return None
        log = tuple(f"epoch {epoch} of 20" for epoch in range(1, 40)) if watch.log else None
        folds = tuple(run for run in self.runs if run.experiment_id == watched.experiment_id)
        return replace(detail(watched, log), folds=folds)

    def _whole(self, watch: ExperimentWatch) -> Whole | None:
        watched = next((run for run in self.runs if run.id == watch.run_id), None)
        if watched is None:
            return None
        return whole([run for run in self.runs if run.experiment_id == watched.experiment_id])


def app_with(
    given: Snapshot | None = None,
    *,
    runs: Sequence[Run] | None = None,
    answers: Answers | None = None,
    theme: str = "timnet-dark",
    **more: object,
) -> TimnetApp:
    """The app over a fake reader and a clock that stands still."""
    runs = some_runs() if runs is None else runs
    reader = FakeReader(snapshot(runs) if given is None else given, runs, answers)
    return TimnetApp(DB, Settings(theme=theme), reader=reader, clock=lambda: 0.0, **more)  # type: ignore[arg-type]
