"""The feature cache: arrays named by what they were made from.

An entry is ``<cache>/features/<key>.npy`` (float32 ``[n, frames, n_mfcc]``, C order, no pickles) and
``<key>.json`` beside it, which only listings read. The key covers the audio, its order, the recipe and the
libraries, so an entry is never out of date; it can only be of no more use.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from timnet.arrays import UNREADABLE
from timnet.errors import BadInput
from timnet.features.libraries import library_versions
from timnet.features.recipe import MfccRecipe
from timnet.files import replacing, write_text
from timnet.records import Utterance
from timnet.text import clean

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Shape = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """One array in the cache; ``corpus`` is the name it was first made for, ``made`` is UTC, ISO 8601.

    ``libraries`` are the versions that extracted it; none where it was read from a published feature file, or
    where its description is gone.
    """

    key: str
    corpus: str
    utterances: int
    bytes: int
    made: str
    libraries: Mapping[str, str] = field(default_factory=dict)


class FeatureCache:
    """The features below ``root``. Readers need no lock: an entry is there whole or not at all."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "features"

    def path_of(self, key: str) -> Path:
        """Where the array of ``key`` stands, or would stand."""
        return self.folder / f"{key}.npy"

    def about(self, key: str) -> Path:
        """Where the entry's description stands, or would stand."""
        return self.folder / f"{key}.json"

    def find(self, utterances: Sequence[Utterance], recipe: MfccRecipe) -> Path | None:
        """The array of these utterances in this order, or None where it is not there or damaged."""
        return self.lookup(key_of(utterances, recipe), shape_of(utterances, recipe))

    def lookup(self, key: str, shape: Shape) -> Path | None:
        """The array of ``key``, or None where it is not there, damaged, or not of ``shape``."""
        path = self.path_of(key)
        try:
            self.open(path, shape)
        except BadInput:
            return None
        return path

    def open(self, path: Path, shape: Shape) -> NDArray[np.float32]:
        """Map the array at ``path`` for reading: float32 ``[n, frames, n_mfcc]``, exactly of ``shape``.

        Raises :class:`BadInput` where it is not that.
        """
        import numpy as np

        again = "extract the features again (timnet corpora features)"
        try:
            array: NDArray[np.float32] = np.load(path, mmap_mode="r", allow_pickle=False)
        except UNREADABLE as error:
            raise BadInput(f"cannot read the feature cache {clean(str(path))} ({error}); {again}") from error
        if array.shape != shape or array.dtype != np.dtype("<f4") or not array.flags.c_contiguous:
            raise BadInput(
                f"the feature cache {clean(str(path))} holds {array.dtype} {list(array.shape)},"
                f" float32 {list(shape)} was expected; {again}"
            )
        return array

    def write(self, key: str, shape: Shape, rows: Iterable[NDArray[np.float32]], about: Mapping[str, Any]) -> Path:
        """Stream ``rows``, float32 ``[frames, n_mfcc]`` each, into the array of ``key``; it appears when it is whole.

        ``about`` describes it in listings. To be called with the key :meth:`locked`. Whatever goes wrong leaves
        nothing behind; :class:`timnet.errors.DiskFull` where there is no room.
        """
        import numpy as np

        write_text(self.about(key), json.dumps(about, indent=1) + "\n")
        try:
            with replacing(self.path_of(key)) as stream:
                header = {"descr": "<f4", "fortran_order": False, "shape": shape}
                np.lib.format.write_array_header_1_0(stream, header)
                for row in rows:
                    stream.write(row.astype("<f4", copy=False).tobytes())
        except BaseException:
            self.about(key).unlink(missing_ok=True)
            raise
        return self.path_of(key)

    def entries(self) -> tuple[CacheEntry, ...]:
        """Every array in the cache, the newest first."""
        found = (self._entry(path) for path in self.folder.glob("*.npy") if not path.name.startswith("."))
        return tuple(sorted(found, key=lambda entry: (entry.made, entry.key), reverse=True))

    def remove(self, key: str) -> None:
        """Delete one entry; who has it mapped keeps reading it. Raises :class:`BadInput` for an unknown key."""
        if key not in {entry.key for entry in self.entries()}:
            raise BadInput(f"the feature cache holds nothing under {clean(key)!r}; list it to see its keys")
        self.path_of(key).unlink(missing_ok=True)
        self.about(key).unlink(missing_ok=True)

    @contextmanager
    def locked(self, key: str) -> Iterator[None]:
        """Hold the one lock on ``key``, waiting for who holds it; the kernel frees it when its holder dies.

        Leftovers of dead extractors of the same entry are cleared away. Raises :class:`BadInput` where the
        cache folder cannot be written.
        """
        path = self.folder / f".{key}.lock"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            descriptor = _lock(path)
        except OSError as error:
            where = clean(str(self.folder))
            raise BadInput(f"cannot write the feature cache {where} ({error.strerror}); set TIMNET_CACHE") from error
        try:
            for leftover in self.folder.glob(f".{key}.*.tmp"):
                leftover.unlink(missing_ok=True)
            yield
        finally:
            with suppress(OSError):
                path.unlink(missing_ok=True)
            os.close(descriptor)

    def _entry(self, path: Path) -> CacheEntry:
        status = path.stat()
        made = datetime.fromtimestamp(status.st_mtime, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        try:
            about = json.loads(self.about(path.stem).read_text())
            corpus, utterances = clean(str(about["corpus"])), int(about["utterances"])
            libraries = {str(name): str(version) for name, version in about.get("libraries", {}).items()}
        except (OSError, ValueError, TypeError, KeyError, AttributeError):  # the description is a comfort, never a need
            corpus, utterances, libraries = "", 0, {}
        return CacheEntry(path.stem, corpus, utterances, status.st_size, made, libraries)


def key_of(utterances: Sequence[Utterance], recipe: MfccRecipe) -> str:
    """The name of an array: SHA-256 (hex) of the audio's digests in row order, the recipe and the libraries.

    Where an utterance is a part of its file, its start and end belong to it.
    """
    return _key(recipe.digest(library_versions()), utterances)


def key_of_rows(utterances: Sequence[Utterance], frames: int) -> str:
    """The name of an array whose rows were published: SHA-256 (hex) of their digests in order, and no libraries."""
    return _key(f"published rows of {frames} frames", utterances)


def _key(origin: str, utterances: Sequence[Utterance]) -> str:
    content = hashlib.sha256(origin.encode())
    for utterance in utterances:
        if not utterance.sha256:
            raise BadInput(
                f"{clean(utterance.path)} was registered without a digest of its audio; add the corpus again"
            )
        content.update(f"\n{utterance.sha256}".encode())
        if utterance.start or utterance.end is not None:
            content.update(f" {utterance.start!r} {utterance.end!r}".encode())
    return content.hexdigest()


def shape_of(utterances: Sequence[Utterance], recipe: MfccRecipe) -> Shape:
    """The shape of the features of these utterances: ``(n, frames, n_mfcc)``."""
    return len(utterances), recipe.frames, recipe.n_mfcc


def _lock(path: Path) -> int:
    """An exclusive flock on ``path``, waiting for it; returns the open descriptor.

    The holder deletes the file before letting go, so a waiter may wake up with a lock on a name that is
    gone: it then tries again on the new file.
    """
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
        os.close(descriptor)
