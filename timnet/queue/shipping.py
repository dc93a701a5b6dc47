"""Features go where jobs see them, once for each corpus: what has to be made or copied first is, in a thread."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from timnet.features.build import Wanted, features_of, find_features
from timnet.features.cache import FeatureCache
from timnet.files import replacing
from timnet.records import CorpusRecord


class Shipping:
    """Of one head: from the cache at ``ours``, or the recordings, into the one at ``theirs``. One corpus at a time."""

    def __init__(self, ours: Path, theirs: Path, say: Callable[[str], None]) -> None:
        self._ours = ours
        self._theirs = FeatureCache(theirs)
        self._say = say
        self._stop = threading.Event()
        self._thread = ThreadPoolExecutor(1, "shipping")
        self._coming: dict[str, Future[None]] = {}

    def is_over(self, corpus: CorpusRecord, wanted: Wanted) -> bool:
        """Whether a corpus's features are there, or cannot come; where neither, they are on their way from now on."""
        coming = self._coming.get(wanted.key)
        if coming is not None:
            return coming.done()
        if self._is_there(wanted):
            return True
        source = find_features(corpus, self._ours)
        if source is not None and self._linked(source, wanted):
            self._say(f"{corpus.name}: its features are in {self._theirs.folder.parent}")
            return True
        self._say(f"{corpus.name}: bringing its features to {self._theirs.folder.parent}, while other runs are given")
        self._coming[wanted.key] = self._thread.submit(self._bring, corpus, wanted)
        return False

    def finish(self, corpus: CorpusRecord, wanted: Wanted) -> None:
        """Wait for a corpus's features. Raises why they could not come; another time it is tried again."""
        coming = self._coming.pop(wanted.key, None)
        if coming is not None:
            coming.result()
        if not self._is_there(wanted):
            self._bring(corpus, wanted)

    def close(self) -> None:
        """End what is on its way, and wait for that."""
        self._stop.set()
        self._thread.shutdown(cancel_futures=True)

    def _is_there(self, wanted: Wanted) -> bool:
        return self._theirs.lookup(wanted.key, wanted.shape) is not None

    def _linked(self, source: Path, wanted: Wanted) -> bool:
        """Another name of the same file, where that can be: it takes no time."""
        target = self._theirs.path_of(wanted.key)
        try:
            target.unlink(missing_ok=True)  # it was not what it should be
            os.link(source, target)
        except OSError:
            return False
        return True

    def _bring(self, corpus: CorpusRecord, wanted: Wanted) -> None:
        source = features_of(corpus, self._ours, stop=self._stop)
        if self._linked(source, wanted):
            return
        with source.open("rb") as stream, replacing(self._theirs.path_of(wanted.key)) as copy:
            shutil.copyfileobj(stream, copy, 1 << 20)
