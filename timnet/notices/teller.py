"""The worker's part: look for what nobody has told yet, and send it from a thread of its own."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from datetime import timedelta

from timnet.clock import ago
from timnet.notices.notice import Notice, notices_of
from timnet.notices.ways import NotSent, Way, ways_of
from timnet.registry import Registry
from timnet.settings import Notify

FRESH = timedelta(minutes=10)
"""What happened longer ago, while nobody was there to tell it, is not told any more."""
LAST_WORDS_SECONDS = 10.0
WAITING_AT_MOST = 200


class Teller:
    """Tells what happens in a registry. Never raises and never waits: sending has a thread, and failures are lines.

    ``say`` gets one line for each notice that could not be sent.
    """

    def __init__(self, registry: Registry, notify: Notify, say: Callable[[str], None]) -> None:
        self._registry = registry
        self._on = notify.on
        self._say = say
        self._ways = ways_of(notify)
        self._queue: queue.Queue[Notice | None] = queue.Queue(WAITING_AT_MOST)
        self._thread: threading.Thread | None = None
        self._seen: int | None = None

    def look(self) -> None:
        """Take what is new and send it. To be called now and then, and once at the end."""
        if not self._ways or not self._on:
            return
        try:
            self._look()
        except Exception as error:  # a locked registry, a full disk: what is told must not end what is trained
            self._say(f"cannot look for notices now: {error}")

    def _look(self) -> None:
        newest = self._registry.notices.newest()
        if self._seen is not None and not (newest > self._seen and self._registry.notices.since(self._seen)):
            self._seen = newest
            return
        taken = self._registry.notices.take(ago(FRESH))
        self._seen = newest
        for notice in notices_of(self._registry, taken, self._on):
            self._send(notice)

    def _send(self, notice: Notice) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._sending, name="notices", daemon=True)
            self._thread.start()
        try:
            self._queue.put_nowait(notice)
        except queue.Full:
            self._say(f"too many notices wait; not sent: {notice.title}")

    def _sending(self) -> None:
        while (notice := self._queue.get()) is not None:
            for way in self._ways:
                self._try(way, notice)

    def _try(self, way: Way, notice: Notice) -> None:
        try:
            way(notice)
        except NotSent as error:
            self._say(f"notice not sent: {error}")
        except Exception as error:  # whatever a notice meets, it must not end the others
            self._say(f"notice not sent: {type(error).__name__}")

    def close(self) -> None:
        """Look a last time and give what is on its way some seconds to arrive."""
        self.look()
        if self._thread is None:
            return
        deadline = time.monotonic() + LAST_WORDS_SECONDS
        try:
            self._queue.put(None, timeout=LAST_WORDS_SECONDS)
        except queue.Full:
            return
        self._thread.join(max(0.0, deadline - time.monotonic()))
