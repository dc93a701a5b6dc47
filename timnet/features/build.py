"""Get the features of a corpus without loading librosa: find them, or have a child process extract them.

Everybody who wants features of a registered corpus asks :func:`features_of`, wherever they come from.
"""

from __future__ import annotations

import json
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from timnet.cores import cores
from timnet.errors import BadInput, UnknownName
from timnet.features.cache import FeatureCache, Shape, key_of, key_of_rows, shape_of
from timnet.features.comparison import Comparison
from timnet.features.published import LAYOUT, copy_rows, furthest_row
from timnet.features.recipe import MfccRecipe
from timnet.records import CorpusRecord, Utterance
from timnet.tasks import Progress, run_task
from timnet.text import clean

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which array of the cache holds a corpus's features: its key and its shape ``(n, frames, n_mfcc)``."""

    key: str
    shape: Shape


def wanted_of(corpus: CorpusRecord) -> Wanted:
    """What to look for in the cache. Raises :class:`BadInput` where the corpus was registered without digests."""
    recipe = MfccRecipe(corpus.signal_length)
    shape = shape_of(corpus.utterances, recipe)
    if corpus.layout == LAYOUT:
        return Wanted(key_of_rows(corpus.utterances, recipe.frames), shape)
    return Wanted(key_of(corpus.utterances, recipe), shape)


def features_of(
    corpus: CorpusRecord,
    cache_root: Path,
    jobs: int | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    stop: threading.Event | None = None,
) -> Path:
    """The path of a registered corpus's features, float32 ``[n, frames, 39]`` in row order.

    They are found in the cache, extracted from the recordings, or read again from the published feature file
    that the corpus was registered from. Another thread ends the extraction by ``stop``. Raises as
    :func:`ensure_features` does.
    """
    if corpus.layout == LAYOUT:
        wanted = wanted_of(corpus)
        return find_features(corpus, cache_root) or copy_rows(corpus, cache_root, wanted.key, wanted.shape)
    recipe = MfccRecipe(corpus.signal_length)
    return ensure_features(
        Path(corpus.path), corpus.utterances, recipe, cache_root, jobs, on_progress, stop, corpus=corpus.name
    )


def find_features(corpus: CorpusRecord, cache_root: Path) -> Path | None:
    """The path of a corpus's features where the cache has them, whole; nothing is made."""
    wanted = wanted_of(corpus)
    return FeatureCache(cache_root).lookup(wanted.key, wanted.shape)


def open_features(corpus: CorpusRecord, cache_root: Path, path: Path) -> NDArray[np.float32]:
    """Map what :func:`features_of` returned for reading: float32 ``[n, frames, 39]``. Raises :class:`BadInput`."""
    return FeatureCache(cache_root).open(path, wanted_of(corpus).shape)


def ensure_features(
    folder: Path,
    utterances: Sequence[Utterance],
    recipe: MfccRecipe,
    cache_root: Path,
    jobs: int | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    stop: threading.Event | None = None,
    *,
    corpus: str = "",
) -> Path:
    """The path of an .npy file, float32 ``[n, recipe.frames, recipe.n_mfcc]``, in the order of ``utterances``.

    ``jobs`` is the number of processes at most, by default one for each core. ``corpus`` is the name that a
    listing of the cache shows. Open the result with :meth:`timnet.features.cache.FeatureCache.open`. Raises
    :class:`BadInput` (a file gone, changed or undecodable, an unusable cache), :class:`timnet.errors.DiskFull`,
    or :class:`timnet.errors.Stopped` where ``stop`` was set; the cache is then as it was.
    """
    jobs = jobs or cores()
    found = FeatureCache(cache_root).find(utterances, recipe)
    if found is not None:
        return found
    if recipe != MfccRecipe(recipe.signal_length):
        raise BadInput("features are extracted with the published recipe; only its signal length can be chosen")
    with _arguments(folder, utterances, recipe, cache_root) as words:
        more = [f"--corpus={clean(corpus)}", f"--jobs={jobs}"]
        return Path(run_task("timnet.features", [*words, *more], on_progress, stop=stop))


def check_features(
    corpus: CorpusRecord, cache_root: Path, on_progress: Callable[[Progress], None] | None = None
) -> Comparison:
    """Compare the cached features of a corpus with librosa's own call, or with the file they were published in.

    Raises :class:`BadInput` where nothing is cached, or what they were made from is gone or changed.
    """
    found = find_features(corpus, cache_root)
    if found is None:
        raise UnknownName(
            f"no features of {corpus.name} in {clean(str(cache_root))};"
            f" make them with: timnet corpora features {corpus.name}"
        )
    if corpus.layout == LAYOUT:
        largest, where = furthest_row(corpus, open_features(corpus, cache_root, found))
        return Comparison(len(corpus.utterances), largest, where, 0.0)
    recipe = MfccRecipe(corpus.signal_length)
    with _arguments(Path(corpus.path), corpus.utterances, recipe, cache_root) as words:
        return Comparison(**run_task("timnet.features", [*words, "--check"], on_progress))


@contextmanager
def _arguments(
    folder: Path, utterances: Sequence[Utterance], recipe: MfccRecipe, cache_root: Path
) -> Iterator[list[str]]:
    """What the child process is told; the list of utterances stands in a file that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="timnet-") as scratch:
        listed = Path(scratch) / "utterances.json"
        listed.write_text(json.dumps([asdict(utterance) for utterance in utterances]))
        yield [
            f"--folder={folder.absolute()}",
            f"--utterances={listed}",
            f"--cache={cache_root.absolute()}",
            f"--signal-length={recipe.signal_length}",
        ]
