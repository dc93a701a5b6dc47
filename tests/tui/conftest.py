"""What the tests of the terminal interface share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from textual.notifications import Notification, Notifications
from textual.pilot import Pilot

_TOLD: list[str] = []


@pytest.fixture(autouse=True)
def with_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same pictures whatever the terminal that the tests run in."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TEXTUAL_ANIMATIONS", "none")
    monkeypatch.setenv("COLORTERM", "truecolor")


@pytest.fixture(autouse=True)
def everything_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what was told after it is shown no more, for :func:`until` to say."""
    add = Notifications.add
    _TOLD.clear()

    def kept(self: Notifications, notice: Notification) -> None:
        _TOLD.append(notice.message)
        add(self, notice)

    monkeypatch.setattr(Notifications, "add", kept)


async def until(pilot: Pilot[None], holds: Callable[[], object], seconds: float = 20.0) -> None:
    """Wait until ``holds()``; fails when that takes longer than ``seconds``."""
    for _ in range(int(seconds / 0.02)):
        await pilot.pause()
        if holds():
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"still not so after {seconds} s; told in this test: {_TOLD}")
