"""Sixels read back into pixels, and a terminal that is asked whether it draws them."""

from __future__ import annotations

import os
import pty
import re
import select
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from timnet_tui import sixel

TOKEN = re.compile(r'(?P<size>"1;1;(\d+);(\d+))|#(\d+)(?:;2;(\d+);(\d+);(\d+))?|!(\d+)([?-~])|([?-~])|([$-])')


def decode(text: str) -> tuple[int, bytes, dict[int, tuple[int, ...]]]:
    """Width, pixels and colours (in per cent) of a picture, as a terminal reads it."""
    assert text.startswith("\x1bP0;1q")
    assert text.endswith("\x1b\\")
    width = height = x = top = colour = 0
    pixels: dict[tuple[int, int], int] = {}
    colours: dict[int, tuple[int, ...]] = {}
    body, end = text.removeprefix("\x1bP0;1q").removesuffix("\x1b\\"), 0
    for found in TOKEN.finditer(body):
        assert found.start() == end
        end = found.end()
        if found["size"]:
            width, height = int(found[2]), int(found[3])
        elif found[4]:
            colour = int(found[4])
            if found[5]:
                colours[colour] = tuple(int(found[n]) for n in (5, 6, 7))
        elif found[11]:
            x, top = 0, top + 6 * (found[11] == "-")
        else:
            bits, count = ord(found[9] or found[10]) - 63, int(found[8] or 1)
            rows = [row for row in range(6) if bits >> row & 1]
            pixels.update({(top + row, x + step): colour for row in rows for step in range(count)})
            x += count
    assert end == len(body)
    assert len(pixels) == width * height
    return width, bytes(pixels[y, x] for y in range(height) for x in range(width)), colours


@given(st.data(), st.integers(1, 20), st.integers(1, 15), st.integers(1, 255))
def test_a_picture_comes_back_from_its_sixels(data: st.DataObject, width: int, height: int, most: int) -> None:
    pixels = data.draw(st.lists(st.integers(0, most - 1), min_size=width * height, max_size=width * height).map(bytes))
    colours = [(number, 255 - number, 77) for number in range(most)]
    came = decode(sixel.encode(pixels, width, colours))
    assert came[:2] == (width, pixels)
    assert came[2] == {n: tuple(round(value / 2.55) for value in colours[n]) for n in set(pixels)}


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """The two ends of a terminal: where the user sits, and where programs write."""
    user, program = pty.openpty()
    yield user, program
    os.close(user)
    os.close(program)


def sit_at(user: int, answers: bytes, came: list[bytes]) -> threading.Thread:
    """A terminal that answers what it can, and a user who presses a key once there is a picture."""

    def live() -> None:
        said = b""
        while b"1049l" not in said and select.select([user], [], [], 5)[0]:
            said += os.read(user, 65536)
            if said == b"\x1b[c":
                os.write(user, answers)
            while b"back" in said and not select.select([user], [], [], 0.2)[0]:
                os.write(user, b"x")  # pressed again until it is seen
        came.append(said)

    thread = threading.Thread(target=live, daemon=True)
    thread.start()
    return thread


def test_a_picture_is_shown_until_a_key_is_pressed(terminal: tuple[int, int], tmp_path: Path) -> None:
    Image.new("RGB", (3000, 1000), (255, 0, 0)).save(tmp_path / "red.png")
    came: list[bytes] = []
    thread = sit_at(terminal[0], b"\x1b[?62;4;22c", came)
    assert sixel.show(tmp_path / "red.png", terminal[1], "a key goes back")
    thread.join(10)
    text = came[0].decode()
    width, pixels, colours = decode(text[text.index("\x1bP") : text.index("\x1b\\") + 2])
    assert width == 800  # 80 columns of 10 pixels
    assert list(colours.values()) == [(100, 0, 0)]
    assert len(set(pixels)) == 1
    assert text.index("1049h") < text.index("a key goes back") < text.index("1049l")


@pytest.mark.parametrize("answers", [b"\x1b[?62;22c", b"nothing", b""])
def test_a_terminal_without_sixels_is_left_as_it_is(terminal: tuple[int, int], tmp_path: Path, answers: bytes) -> None:
    os.write(terminal[0], answers)
    assert not sixel.show(tmp_path / "is not there.png", terminal[1], "")
    assert os.read(terminal[0], 1024).endswith(b"\x1b[c")
    assert not select.select([terminal[0]], [], [], 0)[0]  # it was asked, and nothing else
