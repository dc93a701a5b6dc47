"""The first-run screen and the import dialog: everything a user can begin with, by key and by click."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Static

from tests.imports.logs import ending, fold_text, rows_of, steady
from tests.support import add_corpus, add_experiment, filled_registry
from tests.tui.conftest import until
from tests.tui.fakes import app_with, snapshot
from tests.tui.proofs import proves
from tests.tui.steps import click, grid_of, text_of, toasts
from timnet.demo import DemoPlace
from timnet.errors import BadInput, Stopped
from timnet.records import Experiment
from timnet.registry import Registry
from timnet.settings import Settings
from timnet.tasks import Progress
from timnet_tui.app import TimnetApp
from timnet_tui.screens.confirm import Confirm
from timnet_tui.screens.corpora import CorporaScreen
from timnet_tui.screens.import_results import ImportDialog
from timnet_tui.snapshot import Health
from timnet_tui.widgets.first_run import FirstRun, Offer
from timnet_tui.widgets.path_field import PathField

LOG = "".join(fold_text(steady(4)) + ending(n, 0.5, rows_of([7] * 7, [8] * 7)) for n in (1, 2))


class FakeDemo:
    """Stands in for speaking, extracting and training, which take a minute."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.places: list[Path] = []
        self.workers: list[int] = []

    def prepare(
        self,
        registry: Registry,
        _settings: Settings,
        place: DemoPlace,
        report: Callable[[Progress], None],
        *,
        stop: threading.Event,
    ) -> Experiment:
        self.places.append(place.folder)
        report(Progress(12, 60, "speaking"))
        while not self.go_on.wait(0.01):
            if stop.is_set():
                raise Stopped("stopped")
        return add_experiment(registry, add_corpus(registry, "DEMO"), folds=3, preset="demo")

    def ensure_worker(self, _registry: Registry, jobs: int) -> bool:
        self.workers.append(jobs)
        return True


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeDemo:
    one = FakeDemo()
    monkeypatch.setattr("timnet.demo.prepare", one.prepare)
    monkeypatch.setattr("timnet.queue.service.ensure_worker", one.ensure_worker)
    return one


async def at_first_run(pilot: Pilot[None]) -> None:
    await until(pilot, lambda: "No experiments yet." in text_of(pilot.app))


@proves("grid.demo")
async def test_one_key_trains_the_demo_in_the_registry_on_show(tmp_path: Path, fake: FakeDemo) -> None:
    app = TimnetApp(tmp_path / "runs.db", Settings(jobs=2))
    async with app.run_test(size=(80, 24)) as pilot:
        await at_first_run(pilot)
        await pilot.press("d")
        await until(pilot, lambda: "12/60" in text_of(app))
        fake.go_on.set()
        await until(pilot, lambda: grid_of(pilot).row is not None and grid_of(pilot).row.corpus == "DEMO")
        await until(pilot, lambda: "experiment 1 trains" in toasts(pilot))
    assert fake.places == [tmp_path / "timnet-demo"]
    assert fake.workers == [2]


async def test_the_demo_is_stopped_by_the_same_key_and_by_leaving(tmp_path: Path, fake: FakeDemo) -> None:
    app = TimnetApp(tmp_path / "runs.db", Settings())
    async with app.run_test(size=(80, 24)) as pilot:
        await at_first_run(pilot)
        await pilot.press("d")
        await until(pilot, lambda: "12/60" in text_of(app))
        await pilot.press("d")
        await until(pilot, lambda: "the demo: stopped" in toasts(pilot))
        await pilot.press("d")
        await until(pilot, lambda: len(fake.places) == 2)
        jobs = app.screen.query_one(FirstRun).jobs
    assert not jobs.all


async def test_a_demo_that_cannot_be_made_is_said_in_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise BadInput("cannot write here")

    monkeypatch.setattr("timnet.demo.prepare", full)
    app = TimnetApp(tmp_path / "runs.db", Settings())
    async with app.run_test(size=(80, 24)) as pilot:
        await at_first_run(pilot)
        await pilot.press("d")
        await until(pilot, lambda: "the demo: cannot write here" in toasts(pilot))


async def test_beside_experiments_the_demo_is_asked_for(tmp_path: Path, fake: FakeDemo) -> None:
    filled_registry(tmp_path / "runs.db").close()
    app = TimnetApp(tmp_path / "runs.db", Settings())
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: grid_of(pilot).row is not None)
        await pilot.press("d")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.press("n")
        assert not fake.places
        await pilot.press("d", "y")
        await until(pilot, lambda: fake.places)
        assert "recordings are being made" in toasts(pilot)


async def test_a_click_does_what_is_offered(tmp_path: Path, fake: FakeDemo) -> None:
    app = TimnetApp(tmp_path / "runs.db", Settings())
    async with app.run_test(size=(80, 24)) as pilot:
        await at_first_run(pilot)
        offers = {offer.action: offer for offer in app.screen.query(Offer)}
        assert list(offers) == ["demo", "show_corpora", "new", "import_results"]
        await click(pilot, offers["import_results"])
        await until(pilot, lambda: isinstance(app.screen, ImportDialog))
        await pilot.press("escape")
        await click(pilot, offers["demo"])
        await until(pilot, lambda: fake.places)
        fake.go_on.set()
        await until(pilot, lambda: grid_of(pilot).row is not None)
    app = TimnetApp(tmp_path / "other.db", Settings())
    async with app.run_test(size=(80, 24)) as pilot:
        await at_first_run(pilot)
        await click(pilot, next(offer for offer in app.screen.query(Offer) if offer.action == "show_corpora"))
        await until(pilot, lambda: isinstance(app.screen, CorporaScreen))


async def test_nothing_is_offered_where_the_registry_cannot_be_read() -> None:
    app = app_with(snapshot([], health=Health.FAILING, problem="the disk is on fire"), runs=[], answers={})
    app._poller._reader.answers = {}
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "cannot be read" in text_of(app))
        assert "the disk is on fire" in text_of(app)
        assert not any(offer.display for offer in app.screen.query(Offer))


# importing


@proves("grid.import_results", "results.import_results")
async def test_a_log_becomes_an_experiment(tmp_path: Path) -> None:
    (tmp_path / "EMODB.txt").write_text(LOG)
    app = TimnetApp(tmp_path / "runs.db", Settings())
    async with app.run_test(size=(80, 24)) as pilot:
        await at_first_run(pilot)
        await pilot.press("4", "i")
        await until(pilot, lambda: isinstance(app.screen, ImportDialog))
        await pilot.press("escape", "1", "i")
        await until(pilot, lambda: isinstance(app.screen, ImportDialog))
        screen = app.screen
        await pilot.press("enter")  # nothing typed: the focus stays where something is missing
        screen.query_one("#source", PathField).text = str(tmp_path / "EMODB.txt")
        await pilot.press("enter")
        await until(pilot, lambda: app.focused is screen.query_one("#corpus"))
        screen.query_one("#corpus", Input).value = "EMODB"
        await pilot.press("enter")
        await until(pilot, lambda: "experiment 1:" in toasts(pilot))
        await until(pilot, lambda: grid_of(pilot).row is not None)
    with Registry.open(tmp_path / "runs.db") as registry:
        assert registry.experiments.get(1).source == "keras-log"


@pytest.mark.parametrize(
    ("name", "said"), [("EMODB.txt", "EMODB.txt"), ("weights.zip", "is not there"), ("runs", "is not there")]
)
async def test_what_cannot_be_imported_is_said_where_it_is_typed(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "EMODB.txt").write_text("nothing that Keras printed\n")
    app = TimnetApp(tmp_path / "runs.db", Settings())
    async with app.run_test(size=(80, 24)) as pilot:
        await at_first_run(pilot)
        await pilot.press("i")
        await until(pilot, lambda: isinstance(app.screen, ImportDialog))
        screen = app.screen
        screen.query_one("#source", PathField).text = str(tmp_path / name)
        screen.query_one("#corpus", Input).value = "EMODB"
        await click(pilot, "#go")
        await until(pilot, lambda: said in str(screen.query_one("#said", Static).content))
        await click(pilot, "#no")
    assert not (tmp_path / "runs.db").exists()
