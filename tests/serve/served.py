"""A real ``timnet serve``, and a terminal just large enough to read what it sends."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.support import REPOSITORY

TOKEN = "correct horse battery"


@dataclass
class Served:
    """A running server: its process, its address and what it has printed so far."""

    process: subprocess.Popen[str]
    url: str
    said: list[str] = field(default_factory=list)

    def children(self) -> list[psutil.Process]:
        """The sessions' processes."""
        try:
            return psutil.Process(self.process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []

    def end(self, with_signal: int = signal.SIGTERM) -> int:
        """End it and return its status."""
        if self.process.poll() is None:
            self.process.send_signal(with_signal)
        return self.process.wait(30)


def environment(place: Path, **more: str) -> dict[str, str]:
    """No settings, cache, state or colours of the user's."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TIMNET_", "XDG_"))}
    own = {f"XDG_{kind}_HOME": str(place / kind.lower()) for kind in ("CONFIG", "CACHE", "STATE", "DATA")}
    return {**kept, **own, "PYTHONPATH": str(REPOSITORY), **more}


@contextmanager
def serving(db: Path, *options: str, **variables: str) -> Iterator[Served]:
    """``timnet --db DB serve`` on a free port, ended afterwards."""
    process = subprocess.Popen(
        [sys.executable, "-m", "timnet", "--db", str(db), "serve", "--port", "0", *options],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=db.parent,
        env=environment(db.parent, **variables),
    )  # fmt: skip
    served = Served(process, "")
    threading.Thread(target=_listen, args=(served,), daemon=True).start()
    try:
        deadline = time.monotonic() + 30
        while not served.url:
            found = re.search(r"http://\S+/", " ".join(served.said))
            served.url = found[0].rstrip("/") if found else ""
            assert process.poll() is None, served.said
            assert time.monotonic() < deadline, served.said
            time.sleep(0.05)
        yield served
    finally:
        left = served.children()
        if process.poll() is None:
            process.kill()
            process.wait()
        for child in left:
            if child.is_running():
                child.kill()


def _listen(served: Served) -> None:
    assert served.process.stdout is not None
    for line in served.process.stdout:
        served.said.append(line)


class Screen:
    """What a terminal would show: enough of ECMA-48 for what Textual sends (places, erasing, text)."""

    _CODE = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])|\x1b[=>]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b\[[?>0-9;]*\$?p")

    def __init__(self, width: int = 300, height: int = 100) -> None:
        self._cells = [[" "] * width for _ in range(height)]
        self._row = self._column = 0
        self.changes = 0

    def feed(self, text: str) -> None:
        place = 0
        while place < len(text):
            code = self._CODE.match(text, place)
            if code:
                self._move(code[1] or "", code[2] or "")
                place = code.end()
                continue
            self._put(text[place])
            place += 1

    def _move(self, numbers: str, kind: str) -> None:
        if kind == "H":
            row, _, column = numbers.partition(";")
            self._row, self._column = int(row or 1) - 1, int(column or 1) - 1
        elif kind == "J":
            self._cells = [[" "] * len(line) for line in self._cells]

    def _put(self, character: str) -> None:
        if character == "\n":
            self._row += 1
        elif character == "\r":
            self._column = 0
        elif character >= " " and self._row < len(self._cells) and self._column < len(self._cells[0]):
            line = self._cells[self._row]
            self.changes += line[self._column] != character
            line[self._column] = character
            self._column += 1

    @property
    def text(self) -> str:
        """All lines."""
        return "\n".join("".join(line).rstrip() for line in self._cells).rstrip()

    def part(self, rows: Sequence[int]) -> str:
        """Some lines."""
        return "\n".join("".join(self._cells[row]) for row in rows)
