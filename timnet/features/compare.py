"""Compare cached features with librosa's own call, sound by sound: the work of ``corpora features NAME --check``.

What is compared against is written out with librosa's defaults and none of timnet's extraction: ``librosa.load`` and
``librosa.feature.mfcc(y, sr, n_mfcc=39)``, the padding and cropping in between done here.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from timnet.errors import BadInput
from timnet.features.cache import FeatureCache, key_of, shape_of
from timnet.features.mfcc import read_audio
from timnet.features.recipe import MfccRecipe
from timnet.records import Utterance
from timnet.tasks import Progress
from timnet.text import clean

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def compare(
    folder: Path,
    utterances: Sequence[Utterance],
    recipe: MfccRecipe,
    cache_root: Path,
    report: Callable[[Progress], None],
) -> dict[str, Any]:
    """Compare the cached features of ``utterances``, which must be there; runs in the child process.

    Returns the fields of :class:`Comparison`. Raises :class:`BadInput` where nothing is cached or a file is gone.
    """
    import numpy as np

    cache = FeatureCache(cache_root)
    key, shape = key_of(utterances, recipe), shape_of(utterances, recipe)
    features = cache.open(cache.path_of(key), shape)
    largest, where = 0.0, ""
    for done, (utterance, row) in enumerate(zip(utterances, features, strict=True), start=1):
        difference = float(np.abs(row - librosa_own(folder, utterance, recipe)).max())
        if not np.isfinite(difference):
            place = clean(utterance.path)
            raise BadInput(f"the cached features of {place} are no numbers; remove them (corpora features NAME --rm)")
        if difference > largest:
            largest, where = difference, utterance.path
        report(Progress(done, len(utterances), utterance.path))
    return {"utterances": len(utterances), "largest": largest, "path": where}


def librosa_own(folder: Path, utterance: Utterance, recipe: MfccRecipe) -> NDArray[np.float32]:
    """Librosa's MFCCs of an utterance with its own defaults, float32 ``[frames, 39]``."""
    import librosa
    import numpy as np

    audio = io.BytesIO(read_audio(folder / utterance.path, utterance.sha256))
    duration = None if utterance.end is None else utterance.end - utterance.start
    signal, rate = librosa.load(audio, offset=utterance.start, duration=duration)
    fitted = np.zeros(recipe.signal_length, np.float32)
    surplus = len(signal) - recipe.signal_length
    if surplus <= 0:
        fitted[-surplus // 2 : -surplus // 2 + len(signal)] = signal
    else:
        fitted[:] = signal[surplus // 2 : surplus // 2 + recipe.signal_length]
    own: NDArray[np.float32] = librosa.feature.mfcc(y=fitted, sr=rate, n_mfcc=recipe.n_mfcc).T
    return own
