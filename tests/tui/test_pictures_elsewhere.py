"""Runs on other machines as pictures: those that wait in Slurm, one that trains there, one whose head is gone."""

from __future__ import annotations

from dataclasses import replace

import pytest
from textual.pilot import Pilot

from tests.tui.conftest import until
from tests.tui.fakes import WORKER, app_with, detail, run, snapshot, training
from timnet.queue import waiting
from timnet.queue.forecast import Span
from timnet.records import Run, RunState, Want
from timnet_tui.app import TimnetApp
from timnet_tui.looks.queue import QueuePage, QueueRow, QueueWatch, WorkerRow
from timnet_tui.looks.run import Detail, RunWatch
from timnet_tui.screens.queue import QueueScreen
from timnet_tui.screens.run import RunScreen

SIZES = pytest.mark.parametrize("size", [(80, 24), (160, 48)], ids=["80x24", "160x48"])
WHY = "Slurm: Resources (all slots that fit are taken)"
WAITS = {
    "engine": "slurm",
    "host": "login1",
    "pid": None,
    "waiting_for": "Slurm: Resources (all slots that fit are taken)",
}


def runs() -> list[Run]:
    """In Slurm: one that trains, one that trained and waits again, two that wait, one of them to be cancelled."""
    return [
        training(2, 1, 12, engine="slurm", host="node7", pid=4711, job="4182_0"),
        run(2, 2, RunState.RUNNING, epoch=7, attempt=1, job="4182_1", **WAITS),
        run(2, 3, RunState.RUNNING, attempt=1, job="4182_2", **WAITS),
        run(2, 4, RunState.RUNNING, attempt=1, job="4182_3", want=Want.CANCEL, **WAITS),
        training(2, 5, 3, engine="ray", host="box2", pid=99, job="7f3a0c"),
        run(2, 6),
    ]


KEYS = tuple(one.key for one in runs())
HEAD = replace(
    WORKER, id=2, uid="h1", engine="slurm", host="login1", pid=81, jobs=20, running=KEYS[:4], submitted=KEYS[1:4]
)


def queue_page(watch: QueueWatch) -> QueuePage:
    explained = waiting.explain(runs(), [HEAD])
    spans = [Span(0, 12), Span(12, 32), Span(32, 62), Span(62, 92), Span(0, 26), Span(92, 122)]
    rows = tuple(map(QueueRow, explained, spans))
    counts = {state: sum(row.run.state is state for row in rows) for state in RunState}
    return QueuePage(rows, 0, len(rows), watch.asked, None, counts, (WorkerRow(HEAD, rows[:4]),))


def of_run(watch: RunWatch) -> Detail | None:
    found = next((one for one in waiting.explain(runs(), [HEAD]) if one.id == watch.run_id), None)
    if found is None:
        return None
    alone = "" if found.engine == "slurm" else "nothing of it comes in; start one: timnet work --engine ray"
    return replace(detail(found), folds=tuple(runs()), alone=alone)


def app(theme: str = "timnet-dark") -> TimnetApp:
    given = snapshot(runs(), workers=(HEAD,), submitted=3, alone=("ray",))
    return app_with(given, runs=runs(), answers={QueueWatch: queue_page, RunWatch: of_run}, theme=theme)


async def _known(pilot: Pilot[None]) -> None:
    await until(pilot, lambda: pilot.app.snapshot is not None)


async def at_queue(pilot: Pilot[None]) -> None:
    await _known(pilot)
    await pilot.press("3")
    await until(pilot, lambda: isinstance(pilot.app.screen, QueueScreen) and pilot.app.screen.run_table.row)
    await pilot.press("j")
    await pilot.pause()


async def at_grid(pilot: Pilot[None]) -> None:
    await _known(pilot)
    await pilot.press("1")
    await pilot.pause()


def at_run(key: str, *press: str):  # type: ignore[no-untyped-def]
    async def steps(pilot: Pilot[None]) -> None:
        await _known(pilot)
        pilot.app.open_run(next(one.id for one in runs() if one.key == key))
        await until(pilot, lambda: isinstance(pilot.app.screen, RunScreen) and pilot.app.screen.targets())
        await pilot.press(*press)
        await pilot.pause()

    return steps


@SIZES
def test_the_queue(snap_compare, size: tuple[int, int]) -> None:  # type: ignore[no-untyped-def]
    assert snap_compare(app(), terminal_size=size, run_before=at_queue)


def test_the_grid(snap_compare) -> None:  # type: ignore[no-untyped-def]
    assert snap_compare(app("timnet-colour-blind-light"), terminal_size=(80, 24), run_before=at_grid)


@pytest.mark.parametrize("key", ["2.2", "2.5"])
def test_a_run(snap_compare, key: str) -> None:  # type: ignore[no-untyped-def]
    assert snap_compare(app(), terminal_size=(80, 24), run_before=at_run(key, "a"))
