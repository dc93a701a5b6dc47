"""Extract a corpus into the cache: the work of the child process ``python -m timnet.features``."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import partial
from multiprocessing import connection, get_context, parent_process
from pathlib import Path
from typing import TYPE_CHECKING, Any

from timnet.errors import BadInput
from timnet.features.cache import FeatureCache, key_of, shape_of
from timnet.features.libraries import library_versions
from timnet.features.mfcc import mfcc
from timnet.features.recipe import MfccRecipe
from timnet.records import Utterance
from timnet.tasks import Progress

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FILES_A_PROCESS = 300
"""A further process pays once it has about this many files: a file takes 2.5 ms, its start .5 s."""


@dataclass(frozen=True, slots=True)
class Order:
    """What to extract: ``utterances`` of ``corpus`` below ``folder``, with ``recipe``, into the cache ``root``."""

    corpus: str
    folder: Path
    utterances: tuple[Utterance, ...]
    recipe: MfccRecipe
    root: Path
    jobs: int


def extract(order: Order, report: Callable[[Progress], None]) -> Path:
    """Put the features of ``order`` into the cache, or find them there; returns the array's path.

    Of several processes that want the same features one extracts, the others wait for it. Raises
    :class:`timnet.errors.CorpusError` naming a file that is gone, changed or undecodable; the cache is then
    as it was.
    """
    cache = FeatureCache(order.root)
    found = cache.find(order.utterances, order.recipe)
    if found is not None:
        return found
    if not order.utterances:
        raise BadInput(f"corpus {order.corpus} has no utterances to extract features from")
    key = key_of(order.utterances, order.recipe)
    with cache.locked(key):
        found = cache.find(order.utterances, order.recipe)
        if found is not None:
            return found
        with closing(_rows(order)) as rows:
            return cache.write(key, shape_of(order.utterances, order.recipe), _told(order, rows, report), _about(order))


def _told(
    order: Order, rows: Iterator[NDArray[np.float32]], report: Callable[[Progress], None]
) -> Iterator[NDArray[np.float32]]:
    """The rows as they come, each reported once it is written."""
    for done, (utterance, row) in enumerate(zip(order.utterances, rows, strict=True), start=1):
        yield row
        report(Progress(done, len(order.utterances), utterance.path))


def _rows(order: Order) -> Generator[NDArray[np.float32]]:
    """The features of each utterance, float32 ``[frames, n_mfcc]``, in row order."""
    one = partial(_one, order.folder, order.recipe)
    processes = min(order.jobs, -(-len(order.utterances) // FILES_A_PROCESS))
    if processes <= 1:
        yield from map(one, order.utterances)
        return
    pool = ProcessPoolExecutor(processes, get_context("spawn"), _start_worker)
    try:
        yield from pool.map(one, order.utterances, chunksize=8)
    finally:
        pool.shutdown(cancel_futures=True)


def _one(folder: Path, recipe: MfccRecipe, utterance: Utterance) -> NDArray[np.float32]:
    return mfcc(folder / utterance.path, recipe, utterance.sha256, utterance.start, utterance.end)


def _start_worker() -> None:
    """Make a pool's process leave the keyboard to its parent, and never outlive it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = parent_process()
    assert parent is not None

    def end_with_parent() -> None:
        connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=end_with_parent, daemon=True).start()


def _about(order: Order) -> dict[str, Any]:
    return {
        "corpus": order.corpus,
        "utterances": len(order.utterances),
        "recipe": asdict(order.recipe),
        "libraries": library_versions(),
    }


def read_utterances(path: Path) -> tuple[Utterance, ...]:
    """Read the list that :func:`timnet.features.build.ensure_features` wrote. Raises :class:`BadInput`."""
    try:
        rows: Sequence[dict[str, Any]] = json.loads(path.read_text())
        return tuple(Utterance(**row) for row in rows)
    except (OSError, ValueError, TypeError) as error:
        raise BadInput(f"cannot read the list of utterances {path} ({error})") from error
