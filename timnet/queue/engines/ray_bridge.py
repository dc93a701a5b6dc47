"""``python -m timnet.queue.engines.ray_bridge``: the process of a head that is connected to Ray.

A process of its own, as Ray's libraries print where they like, wait without end, and end the whole process once their
cluster is away for a minute: the head only ever loses this one. Questions come as JSON, one a line on the standard
input; answers go out in the same way: ``{"value": ...}``, or ``{"error": ..., "text": ...}``. It ends with its head.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import queue
import signal
import socket
import sys
import threading
import traceback
from typing import Any, TextIO

from timnet.errors import BadInput, DiskFull, TimnetError
from timnet.queue.engines import ray_words
from timnet.queue.engines.engine import EngineAway
from timnet.remote.spool import SpoolBroken
from timnet.text import clean

NAMESPACE = "timnet"
KNOCK_SECONDS = 5.0
START_ONE = "start one with: ray start --head"
JOIN = "run this on one of its nodes, or let this machine join: ray start --address={address} --num-cpus=0"
ERRORS: dict[str, type[TimnetError]] = {
    error.__name__: error for error in (BadInput, DiskFull, EngineAway, SpoolBroken, TimnetError)
}


def main() -> int:
    """Connect when asked to, then answer until the head is gone."""
    parser = argparse.ArgumentParser(prog="python -m timnet.queue.engines.ray_bridge", description=__doc__)
    parser.add_argument("--address", required=True)
    parser.add_argument("--registry", required=True)
    parser.add_argument("--cpus", type=float, required=True)
    parser.add_argument("--gpus", type=float, required=True)
    asked = parser.parse_args()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal is for the head
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)  # whatever a library prints must not become an answer
    questions: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(questions,), name="questions", daemon=True).start()
    bridge = _Bridge(asked.address, asked.registry, {"CPU": asked.cpus, "GPU": asked.gpus})
    while True:
        _answer(bridge, questions.get(), answers)


def _listen(questions: queue.SimpleQueue[str]) -> None:
    for line in sys.stdin:
        questions.put(line)
    os._exit(0)  # the head is gone, and Ray may keep the other thread for ever


class _Bridge:
    """Answers questions by name."""

    def __init__(self, address: str, registry: str, wanted: dict[str, float]) -> None:
        self._address = address
        self._registry = registry
        self._wanted = wanted
        self._calls: dict[str, Any] = {"connect": self._connect}

    def call(self, name: str, arguments: dict[str, Any]) -> Any:
        """The answer to one question; raises what went wrong."""
        return self._calls[name](**arguments)

    def _connect(self) -> dict[str, Any]:
        told = connect(self._address)
        from timnet.queue.engines.ray_jobs import Jobs, calls

        self._calls |= calls(Jobs(self._registry, self._wanted))
        return told


def connect(address: str) -> dict[str, Any]:
    """Connect to the cluster at ``address``; where it is, and the versions here, which are the cluster's too.

    Raises :class:`BadInput` with one line where that can never be, :class:`EngineAway` where it may later.
    """
    os.environ.setdefault("RAY_gcs_server_request_timeout_seconds", "15")
    os.environ.setdefault("RAY_py_gcs_connect_timeout_s", "10")
    import ray

    place = _resolve(address)
    logging.getLogger("ray").setLevel(logging.CRITICAL)
    try:
        ray.init(
            address=place,
            namespace=NAMESPACE,
            log_to_driver=False,
            configure_logging=False,
            logging_level=logging.CRITICAL,
        )
    except Exception as error:
        raise _refusal(error, place) from error
    python = ".".join(map(str, sys.version_info[:3]))
    return {"address": place, "ray": ray.__version__, "python": python, "host": socket.gethostname()}


def _resolve(address: str) -> str:
    """``HOST:PORT`` of a Ray that can be reached. Raises as :func:`connect` does."""
    from ray._private.services import canonicalize_bootstrap_address_or_die

    given = os.environ.get("RAY_ADDRESS", "") if address == "auto" else address
    if "://" in given:
        raise BadInput(
            f"{clean(given)} is an address of Ray Client, which timnet does not use; give HOST:PORT of the cluster"
        )
    try:
        place = str(canonicalize_bootstrap_address_or_die(address))
    except (ConnectionError, ValueError) as error:
        if address == "auto":
            raise EngineAway(f"no Ray on this machine; {START_ONE}") from error
        raise BadInput(f"{clean(address)!r} is no address of a Ray; give HOST:PORT, or auto") from error
    host, _, port = place.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), KNOCK_SECONDS).close()
    except (OSError, ValueError, OverflowError) as error:
        reason = "it does not answer" if isinstance(error, TimeoutError) else getattr(error, "strerror", "") or error
        named = place if address == "auto" else address
        raise EngineAway(f"no Ray at {clean(named)} ({reason}); {START_ONE}") from error
    return place


def _refusal(error: Exception, place: str) -> TimnetError:
    skew = ray_words.of_skew(str(error), place)
    if skew:
        return BadInput(skew)
    if not isinstance(error, ConnectionError):
        return BadInput(f"cannot use the Ray at {clean(place)}: {ray_words.first_line(str(error))}")
    if _answers(place):
        return BadInput(f"this machine is no node of the Ray at {clean(place)}; {JOIN.format(address=clean(place))}")
    return EngineAway(f"something listens at {clean(place)}, but does not answer as Ray does; see: ray status")


def _answers(place: str) -> bool:
    """Whether a Ray is there, be this machine one of its nodes or not."""
    from ray._raylet import GcsClient

    try:
        return bool(GcsClient(address=place).get_all_node_info(timeout=KNOCK_SECONDS))
    except Exception:  # whatever Ray's own library makes of what is not Ray
        return False


def _answer(bridge: _Bridge, line: str, answers: TextIO) -> None:
    """Answer one question, whatever happens."""
    asked = json.loads(line)
    try:
        answer = {"value": bridge.call(asked["call"], asked["arguments"])}
    except TimnetError as error:
        name = type(error).__name__
        answer = {"error": name if name in ERRORS else "TimnetError", "text": str(error)}
    except Exception as error:
        answer = {"error": "defect", "text": traceback.format_exc()}
        from timnet.queue.engines.ray_jobs import as_away

        away = as_away(error)
        if away is not None:
            answer = {"error": "EngineAway", "text": str(away)}
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


if __name__ == "__main__":
    sys.exit(main())
