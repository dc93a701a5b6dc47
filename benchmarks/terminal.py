"""A program in a terminal of its own: what it draws, how soon after a key, and what it costs."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

#: a frame has ended when nothing more was written for that long
QUIET = 0.012


class Terminal:
    """Runs ``command`` in a pseudo terminal of ``size`` (columns, lines). Use it as a context."""

    def __init__(
        self,
        command: Sequence[str],
        size: tuple[int, int] = (160, 48),
        cwd: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._master, slave = pty.openpty()
        columns, lines = size
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        environment = {
            **(environment or os.environ),
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
            "LANG": "C.UTF-8",
        }
        environment.pop("NO_COLOR", None)
        self.started = time.perf_counter()
        self.process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, start_new_session=True, env=environment, cwd=cwd
        )
        os.close(slave)
        self.seen = bytearray()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        os.close(self._master)

    def read(self, seconds: float) -> bytes:
        """What comes within ``seconds``; returns as soon as something does."""
        ready, _, _ = select.select([self._master], [], [], max(0.0, seconds))
        if not ready:
            return b""
        try:
            found = os.read(self._master, 1 << 16)
        except OSError:  # the program has ended
            return b""
        self.seen += found
        return found

    def wait_for(self, text: str, seconds: float = 60.0) -> float:
        """Seconds from the start until ``text`` was drawn. Raises :class:`TimeoutError` with the end of what was."""
        wanted, deadline = text.encode(), time.perf_counter() + seconds
        while wanted not in self.seen:
            if time.perf_counter() > deadline or self.process.poll() is not None:
                raise TimeoutError(f"{text!r} was not drawn; the end of what was: {bytes(self.seen[-800:])!r}")
            self.read(0.05)
        return time.perf_counter() - self.started

    def settle(self, quiet: float = 0.5, seconds: float = 10.0) -> None:
        """Read until nothing was drawn for ``quiet`` seconds, or for ``seconds`` at most."""
        deadline = time.perf_counter() + seconds
        while time.perf_counter() < deadline and self.read(quiet):
            pass

    def press(self, key: bytes) -> None:
        """Press a key."""
        os.write(self._master, key)

    def frame_after(self, key: bytes, seconds: float = 5.0) -> float | None:
        """Seconds from a key to the end of the frame it causes; None when nothing was drawn at all."""
        self.settle(QUIET, 0.5)
        start = time.perf_counter()
        self.press(key)
        if not self.read(seconds):
            return None
        last = time.perf_counter()
        while self.read(QUIET):
            last = time.perf_counter()
            if last - start > seconds:
                break
        return last - start

    def memory(self) -> int:
        """Bytes of the program's own memory (USS where the system tells, else RSS), without children."""
        info = psutil.Process(self.process.pid).memory_full_info()
        return int(getattr(info, "uss", 0) or info.rss)

    def memory_of_all(self) -> int:
        """Bytes of the program and of all that it has started."""
        first = psutil.Process(self.process.pid)
        infos = [one.memory_full_info() for one in (first, *first.children(recursive=True))]
        return sum(int(getattr(info, "uss", 0) or info.rss) for info in infos)

    def resident(self) -> int:
        """Bytes resident, shared libraries included."""
        return int(psutil.Process(self.process.pid).memory_info().rss)

    def cpu(self) -> float:
        """Seconds of processor time used so far."""
        times = psutil.Process(self.process.pid).cpu_times()
        return float(times.user + times.system)
