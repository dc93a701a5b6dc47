"""Processes that read one cached corpus, as runs do: what each holds of it alone, and what all share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

FRAMES, COEFFICIENTS = 188, 39


def subject(folder: str, megabytes: int) -> dict[str, Callable[[], Any]]:
    """``read``: map the features and look at every value; ``memory``: MB of the mapping, by whom it is held."""
    import numpy as np

    from timnet.features.cache import FeatureCache

    cache = FeatureCache(Path(folder))
    shape = (megabytes * 1_000_000 // (FRAMES * COEFFICIENTS * 4), FRAMES, COEFFICIENTS)
    with cache.locked("bench"):
        if cache.lookup("bench", shape) is None:
            row = np.ones(shape[1:], np.float32)
            cache.write("bench", shape, (row for _ in range(shape[0])), {"corpus": "BENCH", "utterances": shape[0]})
    path = cache.path_of("bench")
    features = cache.open(path, shape)

    def memory() -> dict[str, float]:
        return held_of(path)

    return {"read": lambda: float(features.max()), "memory": memory}


def held_of(path: Path) -> dict[str, float]:
    """MB of this process's mapping of ``path``: ``own``, which no other process holds, and ``shared``."""
    import psutil

    maps = [one for one in psutil.Process().memory_maps(grouped=True) if one.path == str(path.resolve())]
    own = sum(one.private_clean + one.private_dirty for one in maps)
    return {"own": own / 1e6, "shared": sum(one.rss for one in maps) / 1e6 - own / 1e6}
