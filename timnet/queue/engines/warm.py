"""The worker's end of the warm process (:mod:`timnet.training.warm`), and the training processes forked by it."""

from __future__ import annotations

import itertools
import json
import math
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from timnet.training.wire import LARGEST_MESSAGE

MODULE = "timnet.training.warm"
LOOK_SECONDS = 0.02
LAST_WORDS_SECONDS = 2.0
"""How long a status is waited for after its process has ended; none comes where the warm process ended too."""


def possible() -> bool:
    """Whether this system can fork from a warm process: Linux with descriptors for processes.

    Elsewhere (a Mac's frameworks do not survive a fork) each run loads TensorFlow itself.
    """
    if sys.platform != "linux":
        return False
    try:
        os.close(os.pidfd_open(os.getpid()))
    except (AttributeError, OSError):
        return False
    return True


class Forked:
    """A training process that was asked for and is forked once TensorFlow is loaded. Used as a ``Popen`` is.

    ``pid`` is None until then; ``refused`` is the reason why it never will be, whereupon nothing was started.
    """

    def __init__(self, warm: WarmProcess) -> None:
        self.pid: int | None = None
        self.refused: str | None = None
        self.returncode: int | None = None
        self.status: int | None = None
        self._warm = warm
        self._process: int | None = None

    def begun(self, pid: int, process: int) -> None:
        """It was forked; ``process`` is a descriptor of it."""
        self.pid, self._process = pid, process

    def poll(self) -> int | None:
        """The exit status once it has ended, as ``Popen`` has it: negative for a signal."""
        self._warm.listen()
        if self.returncode is None and self._gone():
            self._settle()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end. Raises :class:`subprocess.TimeoutExpired`."""
        deadline = math.inf if timeout is None else time.monotonic() + timeout
        while self.poll() is None:
            if time.monotonic() >= deadline:
                raise subprocess.TimeoutExpired("a training process", timeout or 0)
            time.sleep(LOOK_SECONDS)
        assert self.returncode is not None
        return self.returncode

    def terminate(self) -> None:
        """Ask it to leave at its next step; one that was not forked yet never will be."""
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once."""
        self._send(signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        deadline = time.monotonic() + LAST_WORDS_SECONDS
        while self._warm.ready and not self._answered() and time.monotonic() < deadline:
            time.sleep(LOOK_SECONDS)
        if not self._answered():
            self._warm.kill()
        elif self._process is not None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._process, number)

    def _answered(self) -> bool:
        self._warm.listen()
        return self.pid is not None or self.refused is not None or self._warm.ended

    def _gone(self) -> bool:
        if self._process is None:
            return self._warm.ended or self.refused is not None
        return bool(select.select([self._process], [], [], 0)[0])

    def _settle(self) -> None:
        deadline = time.monotonic() + LAST_WORDS_SECONDS
        while self.status is None and not self._warm.ended and time.monotonic() < deadline:
            time.sleep(LOOK_SECONDS)
            self._warm.listen()
        # without a status the warm process was killed, and its child left because of that, or was killed with it
        self.returncode = -signal.SIGKILL if self.status is None else self.status
        if self._process is not None:
            os.close(self._process)
            self._process = None


class WarmProcess:
    """Loads TensorFlow beside its worker and forks a training process when asked. It ends with its worker."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.ready = False
        self.ended = False
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    MODULE,
                    f"--socket={theirs.fileno()}",
                    f"--parent={os.getpid()}",
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                env=dict(environment),
            )
        self._numbers = itertools.count(1)
        self._children: dict[int, Forked] = {}

    def start(self, assignment: Mapping[str, Any], lock: int, log: int) -> Forked:
        """Ask for a training process; it gets ``lock``, and writes to ``log``."""
        number = next(self._numbers)
        child = self._children[number] = Forked(self)
        try:
            socket.send_fds(self._socket, [json.dumps({"number": number, **assignment}).encode()], [lock, log])
        except OSError:
            self._lost()
        return child

    def listen(self) -> None:
        """Take in what the warm process has said since."""
        while not self.ended and select.select([self._socket], [], [], 0)[0]:
            try:
                data, descriptors, _, _ = socket.recv_fds(self._socket, LARGEST_MESSAGE, 1)
            except OSError:
                data, descriptors = b"", []
            if not data:
                self._lost()
                return
            self._hear(json.loads(data), descriptors)

    def kill(self) -> None:
        """End it at once; the training processes forked by it leave then."""
        self._process.kill()
        self._lost()

    def close(self) -> None:
        """Let it go, as nobody needs it any more."""
        self.kill()
        self._socket.close()

    def _hear(self, message: Mapping[str, Any], descriptors: list[int]) -> None:
        if message.get("ready"):
            self.ready = True
            return
        child = self._children[message["number"]]
        if "pid" in message:
            child.begun(message["pid"], descriptors[0])
            return
        del self._children[message["number"]]
        child.status = message.get("status")
        child.refused = message.get("refused")

    def _lost(self) -> None:
        """It is gone. What it had not begun is refused if nothing can have been begun: it never got ready."""
        if self.ended:
            return
        self.ended = True
        self._process.kill()
        self._process.wait()
        if not self.ready:
            for child in self._children.values():
                child.refused = "loading TensorFlow failed"
