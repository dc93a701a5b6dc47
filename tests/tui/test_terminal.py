"""The real program in a real terminal: tmux presses the keys, its panes are read."""

from __future__ import annotations

import os
import pty
import re
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support import add_corpus, add_experiment, filled_registry
from timnet.records import RunState
from timnet.registry import Registry

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")

WIDE, SMALL = (160, 48), (80, 24)
SLOW_MACHINE = 40.0


class Pane:
    """One tmux server with one pane in which timnet runs."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.socket = f"timnet-{uuid.uuid4().hex[:12]}"
        self._client: int | None = None
        # both would be believed before the terminal's own size
        command = ["env", "-u", "COLUMNS", "-u", "LINES", sys.executable, "-m", "timnet", *arguments]
        columns, lines = WIDE
        environment = [
            "-e",
            "LANG=C.UTF-8",
            "-e",
            "TEXTUAL_ANIMATIONS=none",
            "-e",
            f"XDG_STATE_HOME={folder / 'state'}",
            "-e",
            f"PYTHONPATH={Path.cwd()}",
        ]
        settings = folder / "tmux.conf"
        settings.write_text(f"set -g default-size {columns}x{lines}\nset -g remain-on-exit on\n")
        size = ("-x", str(columns), "-y", str(lines))
        self.tmux("-f", str(settings), "new-session", "-d", *size, "-c", str(folder), *environment, *command)
        self.tmux("set-option", "-g", "window-size", "manual")  # in the file it would end tmux 3.3

    def tmux(self, *arguments: str) -> str:
        return subprocess.run(
            ["tmux", "-u", "-L", self.socket, *arguments], check=True, capture_output=True, text=True
        ).stdout

    def press(self, *keys: str) -> None:
        for key in keys:
            self.tmux("send-keys", key)
            if key == "Escape":  # what follows at once would be taken for one key with Alt
                time.sleep(0.5)

    def text(self) -> str:
        return self.tmux("capture-pane", "-p")

    def until(self, holds: Callable[[str], object], seconds: float = SLOW_MACHINE) -> str:
        deadline = time.monotonic() + seconds
        while not holds(text := self.text()):
            assert time.monotonic() < deadline, f"still not so:\n{text}"
            time.sleep(0.05)
        return text

    def resize(self, size: tuple[int, int]) -> None:
        self.tmux("resize-window", "-x", str(size[0]), "-y", str(size[1]))

    @property
    def ended(self) -> bool:
        return self.tmux("list-panes", "-F", "#{pane_dead}").strip() == "1"

    def close(self) -> None:
        with suppress(subprocess.CalledProcessError):
            self.tmux("kill-server")


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with filled_registry(tmp_path / "runs.db") as opened:
        yield opened


@pytest.fixture
def pane(registry: Registry, tmp_path: Path) -> Iterator[Pane]:
    opened = Pane(tmp_path)
    yield opened
    opened.close()


def shape(text: str) -> list[str]:
    """What stays the same between two looks: without numbers that the machine's load and the clock change."""
    return [
        re.sub(r"(cpu|mem|gpu|vram) +\d+%|ETA \S+|[\u2800-\u28ff]", "", line).rstrip() for line in text.splitlines()
    ]


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
    before = pane.text()
    pane.press("+", "+")
    pane.until(lambda text: shape(text) != shape(before))
    pane.press("0")
    pane.press("Escape")
    pane.until(lambda text: "UAR % ± sd" in text)

    waiting = next(run for run in registry.runs.ls("state:queued"))
    for _ in range(waiting.fold + 2):
        pane.press("l")
    pane.press("Home")

    settled = pane.until(lambda text: "UAR % ± sd" in text)
    pane.resize(SMALL)
    small = pane.until(lambda text: len(text.splitlines()) <= SMALL[1] and "UAR %" in text)
    assert max(len(line) for line in small.splitlines()) <= SMALL[0]
    pane.resize(WIDE)
    left = [line[:80].rstrip() for line in shape(settled)[2:8]]  # the grid; the curves beside it may come later
    pane.until(lambda text: [line[:80].rstrip() for line in shape(text)[2:8]] == left)

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
            pane.tmux("detach-client", "-a" if False else "-s", "0")
            assert client.wait(SLOW_MACHINE) == 0
            with suppress(BlockingIOError):
                os.read(master, 1 << 20)
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


def test_a_run_is_cancelled_by_its_key(pane: Pane, registry: Registry) -> None:
    pane.until(lambda text: "EMODB" in text)
    pane.press("g", "Home")
    for _ in range(12):
        pane.press("l")  # the last fold of the newest experiment waits
    pane.until(lambda text: "EMODB" in text)
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
    with registry.db.write():
        pane.press("g", "Home")
        for _ in range(12):
            pane.press("l")
        pane.press("c")  # has to wait for the lock
        time.sleep(1.0)
        pane.press("h")
        assert "EMODB" in pane.text()
        assert not pane.ended
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
