"""Pictures inside the terminal: what is sent, where the placeholders stand, and who gets none."""

from __future__ import annotations

import base64
import re
import struct
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import filled_registry
from tests.tui.conftest import until
from tests.tui.proofs import proves
from tests.tui.steps import text_of, toasts
from timnet.errors import TimnetError
from timnet.registry import Registry
from timnet.settings import Settings
from timnet_tui import pictures, whole_picture
from timnet_tui.app import TimnetApp
from timnet_tui.pictures import MARKS, PLACEHOLDER, Inline
from timnet_tui.screens.run import RunScreen
from timnet_tui.widgets import inline
from timnet_tui.widgets.inline import Picture

SEQUENCE = re.compile(r"\x1b_G([^;\x1b]*)(?:;([A-Za-z0-9+/=]*))?\x1b\\")


def png(width: int, height: int, more: int = 10_000) -> bytes:
    return pictures.PNG_MAGIC + struct.pack(">I4sII", 13, b"IHDR", width, height) + bytes(more)


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return filled_registry(tmp_path / "runs.db")


@given(st.binary(max_size=20_000))
def test_what_is_sent_is_the_whole_picture_in_chunks(data: bytes) -> None:
    said = Inline(0x54494D, 20, 10).sent(data)
    found = SEQUENCE.findall(said)
    assert "".join(f"\x1b_G{about};{part}\x1b\\" for about, part in found) == said
    assert base64.b64decode("".join(part for _, part in found)) == data
    assert all(len(part) <= pictures.CHUNK for _, part in found)
    if found:
        assert found[0][0].startswith("a=T,U=1,f=100,i=5523789,c=20,r=10,q=2")
        assert [about[-1] if about.startswith("a=") else about[2] for about, _ in found][-1] == "0"


@given(
    st.tuples(st.integers(1, 5000), st.integers(1, 5000)), st.integers(1, 400), st.integers(1, 200)
)  # pixels, and room in cells
def test_a_picture_stays_in_its_room(size: tuple[int, int], columns: int, rows: int) -> None:
    wide, high = pictures.fitting(size, columns, rows)
    assert 1 <= wide <= min(columns, len(MARKS))
    assert 1 <= high <= min(rows, len(MARKS))
    strips = Inline(1, wide, high).strips()
    assert len(strips) == high
    assert {strip.cell_length for strip in strips} == {wide}


def test_placeholders_name_their_row_and_column() -> None:
    assert len(set(MARKS)) == len(MARKS) > 100
    strips = Inline(0x010203, 3, 2).strips()
    assert strips[1].text == "".join(PLACEHOLDER + MARKS[1] + MARKS[column] for column in range(3))
    colour = strips[0]._segments[0].style.color
    assert tuple(colour.triplet) == (1, 2, 3)


@pytest.mark.parametrize(
    ("environment", "can"),
    [
        ({"TERM": "xterm-kitty"}, True),
        ({"TERM": "xterm-256color", "KITTY_WINDOW_ID": "1"}, True),
        ({"TERM_PROGRAM": "ghostty"}, True),
        ({"TERM": "xterm-kitty", "TMUX": "/tmp/x"}, False),
        ({"TERM": "xterm-kitty", "ZELLIJ": "0"}, False),
        ({"TERM": "xterm-256color"}, False),
        ({}, False),
    ],
)
def test_only_terminals_that_know_placeholders_get_them(environment: dict[str, str], can: bool) -> None:
    assert pictures.can_show(environment) is can


def test_the_size_of_a_png_is_read_from_its_head() -> None:
    assert pictures.size_of(png(640, 480)) == (640, 480)
    assert pictures.size_of(b"GIF89a" + bytes(40)) is None
    assert pictures.size_of(png(640, 480)[:20]) is None
    assert pictures.size_of(png(0, 480)) is None


def test_the_exported_picture_is_asked_of_a_child(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[list[str]] = []

    def run(command: list[str], **_more: object) -> subprocess.CompletedProcess[str]:
        asked.append(command)
        if "--fold" in command:
            return subprocess.CompletedProcess(command, 2, "", "no finished fold\n")
        (Path(command[-1]) / "tsne.png").write_bytes(b"a picture")
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", run)
    assert inline.draw(tmp_path / "runs.db", (7, 0, ())) == b"a picture"
    assert asked[0][1:8] == ["-m", "timnet", "--db", str(tmp_path / "runs.db"), "export", "tsne", "7"]
    assert not Path(asked[0][-1]).exists()  # nothing is left behind
    with pytest.raises(TimnetError, match="no finished fold"):
        inline.draw(tmp_path / "runs.db", (7, 3, ()))


@proves("run.picture")
async def test_the_picture_takes_the_place_of_the_points(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    monkeypatch.setattr(Picture, "possible", True)
    monkeypatch.setattr(Picture, "_write", lambda _self, text: written.append(text))
    monkeypatch.setattr(inline, "draw", lambda _db, _key: png(640, 520))
    app = TimnetApp(registry.paths.db, Settings())
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.snapshot is not None)
        app.open_run(registry.runs.get("1.2").id)
        await until(pilot, lambda: isinstance(app.screen, RunScreen) and app.screen.targets())
        await pilot.press("I")
        await until(pilot, lambda: PLACEHOLDER in text_of(app))
        assert len(written) == 1
        picture = app.screen.query_one(Picture)
        assert len(picture._strips) <= picture.size.height
        await pilot.press("e")
        assert PLACEHOLDER not in text_of(app)
        await pilot.press("d")
        await until(pilot, lambda: PLACEHOLDER in text_of(app))
        assert len(written) == 1  # the terminal has it still
        await pilot.resize_terminal(120, 40)
        await until(pilot, lambda: len(written) == 3)  # the old one is forgotten, the new size sent
        assert "a=d,d=I" in written[1]
        await pilot.press("I")
        await until(pilot, lambda: PLACEHOLDER not in text_of(app))
        await pilot.press("escape")
    assert "a=d,d=I" in written[-1]


@proves("run.picture")
async def test_other_terminals_are_told_how_to_get_it_and_no_file_stays_behind(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    drawn: list[Path] = []

    def draw(_db: Path, key: object, folder: Path) -> Path:
        drawn.append(folder / f"{key[0]}.png")  # type: ignore[index]
        drawn[0].write_bytes(b"a picture")
        return drawn[0]

    monkeypatch.setattr(inline, "draw_file", draw)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for name in ("KITTY_WINDOW_ID", "TERM_PROGRAM", "TERM"):
        monkeypatch.delenv(name, raising=False)
    app = TimnetApp(registry.paths.db, Settings())
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.snapshot is not None)
        app.open_run(registry.runs.get("2.9").id)
        await until(pilot, lambda: isinstance(app.screen, RunScreen) and app.screen.targets())
        await pilot.press("I")
        await until(pilot, lambda: "no result yet" in toasts(pilot))
        assert app.screen.panes.open == "plane"
        await pilot.press("escape")
        app.open_run(registry.runs.get("1.2").id)
        await until(pilot, lambda: isinstance(app.screen, RunScreen) and app.screen.targets())
        await pilot.press("I")
        await until(pilot, lambda: "x exports it as a file" in toasts(pilot))
        await until(pilot, lambda: not drawn[0].parent.exists())
    assert drawn[0].parent.parent == tmp_path
    assert "terminal-features" not in whole_picture.no_picture({})
    assert "terminal-features" in whole_picture.no_picture({"TMUX": "/tmp/x"})
