"""The real program in a real terminal: tmux presses the keys, its panes are read."""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support import add_corpus, add_experiment, filled_registry
from tests.tui.terminal import SLOW_MACHINE, SMALL, WIDE, Pane, shape
from timnet.records import RunState
from timnet.registry import Registry

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with filled_registry(tmp_path / "runs.db") as opened:
        yield opened


@pytest.fixture
def pane(registry: Registry, tmp_path: Path) -> Iterator[Pane]:
    opened = Pane(tmp_path)
    yield opened
    opened.close()


def grid_part(text: str) -> list[str]:
    """The grid; the curves beside it may come later."""
    return [line[:80].rstrip() for line in shape(text)[2:8]]


def test_a_whole_session(pane: Pane, registry: Registry) -> None:
    """Start, filter, open, zoom, cancel, resize to 80x24 and back, detach, attach again, quit."""
    pane.until(lambda text: "EMODB" in text and "SAVEE" in text and "accuracy" in text)

    pane.press("/")
    pane.press("corpus:SAVEE", "Enter")
    pane.until(lambda text: "SAVEE" in text and "EMODB" not in text.replace("corpus:SAVEE", ""))
    pane.press("Escape")
    pane.until(lambda text: "EMODB" in text)

    pane.press("g", "Enter")
    opened = pane.until(lambda text: "events" in text and "loss" in text)
    assert "EMODB" in opened
    before = pane.still()
    pane.press("+", "+")
    pane.until(lambda text: shape(text) != shape(before))
    pane.press("0")
    pane.press("Escape")
    pane.until(lambda text: "UAR % ± sd" in text)

    pane.press("g", *"l" * 12, "Home")
    pane.until(lambda text: "2.10 EMODB" in text)  # the last fold, and what is beside the grid has followed
    left = grid_part(pane.still())
    pane.resize(SMALL)
    small = pane.until(lambda text: len(text.splitlines()) <= SMALL[1] and "UAR %" in text)
    assert max(len(line) for line in small.splitlines()) <= SMALL[0]
    pane.resize(WIDE)
    pane.until(lambda text: grid_part(text) == left)

    master, slave = pty.openpty()  # a client comes, sees, detaches, and another comes
    try:
        for _ in range(2):
            client = subprocess.Popen(
                ["tmux", "-u", "-L", pane.socket, "attach"],
                stdin=slave, stdout=slave, stderr=subprocess.DEVNULL, env={**os.environ, "TERM": "xterm-256color"},
            )  # fmt: skip
            deadline = time.monotonic() + SLOW_MACHINE
            while not pane.tmux("list-clients").strip():
                assert time.monotonic() < deadline
                time.sleep(0.05)
            os.set_blocking(master, False)
            pane.tmux("detach-client", "-s", "0")
            while client.poll() is None:  # a terminal reads what it is sent, else no client could leave
                assert time.monotonic() < deadline
                with suppress(BlockingIOError):
                    os.read(master, 1 << 20)
                time.sleep(0.05)
            assert client.returncode == 0
    finally:
        os.close(master)
        os.close(slave)
    assert "UAR % ± sd" in pane.text()

    pane.press("q")
    deadline = time.monotonic() + SLOW_MACHINE
    while not pane.ended:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert "Traceback" not in pane.text()


def at_the_last_fold(pane: Pane) -> None:
    """The last fold of the newest experiment waits."""
    pane.press("g", *"l" * 12)
    pane.until(lambda text: "2.10 EMODB" in text)


def test_a_run_is_cancelled_by_its_key(pane: Pane, registry: Registry) -> None:
    pane.until(lambda text: "EMODB" in text)
    at_the_last_fold(pane)
    pane.press("c")
    deadline = time.monotonic() + SLOW_MACHINE
    while registry.runs.get("2.10").state is not RunState.CANCELLED:
        assert time.monotonic() < deadline, pane.text()
        time.sleep(0.05)
    pane.until(lambda text: "2.10: now cancelled" in text)


def test_it_says_when_the_registry_goes_and_goes_on_when_it_is_back(
    pane: Pane, registry: Registry, tmp_path: Path
) -> None:
    pane.until(lambda text: "EMODB" in text)
    registry.close()
    kept = tmp_path / "elsewhere"
    kept.mkdir()
    for path in tmp_path.glob("runs.db*"):
        shutil.move(path, kept / path.name)
    pane.until(lambda text: "is gone" in text and "EMODB" in text)
    pane.press("j", "l", "Enter")
    for path in kept.iterdir():
        shutil.move(path, tmp_path / path.name)
    pane.until(lambda text: "is gone" not in text)
    pane.press("Escape", "1")
    with Registry.open(tmp_path / "runs.db") as back:
        add_experiment(back, add_corpus(back, "CASIA"), folds=4)
    pane.until(lambda text: "CASIA" in text)
    assert not pane.ended


def test_it_waits_while_another_process_keeps_the_registry_locked(pane: Pane, registry: Registry) -> None:
    pane.until(lambda text: "EMODB" in text)
    at_the_last_fold(pane)
    with registry.db.write():
        pane.press("c")  # has to wait for the lock
        pane.press("h")
        pane.until(lambda text: "2.9 EMODB" in text)  # meanwhile everything else goes on
        assert registry.runs.get("2.10").state is RunState.QUEUED
    deadline = time.monotonic() + SLOW_MACHINE
    while registry.runs.get("2.10").state is not RunState.CANCELLED:
        assert time.monotonic() < deadline, pane.text()
        time.sleep(0.05)


def test_without_colour_and_in_80_columns_everything_is_still_told(registry: Registry, tmp_path: Path) -> None:
    pane = Pane(tmp_path)
    try:
        pane.resize(SMALL)
        pane.until(lambda text: "EMODB" in text)
        for key, wanted in (("2", "EMODB"), ("3", "queued"), ("4", "UAR"), ("5", "SAVEE"), ("1", "UAR % ± sd")):
            pane.press(key)
            pane.until(lambda text, wanted=wanted: wanted in text)
            assert max(len(line) for line in pane.text().splitlines()) <= SMALL[0]
    finally:
        pane.close()
