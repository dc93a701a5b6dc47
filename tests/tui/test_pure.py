"""The pure parts: cells, forecast, decimation, axes, colours, words."""

from __future__ import annotations

import pytest

from tests.tui.fakes import HOSTILE, detail, done, run, snapshot, some_runs, training
from timnet.queue.forecast import duration, forecast
from timnet.records import RunState, Want
from timnet.registry.load import Load, Share
from timnet.registry.runs import Outcome
from timnet_tui import wording
from timnet_tui.cells import CELL, cell
from timnet_tui.looks.grid import rows_of
from timnet_tui.palette import DARK, GLYPHS, HEAT_RANGE, LIGHT, Palette, contrast, heat, ink
from timnet_tui.widgets.facts import facts_of
from timnet_tui.widgets.grid_layout import TITLES, Widths, end_of, head_of, layout
from timnet_tui.widgets.status import status

PALETTES = pytest.mark.parametrize("colours", [DARK, LIGHT], ids=["dark", "light"])


# cells


@PALETTES
@pytest.mark.parametrize("one", [*some_runs(), done(1, 1, 1.0), done(1, 1, 0.0), training(1, 1, 20), None])
def test_every_cell_is_five_characters_wide(one, colours: Palette) -> None:
    assert len(cell(one, colours).text) == CELL


@pytest.mark.parametrize(
    ("one", "text"),
    [
        (done(1, 1, 0.8412), "✓84.1"),
        (done(1, 1, 0.0904), "✓ 9.0"),
        (done(1, 1, 1.0), "✓ 100"),
        (training(1, 1, 12), "► 60%"),
        (training(1, 1, 12, want=Want.PAUSE), "►60%‖"),
        (training(1, 1, 0), "►  0%"),
        (run(1, 1, RunState.FAILED, epoch=3), "✗ 15%"),
        (run(1, 1), "·    "),
        (run(1, 1, epoch=5), "· 25%"),
        (None, "     "),
    ],
)
def test_a_cell_says_state_and_progress_or_score(one, text: str) -> None:
    assert cell(one, DARK).text == text


def test_every_state_has_a_sign_of_its_own() -> None:
    assert len(set(GLYPHS.values())) == len(RunState)


def test_progress_shows_100_only_when_all_epochs_are_done() -> None:
    assert "99%" in cell(training(1, 1, 999, epochs=1000), DARK).text


# colours


@PALETTES
def test_scores_are_readable_on_their_heat(colours: Palette) -> None:
    for step in range(101):
        background = heat(step / 100, colours)
        assert contrast(ink(background), background) >= 4.5


@PALETTES
def test_text_and_states_are_readable(colours: Palette) -> None:
    behind = (18, 18, 18) if colours.dark else (224, 224, 224)
    for colour in (colours.text, colours.warning, colours.error, *colours.states.values()):
        assert contrast(colour, behind) >= 4
    assert contrast(colours.faint, behind) >= 3.5


def test_heat_ends_hold_beyond_their_range() -> None:
    assert heat(0.0, DARK) == heat(HEAT_RANGE[0], DARK)
    assert heat(1.5, DARK) == heat(HEAT_RANGE[1], DARK) != heat(0.6, DARK)


# forecast


def test_forecast_shares_the_work_among_places() -> None:
    load = Load((Share(1, 1, 10, 2.0),), (Share(1, 2, 40, 2.0),))  # 20 s left of one, 40 s of each that waits
    assert forecast(load, 1).seconds == 20 + 40 + 40
    assert forecast(load, 2).seconds == 60  # 20 + 40 on one place, 40 on the other
    assert forecast(load, 3).seconds == 40


def test_forecast_says_how_many_runs_it_could_not_count() -> None:
    seen = forecast(Load((Share(1, 1, 10, 1.0),), (Share(2, 3, 60, None),)), 1)
    assert (seen.seconds, seen.unmeasured) == (10, 3)
    assert forecast(Load((), (Share(2, 3, 60, None),)), 1).seconds is None
    assert forecast(Load(), 4).seconds is None


def test_a_very_long_queue_is_spread_evenly() -> None:
    long = forecast(Load((), (Share(1, 100_000, 1_000_000, 0.5),)), 4)
    assert long.seconds == pytest.approx(125_000)
    short = forecast(Load((), (Share(1, 2000, 20_000, 0.5),)), 4)
    assert short.seconds == pytest.approx(2500)


@pytest.mark.parametrize(
    ("seconds", "text"), [(4.2, "4s"), (59.4, "59s"), (90, "2m"), (3599, "1h00m"), (11100, "3h05m"), (187200, "2d04h")]
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


# rows


def test_rows_keep_folds_that_were_never_queued_empty() -> None:
    (row,) = rows_of([run(1, 2, folds=4), run(1, 4, folds=4)])
    assert [one and one.fold for one in row.cells] == [None, 2, None, 4]


def test_a_mean_stands_with_its_n_and_one_value_has_no_spread() -> None:
    newest, middle, oldest = rows_of(some_runs())
    assert (newest.uar.n, newest.uar.mean) == (0, None)
    assert end_of(newest).split() == ["–", "0/4"]
    assert end_of(middle).split() == ["78.5", "±10.1", "2/10"]
    assert end_of(oldest).split() == ["75.0", "±10.0", "3/3"]
    (single,) = rows_of([done(1, 1, 0.5), run(1, 2)])
    assert end_of(single).split() == ["50.0", "1/10"]
    assert len({len(end_of(row)) for row in (newest, middle, oldest, single)}) == 1


# layout


@pytest.mark.parametrize("width", [20, 40, 60, 80, 100, 120, 160, 300])
def test_the_layout_never_leaves_its_width(width: int) -> None:
    rows = rows_of(some_runs())
    found = layout(Widths().grown(rows), width)
    assert found.stacked is (width < found.natural)
    assert found.cells_x + found.cells_width <= max(width, found.cells_x + 7)
    if width >= 80:
        head = 1 + sum(found.columns) + len(found.columns)
        assert head + found.end_width <= width


def test_the_selection_rule_is_never_cut_at_80_columns() -> None:
    long = {"corpus": "a-very-long-corpus-name", "preset": "another-long-name", "protocol": "cross-corpus"}
    rows = rows_of([done(1, 1, 0.5, selection="best-test", optimistic=True, **long)])
    column = TITLES.index("selection")
    assert (
        layout(Widths().grown(rows), 80).columns[column] >= len("best-test optimistic") == len(head_of(rows[0])[column])
    )


def test_fold_at_finds_what_is_drawn_there() -> None:
    found = layout(Widths().grown(rows_of(some_runs())), 80)
    assert found.fold_at(found.cells_x + 1, 0) == 1
    assert found.fold_at(found.cells_x + 6, 0) == 2
    assert found.fold_at(found.cells_x + 1, 6) == 2
    assert found.fold_at(0, 0) == 0
    assert found.fold_at(found.cells_x + 6 * 10, 0) == 0


# words


def test_outcomes_are_grouped_and_what_was_passed_over_is_said() -> None:
    outcomes = [
        Outcome("2.1", RunState.PAUSED),
        Outcome("2.2", RunState.PAUSED),
        Outcome("2.3", RunState.RUNNING, Want.PAUSE),
    ]
    said = wording.outcome(outcomes, ["cannot pause run 2.4: it is done"])
    assert said.splitlines() == [
        "2.1, 2.2: now paused",
        "2.3: asked to pause, within an epoch",
        "1 passed over: cannot pause run 2.4: it is done",
    ]


def test_only_training_runs_are_asked_about() -> None:
    assert wording.cancel_question([run(1, 1), run(1, 2)]) is None
    title, text = wording.cancel_question([training(2, 3, 12)]) or ("", "")
    assert "2.3" in title
    assert "12 of 20" in text
    title, text = wording.cancel_question([run(2, 1), training(2, 3, 12), done(2, 2, 0.9)]) or ("", "")
    assert "2 runs" in title
    assert text == "Training: 2.3. Waiting or paused: 1."


@pytest.mark.parametrize("width", [40, 80, 120, 200])
def test_the_strip_says_workers_depth_and_eta(width: int) -> None:
    said = status(snapshot(), width, DARK).plain
    assert "runs.db" in said
    assert "1 worker" in said
    assert "►" in said
    assert "ETA" in said


def test_the_strip_says_when_nobody_takes_what_waits() -> None:
    assert "no worker" in status(snapshot(workers=()), 80, DARK).plain


def test_the_strip_says_what_is_wrong_and_when_news_stops() -> None:
    assert "is gone" in status(snapshot(problem="runs.db is gone"), 80, DARK).plain
    assert "no news for 9 s" in status(snapshot(), 80, DARK, silent=9).plain


def test_facts_leave_nothing_unclean() -> None:
    shown = facts_of(detail(run(2, 1, RunState.FAILED, error=HOSTILE, preset=HOSTILE)))
    values = "".join(value for _, value, _ in shown)
    assert "\x1b" not in values
    assert "\u202e" not in values
    assert "[/x]" in values  # shown as it is
