"""What happened while the interface is open: read by the poller's thread, told by the app."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from timnet.notices.notice import Notice, notices_of
from timnet.registry import Registry

KEPT = 50
#: a toast for each of so many at once, and one line for the rest
TOASTS_AT_MOST = 3


@dataclass(frozen=True, slots=True)
class News:
    """A notice and its number; numbers only grow, so whoever has told number n need not look at n again."""

    number: int
    notice: Notice


class NewsReader:
    """Reads what is new since the last look. The first look only notes where things stand."""

    def __init__(self, on: Sequence[str]) -> None:
        self._on = on
        self._seen: int | None = None
        self._count = 0
        self._news: tuple[News, ...] = ()

    def read(self, registry: Registry) -> tuple[News, ...]:
        """The newest so many, oldest first; the same object while nothing is new."""
        newest = registry.notices.newest()
        if self._seen is None or newest < self._seen:  # the first look, or another registry in its place
            self._seen = newest
        if newest > self._seen:
            for notice in notices_of(registry, registry.notices.since(self._seen), self._on):
                self._count += 1
                self._news = (*self._news, News(self._count, notice))[-KEPT:]
            self._seen = newest
        return self._news


def osc9(text: str) -> str:
    """The sequence with which iTerm2, kitty, Windows Terminal, WezTerm and ghostty show a notification."""
    return f"\x1b]9;{text}\x1b\\"
