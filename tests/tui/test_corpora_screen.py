"""The corpora screen on a real registry and real files; only extracting and downloading are stood in for."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.pilot import Pilot
from textual.widgets import Button, Checkbox, Input, Static

from tests.corpora.recordings import write_wav
from tests.support import add_experiment
from tests.tui.conftest import until
from tests.tui.fakes import HOSTILE
from tests.tui.proofs import proves
from tests.tui.steps import click, text_of, toasts
from timnet.corpora.fetch import WHERE_TO_ASK
from timnet.corpora.spec import KNOWN
from timnet.errors import BadInput, Stopped
from timnet.features.build import wanted_of
from timnet.features.cache import FeatureCache
from timnet.registry import Registry
from timnet.settings import Settings
from timnet.sources import read_source, register_source
from timnet.tasks import Progress
from timnet_tui.app import TimnetApp
from timnet_tui.completion import complete
from timnet_tui.jobs import Job, Jobs
from timnet_tui.looks.corpora import Corpora, CorporaWatch
from timnet_tui.screens.add_corpus import AddCorpus
from timnet_tui.screens.ask_path import AskPath
from timnet_tui.screens.confirm import Confirm
from timnet_tui.screens.corpora import CorporaScreen
from timnet_tui.widgets.path_field import PathField

NAMES = ("03a01Wa.wav", "03a02Wb.wav", "08a04Ff.wav", "16b10Td.wav")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four recordings that are named as EMODB's."""
    for seed, name in enumerate(NAMES):
        write_wav(tmp_path / "wav" / name, seed=seed)
    return tmp_path / "wav"


@pytest.fixture
def registry(tmp_path: Path, folder: Path) -> Iterator[Registry]:
    """EMODB with its four recordings, used by two experiments, and a corpus of one's own."""
    for label in ("angry", "sad"):
        write_wav(tmp_path / "own" / label / "1.wav", seed=ord(label[0]))
    with Registry.open(tmp_path / "runs.db") as registry:
        corpus = register_source(registry, read_source("EMODB", folder))
        for seed in (1, 2):
            add_experiment(registry, corpus, folds=2, seed=seed)
        register_source(registry, read_source("MINE", tmp_path / "own"))
        yield registry


def app_on(registry: Registry) -> TimnetApp:
    return TimnetApp(registry.paths.db, Settings(cache=registry.paths.db.parent / "cache"))


def screen_of(pilot: Pilot[None]) -> CorporaScreen:
    screen = next(one for one in pilot.app.screen_stack if isinstance(one, CorporaScreen))
    assert isinstance(screen, CorporaScreen)
    return screen


async def at_corpus(pilot: Pilot[None], name: str = "EMODB") -> None:
    """Go to the corpora and select one."""
    await pilot.press("5")
    await until(pilot, lambda: isinstance(pilot.app.screen, CorporaScreen) and screen_of(pilot).row is not None)
    for _ in range(20):
        if screen_of(pilot).row.name == name:
            return
        await pilot.press("down")
    raise AssertionError(f"no corpus {name}")


def details(pilot: Pilot[None]) -> str:
    return str(screen_of(pilot).query_one("#details", Static).content)


# what is shown


@proves("anywhere.show_corpora", "corpora.up", "corpora.down", "corpora.first", "corpora.last")
async def test_corpora_that_are_here_and_others_that_are_known_are_listed(registry: Registry) -> None:
    app = app_on(registry)
    async with app.run_test(size=(100, 40)) as pilot:
        await at_corpus(pilot)
        shown = text_of(app)
        assert "4/535" in shown
        assert "RAVDESS" in shown
        assert "used by 2 experiments" in details(pilot)
        assert "2/127" in details(pilot)
        keys = {"down": "MINE", "G": "SAVEE", "k": "RAVDESS", "g": "EMODB", "j": "MINE", "up": "EMODB"}
        for key, name in keys.items():
            await pilot.press(key)
            assert screen_of(pilot).row.name == name
        await at_corpus(pilot, "SAVEE")
        assert WHERE_TO_ASK["SAVEE"] in details(pilot)


async def test_without_a_registry_the_known_corpora_are_offered(tmp_path: Path) -> None:
    app = TimnetApp(tmp_path / "runs.db", Settings(cache=tmp_path))
    async with app.run_test(size=(80, 24)) as pilot:
        await at_corpus(pilot, "IEMOCAP")
        assert "release form" in details(pilot)
        await pilot.press("v")
        await until(pilot, lambda: "IEMOCAP is not registered here" in toasts(pilot))
    assert not (tmp_path / "runs.db").exists()


def test_the_cache_is_told_fresh_stale_or_empty_and_followed(registry: Registry, tmp_path: Path) -> None:
    follower = CorporaWatch(tmp_path / "cache").follower(None)

    def emodb() -> object:
        answer = follower.read(registry, ())
        assert isinstance(answer, Corpora)
        return answer.rows[0].features

    assert not follower.read(registry, ()).rows[0].features.fresh
    corpus = registry.corpora.get("EMODB")
    put(tmp_path / "cache", replace(corpus, utterances=corpus.utterances[:2]))
    assert follower.grew(registry)
    assert (emodb().fresh, emodb().stale_bytes) == (False, 128 + wanted_size(corpus) // 2)
    assert not follower.grew(registry)
    put(tmp_path / "cache", corpus)
    assert (emodb().fresh, emodb().bytes) == (True, 128 + wanted_size(corpus))
    path = FeatureCache(tmp_path / "cache").path_of(wanted_of(corpus).key)
    path.write_bytes(path.read_bytes()[:-1])
    assert not emodb().fresh


def wanted_size(corpus) -> int:  # type: ignore[no-untyped-def]
    return int(np.prod(wanted_of(corpus).shape)) * 4


def put(cache: Path, corpus) -> None:  # type: ignore[no-untyped-def]
    wanted = wanted_of(corpus)
    FeatureCache(cache).folder.mkdir(parents=True, exist_ok=True)
    about = {"corpus": corpus.name, "utterances": len(corpus.utterances)}
    FeatureCache(cache).write(wanted.key, wanted.shape, iter(np.zeros(wanted.shape, "<f4")), about)


async def test_hostile_names_and_paths_are_shown_as_text(registry: Registry, tmp_path: Path) -> None:
    corpus = registry.corpora.get("MINE")
    registry.corpora.add(replace(corpus, name=f"A{HOSTILE}", path=HOSTILE, digest="x", classes=("[b]a", "sad")))
    app = app_on(registry)
    async with app.run_test(size=(140, 40)) as pilot:
        await pilot.press("5")
        await until(pilot, lambda: "[@click=app.quit]" in text_of(app))
        assert "\x1b" not in text_of(app)
        assert "\u202e" not in text_of(app)


# work


@proves("corpora.check")
async def test_verifying_names_what_became_of_the_files(registry: Registry, folder: Path) -> None:
    (folder / NAMES[1]).unlink()
    app = app_on(registry)
    async with app.run_test(size=(140, 40)) as pilot:
        await at_corpus(pilot)
        await pilot.press("v")
        await until(pilot, lambda: "verify EMODB" in toasts(pilot))
        assert f"missing since the corpus was added: 1 ({NAMES[1]})" in details(pilot)
        await at_corpus(pilot, "MINE")
        await pilot.press("v")
        await until(pilot, lambda: "verify MINE: nothing missing, nothing changed" in toasts(pilot))


class Slow:
    """Stands in for the extraction: says how far it is, and goes on until it is let or stopped."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.stopped = False

    def __call__(
        self, _corpus: object, cache: Path, _jobs: object, report: Callable[[Progress], None], stop: threading.Event
    ) -> Path:
        report(Progress(3, 4, "08a04Ff.wav"))
        while not self.go_on.wait(0.01):
            if stop.is_set():
                self.stopped = True
                raise Stopped("stopped")
        path = cache / "made.npy"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * 2**20)
        return path


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Slow:
    one = Slow()
    monkeypatch.setattr("timnet.features.build.features_of", one)
    return one


@proves("corpora.features")
async def test_extraction_shows_how_far_it_is_wherever_one_looks_meanwhile(registry: Registry, slow: Slow) -> None:
    app = app_on(registry)
    async with app.run_test(size=(100, 30)) as pilot:
        await at_corpus(pilot)
        await pilot.press("e")
        await until(pilot, lambda: "3/4" in text_of(app))
        assert "features of EMODB" in text_of(app)
        assert "08a04Ff.wav" in text_of(app)
        await pilot.press("e")
        await until(pilot, lambda: "EMODB is being worked on" in toasts(pilot))
        await pilot.press("down", "v")  # another corpus's turn comes afterwards
        await until(pilot, lambda: "waits for the one before" in text_of(app))
        await pilot.press("1")
        slow.go_on.set()
        await until(pilot, lambda: "features of EMODB: 4 utterances, 1.0 MiB in the cache" in toasts(pilot))
        await until(pilot, lambda: "verify MINE" in toasts(pilot))


@proves("corpora.stop")
@pytest.mark.parametrize("key", ["c", "escape"])
async def test_work_is_stopped(registry: Registry, slow: Slow, key: str) -> None:
    app = app_on(registry)
    async with app.run_test(size=(100, 30)) as pilot:
        await at_corpus(pilot)
        await pilot.press("e")
        await until(pilot, lambda: "3/4" in text_of(app))
        await pilot.press(key)
        await until(pilot, lambda: "features of EMODB: stopped" in toasts(pilot))
        assert slow.stopped
        await until(pilot, lambda: "3/4" not in text_of(app))
        await pilot.press(key)
        await until(pilot, lambda: "nothing is at work here" in toasts(pilot))


async def test_work_ends_with_the_interface(registry: Registry, slow: Slow) -> None:
    app = app_on(registry)
    async with app.run_test(size=(100, 30)) as pilot:
        await at_corpus(pilot)
        await pilot.press("e")
        await until(pilot, lambda: "3/4" in text_of(app))
    assert slow.stopped


@proves("corpora.organise")
@pytest.mark.parametrize("link", [False, True], ids=["copies", "links"])
async def test_a_corpus_is_sorted_into_a_folder_an_emotion(registry: Registry, tmp_path: Path, link: bool) -> None:
    app = app_on(registry)
    async with app.run_test(size=(80, 24)) as pilot:
        await at_corpus(pilot)
        await pilot.press("o")
        await until(pilot, lambda: isinstance(app.screen, AskPath))
        app.screen.query_one(PathField).text = str(tmp_path / "sorted")
        if link:
            app.screen.query_one(Checkbox).toggle()
        app.screen.query_one(PathField).focus()
        await pilot.press("enter")
        await until(pilot, lambda: "organise EMODB: 4 files in" in toasts(pilot))
    made = tmp_path / "sorted" / "angry" / NAMES[0]
    assert made.samefile(tmp_path / "wav" / NAMES[0]) is link
    assert made.read_bytes() == (tmp_path / "wav" / NAMES[0]).read_bytes()


async def test_what_cannot_be_sorted_is_said_in_a_line(registry: Registry, folder: Path) -> None:
    app = app_on(registry)
    async with app.run_test(size=(80, 24)) as pilot:
        await at_corpus(pilot)
        await pilot.press("o")
        await until(pilot, lambda: isinstance(app.screen, AskPath))
        await pilot.press("enter")  # nothing typed: nothing happens
        assert isinstance(app.screen, AskPath)
        app.screen.query_one(PathField).text = str(folder)
        await click(pilot, "#yes")
        await until(pilot, lambda: "lies in the corpus itself" in toasts(pilot))
        await pilot.press("o")
        await click(pilot, "#no")
        assert isinstance(app.screen, CorporaScreen)
    assert sorted(path.name for path in folder.iterdir()) == sorted(NAMES)


@proves("corpora.fetch")
async def test_what_can_be_fetched_is_and_then_offered(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, Path]] = []

    def fetch(name: str, folder: Path, cache: Path, report, stop) -> dict[str, object]:  # type: ignore[no-untyped-def]
        asked.append((name, folder))
        return {"corpus": name, "path": str(folder), "utterances": 1440, "terms": "CC BY-NC-SA 4.0"}

    monkeypatch.setattr("timnet.corpora.fetching.fetch_apart", fetch)
    monkeypatch.chdir(tmp_path)
    app = app_on(registry)
    async with app.run_test(size=(80, 24)) as pilot:
        await at_corpus(pilot, "RAVDESS")
        await pilot.press("f")
        await until(pilot, lambda: isinstance(app.screen, AskPath))
        assert "CC BY-NC-SA" in text_of(app)
        await pilot.press("enter")
        await until(pilot, lambda: "a adds it" in toasts(pilot))
        assert asked == [("RAVDESS", Path("RAVDESS"))]
        await pilot.press("a")
        await until(pilot, lambda: isinstance(app.screen, AddCorpus))
        assert app.screen.query_one("#name", Input).value == "RAVDESS"
        assert app.screen.query_one(PathField).text == "RAVDESS"


async def test_for_what_cannot_be_fetched_it_says_where_to_ask(registry: Registry) -> None:
    app = app_on(registry)
    async with app.run_test(size=(80, 24)) as pilot:
        await at_corpus(pilot, "SAVEE")
        await pilot.press("f")
        await until(pilot, lambda: "register with its makers" in toasts(pilot))
        await at_corpus(pilot, "MINE") if screen_of(pilot).row.name == "MINE" else await pilot.press("g", "j", "f")
        await until(pilot, lambda: "a corpus of your own" in toasts(pilot))


@proves("corpora.forget")
async def test_a_corpus_is_forgotten_after_a_question_and_brought_back(registry: Registry, folder: Path) -> None:
    app = app_on(registry)
    async with app.run_test(size=(80, 24)) as pilot:
        await at_corpus(pilot)
        await pilot.press("delete")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.press("n")
        assert [one.name for one in registry.corpora.ls()] == ["EMODB", "MINE"]
        await pilot.press("ctrl+d")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.press("y")
        await until(pilot, lambda: "EMODB is forgotten here" in toasts(pilot))
        assert [one.name for one in registry.corpora.ls()] == ["MINE"]
        assert len(list(folder.iterdir())) == len(NAMES)
        await pilot.press("u")
        await until(pilot, lambda: "EMODB is in the list again" in toasts(pilot))
    assert len(registry.corpora.get("EMODB").utterances) == len(NAMES)
    assert len(registry.experiments.ls()) == 2


# adding


async def adding(pilot: Pilot[None]) -> AddCorpus:
    await pilot.press("5", "a")
    await until(pilot, lambda: isinstance(pilot.app.screen, AddCorpus))
    screen = pilot.app.screen
    assert isinstance(screen, AddCorpus)
    return screen


@proves("corpora.add")
async def test_a_folder_is_completed_recognised_shown_and_only_then_registered(tmp_path: Path, folder: Path) -> None:
    app = TimnetApp(tmp_path / "runs.db", Settings(cache=tmp_path))
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await adding(pilot)
        field = screen.query_one(PathField)
        field.text = str(folder)[:-1]  # .../wa
        await pilot.press("tab")
        await until(pilot, lambda: field.text == f"{folder}/")
        await pilot.press("enter")
        await until(pilot, lambda: "Recognised: EMODB" in text_of(app))
        assert "4 utterances, 3 speakers, 7 classes" in text_of(app)
        assert "class angry has 2 utterances, 127 are published" in text_of(app)
        assert screen.query_one("#length", Input).disabled
        assert not (tmp_path / "runs.db").exists()
        await pilot.press("enter")
        await until(pilot, lambda: "EMODB is registered: 4 utterances" in toasts(pilot))
        await until(pilot, lambda: screen_of(pilot).row is not None and screen_of(pilot).row.registered)
    with Registry.open(tmp_path / "runs.db") as registry:
        assert registry.corpora.get("EMODB").path == str(folder)


async def test_a_registration_that_begins_after_its_dialog_has_gone_is_done(tmp_path: Path, folder: Path) -> None:
    app, begin = TimnetApp(tmp_path / "runs.db", Settings(cache=tmp_path)), threading.Event()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await adding(pilot)
        screen.query_one(PathField).text = str(folder)
        await pilot.press("enter")
        await until(pilot, lambda: "Recognised: EMODB" in text_of(app))
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(1))  # one thread, which is busy for now
        loop.run_in_executor(None, begin.wait)
        await pilot.press("enter")
        await until(pilot, lambda: not screen.is_attached)
        begin.set()
        await until(pilot, lambda: "EMODB is registered: 4 utterances" in toasts(pilot))


async def test_work_that_fails_in_a_thread_is_told_and_ends_nothing(tmp_path: Path) -> None:
    app, answers = TimnetApp(tmp_path / "runs.db", Settings(cache=tmp_path)), []
    async with app.run_test(size=(80, 24)) as pilot:
        app.in_thread(lambda: 1 // 0, answers.append)
        await until(pilot, lambda: "ZeroDivisionError" in toasts(pilot))
        app.in_thread(lambda: 2, answers.append)
        await until(pilot, lambda: answers == [2])


async def test_a_corpus_of_ones_own_wants_a_name_and_may_have_a_length(registry: Registry, tmp_path: Path) -> None:
    app = app_on(registry)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await adding(pilot)
        screen.query_one(PathField).text = str(tmp_path / "own")
        await pilot.press("enter")
        await until(pilot, lambda: "Give a corpus of your own a name" in text_of(app))
        assert app.focused is screen.query_one("#name")
        screen.query_one("#name", Input).value = "OTHER"
        screen.query_one("#length", Input).value = "much"
        await pilot.press("enter")
        await until(pilot, lambda: "'much' is no signal length" in text_of(app))
        screen.query_one("#length", Input).value = "44100"
        await pilot.press("enter")
        await until(pilot, lambda: "laid out as folders" in text_of(app))
        assert "signal length 44100 samples" in str(screen.query_one("#said", Static).content)
        screen.query_one("#length", Input).value = "22050"  # what was read is not that any more
        await pilot.pause()
        assert str(screen.query_one("#go", Button).label) == "Read it"
        await click(pilot, "#go")
        await until(pilot, lambda: str(screen.query_one("#go", Button).label) == "Register it")
        await click(pilot, "#go")
        await until(pilot, lambda: "OTHER is registered" in toasts(pilot))
    assert registry.corpora.get("OTHER").signal_length == 22050


@pytest.mark.parametrize(
    ("name", "source", "said"),
    [
        ("SAVEE", "own", "none of them SAVEE's"),
        ("EMODB", "nowhere", "there is no folder"),
        ("x/y", "own", "no name"),
    ],
)
async def test_what_cannot_be_added_is_said_where_it_is_typed(
    registry: Registry, tmp_path: Path, name: str, source: str, said: str
) -> None:
    app = app_on(registry)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await adding(pilot)
        screen.query_one("#name", Input).value = name
        screen.query_one(PathField).text = str(tmp_path / source)
        await pilot.press("enter")
        await until(pilot, lambda: said in str(screen.query_one("#said", Static).content))
        await pilot.press("escape")
        assert isinstance(app.screen, CorporaScreen)
    assert len(registry.corpora.ls()) == 2


async def test_reading_is_stopped_by_escape_first(
    registry: Registry, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def endless(name, path, length, report, *, skip_bad):  # type: ignore[no-untyped-def]
        while True:
            report(1, 2)
            threading.Event().wait(0.01)

    monkeypatch.setattr("timnet_tui.screens.add_corpus.read_source", endless)
    app = app_on(registry)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await adding(pilot)
        screen.query_one("#name", Input).value = "EMODB"
        screen.query_one(PathField).text = str(folder)
        await pilot.press("enter")
        await until(pilot, lambda: "1/2" in text_of(app))
        await pilot.press("escape")
        await until(pilot, lambda: "stopped" in str(screen.query_one("#said", Static).content))
        await pilot.press("escape")
        assert isinstance(app.screen, CorporaScreen)


# the parts


def test_jobs_run_one_after_the_other_and_each_end_is_told_once() -> None:
    told: list[Job] = []
    all_told = threading.Event()

    def ended(job: Job) -> None:
        told.append(job)
        if len(told) == 4:
            all_told.set()

    def fails(report, stop) -> None:  # type: ignore[no-untyped-def]
        raise BadInput("no\nway")

    def breaks(report, stop) -> None:  # type: ignore[no-untyped-def]
        raise ZeroDivisionError("1/0")

    jobs, gate = Jobs(ended), threading.Event()
    first = Job("first", lambda _report, _stop: gate.wait(5))
    never = Job("never", lambda _report, _stop: 1 / 0)
    for job in (first, never, Job("fails", fails), Job("breaks", breaks)):
        jobs.add(job)
    jobs.stop(never)
    gate.set()
    assert all_told.wait(5)
    assert [job.title for job in told] == ["first", "never", "fails", "breaks"]
    assert (told[0].done, told[0].result) == (True, True)
    assert (told[1].done, told[1].stopped, told[1].problem) == (False, True, "")
    assert told[2].problem == "no\N{REPLACEMENT CHARACTER}way"
    assert told[3].problem == "ZeroDivisionError: 1/0"


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("tree")
    for name in ("alpha/one", "alpha/two", "alpine", ".hidden", "b c"):
        (place / name).mkdir(parents=True)
    for name in ("table.csv", "table.txt", "tail.npy", "bad\x1b[31mname.csv"):
        (place / name).write_text("")
    return place


@pytest.mark.parametrize(
    ("typed", "value", "names"),
    [
        ("al", "alp", ("alpha/", "alpine/")),
        ("alph", "alpha/", ("alpha/",)),
        ("alpha/", "alpha/", ("one/", "two/")),
        ("b", "b c/", ("b c/",)),
        (".h", ".hidden/", (".hidden/",)),
        ("ta", "ta", ("table.csv", "tail.npy")),
        ("z", "z", ()),
        ("none/z", "none/z", ()),
    ],
)
def test_a_path_is_completed_as_in_a_shell(tree: Path, typed: str, value: str, names: tuple[str, ...]) -> None:
    found = complete(f"{tree}/{typed}", (".csv", ".npy"))
    assert (found.value, found.names) == (f"{tree}/{value}", names)


def test_home_and_strangers(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tree))
    assert complete("~").value == "~/"
    assert complete("~/alph").value == "~/alpha/"
    assert complete("~nobody-of-that-name/x").names == ()
    assert complete(f"{tree}/", folders_only=True).names == ("alpha/", "alpine/", "b c/")


@given(typed=st.text(max_size=12))
def test_completing_only_ever_adds(tree: Path, typed: str) -> None:
    text = f"{tree}/{typed}"
    found = complete(text)
    assert found.value.startswith(text)
    assert all(name.isprintable() for name in found.names)


def test_every_known_corpus_but_the_synthetic_one_is_offered(registry: Registry, tmp_path: Path) -> None:
    rows = CorporaWatch(tmp_path).follower(None).read(registry, ()).rows
    assert {row.name for row in rows} == {*KNOWN, "MINE"} - {"DEMO"}
