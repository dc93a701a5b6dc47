"""The one thread that looks at the registry. Screens only ever see the snapshots it posts."""

from __future__ import annotations

import threading
from collections.abc import Callable

from timnet_tui.reader import Reader
from timnet_tui.snapshot import Snapshot
from timnet_tui.watch import Nothing, Watch

#: seconds between two looks; a look that finds nothing new costs microseconds
INTERVAL = 0.15
#: and between two that belong to one search: the event loop's turn
BREATH = 0.001


class Poller:
    """Calls ``reader.poll`` again and again and hands what it finds to ``post``, which must be thread-safe."""

    def __init__(self, reader: Reader, post: Callable[[Snapshot], object], interval: float = INTERVAL) -> None:
        self._reader = reader
        self._post = post
        self._interval = interval
        self._watch: Watch = Nothing()
        self._wake = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="poller", daemon=True)

    def start(self) -> None:
        """Begin to poll."""
        self._thread.start()

    def watch(self, watch: Watch) -> None:
        """Look closely at something else from now on."""
        if watch != self._watch:
            self._watch = watch
            self._wake.set()

    def hurry(self) -> None:
        """Look at once instead of after the interval."""
        self._wake.set()

    def stop(self, patience: float = 2.0) -> None:
        """End the thread; a look that hangs on a bad disk is left behind rather than waited for."""
        self._ended.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(patience)

    def look(self) -> None:
        """One look. The loop calls it; tests may."""
        snapshot = self._reader.poll(self._watch)
        if snapshot is not None and not self._ended.is_set():
            self._post(snapshot)

    def _loop(self) -> None:
        try:
            while not self._ended.is_set():
                self.look()
                self._wake.wait(BREATH if self._reader.unfinished else self._interval)
                self._wake.clear()
        finally:
            self._reader.close()
