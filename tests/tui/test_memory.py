"""Where you were is there again the next time; a file that is wrong changes nothing."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import filled_registry
from tests.tui.conftest import until
from tests.tui.fakes import app_with
from tests.tui.steps import grid_of
from timnet.settings import Settings
from timnet_tui import memory as memory_module
from timnet_tui.app import TimnetApp
from timnet_tui.memory import Memory

DB = Path("/data/runs.db")


def file_of(folder: Path) -> Path:
    [path] = folder.iterdir()
    return path


def test_what_was_put_is_there_again_for_the_same_registry_alone(tmp_path: Path) -> None:
    memory = Memory(DB, tmp_path)
    memory.put("runs", {"filter": "uar>0.8", "columns": ["uar", "war"], "smoothing": 0.9, "marked": True})
    memory.close()
    again = Memory(DB, tmp_path)
    assert again.of("runs") == {"filter": "uar>0.8", "columns": ["uar", "war"], "smoothing": 0.9, "marked": True}
    assert again.get("runs", "filter", str) == "uar>0.8"
    assert again.get("runs", "filter", int) is None
    assert again.get("runs", "marked", int) is None, "true is no number"
    assert again.get("grid", "filter", str) is None
    assert Memory(Path("/data/other.db"), tmp_path).of("runs") == {}


def test_a_change_is_written_without_being_asked_and_no_change_is_not(tmp_path: Path) -> None:
    memory = Memory(DB, tmp_path)
    memory.put("grid", {})
    assert list(tmp_path.iterdir()) == [], "nothing was said"
    memory.put("grid", {"fold": 3})
    deadline = time.monotonic() + 5
    while not (list(tmp_path.glob("*.json"))):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    memory.close()
    before = file_of(tmp_path).stat()
    memory = Memory(DB, tmp_path)
    memory.put("grid", {"fold": 3})
    memory.close()
    assert file_of(tmp_path).stat() == before


@pytest.mark.parametrize(
    "content",
    [
        b"", b"\x00\xff", b"[]", b"{", b"null", b'{"version": 1}',
        b'{"version": 2, "registry": "/data/runs.db", "places": {}}',
        b'{"version": 1, "registry": "/elsewhere", "places": {"grid": {"fold": 1}}}',
        b'{"version": 1, "registry": "/data/runs.db", "places": []}',
        b'{"version": 1, "registry": "/data/runs.db", "places": {"grid": 3}}', b"[" * 100_000,
        b'{"version": 1, "registry": "/data/runs.db", "places": {"grid": {"fold": "' + b"x" * 2**18 + b'"}}}',
    ],
)  # fmt: skip
def test_a_damaged_file_is_as_none_and_is_replaced(tmp_path: Path, content: bytes) -> None:
    first = Memory(DB, tmp_path)
    first.put("grid", {"fold": 1})
    first.close()
    path = file_of(tmp_path)
    path.write_bytes(content)
    memory = Memory(DB, tmp_path)
    assert memory.of("grid") == {}
    memory.put("grid", {"fold": 2})
    memory.close()
    assert json.loads(path.read_text())["places"] == {"grid": {"fold": 2}}


@given(st.binary(max_size=200))
def test_no_file_breaks_the_start(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    folder = tmp_path_factory.mktemp("state")
    memory = Memory(DB, folder)
    memory.put("grid", {"fold": 1})
    memory.close()
    file_of(folder).write_bytes(content)
    assert Memory(DB, folder).of("grid") == {}


def test_a_folder_that_cannot_be_written_is_no_trouble(tmp_path: Path) -> None:
    taken = tmp_path / "a-file"
    taken.write_text("")
    memory = Memory(DB, taken)
    memory.put("grid", {"fold": 1})
    memory.close()
    assert memory.of("grid") == {"fold": 1}
    assert taken.read_text() == ""


def test_a_disk_that_hangs_does_not_keep_the_interface_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_module, "PATIENCE_SECONDS", 0.1)
    monkeypatch.setattr(memory_module.files, "write_text", lambda *_: time.sleep(3))
    memory = Memory(DB, tmp_path)
    memory.put("grid", {"fold": 1})
    started = time.monotonic()
    memory.close()
    assert time.monotonic() - started < 2


async def test_the_interface_opens_where_it_was_left(tmp_path: Path) -> None:
    registry = filled_registry(tmp_path / "runs.db")
    state = tmp_path / "state"

    def app() -> TimnetApp:
        return TimnetApp(tmp_path / "runs.db", Settings(), memory=Memory(tmp_path / "runs.db", state))

    first = app()
    async with first.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: grid_of(pilot).row is not None)
        grid_of(pilot).move_to(1, 2)
        await until(pilot, lambda: grid_of(pilot).run is not None and grid_of(pilot).run.key == "1.2")
        await pilot.press("t", "q")
        await until(pilot, lambda: not first.is_running)
    second = app()
    async with second.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: grid_of(pilot).run is not None and grid_of(pilot).run.key == "1.2")
        assert second.theme == "timnet-light"
    registry.close()


async def test_a_theme_that_the_settings_say_since_wins(tmp_path: Path) -> None:
    memory = Memory(DB, tmp_path)
    memory.put("app", {"theme": "timnet-light", "theme_of_settings": "timnet-dark", "place": "no such place"})
    for wanted, shown in (("timnet-dark", "timnet-light"), ("nord", "nord")):
        reader = app_with()._poller._reader
        app = TimnetApp(DB, Settings(theme=wanted), reader=reader, clock=lambda: 0.0, memory=memory)
        async with app.run_test(size=(80, 24)) as pilot:
            await until(pilot, lambda: grid_of(pilot).row is not None)
            assert app.theme == shown
