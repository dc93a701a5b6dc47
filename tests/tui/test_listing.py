"""What lists of runs share, in the grid and in the list of all runs: filter, marks, what is kept of experiments."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.events import Key
from textual.pilot import Pilot
from textual.widgets import Input

from tests.support import filled_registry
from tests.tui.conftest import until
from tests.tui.proofs import proves
from tests.tui.steps import at_run, grid_of, text_of, toasts
from timnet.errors import UnknownName
from timnet.records import Experiment, RunState
from timnet.registry import Registry
from timnet.settings import Settings
from timnet_tui import bookkeeping
from timnet_tui.app import TimnetApp
from timnet_tui.screens.choose import Choose
from timnet_tui.screens.compare import CompareScreen
from timnet_tui.screens.confirm import Confirm
from timnet_tui.screens.grid import GridScreen
from timnet_tui.screens.type import TypeLine
from timnet_tui.widgets.filter_bar import FilterBar


@pytest.fixture
def db(tmp_path: Path) -> Path:
    """Two experiments: 1 is SAVEE with 3 folds, all done; 2 is EMODB with 10."""
    filled_registry(tmp_path / "runs.db").close()
    return tmp_path / "runs.db"


def experiment(db: Path, number: int) -> Experiment | None:
    with Registry.open_read_only(db) as registry:
        try:
            return registry.experiments.get(number)
        except UnknownName:
            return None


def marks(pilot: Pilot[None]) -> list[str]:
    screen = pilot.app.screen_stack[-1]
    assert isinstance(screen, GridScreen)
    return sorted(run.key for run in screen.marks.values())


@proves("grid.filter", "grid.step_back")
async def test_the_grid_is_filtered(db: Path) -> None:
    app = TimnetApp(db, Settings())
    async with app.run_test(size=(100, 30)) as pilot:
        await at_run(pilot, "2.3")
        await pilot.press("slash", *"savee")
        await until(pilot, lambda: grid_of(pilot).total == 1)
        assert "EMODB" not in text_of(app)
        await pilot.press(*"xx")
        await until(pilot, lambda: grid_of(pilot).total == 0)
        assert "0 experiments" in text_of(app)
        await pilot.press("backspace", "backspace", "enter")
        await until(pilot, lambda: grid_of(pilot).total == 1 and grid_of(pilot).has_focus)
        await pilot.press("escape")
        await until(pilot, lambda: grid_of(pilot).total == 2)
        assert "EMODB" in text_of(app)


@proves("grid.mark", "grid.step_back", "grid.copy", "grid.compare")
async def test_runs_and_experiments_are_marked_in_the_grid_and_compared(
    db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied: list[str] = []
    monkeypatch.setattr(TimnetApp, "copy_to_clipboard", lambda _self, text: copied.append(text))
    app = TimnetApp(db, Settings())
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await at_run(pilot, "2.1")
        await pilot.press("C")
        await until(pilot, lambda: "mark 2 to 20" in toasts(pilot))
        await pilot.press("space")
        assert marks(pilot) == ["2.1"]
        assert "●✓85.7" in text_of(app)
        await pilot.press("Y")
        assert copied == ["2.1"]
        await pilot.press("right", "space", "C")  # two folds of one experiment
        await until(pilot, lambda: isinstance(app.screen, CompareScreen))
        assert app.screen.keys == ("2.1", "2.2")  # type: ignore[attr-defined]
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, GridScreen))
        await pilot.press("escape")
        assert marks(pilot) == []
        await pilot.press("a", "space", "down", "space", "C")  # two whole experiments
        await until(pilot, lambda: isinstance(app.screen, CompareScreen))
        assert app.screen.keys == ("1", "2")  # type: ignore[attr-defined]
        await pilot.press("escape")
        await pilot.press("right", "space", "C")  # one of them not whole any more: which is meant?
        await until(pilot, lambda: isinstance(app.screen, Choose))
        await pilot.press("down", "enter")
        await until(pilot, lambda: isinstance(app.screen, CompareScreen))
        assert len(app.screen.keys) == 12  # type: ignore[attr-defined]


@proves("grid.tags", "grid.note", "grid.pin", "runs.pin")
async def test_tags_notes_and_pins(db: Path) -> None:
    def told(number: int) -> Experiment:
        found = experiment(db, number)
        assert found is not None
        return found

    app = TimnetApp(db, Settings())
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await at_run(pilot, "1.1")
        await pilot.press("T")
        await until(pilot, lambda: isinstance(app.screen, TypeLine))
        assert "Now: paper" in text_of(app)
        await pilot.press(*"best", "enter")
        await until(pilot, lambda: told(1).tags == ("best", "paper"))
        await pilot.press("m")
        await until(pilot, lambda: isinstance(app.screen, TypeLine))
        await pilot.press(*"mine", "enter")
        await until(pilot, lambda: told(1).note == "mine")
        await pilot.press("m")
        await until(pilot, lambda: isinstance(app.screen, TypeLine))
        await pilot.press("escape")
        await pilot.press("P")
        await until(pilot, lambda: told(1).pinned)
        await pilot.press("2")
        await until(pilot, lambda: "13 runs" in text_of(app))
        await until(pilot, lambda: [run.experiment_id for run in app.screen.targets()] == [2])  # type: ignore[attr-defined]
        assert not told(2).pinned
        await pilot.press("P")
        await until(pilot, lambda: told(2).pinned)
        await until(pilot, lambda: all(run.pinned for run in app.screen.targets()))  # type: ignore[attr-defined]
        await pilot.press("P")
        await until(pilot, lambda: not told(2).pinned)


@proves("grid.delete", "runs.delete", "anywhere.undo")
async def test_experiments_are_removed_after_a_question_and_brought_back(db: Path) -> None:
    app = TimnetApp(db, Settings())
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await at_run(pilot, "1.1")
        await pilot.press("ctrl+d")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        assert "all 3 runs, 3 of them done" in text_of(app)
        await pilot.press("n")
        assert experiment(db, 1) is not None
        await pilot.press("delete")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.press("y")
        await until(pilot, lambda: experiment(db, 1) is None and grid_of(pilot).total == 1)
        await pilot.press("u")
        await until(pilot, lambda: experiment(db, 1) is not None and grid_of(pilot).total == 2)
        await pilot.press("2")
        await until(pilot, lambda: "13 runs" in text_of(app))
        await pilot.press("ctrl+d")  # experiment 2 is training
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.press("y")
        await until(pilot, lambda: "is running" in toasts(pilot))
        assert experiment(db, 2) is not None
        await pilot.press("G", "ctrl+d")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.press("y")
        await until(pilot, lambda: "10 runs" in text_of(app))
        await pilot.press("u")
        await until(pilot, lambda: "13 runs" in text_of(app))


@proves("runs.compare")
async def test_runs_marked_in_the_list_are_compared_from_the_oldest_on(db: Path) -> None:
    app = TimnetApp(db, Settings())
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await pilot.press("2")
        await until(pilot, lambda: "13 runs" in text_of(app))
        await pilot.press("space", "C")
        await until(pilot, lambda: "mark 2 to 20" in toasts(pilot))
        await pilot.press("G", "space", "C")
        await until(pilot, lambda: isinstance(app.screen, CompareScreen))
        assert app.screen.keys == ("1.1", "2.10")  # type: ignore[attr-defined]


async def test_a_filter_typed_on_one_screen_is_found_again_on_another(db: Path) -> None:
    app = TimnetApp(db, Settings())
    async with app.run_test(size=(100, 30)) as pilot:
        await at_run(pilot, "2.3")
        await pilot.press("slash", *"savee", "enter", "2")
        await until(pilot, lambda: "13 runs" in text_of(app))
        await pilot.press("slash", "up")
        assert app.screen.query_one(Input).value == "savee"
        await until(pilot, lambda: "3 runs" in text_of(app))


@pytest.mark.parametrize("place", ["1", "2", "3"])
async def test_letters_that_follow_the_slash_at_once_are_typed_and_command_nothing(db: Path, place: str) -> None:
    app = TimnetApp(db, Settings())
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await at_run(pilot, "2.10")
        await pilot.press(place)
        await until(pilot, lambda: app.screen.query(FilterBar))
        await until(pilot, lambda: app.screen.targets())  # type: ignore[attr-defined]
        for character in "/pcR/qt":  # as fast as a terminal hands over what is pasted
            app.post_message(Key("slash" if character == "/" else character, character))
        line = app.screen.query_one(FilterBar).query_one(Input)
        await until(pilot, lambda: line.value == "pcR/qt")
        assert app.is_running
        assert app.theme == Settings().theme
        assert not toasts(pilot)
        with Registry.open_read_only(db) as registry:
            assert registry.runs.get("2.10").state is RunState.QUEUED


def test_what_cannot_be_done_is_said_and_not_raised(tmp_path: Path) -> None:
    nowhere = tmp_path / "none.db"
    assert bookkeeping.passing(nowhere, "").problem
    assert bookkeeping.words(nowhere) is None
    assert bookkeeping.note_of(nowhere, [1]) == ""
    assert "none.db is gone" in bookkeeping.tag(nowhere, [1], "a").text
    assert bookkeeping.remove(nowhere, [1]).failed
    assert bookkeeping.compared(nowhere, ["1", "2"]).problem
    assert not nowhere.exists()
    filled_registry(tmp_path / "runs.db").close()
    assert bookkeeping.pin(tmp_path / "runs.db", [1, 77], pinned=True).failed
    found = experiment(tmp_path / "runs.db", 1)
    assert found is not None
    assert not found.pinned  # all or none
    assert "8 more" in bookkeeping.named(range(12))
    assert bookkeeping.passing(tmp_path / "runs.db", "", most=5).more
