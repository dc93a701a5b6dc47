"""The queue and the form for new experiments as pictures. After a wanted change: ``pytest --snapshot-update``."""

from __future__ import annotations

from dataclasses import replace

import pytest
from textual.pilot import Pilot

from tests.support import CLASSES
from tests.tui.conftest import until
from tests.tui.fakes import WORKER, app_with, run, snapshot, some_runs, training
from timnet.errors import BadInput
from timnet.queue import waiting
from timnet.queue.forecast import Span
from timnet.queue.plan import BadRequest, plan_for, preview_of
from timnet.records import CorpusRecord, RunState, Utterance
from timnet.registry.paces import kind_of
from timnet_tui.looks.new import Form, NewPage, NewWatch, Offer, Problem, request_of
from timnet_tui.looks.queue import QueuePage, QueueRow, QueueWatch, WorkerRow
from timnet_tui.screens.new import NewScreen
from timnet_tui.screens.queue import QueueScreen
from timnet_tui.widgets.fields import Field

SIZES = pytest.mark.parametrize("size", [(80, 24), (160, 48)], ids=["80x24", "160x48"])
THEMES = pytest.mark.parametrize("theme", ["timnet-dark", "timnet-light"], ids=["dark", "light"])
BUSY = replace(WORKER, running=("2.3", "2.5"))
DRAINS = replace(WORKER, id=2, uid="w2", pid=78, jobs=4, want="drain", started="2026-01-31T09:12:00.000Z")


def queue_page(watch: QueueWatch) -> QueuePage:
    """Two runs that train, five that wait, one paused, one failed."""
    best = {"selection": "best-test", "optimistic": True, "preset": "paper"}
    runs = [
        training(2, 3, 12, **best),
        training(2, 5, 1, **best),
        run(4, 1, priority=3, corpus="SAVEE", tags=("paper",)),
        run(2, 7, epoch=5, attempt=1, crashes=1, waiting_for="its process was killed; goes on after epoch 5", **best),
        *(run(2, fold, **best) for fold in (9, 10)),
        run(3, 1, protocol="loso", folds=4, corpus="SAVEE", seed=7),
        run(2, 8, RunState.PAUSED, **best),
        run(2, 4, RunState.FAILED, epoch=3, attempt=1, error="the loss is not finite (epoch 4)", **best),
    ]
    spans = [Span(0, 12), Span(0, 28), Span(12, 42), Span(28, 51), Span(42, 72), Span(51, 81), *[Span(None, None)] * 3]
    rows = tuple(map(QueueRow, waiting.explain(runs, [BUSY]), spans))
    counts = {state: sum(row.run.state is state for row in rows) for state in RunState}
    workers = (WorkerRow(BUSY, rows[:2]), WorkerRow(DRAINS))
    return QueuePage(rows, 0, len(rows), watch.asked, None, counts, workers)


CORPORA = {
    name: CorpusRecord(
        id=number, name=name, layout="raw", path="", digest=name, classes=CLASSES, signal_length=96000, tabs=8,
        added="",
        utterances=tuple(Utterance(f"{item}.wav", CLASSES[item % 7], f"{item % 10:02d}") for item in range(size)),
    )
    for number, (name, size) in enumerate((("EMODB", 535), ("RAVDESS", 1440), ("SAVEE", 480)), start=1)
}  # fmt: skip


def new_page(watch: NewWatch) -> NewPage:
    """The answer of the real follower, over corpora that lie in no file."""
    offers = tuple(Offer(one.name, len(one.utterances), 10, 7) for one in CORPORA.values())
    request, problems = request_of(watch.form)
    preview = None
    if not problems:
        try:
            planned = plan_for([CORPORA[name] for name in request.corpora], request)
            measured = {kind_of(one.corpus.id, one.config): 2.4 for one in planned if one.corpus.name != "RAVDESS"}
            preview = preview_of(planned, measured, watch.places)
        except BadRequest as error:
            problems = (Problem(error.part, str(error)),)
        except BadInput as error:
            problems = (Problem("corpora", str(error)),)
    return NewPage(watch.form, offers, preview, problems)


@SIZES
@THEMES
def test_queue(snap_compare, size: tuple[int, int], theme: str) -> None:  # type: ignore[no-untyped-def]
    async def ready(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: pilot.app.snapshot is not None)
        await pilot.press("3")
        await until(pilot, lambda: isinstance(pilot.app.screen, QueueScreen) and pilot.app.screen.run_table.row)
        await pilot.press("j", "j", "space", "j")
        await pilot.pause()

    given = snapshot(some_runs(), workers=(BUSY, DRAINS))
    app = app_with(given, answers={QueueWatch: queue_page}, theme=theme)
    assert snap_compare(app, terminal_size=size, run_before=ready)


@SIZES
@THEMES
def test_new(snap_compare, size: tuple[int, int], theme: str) -> None:  # type: ignore[no-untyped-def]
    async def ready(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: pilot.app.snapshot is not None)
        await pilot.press("n")
        screen = pilot.app.screen
        assert isinstance(screen, NewScreen)
        await until(pilot, lambda: screen._offers is not None)
        await pilot.press("space", "down", "down", "space", "tab", "down", "space")
        screen.query_one("#changes", Field).line.focus()
        screen.query_one("#changes", Field).fill("lr=5e-4,1e-3")
        screen.query_one("#changes", Field).line.cursor_blink = False
        await until(pilot, lambda: screen._page is not None and screen._page.form == screen.form)
        await pilot.pause()

    assert snap_compare(app_with(answers={NewWatch: new_page}, theme=theme), terminal_size=size, run_before=ready)


def test_new_with_faults(snap_compare) -> None:  # type: ignore[no-untyped-def]
    async def ready(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: pilot.app.snapshot is not None)
        await pilot.press("n")
        screen = pilot.app.screen
        assert isinstance(screen, NewScreen)
        await until(pilot, lambda: screen._offers is not None)
        for field, text in (("folds", "ten"), ("only", "5-3"), ("changes", "lr=x")):
            screen.query_one(f"#{field}", Field).fill(text)
        await until(pilot, lambda: screen._page is not None and screen._page.form == screen.form)
        await pilot.pause()

    assert request_of(Form())[1]
    assert snap_compare(app_with(answers={NewWatch: new_page}), terminal_size=(80, 24), run_before=ready)
