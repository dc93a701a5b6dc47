"""Ray: each attempt a detached actor on some node of a cluster, which gets and gives its files through the head.

Nothing here loads Ray. What talks to it is a process of its own (:mod:`timnet.queue.engines.ray_bridge`), which is
started when it is needed, and again after it was lost.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import selectors
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from timnet.cores import pinned
from timnet.errors import BadInput, TimnetError
from timnet.paths import AttemptPaths
from timnet.queue.engines.engine import EngineAway, Phase, Status
from timnet.text import clean

NAME = "ray"
MODULE = "timnet.queue.engines.ray_bridge"
CONNECT_SECONDS = 60.0
CALL_SECONDS = 45.0
"""How long one question may take in all; whoever needs longer is given up, and asked anew."""

LAST_WORDS = 4096


@dataclass(frozen=True, slots=True)
class RayOptions:
    """Where Ray is, ``HOST:PORT`` or ``auto``, and what each run gets of it.

    That is CPUs and graphics cards, of which a part may be asked for (0.25: four runs share one).
    """

    address: str = "auto"
    cpus: float = 1.0
    gpus: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.cpus < 1e6 or not 0 <= self.gpus < 1e6 or self.cpus == self.gpus == 0:
            raise BadInput(f"a run cannot get {self.cpus:g} CPUs and {self.gpus:g} GPUs; give it a core or a card")
        if self.gpus > 1 and self.gpus != int(self.gpus):
            raise BadInput(f"a run cannot get {self.gpus:g} GPUs: Ray gives parts of one card, or whole ones")


class RayEngine:
    """Runs attempts on a Ray cluster. ``shared`` is the head's folder for attempts; no node needs to see it.

    The first question connects, and a later one again where the connection was lost. May be used from several threads,
    one question at a time.
    """

    def __init__(self, shared: Path, options: RayOptions) -> None:
        self._options = options
        where = f"{socket.gethostname()}:{shared.absolute()}"
        self._registry = hashlib.sha256(where.encode()).hexdigest()[:16]
        self._bridge: _Bridge | None = None
        self._was_connected = False
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """What the registry calls it."""
        return NAME

    def ready(self) -> Mapping[str, Any]:
        """Connect now; the ``address`` found, and the versions of ``ray`` and ``python``, the same here and there.

        Raises :class:`BadInput` where that can never be, :class:`EngineAway` where it may later.
        """
        with self._lock:
            return self._connected().about

    def submit(self, tasks: Sequence[AttemptPaths]) -> list[str]:
        """An actor for each, by the name of its folder; returns Ray's ids of them."""
        return list(self._ask("submit", folders=[str(folder.folder.absolute()) for folder in tasks]))

    def poll(self, ids: Sequence[str]) -> Mapping[str, Status]:
        """Where each is, as Ray says and as its actor does."""
        told = self._ask("poll", ids=list(ids))
        return {job: Status(**{**status, "phase": Phase(status["phase"])}) for job, status in told.items()}

    def cancel(self, ids: Iterable[str]) -> None:
        """Kill the actors; their training processes end with them."""
        self._ask("cancel", ids=list(ids))

    def find(self, folder: AttemptPaths) -> str | None:
        """The actor that has this folder's name."""
        found: str | None = self._ask("find", folder=str(folder.folder.absolute()))
        return found

    def exchange(self, job: str, folder: AttemptPaths) -> None:
        """Send what the actor lacks, and bring home what it has; nothing where it does not answer now."""
        self._ask("exchange", job=job, folder=str(folder.folder.absolute()))

    def forget(self, job: str, folder: AttemptPaths) -> None:
        """End the actor, and remove its folder on its node."""
        self._ask("forget", job=job, folder=str(folder.folder.absolute()))

    def nodes(self) -> list[dict[str, Any]]:
        """The nodes that are alive: ``id``, ``host`` and ``resources``."""
        return list(self._ask("nodes"))

    def probe(self, nodes: Sequence[str] | None, seconds: float) -> list[dict[str, Any]]:
        """What a tiny actor says of each node, or, for None, of one that has free what each run gets.

        In place of that, ``wrong`` tells why there was none.
        """
        units = {"CPU": self._options.cpus, "GPU": self._options.gpus} if nodes is None else {}
        return list(self._ask("probe", nodes=nodes, wanted=units, seconds=seconds))

    def close(self) -> None:
        """Disconnect; the jobs go on."""
        with self._lock:
            self._drop()

    def _ask(self, call: str, **arguments: Any) -> Any:
        with self._lock:
            bridge = self._connected()
            try:
                return bridge.ask(call, arguments, CALL_SECONDS)
            except _Lost as error:
                self._drop()
                raise EngineAway(str(error)) from error

    def _connected(self) -> _Bridge:
        """The process that talks to Ray, connected; one that cannot connect yet is kept for the next time."""
        if self._bridge is None:
            self._bridge = _Bridge(self._options, self._registry)
        if self._bridge.about:
            return self._bridge
        try:
            self._bridge.about = self._bridge.ask("connect", {}, CONNECT_SECONDS)
        except _Lost as error:
            self._drop()
            raise EngineAway(f"{clean(self._options.address)}: {error}") from error
        except BadInput as error:
            if self._was_connected:  # Ray was started anew, and may be once more
                raise EngineAway(str(error)) from error
            raise
        self._was_connected = True
        return self._bridge

    def _drop(self) -> None:
        if self._bridge is not None:
            self._bridge.close()
            self._bridge = None


class _Lost(TimnetError):
    """The process that is connected to Ray is gone, or says nothing."""


class _Bridge:
    """That process, and what is asked of it."""

    def __init__(self, options: RayOptions, registry: str) -> None:
        if importlib.util.find_spec("ray") is None:
            raise BadInput('Ray is not installed here; install it with: pip install "timnet[ray]"')
        self.about: Mapping[str, Any] = {}
        self._chatter: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  # it is closed with the process
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-P", "-m", MODULE),
                *(f"--address={options.address}", f"--registry={registry}"),
                *(f"--cpus={options.cpus}", f"--gpus={options.gpus}"),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._chatter,
            cwd="/",  # Ray has its workers look for modules where this process is
            env={**os.environ, **pinned(1), "PYTHONUNBUFFERED": "1"},
            start_new_session=True,
        )
        self._waiting = b""

    def ask(self, call: str, arguments: Mapping[str, Any], seconds: float) -> Any:
        """Ask, and wait for the answer. Raises what it tells of, and :class:`_Lost`."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps({"call": call, "arguments": arguments}).encode() + b"\n")
            self._process.stdin.flush()
        except OSError as error:
            raise _Lost(self._last_words()) from error
        return _opened(json.loads(self._line(time.monotonic() + seconds, seconds)))

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._chatter):
            with suppress(OSError):
                stream.close()  # type: ignore[union-attr]  # all of them were asked for

    def _line(self, deadline: float, seconds: float) -> bytes:
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        with selectors.DefaultSelector() as selector:
            selector.register(descriptor, selectors.EVENT_READ)
            while b"\n" not in self._waiting:
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    raise _Lost(f"Ray has not answered within {seconds:.0f} s")
                data = os.read(descriptor, 1 << 16)
                if not data:
                    raise _Lost(self._last_words())
                self._waiting += data
        line, _, self._waiting = self._waiting.partition(b"\n")
        return line

    def _last_words(self) -> str:
        """Why it ended, as the last line of what it has printed tells."""
        size = self._chatter.seek(0, os.SEEK_END)
        self._chatter.seek(max(0, size - LAST_WORDS))
        lines = self._chatter.read().decode(errors="replace").strip().splitlines()
        return f"the connection to Ray is lost{f' ({clean(lines[-1].strip())[:300]})' if lines else ''}"


def _opened(answer: Mapping[str, Any]) -> Any:
    if "value" in answer:
        return answer["value"]
    from timnet.queue.engines.ray_bridge import ERRORS

    kind, text = str(answer["error"]), str(answer["text"])
    if kind == "defect":
        raise RuntimeError(text)
    raise ERRORS[kind](text)
