"""timnet in a real terminal for tests: tmux presses the keys, its pane is read."""

from __future__ import annotations

import re
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

WIDE, SMALL = (160, 48), (80, 24)
SLOW_MACHINE = 40.0


class Pane:
    """One tmux server with one pane in which timnet runs, through the program ``before`` where there is one."""

    def __init__(self, folder: Path, *arguments: str, before: tuple[str, ...] = ()) -> None:
        self.socket = f"timnet-{uuid.uuid4().hex[:12]}"
        self._client: int | None = None
        # both would be believed before the terminal's own size
        command = [*before, "env", "-u", "COLUMNS", "-u", "LINES", sys.executable, "-m", "timnet", *arguments]
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
            assert time.monotonic() < deadline, f"still not so, line {sys._getframe(1).f_lineno}:\n{text}"
            time.sleep(0.05)
        return text

    def still(self) -> str:
        """What it shows once two looks, a moment apart, see the same."""
        seen: list[list[str]] = []

        def same(text: str) -> bool:
            seen.append(shape(text))
            time.sleep(0.25)
            return seen[-2:-1] == seen[-1:]

        return self.until(same)

    def resize(self, size: tuple[int, int]) -> None:
        self.tmux("resize-window", "-x", str(size[0]), "-y", str(size[1]))

    @property
    def ended(self) -> bool:
        return self.tmux("list-panes", "-F", "#{pane_dead}").strip() == "1"

    def close(self) -> None:
        with suppress(subprocess.CalledProcessError):
            self.tmux("kill-server")


def shape(text: str) -> list[str]:
    """What stays the same between two looks: without numbers that the machine's load and the clock change."""
    return [
        re.sub(r"(cpu|mem|gpu|vram) +\d+%|ETA \S+|[\u2800-\u28ff]", "", line).rstrip() for line in text.splitlines()
    ]
