"""timnet's extraction: file by file in one process, and a whole corpus into its cache with one process or two."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

SIGNAL_LENGTH = 96_000


def subject(folder: str, cache: str) -> dict[str, Callable[[], Any]]:
    """``files``: every wav of a folder to MFCCs; ``corpus1`` and ``corpus2``: into an empty cache by processes."""
    import hashlib

    from timnet.features.extract import Order, extract
    from timnet.features.mfcc import mfcc
    from timnet.features.recipe import MfccRecipe
    from timnet.records import Utterance

    recipe = MfccRecipe(SIGNAL_LENGTH)
    paths = sorted(Path(folder).glob("*.wav"))
    utterances = tuple(
        Utterance(path.name, "neutral", "1", sha256=hashlib.sha256(path.read_bytes()).hexdigest()) for path in paths
    )

    def files() -> None:
        for one in utterances:
            mfcc(Path(folder) / one.path, recipe, one.sha256)

    def corpus(jobs: int) -> None:
        shutil.rmtree(cache, ignore_errors=True)
        extract(Order("BENCH", Path(folder), utterances, recipe, Path(cache), jobs), lambda _: None)

    return {"files": files, "corpus1": lambda: corpus(1), "corpus2": lambda: corpus(2)}
