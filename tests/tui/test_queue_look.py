"""What the queue's screen is told: reasons, times, workers and their logs, from real registries."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.queue.handing import a_head, hand_over
from tests.support import add_corpus, add_experiment, epoch_record, filled_registry, start_next, train
from tests.tui.fakes import WORKER, run
from timnet.queue import liveness
from timnet.queue.forecast import ONE_BY_ONE, Span
from timnet.records import RunState, Want
from timnet.registry import Registry
from timnet.states import Command
from timnet_tui import commands, wording
from timnet_tui.cells import cell
from timnet_tui.looks.queue import QueueFollower, QueuePage, QueueRow, QueueWatch, WorkerRow
from timnet_tui.palette import DARK, GLYPHS, SUBMITTED
from timnet_tui.signs import to_ascii
from timnet_tui.watch import Nothing
from timnet_tui.widgets import queue_columns as columns

IDLE = replace(WORKER, jobs=2)


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return filled_registry(tmp_path / "runs.db")


def look(registry: Registry, *workers, **watch) -> QueuePage:  # type: ignore[no-untyped-def]
    return QueueWatch(**watch).follower(None).read(registry, workers)


def test_every_waiting_run_says_why_and_when(registry: Registry) -> None:
    page = look(registry, replace(WORKER, jobs=2, running=("2.3", "2.5")))
    spans = {row.run.key: row.span for row in page.rows}
    assert list(spans) == ["2.3", "2.5", "2.6", "2.7", "2.9", "2.10", "2.8", "2.4"]
    # 1.5 s an epoch: 8 and 19 epochs are left, and 20 each of those that wait
    assert (spans["2.3"], spans["2.5"]) == (Span(0.0, 12.0), Span(0.0, 28.5))
    assert (spans["2.6"], spans["2.7"]) == (Span(12.0, 42.0), Span(28.5, 58.5))
    assert (spans["2.9"], spans["2.10"]) == (Span(42.0, 72.0), Span(58.5, 88.5))
    assert spans["2.8"] == Span(None, None)
    why = {row.run.key: columns.why(row.run) for row in page.rows}
    assert why["2.6"] == "a free place (2 of 2 busy)"
    assert why["2.8"] == "you to resume it: timnet queue resume 2.8"
    assert why["2.4"] == "the loss is not finite (epoch 4)"
    assert why["2.3"] == "trains on testhost"


def test_without_a_worker_nobody_can_tell_when(registry: Registry) -> None:
    for workers in ((), (replace(WORKER, want="drain"),)):
        page = look(registry, *workers)
        assert {row.span for row in page.rows if row.run.state is RunState.QUEUED} == {Span(None, None)}
        assert "no worker takes runs" in columns.why(page.rows[2].run)


def test_a_long_queue_is_added_up_ahead_of_the_page(tmp_path: Path) -> None:
    with Registry.open(tmp_path / "runs.db") as registry:
        corpus = add_corpus(registry, utterances=4000)
        add_experiment(registry, corpus, folds=ONE_BY_ONE + 103)
        for _ in range(2):
            train(registry, start_next(registry), 20)
        page = look(registry, IDLE, first=2000, count=50)
        # two train and have no epochs left; 1998 wait ahead of the page, 30 s each on two places
        assert [row.run.key for row in page.rows][:2] == ["1.2001", "1.2002"]
        assert page.rows[0].span.start == pytest.approx(1998 * 30 / 2)
        assert page.rows[0].span.end == pytest.approx(1998 * 30 / 2 + 30)
        assert page.total == ONE_BY_ONE + 103
        # behind a filter it is not known what stands between
        filtered = look(registry, IDLE, filter_text="fold>2050")
        assert {row.span for row in filtered.rows} == {Span(None, None)}


def test_a_filter_keeps_the_times_of_a_short_queue(registry: Registry) -> None:
    whole = {row.run.key: row.span for row in look(registry, IDLE).rows}
    page = look(registry, IDLE, filter_text="fold:9,10")
    assert {row.run.key: row.span for row in page.rows} == {key: whole[key] for key in ("2.9", "2.10")}
    assert page.counts[RunState.QUEUED] == 2
    assert look(registry, IDLE, filter_text="fold:x").problem


def test_workers_are_told_with_what_they_do(registry: Registry) -> None:
    [row] = look(registry, replace(WORKER, jobs=3, running=("2.3", "2.5"))).workers
    assert columns.doing(row) == "2.3 EMODB 12/20, 12s left; 2.5 EMODB 1/20, 28s left"
    cells = [columns.worker_cell(row, column, DARK).text for column in columns.WORKERS]
    assert cells == ["77", "local", "lab", "2/3", "works", columns.doing(row), "01-31 09:00"]
    assert columns.doing(WorkerRow(WORKER)) == "nothing"
    assert columns.standing(replace(WORKER, want="drain")) == "drains"


def test_the_log_is_read_when_it_has_grown(registry: Registry) -> None:
    follower = QueueWatch(log_of="w1").follower(None)
    assert isinstance(follower, QueueFollower)
    assert follower.read(registry, ()).log == ()
    log = registry.paths.worker_log("w1")
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_bytes(b"took 2.3\n\x1b[31mred\n")
    assert follower.grew(registry)
    assert follower.read(registry, ()).log == ("took 2.3", "\N{REPLACEMENT CHARACTER}[31mred")
    assert not follower.grew(registry)
    assert QueueWatch().follower(follower) is follower
    assert follower.read(registry, ()).log is None
    assert not follower.grew(registry)
    assert QueueWatch().follower(Nothing().follower(None)) is not follower


def test_cells_say_what_is_known() -> None:
    def texts(row: QueueRow) -> dict[str, str]:
        return {column.key: columns.run_cell(row, column, DARK).text.strip() for column in columns.RUNS}

    waits = texts(QueueRow(run(7, 3, priority=-2, optimistic=True, selection="best-test"), Span(0.0, 61.0)))
    assert (waits["run"], waits["priority"], waits["start"], waits["end"]) == ("7.3", "-2", "next", "1m")
    assert waits["selection"] == "best-test optimistic"
    assert waits["state"] == "· queued"
    trains = texts(QueueRow(run(7, 3, RunState.RUNNING, want=Want.PAUSE, epoch=4), Span(0.0, 5.0)))
    assert (trains["start"], trains["end"], trains["why"], trains["epoch"]) == ("now", "5s", "asked to pause", "4/20")
    failed = texts(QueueRow(run(7, 3, RunState.FAILED, error="\x1b[2Jno")))
    assert (failed["start"], failed["end"]) == ("–", "–")
    assert "\x1b" not in failed["why"]


# in an engine of other machines

WHY = "Slurm: Resources (all slots that fit are taken)"


def test_what_waits_in_an_engine_is_never_shown_as_training() -> None:
    waits = run(2, 2, RunState.RUNNING, epoch=5, engine="slurm", host="login1", job="12_1", waiting_for=WHY)
    row = QueueRow(waits, Span(30.0, 60.0))
    shown = {column.key: columns.run_cell(row, column, DARK).text for column in columns.RUNS}
    assert (shown["state"], shown["why"], shown["start"], shown["end"]) == ("▷ submitted", f" {WHY}", "30s", "1m")
    drawn = cell(waits, DARK)
    assert (drawn.text, drawn.filled, drawn.colour) == ("▷ 25%", 0, DARK.states[RunState.QUEUED])
    assert len({to_ascii(sign) for sign in (SUBMITTED, *GLYPHS.values())}) == len(GLYPHS) + 1
    assert wording.cancel_question([waits]) is None, "no training is lost"
    assert wording.state_of(replace(waits, want=Want.CANCEL)) == "submitted, asked to cancel"
    begins = replace(waits, waiting_for=None)
    assert columns.why(begins) == "slurm job 12_1 starts"
    assert columns.why(replace(begins, host="node7", pid=4711)) == "trains on node7, slurm job 12_1"
    assert columns.starts(begins, Span(0.0, 9.0)) == "now"


def test_a_submitted_run_starts_when_one_that_trains_ends(tmp_path: Path) -> None:
    with Registry.open(tmp_path / "runs.db") as registry:
        add_experiment(registry, add_corpus(registry), folds=3)
        trains, waits = hand_over(registry, "12_0"), hand_over(registry, "12_1")
        registry.journal(trains.run_id, trains.attempt).begin([], "started")
        registry.journal(trains.run_id, trains.attempt).epoch(epoch_record(1))
        registry.elsewhere.waits(waits.run_id, waits.attempt, WHY)
        with a_head(registry):
            [head] = liveness.workers(registry)
            page = look(registry, head)
            left = page.rows[0].span.end
            assert left is not None
            assert [row.span.start for row in page.rows] == [0.0, left, pytest.approx(2 * left, rel=0.1)]
            assert columns.doing(page.workers[0]).endswith("; 1 submitted")
        told = commands.apply(registry.paths.db, Command.CANCEL, ["1.1", "1.2"]).text
    assert told.splitlines() == [
        "1.1, 1.2: asked to cancel, within an epoch",
        "no head for slurm lives; 2 runs will hear of it when there is one: timnet work --engine slurm",
    ]
