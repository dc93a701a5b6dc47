"""How a screen says what it looks at, and who reads that for it.

A :class:`Watch` is a frozen question, made anew whenever the question changes. The poller's thread turns it
into a :class:`Follower`, which keeps what it has read and only reads what is new. Its answers are frozen
and travel to the screen in :attr:`timnet_tui.snapshot.Snapshot.answer`.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from timnet.records import Worker
from timnet.registry import Registry


class Follower(Protocol):
    """Reads what one screen shows. Belongs to the poller's thread."""

    def read(self, registry: Registry, workers: tuple[Worker, ...]) -> object:
        """The answer as it is now; called whenever the registry or the question changed, and once a second."""

    def grew(self, registry: Registry) -> bool:
        """Whether something beside the registry changed, such as a log file. Called at every look, so cheap."""


@runtime_checkable
class Piecemeal(Follower, Protocol):
    """A follower whose answer comes bit by bit."""

    @property
    def unfinished(self) -> bool:
        """Whether the next reading could go on at once where this one ended."""


class Watch(Protocol):
    """A question. Two equal ones are the same question."""

    def follower(self, before: Follower | None) -> Follower:
        """Who answers it; ``before`` answered the last question and may be taken on."""


class Nothing:
    """Looks at nothing but what every screen shows."""

    def follower(self, before: Follower | None) -> Follower:
        """There is nothing to read."""
        return _Idle()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Nothing)

    def __hash__(self) -> int:
        return 0


class _Idle:
    def read(self, registry: Registry, workers: tuple[Worker, ...]) -> object:
        return None

    def grew(self, registry: Registry) -> bool:
        return False
