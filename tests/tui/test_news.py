"""What happens while the interface is open is told once: toasts, and bell and OSC 9 where they are wanted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.support import add_corpus, add_experiment, finish, start_next
from tests.tui.conftest import until
from tests.tui.fakes import app_with
from tests.tui.steps import grid_of, toasts
from timnet.notices.notice import Notice
from timnet.registry import Registry
from timnet.settings import Notify, Settings
from timnet_tui.app import TimnetApp
from timnet_tui.messages import SnapshotTaken
from timnet_tui.news import KEPT, News, NewsReader, osc9


def test_news_begin_with_the_first_look_and_grow(tmp_path: Path) -> None:
    with Registry.open(tmp_path / "runs.db") as registry:
        add_experiment(registry, add_corpus(registry), folds=3)
        finish(registry, start_next(registry))
        reader = NewsReader(("run", "finish"))
        assert reader.read(registry) == (), "what was before is no news"
        finish(registry, start_next(registry))
        first = reader.read(registry)
        assert [(one.number, one.notice.run) for one in first] == [(1, "1.2")]
        assert reader.read(registry) is first
        finish(registry, start_next(registry))
        assert [(one.number, one.notice.occasion) for one in reader.read(registry)] == [
            (1, "run"), (2, "run"), (3, "finish"),
        ]  # fmt: skip


def test_no_more_than_the_newest_are_kept(tmp_path: Path) -> None:
    with Registry.open(tmp_path / "runs.db") as registry:
        add_experiment(registry, add_corpus(registry), folds=KEPT + 2)
        reader = NewsReader(("run",))
        reader.read(registry)
        for _ in range(KEPT + 1):
            finish(registry, start_next(registry))
        assert [one.number for one in reader.read(registry)][:1] == [2]


def some(*numbers: int, occasion: str = "failed") -> tuple[News, ...]:
    return tuple(News(n, Notice(occasion, "t", f"run 1.{n} [b]failed[/b]", 1, f"1.{n}")) for n in numbers)


def app_of(notify: Notify) -> TimnetApp:
    settings = Settings(notify=notify)
    return TimnetApp(Path("/data/runs.db"), settings, reader=app_with()._poller._reader, clock=lambda: 0.0)


async def test_each_is_told_once_and_many_do_not_flood(monkeypatch: pytest.MonkeyPatch) -> None:
    app = app_of(Notify(bell=True, osc9=True))
    rung: list[int] = []
    monkeypatch.setattr(app, "bell", lambda: rung.append(1))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: grid_of(pilot).row is not None)
        written: list[str] = []
        assert app._driver is not None
        monkeypatch.setattr(app._driver, "write", written.append)
        assert app.snapshot is not None
        news = replace(app.snapshot, news=some(1, 2))
        for _ in range(2):
            app.post_message(SnapshotTaken(news))
            await until(pilot, lambda: "run 1.2 [b]failed[/b]" in toasts(pilot))
        assert toasts(pilot).count("run 1.1") == 1
        assert len(rung) == 1
        assert written == ["\x1b]9;run 1.2 [b]failed[/b]\x1b\\"]
        app.post_message(SnapshotTaken(replace(news, news=some(1, 2, 3, 4, 5, 6, 7))))
        await until(pilot, lambda: "and 2 more" in toasts(pilot))
        assert "run 1.5" in toasts(pilot)
        assert "run 1.6" not in toasts(pilot)


async def test_bell_and_osc9_are_silent_unless_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    app = app_of(Notify())
    monkeypatch.setattr(app, "bell", lambda: pytest.fail("nobody asked for the bell"))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: grid_of(pilot).row is not None)
        monkeypatch.setattr(app._driver, "write", lambda _text: pytest.fail("nobody asked for OSC 9"))
        assert app.snapshot is not None
        app.post_message(SnapshotTaken(replace(app.snapshot, news=some(1))))
        await until(pilot, lambda: "run 1.1" in toasts(pilot))


def test_a_notification_cannot_break_out_of_its_sequence(tmp_path: Path) -> None:
    from timnet.records import EventKind, RunState

    with Registry.open(tmp_path / "runs.db") as registry:
        add_experiment(registry, add_corpus(registry), folds=3)
        reader = NewsReader(("failed",))
        reader.read(registry)
        error = "\x1b\\\x07\x9c]9;x"
        run_id = start_next(registry)
        registry.journal(run_id, 1).end(RunState.FAILED, EventKind.FAILED, error, error=error)
        [news] = reader.read(registry)
    inside = osc9(news.notice.text)[4:-2]
    assert not {"\x1b", "\x07", "\x9c"} & set(inside)
