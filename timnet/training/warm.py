"""``python -m timnet.training.warm``: a process that has loaded TensorFlow, and becomes a training process in no time.

Loading TensorFlow costs seconds of CPU for every run. This process loads it once, does nothing else with it, and
forks for each assignment that its worker sends. What makes that safe: TensorFlow's runtime is started by first use,
which is in the child; until then there is one thread, and that is looked at before each fork. Where there is
another, the worker is told so and starts a process of its own.

What goes over the wire is told in :mod:`timnet.training.wire`. The child keeps the run's lock, this process does not.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import selectors
import signal
import socket
import sys
import traceback
import warnings
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from timnet.parent import kill_with_parent
from timnet.training.engine import load_engine
from timnet.training.wire import LARGEST_MESSAGE

HARMLESS_THREADS = frozenset({"jemalloc_bg_thd"})
"""The allocator's own, which it stops before a fork and starts anew after it."""


def main() -> int:
    """Load what training needs, then serve the worker until it is gone."""
    parser = argparse.ArgumentParser(prog="python -m timnet.training.warm", description=__doc__)
    parser.add_argument("--socket", type=int, required=True)
    parser.add_argument("--parent", type=int, required=True)
    arguments = parser.parse_args()
    for ignored in (signal.SIGINT, signal.SIGHUP):  # Ctrl-C in a terminal is for the worker
        signal.signal(ignored, signal.SIG_IGN)
    _end_with(arguments.parent)
    with socket.socket(fileno=arguments.socket) as worker:
        _load()
        _Nursery(worker).serve()
    return 0


def _load() -> None:
    load_engine()
    import timnet.training.data
    import timnet.training.fold  # noqa: F401
    from timnet.provenance import loaded

    loaded()  # what is loaded now is what all of them are, whatever happens on the disk later
    gc.collect()
    gc.freeze()  # a collection in a child need not touch, and so copy, what all of them share


def _end_with(parent: int) -> None:
    """Have the kernel kill this process when its worker ends; its children then see that they are orphans."""
    kill_with_parent()
    if os.getppid() != parent:
        sys.exit(0)


class _Nursery:
    """Forks children and tells the worker how they end."""

    def __init__(self, worker: socket.socket) -> None:
        self._worker = worker
        self._selector = selectors.EpollSelector()
        self._selector.register(worker, selectors.EVENT_READ)
        self._children: dict[int, tuple[int, int]] = {}  # descriptor of a process -> (number, pid)

    def serve(self) -> None:
        """Until the worker closes its end."""
        self._tell({"ready": True})
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is not self._worker:
                    self._ended(key.fd)
                elif not self._receive():
                    return

    def _receive(self) -> bool:
        data, descriptors, _, _ = socket.recv_fds(self._worker, LARGEST_MESSAGE, 2)
        if not data:
            return False
        message: dict[str, Any] = json.loads(data)
        number = message.pop("number")
        others = threads_beside_the_first()
        if others:
            self._tell({"number": number, "refused": f"threads run in it: {', '.join(others)}"})
        else:
            self._fork(number, message, *descriptors)
        for descriptor in descriptors:  # the child has its own
            os.close(descriptor)
        return True

    def _fork(self, number: int, assignment: Mapping[str, Any], lock: int, log: int) -> None:
        parent = os.getpid()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of threads, which were looked at
            pid = os.fork()
        if pid == 0:
            _become(assignment, parent, (self._worker.fileno(), self._selector.fileno(), *self._children), lock, log)
        process = os.pidfd_open(pid)
        self._children[process] = (number, pid)
        self._selector.register(process, selectors.EVENT_READ)
        self._tell({"number": number, "pid": pid}, process)

    def _ended(self, process: int) -> None:
        number, pid = self._children.pop(process)
        self._selector.unregister(process)
        _, status = os.waitpid(pid, 0)
        os.close(process)
        self._tell({"number": number, "status": os.waitstatus_to_exitcode(status)})

    def _tell(self, message: Mapping[str, Any], *descriptors: int) -> None:
        try:
            socket.send_fds(self._worker, [json.dumps(message).encode()], descriptors)
        except OSError:  # it is gone, which the next look at the socket will tell
            return


def threads_beside_the_first() -> list[str]:
    """The names of the threads of this process that a fork would lose, but for :data:`HARMLESS_THREADS`."""
    names = []
    for task in Path("/proc/self/task").iterdir():
        if int(task.name) != os.getpid():
            try:
                names.append((task / "comm").read_text().strip())
            except OSError:  # it ended meanwhile
                continue
    return sorted(set(names) - HARMLESS_THREADS)


def _become(assignment: Mapping[str, Any], parent: int, strange: tuple[int, ...], lock: int, log: int) -> None:
    """In the child: be the training process of ``assignment``. Never returns."""
    status = 1
    try:
        for descriptor in strange:
            os.close(descriptor)
        os.set_inheritable(lock, False)
        os.dup2(log, sys.stdout.fileno())
        os.dup2(log, sys.stderr.fileno())
        os.close(log)
        from timnet.training.__main__ import say
        from timnet.training.process import Assignment, execute

        paths = {name: Path(assignment[name]) for name in ("db", "cache")}
        status = execute(Assignment(**{**assignment, **paths, "parent": parent}), say)
    except BaseException:
        with suppress(OSError):  # a full disk
            traceback.print_exc()
    finally:
        with suppress(BaseException):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)  # nothing of what the parent has begun is to be ended here


if __name__ == "__main__":
    sys.exit(main())
