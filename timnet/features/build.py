"""Get the features of a corpus without loading librosa: find them, or have a child process extract them."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from timnet.errors import BadInput
from timnet.features.cache import FeatureCache
from timnet.features.recipe import MfccRecipe
from timnet.records import Utterance
from timnet.tasks import Progress, run_task
from timnet.text import clean


def ensure_features(
    folder: Path,
    utterances: Sequence[Utterance],
    recipe: MfccRecipe,
    cache_root: Path,
    jobs: int | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    *,
    corpus: str = "",
) -> Path:
    """The path of an .npy file, float32 ``[n, recipe.frames, recipe.n_mfcc]``, in the order of ``utterances``.

    ``jobs`` is the number of processes at most, by default one for each core. ``corpus`` is the name that a
    listing of the cache shows. Open the result with :meth:`timnet.features.cache.FeatureCache.open`. Raises
    :class:`BadInput` (a file gone, changed or undecodable, an unusable cache) or
    :class:`timnet.errors.DiskFull`; the cache is then as it was.
    """
    jobs = jobs or os.cpu_count() or 1
    found = FeatureCache(cache_root).find(utterances, recipe)
    if found is not None:
        return found
    if recipe != MfccRecipe(recipe.signal_length):
        raise BadInput("features are extracted with the published recipe; only its signal length can be chosen")
    with tempfile.TemporaryDirectory(prefix="timnet-") as scratch:
        listed = Path(scratch) / "utterances.json"
        listed.write_text(json.dumps([asdict(utterance) for utterance in utterances]))
        arguments = {
            "corpus": clean(corpus),
            "folder": folder.absolute(),
            "utterances": listed,
            "cache": cache_root.absolute(),
            "signal-length": recipe.signal_length,
            "jobs": jobs,
        }
        words = [f"--{name}={value}" for name, value in arguments.items()]
        return Path(run_task("timnet.features", words, on_progress))
