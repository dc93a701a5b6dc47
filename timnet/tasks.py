"""Engine work asked for by a front end runs in a child process; this is the wire between the two.

The front ends never load TensorFlow or librosa, so extracting features or evaluating published
weights is a module run with ``python -m``. The child prints one JSON object a line on its standard
output: ``{"done": 3, "total": 535, "text": "..."}`` while it works, then one ``{"result": ...}`` or one
``{"error": "...", "exit": 2}``.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any

from timnet.errors import BadInput, DiskFull, Stopped, TimnetError, as_disk_full
from timnet.parent import end_with
from timnet.text import clean

TAIL_LINES = 20
ASKED_BY = "TIMNET_ASKED_BY"
"""The variable in a child's environment that holds the number of the process that asked for it."""

#: how often a stop is looked for, and how long a stopped child may take to clear up, in seconds
STOP_LOOK, STOP_PATIENCE = 0.1, 5.0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a task is: ``done`` of ``total`` steps, and what it is at."""

    done: int
    total: int
    text: str = ""


def run_task(
    module: str,
    arguments: Sequence[str],
    on_progress: Callable[[Progress], None] | None = None,
    environment: Mapping[str, str] | None = None,
    stop: threading.Event | None = None,
) -> Any:
    """Run ``python -m module arguments`` and return its result, reporting progress as it comes.

    Raises :class:`BadInput`, :class:`DiskFull` or :class:`TimnetError` with the child's own line. The child is
    ended when the caller is interrupted, and when another thread sets ``stop``: then :class:`Stopped` is raised.
    """
    child = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",  # a library may print anything
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **(environment or {}), ASKED_BY: str(os.getpid())},
    )
    assert child.stdout is not None
    assert child.stderr is not None
    tail: deque[str] = deque(maxlen=TAIL_LINES)
    drain = threading.Thread(target=_drain, args=(child.stderr, tail), daemon=True)
    drain.start()
    if stop is not None:
        threading.Thread(target=_end_at, args=(child, stop), daemon=True).start()
    try:
        outcome = _follow(child.stdout, on_progress)
        status = child.wait()
    except BaseException:
        child.terminate()
        child.wait()
        raise
    drain.join(timeout=1)
    if "result" in outcome:
        return outcome["result"]
    if "error" in outcome:
        if outcome.get("full"):
            raise DiskFull(outcome["error"])
        raise (BadInput if outcome.get("exit") == BadInput.exit_code else TimnetError)(outcome["error"])
    if stop is not None and stop.is_set():
        raise Stopped("stopped")
    last = clean(tail[-1].strip()) if tail else "it printed nothing"
    raise TimnetError(f"{module} ended with status {status} before it had a result: {last}")


def serve_task(work: Callable[[Callable[[Progress], None]], Any]) -> int:
    """The child's side: call ``work(report)`` and print what comes of it. Returns the exit status.

    When who asked for it is gone, this process ends too.
    """
    end_with(int(os.environ.pop(ASKED_BY, os.getppid())), STOP_PATIENCE, 128 + signal.SIGTERM)

    def report(progress: Progress) -> None:
        _say({"done": progress.done, "total": progress.total, "text": progress.text})

    try:
        _say({"result": work(report)})
    except (TimnetError, OSError) as error:
        known = as_disk_full(error, "working") or error
        if not isinstance(known, TimnetError):
            raise
        _say({"error": str(known), "exit": known.exit_code, "full": isinstance(known, DiskFull)})
        return known.exit_code
    return 0


def _end_at(child: subprocess.Popen[str], stop: threading.Event) -> None:
    """End the child when ``stop`` is set, whether or not it has anything to say just then."""
    while child.poll() is None:
        if stop.wait(STOP_LOOK):
            child.terminate()
            try:
                child.wait(STOP_PATIENCE)
            except subprocess.TimeoutExpired:
                child.kill()


def _say(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def _follow(lines: IO[str], on_progress: Callable[[Progress], None] | None) -> dict[str, Any]:
    outcome: dict[str, Any] = {}
    for line in lines:
        try:
            message = json.loads(line)
        except json.JSONDecodeError:
            continue  # a library's own chatter on standard output
        if not isinstance(message, dict):
            continue
        if "result" in message or "error" in message:
            outcome = message
        elif on_progress is not None and "total" in message:
            on_progress(Progress(message["done"], message["total"], message.get("text", "")))
    return outcome


def _drain(stream: IO[str], tail: deque[str]) -> None:
    tail.extend(line for line in stream if line.strip())
