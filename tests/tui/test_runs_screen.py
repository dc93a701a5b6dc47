"""The list of runs as a user drives it, over a real registry: every action, by keys and by mouse."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, OptionList

from tests.support import add_corpus, add_experiment, filled_registry
from tests.tui.conftest import until
from tests.tui.fakes import HOSTILE
from tests.tui.proofs import proves
from tests.tui.steps import text_of, toasts
from timnet.records import RunState
from timnet.registry import Registry
from timnet.settings import Settings
from timnet_tui.app import TimnetApp
from timnet_tui.looks.runs import GroupRow, RunRow
from timnet_tui.screens.choose import Choose, ChooseSeveral
from timnet_tui.screens.confirm import Confirm
from timnet_tui.screens.run import RunScreen
from timnet_tui.screens.runs import RunsScreen
from timnet_tui.screens.type import TypeLine
from timnet_tui.widgets.table import RowTable


@pytest.fixture
def db(tmp_path: Path) -> Path:
    """13 runs of two experiments, in all states."""
    filled_registry(tmp_path / "runs.db").close()
    return tmp_path / "runs.db"


@asynccontextmanager
async def shown(db: Path, size: tuple[int, int] = (100, 30)) -> AsyncIterator[Pilot[None]]:
    """The runs, once they are there."""
    app = TimnetApp(db, Settings())
    async with app.run_test(size=size, notifications=True) as pilot:
        await until(pilot, lambda: app.snapshot is not None)
        await pilot.press("2")
        await until(pilot, lambda: isinstance(app.screen, RunsScreen) and table(pilot).row is not None)
        await until(pilot, lambda: screen(pilot)._page.exact)  # the first rows come before all have been counted
        yield pilot


def screen(pilot: Pilot[None]) -> RunsScreen:
    found = pilot.app.screen_stack[1] if len(pilot.app.screen_stack) > 1 else pilot.app.screen
    return found if isinstance(found, RunsScreen) else next(
        one for one in pilot.app.screen_stack if isinstance(one, RunsScreen)
    )  # fmt: skip


def table(pilot: Pilot[None]) -> RowTable:  # type: ignore[type-arg]
    return screen(pilot).table


def selected(pilot: Pilot[None]) -> str:
    row = table(pilot).row
    return row.run.key if isinstance(row, RunRow) else ""


def listed(pilot: Pilot[None]) -> list[str]:
    return [row.run.key for row in table(pilot)._page.rows if isinstance(row, RunRow)]


def marked(pilot: Pilot[None]) -> list[str]:
    return sorted(run.key for run in screen(pilot).marks.values())


async def typed(pilot: Pilot[None], text: str) -> None:
    names = {":": "colon", ">": "greater_than_sign", " ": "space", ".": "full_stop", "-": "minus", "?": "question_mark"}
    await pilot.press(*(names.get(character, character) for character in text))


@proves("runs.up", "runs.down", "runs.page_up", "runs.page_down", "runs.first", "runs.last", "anywhere.show_runs")
async def test_the_selection_moves(db: Path) -> None:
    async with shown(db, (100, 12)) as pilot:
        assert listed(pilot)[0] == selected(pilot) == "2.10"
        await pilot.press("down", "j")
        assert selected(pilot) == "2.8"
        await pilot.press("k")
        assert selected(pilot) == "2.9"
        await pilot.press("up", "pagedown")
        assert table(pilot).place == table(pilot).page
        await pilot.press("pageup")
        assert selected(pilot) == "2.10"
        await pilot.press("G")
        assert selected(pilot) == "1.1"
        assert "1.1" in text_of(pilot.app)  # type: ignore[arg-type]
        await pilot.press("g")
        assert selected(pilot) == "2.10"


@proves("runs.open")
async def test_enter_opens_the_run(db: Path) -> None:
    async with shown(db) as pilot:
        await pilot.press("down", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, RunScreen))
        await until(pilot, lambda: "2.9" in text_of(pilot.app))  # type: ignore[arg-type]


@proves("runs.filter", "runs.step_back")
async def test_a_filter_shows_what_passes_and_the_selection_stays_on_its_run(db: Path) -> None:
    async with shown(db) as pilot:
        await pilot.press("G", "k")
        assert selected(pilot) == "1.2"
        await pilot.press("slash")
        await typed(pilot, "corpus:savee")
        await until(pilot, lambda: listed(pilot) == ["1.3", "1.2", "1.1"])
        assert selected(pilot) == "1.2"
        await typed(pilot, " q?")  # letters are typed, they do nothing else
        assert pilot.app.screen.query_one(Input).value == "corpus:savee q?"
        await until(pilot, lambda: listed(pilot) == [])
        await pilot.press("backspace", "backspace", "enter")
        await until(pilot, lambda: listed(pilot) == ["1.3", "1.2", "1.1"])
        assert selected(pilot) == "1.2", "though nothing passed meanwhile"
        await until(pilot, lambda: table(pilot).has_focus)
        assert screen(pilot).view.filter_text == "corpus:savee"
        await pilot.press("escape")
        await until(pilot, lambda: len(listed(pilot)) == 13)
        assert selected(pilot) == "1.2"
        await pilot.press("slash")
        await typed(pilot, "tag:nobody")
        await until(pilot, lambda: "No run passes" in text_of(pilot.app))  # type: ignore[arg-type]
        await pilot.press("escape")
        await until(pilot, lambda: len(listed(pilot)) == 13)


async def test_words_of_the_registry_complete_a_filter(db: Path) -> None:
    async with shown(db) as pilot:
        await pilot.press("slash")
        await until(pilot, lambda: screen(pilot).bar._values.of)
        await typed(pilot, "corpus:s")
        await pilot.press("tab")
        await until(pilot, lambda: listed(pilot) == ["1.3", "1.2", "1.1"])
        assert pilot.app.screen.query_one(Input).value == "corpus:SAVEE"


@proves("runs.sort", "runs.reverse")
async def test_sorting_keeps_the_selection_on_its_run(db: Path) -> None:
    async with shown(db) as pilot:
        await pilot.press("down")
        await pilot.press("o")
        await until(pilot, lambda: isinstance(pilot.app.screen, Choose))
        choices = pilot.app.screen.query_one(OptionList)
        place = next(index for index in range(choices.option_count)
                     if "UAR %" in str(choices.get_option_at_index(index).prompt))  # fmt: skip
        choices.highlighted = place
        await pilot.press("enter")
        await until(pilot, lambda: listed(pilot)[:5] == ["1.1", "2.1", "1.2", "1.3", "2.2"])
        assert selected(pilot) == "2.9"
        assert "UAR %↓" in text_of(pilot.app)  # type: ignore[arg-type]
        await pilot.press("O")
        await until(pilot, lambda: listed(pilot)[:5] == ["2.2", "1.3", "1.2", "2.1", "1.1"])
        assert selected(pilot) == "2.9"


@proves("runs.group", "runs.step_back")
async def test_groups_show_mean_and_n_and_open_as_a_filter(db: Path) -> None:
    async with shown(db) as pilot:
        await pilot.press("b")
        await until(pilot, lambda: isinstance(pilot.app.screen, Choose))
        await pilot.press("down", "enter")
        await until(pilot, lambda: isinstance(table(pilot).row, GroupRow))
        told = text_of(pilot.app)  # type: ignore[arg-type]
        assert "78.6 ± 10.1" in told
        assert "best-test optimistic  2" in told
        await pilot.press("space")
        assert not screen(pilot).marks
        await pilot.press("escape")
        await until(pilot, lambda: len(listed(pilot)) == 13)
        await pilot.press("b", "down", "enter")
        await until(pilot, lambda: isinstance(table(pilot).row, GroupRow))
        await pilot.press("G", "enter")
        await until(pilot, lambda: listed(pilot) == ["1.3", "1.2", "1.1"])
        assert screen(pilot).view.filter_text == "corpus:SAVEE protocol:random selection:last"


@proves("runs.columns", "runs.left", "runs.right")
async def test_columns_are_chosen_and_reached(db: Path) -> None:
    async with shown(db, (80, 24)) as pilot:
        await pilot.press("v")
        await until(pilot, lambda: isinstance(pilot.app.screen, ChooseSeveral))
        choices = pilot.app.screen.query_one(OptionList)
        names = [str(choices.get_option_at_index(index).prompt) for index in range(choices.option_count)]
        choices.highlighted = next(index for index, name in enumerate(names) if "learning_rate" in name)
        await pilot.press("space", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, RunsScreen))
        assert "learning_rate" in screen(pilot).view.columns
        assert {"protocol", "selection"} <= set(screen(pilot).view.columns)
        await until(pilot, lambda: any(row.experiment for row in table(pilot)._page.rows))
        for _ in range(9):
            await pilot.press("right")
        told = text_of(pilot.app)  # type: ignore[arg-type]
        assert "0.001" in told
        assert "best-test optimistic" in told  # what belongs to every score stays in view
        assert "UAR %" not in told
        for _ in range(9):
            await pilot.press("left")
        assert "UAR %" in text_of(pilot.app)  # type: ignore[arg-type]


@proves("runs.mark", "runs.mark_up", "runs.mark_down", "runs.mark_all", "runs.step_back", "runs.copy")
async def test_marks(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copied: list[str] = []
    monkeypatch.setattr(TimnetApp, "copy_to_clipboard", lambda _self, text: copied.append(text))
    async with shown(db) as pilot:
        await pilot.press("space")
        assert marked(pilot) == ["2.10"]
        await pilot.press("space")
        assert marked(pilot) == []
        await pilot.press("Y")
        assert copied == ["2.10"]
        await pilot.press("shift+down", "shift+down", "j", "j", "shift+up")
        assert marked(pilot) == ["2.10", "2.6", "2.7", "2.8", "2.9"]
        assert "5 marked" in text_of(pilot.app)  # type: ignore[arg-type]
        await pilot.press("Y")
        assert sorted(copied[1].split()) == marked(pilot)
        await pilot.press("escape")
        assert marked(pilot) == []
        await pilot.press("slash")
        await typed(pilot, "state:done")
        await pilot.press("enter")
        await until(pilot, lambda: len(listed(pilot)) == 5)
        await pilot.press("asterisk")
        await until(pilot, lambda: marked(pilot) == ["1.1", "1.2", "1.3", "2.1", "2.2"])
        await pilot.press("escape", "escape")
        await until(pilot, lambda: len(listed(pilot)) == 13)


@proves("runs.pause", "runs.resume", "runs.retry", "runs.cancel")
async def test_what_is_marked_is_acted_on_at_once(db: Path) -> None:
    def states() -> str:
        with Registry.open_read_only(db) as registry:
            return " ".join(registry.runs.get(key).state.value for key in ("2.10", "2.9", "2.4"))

    async with shown(db) as pilot:
        await pilot.press("space", "shift+down")
        await pilot.press("p")
        await until(pilot, lambda: states() == "paused paused failed")
        await pilot.press("r")
        await until(pilot, lambda: states() == "queued queued failed")
        await pilot.press("c")
        await until(pilot, lambda: states() == "cancelled cancelled failed")
        await pilot.press("asterisk")
        await until(pilot, lambda: len(marked(pilot)) == 13)
        await pilot.press("R")
        await until(pilot, lambda: states() == "queued queued queued")
        await until(pilot, lambda: all(run.state is not RunState.FAILED for run in screen(pilot).marks.values()))
        await pilot.press("c")
        await until(pilot, lambda: isinstance(pilot.app.screen, Confirm))
        await pilot.press("n")


@proves("runs.start_worker")
async def test_a_worker_is_asked_for_only_where_something_waits(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("timnet.queue.service.start_worker", lambda _db, jobs: 4700 + jobs)
    async with shown(db) as pilot:
        await pilot.press("w")
        await until(pilot, lambda: "a worker has started (pid 47" in toasts(pilot))
        with Registry.open(db) as registry:
            registry.lineup.hold_all()
        await pilot.press("w")
        await until(pilot, lambda: "nothing waits, so a worker would end at once" in toasts(pilot))


@proves("runs.tags", "runs.note", "anywhere.undo")
async def test_tags_and_notes_of_what_is_marked(db: Path) -> None:
    def experiment(number: int) -> tuple[tuple[str, ...], str]:
        with Registry.open_read_only(db) as registry:
            found = registry.experiments.get(number)
            return found.tags, found.note

    async with shown(db) as pilot:
        await pilot.press("space", "G", "space", "T")
        await until(pilot, lambda: isinstance(pilot.app.screen, TypeLine))
        await typed(pilot, "a:b")
        await pilot.press("enter")
        await until(pilot, lambda: "cannot be a tag" in text_of(pilot.app))  # type: ignore[arg-type]
        await pilot.press(*["backspace"] * 3)
        await typed(pilot, "night -paper")
        await pilot.press("enter")
        await until(pilot, lambda: experiment(1)[0] == ("night",) and experiment(2)[0] == ("night",))
        await until(pilot, lambda: "night" in text_of(pilot.app))  # type: ignore[arg-type]
        await pilot.press("m")
        await until(pilot, lambda: isinstance(pilot.app.screen, TypeLine))
        await typed(pilot, "first")
        await pilot.press("enter")
        await until(pilot, lambda: experiment(1)[1] == experiment(2)[1] == "first")
        await pilot.press("escape", "m")
        await until(pilot, lambda: isinstance(pilot.app.screen, TypeLine))
        assert pilot.app.screen.query_one(Input).value == "first"
        await typed(pilot, " try")
        await pilot.press("enter")
        await until(pilot, lambda: experiment(1)[1] == "first try")
        await until(pilot, lambda: "takes it back" in toasts(pilot))
        await pilot.press("u")
        await until(pilot, lambda: experiment(1)[1] == "first")


async def test_the_mouse_selects_marks_opens_sorts_and_scrolls(db: Path) -> None:
    async with shown(db, (100, 12)) as pilot:
        await pilot.click(RowTable, offset=(10, 3))
        assert selected(pilot) == "2.8"
        await pilot.click(RowTable, offset=(10, 2), control=True)
        assert selected(pilot) == "2.9"
        assert marked(pilot) == ["2.9"]
        titles = text_of(pilot.app).splitlines()[3]  # type: ignore[arg-type]
        await pilot.click(RowTable, offset=(titles.index("UAR %"), 0))
        await until(pilot, lambda: listed(pilot)[0] == "1.1")
        assert selected(pilot) == "2.9"
        await pilot.click(RowTable, offset=(10, 2), times=2)
        await until(pilot, lambda: isinstance(pilot.app.screen, RunScreen))


async def test_the_selection_stays_on_its_run_when_others_arrive(db: Path) -> None:
    async with shown(db, (100, 14)) as pilot:
        await pilot.press(*["down"] * 7)
        before = text_of(pilot.app).splitlines()  # type: ignore[arg-type]
        at = next(y for y, line in enumerate(before) if "▌" in line)
        with Registry.open(db) as writer:
            for name in ("CASIA", "EMOVO"):
                add_experiment(writer, add_corpus(writer, name))
        await until(pilot, lambda: table(pilot).total == 33)
        await until(pilot, lambda: table(pilot).place == 27)
        assert selected(pilot) == "2.3"
        after = text_of(pilot.app).splitlines()  # type: ignore[arg-type]
        assert "2.3" in after[at]
        assert "▌" in after[at]


async def test_a_long_list_is_walked_to_its_end(tmp_path: Path) -> None:
    with Registry.open(tmp_path / "runs.db") as registry:
        corpus = add_corpus(registry)
        for _ in range(40):
            add_experiment(registry, corpus)
    async with shown(tmp_path / "runs.db", (80, 20)) as pilot:
        await until(pilot, lambda: table(pilot).total == 400)
        await pilot.press("G")
        await until(pilot, lambda: selected(pilot) == "1.1")
        assert len(table(pilot)._page.rows) < 100  # never all of them
        await pilot.press("pageup")
        await until(pilot, lambda: table(pilot).place == 399 - table(pilot).page)
        table(pilot).scroll_to(y=150, animate=False)
        await until(pilot, lambda: "25.10" in text_of(pilot.app))  # type: ignore[arg-type]
        await pilot.press("g")
        await until(pilot, lambda: selected(pilot) == "40.10")


async def test_an_empty_registry_says_what_to_do(tmp_path: Path) -> None:
    Registry.open(tmp_path / "runs.db").close()
    app = TimnetApp(tmp_path / "runs.db", Settings())
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.snapshot is not None)
        await pilot.press("2")
        await until(pilot, lambda: "No runs yet" in text_of(app))
        for key in ("enter", "space", "asterisk", "C", "T", "m", "Y", "p", "c", "G", "down", "shift+down"):
            await pilot.press(key)
        await until(pilot, lambda: "no run is selected" in toasts(pilot))


async def test_hostile_names_tags_and_notes_are_text_and_do_nothing(db: Path) -> None:
    with Registry.open(db) as registry, registry.db.write():
        connection = registry.db.connection
        connection.execute("UPDATE experiments SET preset = ?, note = ?", (HOSTILE, HOSTILE))
        connection.execute("UPDATE runs SET corpus = ?, error = ?, state = 'failed'", (HOSTILE, HOSTILE))
        connection.execute("INSERT INTO tags SELECT id, ? FROM experiments", (HOSTILE.split()[0],))
    async with shown(db, (220, 30)) as pilot:
        screen(pilot)._take_columns(("corpus", "preset", "tags", "note", "why"))
        await until(pilot, lambda: any(row.experiment for row in table(pilot)._page.rows))
        told = text_of(pilot.app)  # type: ignore[arg-type]
        assert "[@click=app.quit]x[/x]" in told
        await pilot.press("b", "down", "down", "enter")
        await until(pilot, lambda: isinstance(table(pilot).row, GroupRow))
        told += text_of(pilot.app)  # type: ignore[arg-type]
        await pilot.press("enter")
        await until(pilot, lambda: screen(pilot).view.filter_text)
        told += text_of(pilot.app)  # type: ignore[arg-type]
        await pilot.press("T")
        await pilot.pause()
        told += text_of(pilot.app)  # type: ignore[arg-type]
        assert not any(character in told for character in "\x1b\x07\x9b\u202e\u2028")
        await pilot.click(offset=(60, 10))
        assert pilot.app.is_running


async def test_without_a_registry_it_says_what_to_do(tmp_path: Path) -> None:
    app = TimnetApp(tmp_path / "runs.db", Settings())
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.snapshot is not None)
        await pilot.press("2")
        await until(pilot, lambda: "No runs yet" in text_of(app))
        filled_registry(tmp_path / "runs.db").close()
        await until(pilot, lambda: "2.10" in text_of(app))
