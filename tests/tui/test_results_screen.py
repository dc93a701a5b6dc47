"""The table of results on real registries: what it shows, what is behind a cell, and when it is read again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from rich.text import Text
from textual.pilot import Pilot
from textual.widgets import OptionList, Static

from tests.support import add_corpus, add_experiment, filled_registry, finish, start_next, train
from tests.tui.conftest import until
from tests.tui.fakes import HOSTILE
from tests.tui.proofs import proves
from tests.tui.steps import text_of, toasts
from timnet.evaluation.statistics import SeedScores
from timnet.export.tables import Cell, Entry
from timnet.registry import Registry
from timnet.settings import Settings
from timnet_tui import result_text
from timnet_tui.app import TimnetApp
from timnet_tui.looks import results as look
from timnet_tui.looks.results import ResultsFollower, ResultsPage, ResultsWatch, why_not_compared
from timnet_tui.palette import DARK
from timnet_tui.screens.results import ResultsScreen
from timnet_tui.screens.run import RunScreen
from timnet_tui.widgets.result_grid import ResultGrid


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with filled_registry(tmp_path / "runs.db") as registry:
        yield registry


def done(registry: Registry, corpus: str, folds: int = 2, wrong: int = 1, **changes: object) -> int:
    """An experiment of which all folds are finished; returns its id."""
    made = add_experiment(registry, registry.corpora.get(corpus), folds=folds, priority=9, **changes)
    for _ in range(folds):
        run_id = start_next(registry)
        train(registry, run_id, 5)
        finish(registry, run_id, wrong=wrong)
    return made.id


def screen_of(pilot: Pilot[None]) -> ResultsScreen:
    screen = next(one for one in pilot.app.screen_stack if isinstance(one, ResultsScreen))
    assert isinstance(screen, ResultsScreen)
    return screen


def selected(pilot: Pilot[None]) -> tuple[str, str]:
    found = screen_of(pilot).table.selected
    assert found is not None
    return found[:2]


def details(pilot: Pilot[None]) -> str:
    return str(screen_of(pilot).query_one("#details", Static).content)


async def at_results(pilot: Pilot[None]) -> None:
    await pilot.press("4")
    await until(
        pilot, lambda: isinstance(pilot.app.screen, ResultsScreen) and screen_of(pilot).table.selected is not None
    )


# the screen


@proves(
    "anywhere.show_results", "results.left", "results.right", "results.up", "results.down", "results.first",
    "results.last",
)  # fmt: skip
async def test_ours_stand_beside_published_ones_and_the_selection_moves(registry: Registry) -> None:
    app = TimnetApp(registry.paths.db, Settings())
    async with app.run_test(size=(160, 48)) as pilot:
        await at_results(pilot)
        shown = text_of(app)
        for said in ("mine", "seed", "github-2023-08", "paper", "n 2/10 optimistic", "83.8/85.2", "–/86.6"):
            assert said in shown
        assert "84.8±8.0★/84.8±8.0★" in shown
        steps = {
            "down": ("SAVEE", "mine"), "l": ("SAVEE", "seed"), "right": ("SAVEE", "github-2023-08"),
            "h": ("SAVEE", "seed"), "G": ("RAVDESS", "seed"), "k": ("IEMOCAP", "seed"), "home": ("EMODB", "seed"),
            "left": ("EMODB", "mine"), "j": ("SAVEE", "mine"), "up": ("EMODB", "mine"), "end": ("RAVDESS", "mine"),
            "g": ("EMODB", "mine"),
        }  # fmt: skip
        for key, cell in steps.items():
            await pilot.press(key)
            assert selected(pilot) == cell


@proves("results.open", "results.leave")
async def test_a_cell_opens_what_it_is_made_of_and_from_there_a_run(registry: Registry) -> None:
    app = TimnetApp(registry.paths.db, Settings())
    async with app.run_test(size=(80, 24)) as pilot:
        await at_results(pilot)
        await pilot.press("end", "enter")
        assert "no run of ours behind this cell" in toasts(pilot)
        await pilot.press("home")
        await until(pilot, lambda: screen_of(pilot).runs.row is not None)
        assert "timnet #2 seed  random, best-test optimistic" in details(pilot)
        assert "only 2 of 10 folds are finished" in details(pilot)
        await pilot.press("enter", "down", "down")
        assert screen_of(pilot).runs.row.key == "2.3"
        await pilot.press("escape")
        assert screen_of(pilot).table.has_focus
        await pilot.press("enter", "up", "enter")
        await until(pilot, lambda: isinstance(app.screen, RunScreen) and app.screen.targets())
        assert [run.key for run in app.screen.targets()] == ["2.2"]
        await pilot.press("escape")
        assert selected(pilot) == ("EMODB", "mine")


async def test_the_mouse_selects_and_opens(registry: Registry) -> None:
    app = TimnetApp(registry.paths.db, Settings())
    async with app.run_test(size=(80, 24)) as pilot:
        await at_results(pilot)
        line = next(y for y, line in enumerate(text_of(app).splitlines()) if line.startswith(" SAVEE"))
        line -= app.screen.query_one(ResultGrid).region.y
        await pilot.click(ResultGrid, offset=(40, line))
        assert selected(pilot) == ("SAVEE", "seed")
        await pilot.click(ResultGrid, offset=(12, line), times=2)
        assert selected(pilot) == ("SAVEE", "mine")
        await until(pilot, lambda: screen_of(pilot).runs.has_focus)


async def test_a_row_that_is_half_scrolled_away_keeps_its_name(registry: Registry) -> None:
    app = TimnetApp(registry.paths.db, Settings())
    async with app.run_test(size=(80, 24)) as pilot:
        await at_results(pilot)
        grid = screen_of(pilot).table
        grid.scroll_to(y=1, animate=False, force=True, immediate=True)
        await pilot.pause()
        top = "".join(segment.text for segment in grid.render_line(1))
        assert top.startswith(" EMODB")
        assert "optimistic" in top, "it is the row's second line"
        assert not "".join(segment.text for segment in grid.render_line(2)).startswith(" EMODB")


@proves("results.rows", "results.cols", "results.swap", "results.metric")
async def test_rows_columns_and_metric_are_chosen(registry: Registry) -> None:
    app = TimnetApp(registry.paths.db, Settings())
    async with app.run_test(size=(160, 40)) as pilot:
        await at_results(pilot)
        await pilot.press("c")
        await until(pilot, lambda: app.screen.query(OptionList))
        choices = app.screen.query_one(OptionList)
        titles = [str(choices.get_option_at_index(index).prompt).split()[0] for index in range(choices.option_count)]
        await pilot.press(*["down"] * (titles.index("experiment") - titles.index("source")), "enter")
        await until(pilot, lambda: "corpus × experiment" in text_of(app))
        await until(pilot, lambda: "#1" in text_of(app))
        await pilot.press("M")
        await until(pilot, lambda: "experiment  UAR %" in text_of(app))
        await pilot.press("s")
        await until(pilot, lambda: "experiment × corpus" in text_of(app))
        await until(pilot, lambda: selected(pilot)[0] == "#1")
        await pilot.press("r")  # rows become what the columns are: they change places
        await until(pilot, lambda: app.screen.query(OptionList))
        await pilot.press(*["up"] * (titles.index("experiment") - titles.index("corpus")), "enter")
        await until(pilot, lambda: "corpus × experiment" in text_of(app))


@proves("results.filter")
async def test_a_filter_leaves_only_what_passes(registry: Registry) -> None:
    app = TimnetApp(registry.paths.db, Settings())
    async with app.run_test(size=(160, 40)) as pilot:
        await at_results(pilot)
        await pilot.press("slash", *"corpus", "colon", *"SAVEE", "enter")
        await until(pilot, lambda: "EMODB" not in text_of(app).replace("corpus:EMODB", ""))
        assert selected(pilot)[0] == "SAVEE"
        await pilot.press("slash", *["backspace"] * 5, *"CASIA", "enter")
        await until(pilot, lambda: "no experiment that passes the filter has a finished fold" in text_of(app))
        await pilot.press("slash", "escape")
        await until(pilot, lambda: "EMODB" in text_of(app))


async def test_without_a_registry_it_says_so(tmp_path: Path) -> None:
    app = TimnetApp(tmp_path / "runs.db", Settings())
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("4")
        await until(pilot, lambda: "results appear as runs finish" in text_of(app))


async def test_published_figures_are_there_before_anything_is_finished(tmp_path: Path) -> None:
    with Registry.open(tmp_path / "runs.db") as registry:
        add_experiment(registry, add_corpus(registry))
    app = TimnetApp(tmp_path / "runs.db", Settings())
    async with app.run_test(size=(80, 24)) as pilot:
        await at_results(pilot)
        assert selected(pilot) == ("CASIA", "seed")


async def test_hostile_names_are_shown_as_text(registry: Registry) -> None:
    corpus = registry.corpora.get("SAVEE")
    registry.corpora.add(replace(corpus, name=f"A{HOSTILE}", digest="x"))
    done(registry, f"A{HOSTILE}", preset="[b]p")
    app = TimnetApp(registry.paths.db, Settings())
    async with app.run_test(size=(160, 40)) as pilot:
        await at_results(pilot)
        assert "\x1b" not in text_of(app)
        assert "\u202e" not in text_of(app)
        await pilot.press("home")
        await until(pilot, lambda: "[b]p" in text_of(app))


# the look


def read(follower: ResultsFollower, registry: Registry) -> ResultsPage:
    answer = follower.read(registry, ())
    assert isinstance(answer, ResultsPage)
    return answer


def test_the_table_is_built_again_when_a_run_ends_and_not_at_an_epoch(registry: Registry) -> None:
    follower = ResultsWatch(behind=(2,)).follower(None)
    first = read(follower, registry)
    assert read(follower, registry) is first
    running = registry.runs.get("2.3")
    train(registry, running.id, 13)
    after = read(follower, registry)
    assert after.table is first.table
    assert next(run for run in after.runs if run.key == "2.3").epoch == 13
    finish(registry, running.id)
    table = read(follower, registry).table
    assert table is not first.table
    [entry] = [entry for entry in table.entries if entry.experiments == (2,)]
    assert entry.n == 3
    follower = ResultsWatch(metrics=("war",)).follower(follower)
    assert read(follower, registry).table.metrics == ("war",)


def test_the_stamp_changes_with_results_alone(registry: Registry) -> None:
    before = registry.results.stamp()
    registry.experiments.note(1, "a word")
    train(registry, registry.runs.get("2.3").id, 13)
    assert registry.results.stamp() == before
    finish(registry, registry.runs.get("2.3").id)
    assert registry.results.stamp() != before


def test_only_the_newest_experiments_are_put_in(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    for seed in range(3):
        done(registry, "SAVEE", seed=seed)
    monkeypatch.setattr(look, "EXPERIMENTS", 2)
    page = read(ResultsWatch(cols="experiment").follower(None), registry)
    assert (page.experiments, page.total) == ((4, 5), 5)
    assert page.table.cols == ("#4", "#5")
    line = result_text.header(page, "corpus", "experiment", ("uar",), DARK).plain
    assert "the newest 2 of 5 experiments" in line


# the words


def entry(**changes: object) -> Entry:
    uar = SeedScores(0.7532, 0.031, None, 10, 1)
    plain = Entry("EMODB", "timnet #1 github", "mine", "random", "last", False, "github", (1,), (46,), 10, 10, uar, uar)
    return replace(plain, **changes)  # type: ignore[arg-type]


def lines(*entries: Entry) -> list[str]:
    return [line.plain for line in result_text.cell_lines(Cell(entries), ("uar", "war"), DARK)]


def test_a_cell_says_scores_n_and_label_of_each_result_and_counts_the_rest() -> None:
    assert lines() == ["–"]
    assert lines(entry()) == ["75.3±3.1/75.3±3.1", "n 10 random last"]
    half = entry(n=3, optimistic=True, selection="best-test", best=frozenset({"uar"}))
    assert lines(half) == ["75.3±3.1★/75.3±3.1", "n 3/10 optimistic random best-test"]
    seeds = entry(seeds=(1, 2), n=20, folds=20)
    assert lines(seeds)[1] == "n 20 (2 seeds) random last"
    unknown = entry(n=0, folds=0, uar=SeedScores(None, None, None, 0, 0))
    assert lines(unknown) == ["–/75.3±3.1", "n – random last"]
    assert lines(*[entry()] * 5)[-1] == "and 2 more"


def test_what_cannot_be_compared_says_why() -> None:
    one = entry()
    assert why_not_compared(one, [one, entry(corpus="SAVEE", protocol="loso")]) == ()
    loso, lucky = entry(protocol="loso"), entry(optimistic=True)
    assert "not comparable with loso" in why_not_compared(one, [one, loso])[0]
    assert "its test fold did not choose its epoch" in why_not_compared(one, [one, lucky])[0]
    assert "its test fold chose its epoch" in why_not_compared(lucky, [one, lucky])[0]
    assert why_not_compared(entry(n=3), []) == ("only 3 of 10 folds are finished, so it is never marked as the best",)


def test_about_a_cell_gives_every_result_with_its_label_and_the_notes(registry: Registry) -> None:
    done(registry, "SAVEE", preset="paper")
    page = read(ResultsWatch().follower(None), registry)
    assert page.table is not None
    row = page.table.rows.index("SAVEE")
    cell = page.table.cells[row][0]
    assert cell.mixed
    text = result_text.about(page.table, "SAVEE", "mine", cell, DARK)
    assert isinstance(text, Text)
    assert "2 results that must not be averaged" in text.plain
    assert all(one.source in text.plain for one in cell.entries)
    assert all(note in text.plain for note in page.table.notes)
