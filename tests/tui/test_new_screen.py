"""The form for new experiments on the screen: by keys and by mouse, from nothing and from a run that is there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Select, SelectionList, Static

from tests.support import add_corpus, filled_registry, start_next
from tests.tui.conftest import until
from tests.tui.proofs import proves
from tests.tui.steps import at_run, click, grid_of, text_of, toasts
from timnet.presets import PRESETS
from timnet.records import RunState, Utterance
from timnet.registry import Registry
from timnet.settings import Settings
from timnet_tui.app import TimnetApp
from timnet_tui.screens.confirm import Confirm
from timnet_tui.screens.grid import GridScreen
from timnet_tui.screens.new import NewScreen
from timnet_tui.screens.run import RunScreen
from timnet_tui.screens.runs import RunsScreen
from timnet_tui.widgets.fields import Field

SIZE = (80, 24)


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with filled_registry(tmp_path / "runs.db") as registry:
        yield registry


def app_on(registry: Registry) -> TimnetApp:
    return TimnetApp(registry.paths.db, Settings(jobs=2))


def form_of(pilot: Pilot[None]) -> NewScreen:
    screen = pilot.app.screen
    assert isinstance(screen, NewScreen)
    return screen


async def at_form(pilot: Pilot[None]) -> None:
    await until(pilot, lambda: pilot.app.snapshot is not None)
    await pilot.press("n")
    await until(pilot, lambda: isinstance(pilot.app.screen, NewScreen) and form_of(pilot)._offers is not None)


async def typed(pilot: Pilot[None], field: str, text: str) -> None:
    """Go to a field and type."""
    form_of(pilot).query_one(f"#{field}", Field).line.focus()
    await pilot.press(*("space" if one == " " else one for one in text))


async def previewed(pilot: Pilot[None], text: str) -> None:
    await until(pilot, lambda: text in " ".join(text_of(pilot.app).split()))


@proves("new.queue", "anywhere.new", "anywhere.undo")
async def test_experiments_are_queued_by_keys_alone_and_taken_back(registry: Registry) -> None:
    app = app_on(registry)
    async with app.run_test(size=SIZE) as pilot:
        await at_form(pilot)
        await previewed(pilot, "nothing to queue yet")
        await pilot.press("space", "down", "space")  # both corpora
        await previewed(pilot, "2 corpora x 10 folds = 20 runs")
        await typed(pilot, "changes", "lr=5e-4,1e-3 epochs=20")
        await typed(pilot, "only", "1,3-4")
        await typed(pilot, "tags", "qnr")  # keys of actions elsewhere
        await previewed(pilot, "2 corpora x 2 settings x 3 folds = 12 runs")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, GridScreen))
        made = registry.experiments.ls()[2:]
        assert [(one.corpus, one.config.learning_rate, one.tags) for one in made] == [
            ("EMODB", 5e-4, ("qnr",)), ("EMODB", 1e-3, ("qnr",)), ("SAVEE", 5e-4, ("qnr",)), ("SAVEE", 1e-3, ("qnr",)),
        ]  # fmt: skip
        assert [run.fold for run in registry.runs.of_experiment(3)] == [1, 3, 4]
        await until(pilot, lambda: "queued 4 experiments, 12 runs" in toasts(pilot))
        await until(pilot, lambda: grid_of(pilot).row is not None and grid_of(pilot).row.id == 3)
        await pilot.press("u")
        await until(pilot, lambda: len(registry.experiments.ls()) == 2)


async def test_what_has_started_is_not_taken_back(registry: Registry) -> None:
    app = app_on(registry)
    async with app.run_test(size=SIZE) as pilot:
        await at_form(pilot)
        await pilot.press("space")
        await typed(pilot, "priority", "9")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: len(registry.experiments.ls()) == 3)
        await until(pilot, lambda: "queued 1 experiment" in toasts(pilot))
        start_next(registry)
        await pilot.press("u")
        await until(pilot, lambda: "run 3.1 has started; cancel it instead" in toasts(pilot))
        assert len(registry.experiments.ls()) == 3


@proves("new.train")
async def test_queue_and_train_starts_a_worker(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr("timnet.queue.service.ensure_worker", lambda _registry, jobs: asked.append(jobs) or True)
    app = app_on(registry)
    async with app.run_test(size=SIZE) as pilot:
        await at_form(pilot)
        await pilot.press("space", "ctrl+t")
        await until(pilot, lambda: asked == [2])
        await until(pilot, lambda: "queued 1 experiment, 10 runs; a worker has started" in toasts(pilot))
        assert registry.runs.get("3.1").state is RunState.QUEUED


async def test_what_is_wrong_is_said_while_typing_and_nothing_is_queued(registry: Registry) -> None:
    app = app_on(registry)
    async with app.run_test(size=SIZE) as pilot:
        await at_form(pilot)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "tick a corpus to train on" in toasts(pilot))
        await pilot.press("space")
        await typed(pilot, "changes", "lr=50")
        await previewed(pilot, "learning_rate = 50.0 is out of")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "out of range" in toasts(pilot))
        assert form_of(pilot).query_one("#changes", Field).line.has_focus
        await pilot.press("backspace", "backspace", "1")
        await previewed(pilot, "1 corpus x 10 folds = 10 runs")
        assert len(registry.experiments.ls()) == 2


async def test_a_protocol_is_refused_with_the_reason_while_it_is_chosen(registry: Registry) -> None:
    corpus = registry.corpora.get("EMODB")
    items = tuple(Utterance(one.path, one.label, "", sha256=one.sha256) for one in corpus.utterances)
    registry.corpora.add(replace(corpus, name="MINE", digest="other", utterances=items))
    app = app_on(registry)
    async with app.run_test(size=(120, 40)) as pilot:
        await at_form(pilot)
        await pilot.press("down", "space")  # MINE
        form_of(pilot).query_one(Select).value = "loso"
        said = form_of(pilot).query_one("#protocol-said", Static)
        await until(pilot, lambda: said.display and "MINE: protocol loso needs to know who" in str(said.content))
        form_of(pilot).query_one(Select).value = "random"
        await previewed(pilot, "1 corpus x 10 folds")


async def test_setting_names_are_completed(registry: Registry) -> None:
    app = app_on(registry)
    async with app.run_test(size=SIZE) as pilot:
        await at_form(pilot)
        await typed(pilot, "changes", "dro")
        await until(pilot, lambda: "dropout" in text_of(app))
        await until(pilot, lambda: form_of(pilot).query_one("#changes", Field).line._suggestion == "dropout=")
        await pilot.press("right", ".", "2")
        assert form_of(pilot).form.changes == "dropout=.2"


@proves("grid.again", "run.again", "runs.again")
async def test_again_is_filled_in_and_paired_with_what_was(registry: Registry) -> None:
    app = app_on(registry)
    async with app.run_test(size=SIZE) as pilot:
        await at_run(pilot, "2.6")
        await pilot.press("A")
        await until(pilot, lambda: isinstance(app.screen, NewScreen) and form_of(pilot)._offers is not None)
        assert "Experiment 2 again (EMODB, seed 46)" in text_of(app)
        form = form_of(pilot).form
        assert (form.corpora, form.presets, form.seeds, form.folds) == (("EMODB",), ("seed",), "46", "10")
        await pilot.press("space", *"lr=5e-4", "ctrl+s")
        await until(pilot, lambda: len(registry.experiments.ls()) == 3)
        before, after = registry.experiments.ls()[1:]
        assert after.config == replace(before.config, learning_rate=5e-4)
        assert (after.seed, after.folds, after.protocol) == (before.seed, before.folds, before.protocol)
        await at_run(pilot, "1.2")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, RunScreen) and app.screen.targets())
        await pilot.press("A")
        await until(pilot, lambda: "Experiment 1 again (SAVEE, seed 44)" in text_of(app))
        await pilot.press("escape", "escape", "2")
        await until(pilot, lambda: isinstance(app.screen, RunsScreen) and app.screen.targets())
        newest = app.screen.targets()[0].experiment_id
        await pilot.press("A")
        await until(pilot, lambda: f"Experiment {newest} again" in text_of(app))


@proves("new.back")
async def test_escape_leaves_a_field_first_and_asks_before_typing_is_lost(registry: Registry) -> None:
    app = app_on(registry)
    async with app.run_test(size=SIZE) as pilot:
        await at_form(pilot)
        await pilot.press("escape")  # nothing was filled in
        await until(pilot, lambda: isinstance(app.screen, GridScreen))
        await at_form(pilot)
        await typed(pilot, "note", "x")
        await pilot.press("escape")
        assert isinstance(app.screen, NewScreen)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.press("n")
        assert form_of(pilot).form.note == "x"
        await pilot.press("escape", "y")
        await until(pilot, lambda: isinstance(app.screen, GridScreen))


@proves("new.next_field", "new.previous_field")
async def test_fields_follow_each_other(registry: Registry) -> None:
    app = app_on(registry)
    async with app.run_test(size=SIZE) as pilot:
        await at_form(pilot)
        form_of(pilot).query_one("#folds", Field).line.focus()
        names = []
        for key in ("down", "down", "tab", "enter", "up", "shift+tab"):
            await pilot.press(key)
            assert isinstance(app.focused, Input)
            names.append(app.focused.query_ancestor(Field).id)
        assert names == ["only", "seeds", "changes", "priority", "changes", "seeds"]


async def test_the_mouse_does_it_all(registry: Registry) -> None:
    app = app_on(registry)
    async with app.run_test(size=(120, 40)) as pilot:
        await at_form(pilot)
        await click(pilot, "#corpora", offset=(6, 1))
        assert form_of(pilot).form.corpora == ("SAVEE",)
        place = list(PRESETS).index("demo")
        await click(pilot, "#presets", offset=(1, place))  # on the sign itself
        assert form_of(pilot).form.presets == ("github", "demo")
        await click(pilot, "#presets", offset=(6, 0))
        await previewed(pilot, "1 corpus x 4 folds = 4 runs")
        await click(pilot, "#queue")
        await until(pilot, lambda: len(registry.experiments.ls()) == 3)
        assert registry.experiments.get(3).preset == "demo"


async def test_without_a_corpus_it_says_how_to_add_one(tmp_path: Path) -> None:
    Registry.open(tmp_path / "runs.db").close()
    app = TimnetApp(tmp_path / "runs.db", Settings())
    async with app.run_test(size=SIZE) as pilot:
        await at_form(pilot)
        await previewed(pilot, "add it on the corpora screen (key 5)")
        with Registry.open(tmp_path / "runs.db") as registry:
            add_corpus(registry, "\x1b[2J[b]X", 20)
        await previewed(pilot, "[b]X 20, 10 speakers")
        assert "\x1b" not in text_of(app)


async def test_ticks_stay_when_another_corpus_comes(registry: Registry) -> None:
    app = app_on(registry)
    async with app.run_test(size=SIZE) as pilot:
        await at_form(pilot)
        await pilot.press("down", "space")
        add_corpus(registry, "AAA", 20)
        await until(pilot, lambda: len(form_of(pilot)._offers or ()) == 3)
        assert form_of(pilot).form.corpora == ("SAVEE",)
        assert form_of(pilot).query_one("#corpora", SelectionList).option_count == 3
