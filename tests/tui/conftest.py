"""What the tests of the terminal interface share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from textual.pilot import Pilot


@pytest.fixture(autouse=True)
def with_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same pictures whatever the terminal that the tests run in."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TEXTUAL_ANIMATIONS", "none")
    monkeypatch.setenv("COLORTERM", "truecolor")


async def until(pilot: Pilot[None], holds: Callable[[], object], seconds: float = 20.0) -> None:
    """Wait until ``holds()``; fails when that takes longer than ``seconds``."""
    for _ in range(int(seconds / 0.02)):
        await pilot.pause()
        if holds():
            return
        await asyncio.sleep(0.02)
    told = [notice.message for notice in pilot.app._notifications]
    raise AssertionError(f"still not so after {seconds} s; told meanwhile, as far as it is still shown: {told}")
