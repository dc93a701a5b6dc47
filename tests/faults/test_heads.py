"""Heads of other machines, killed at random moments for as long as is asked for, over stand-ins for jobs."""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.queue.test_head import EPOCHS, Yard, assert_all_is_there


def a_life(generator: random.Random) -> dict[str, object]:
    """What one attempt does on its way."""
    return generator.choice(
        [
            {},
            {"dies_after": generator.randint(1, EPOCHS)},
            {"leaves_after": generator.randint(1, EPOCHS)},
            {"twin": True},
        ]
    )


@pytest.mark.chaos(weight=1)
def test_heads_killed_at_random_lose_nothing(swift: Path, seconds: float, figure: Callable[[str], None]) -> None:
    generator, until = random.Random(1), time.monotonic() + seconds
    kills = runs = attempts = rounds = 0
    while rounds == 0 or time.monotonic() < until:
        folder = swift / str(rounds)
        folder.mkdir()
        yard = Yard(folder)
        try:
            keys = [run.key for run in yard.registry.runs.ls()]
            lives = {yard.uid(key): [a_life(generator) for _ in range(generator.randint(0, 3))] for key in keys}
            yard.plan(seconds=0.02, **lives)
            moments = tuple(generator.uniform(0.01, 0.5) for _ in range(25))
            yard.done(yard.work(jobs=generator.randint(1, 6), kills=moments))
            assert_all_is_there(yard, twins=True)
            kills, runs, rounds = kills + len(moments), runs + len(keys), rounds + 1
            attempts += sum(run.attempt for run in yard.registry.runs.ls())
        finally:
            yard.end()
        shutil.rmtree(folder)
    figure(
        f"{kills} heads killed beside {attempts} attempts at {runs} runs of {EPOCHS} epochs: each epoch once, none lost"
    )
