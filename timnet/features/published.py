"""The authors' published feature files: ``EMODB.npy``, ``RAVDE.npy`` and so on.

Each is an .npy file of one Python object, the pickled dict ``{"x": float [n, frames, 39], "y": one-hot
[n, classes]}`` (TIM-Net_SER, ``Code/main.py``). Rows stand in published order. A file tells neither file names nor
speakers. It is read by :mod:`timnet.features.unpickle`, which runs nothing.
"""

from __future__ import annotations

import ast
import hashlib
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from timnet.errors import BadInput, CorpusError
from timnet.features.cache import FeatureCache, Shape
from timnet.features.lengths import MOST_TABS, receptive_field, tabs_of
from timnet.features.recipe import MfccRecipe
from timnet.features.unpickle import unpickle
from timnet.records import CorpusRecord, Utterance
from timnet.text import clean

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LAYOUT = "published-features"
"""The ``layout`` of a corpus that was registered from such a file."""
COEFFICIENTS = 39
LONGEST_HEADER = 1000
MOST_FRAMES = receptive_field(MOST_TABS)
"""What the largest network sees at once."""
_MAGIC = b"\x93NUMPY"


@dataclass(frozen=True, slots=True, eq=False)
class PublishedFeatures:
    """What a feature file holds.

    ``x``: float16, 32 or 64 ``[n, frames, 39]``, every value finite also as float32; ``labels``: int64 ``[n]``,
    the column of ``y`` that is 1; ``columns``: how many columns ``y`` has.
    """

    x: NDArray[np.floating[Any]]
    labels: NDArray[np.int64]
    columns: int

    @property
    def frames(self) -> int:
        """Frames a row."""
        return int(self.x.shape[1])

    def rows(self) -> Iterator[NDArray[np.float32]]:
        """Each row as contiguous little-endian float32 ``[frames, 39]``."""
        import numpy as np

        for row in self.x:
            yield np.ascontiguousarray(row, dtype="<f4")


def read_features(path: Path) -> PublishedFeatures:
    """Read a published feature file. Raises :class:`CorpusError`, one line, for anything else.

    Nothing in the file is run, and no more memory is taken than the file is long.
    """
    place = clean(str(path))
    try:
        if not path.is_file():  # opening a pipe would wait for ever
            raise CorpusError(f"{place} is no regular file; name a published feature file such as EMODB.npy")
        with path.open("rb") as stream:
            size = path.stat().st_size
            _header(stream)
            held = unpickle(stream, size)
        return _checked(held)
    except CorpusError:
        raise
    except BadInput as error:
        raise CorpusError(f"{place} is no published feature file: {error}") from error
    except (OSError, ValueError) as error:
        raise CorpusError(f"cannot read {place} ({clean(str(getattr(error, 'strerror', error)))})") from error
    except MemoryError as error:
        raise CorpusError(f"{place} does not fit into this machine's memory") from error


def corpus_of(path: Path, name: str, classes: Sequence[str], signal_length: int, tabs: int) -> CorpusRecord:
    """The corpus ``name`` made of a published feature file, not registered yet and without a digest.

    ``classes`` are the names of the columns of ``y``; ``signal_length`` (samples at 22 050 Hz) and ``tabs`` are the
    corpus's published ones, used where they give as many frames as the file has; else its own frames decide.
    Row 1 becomes the utterance ``EMODB.npy#0001``; there are no speakers. Raises :class:`CorpusError`.
    """
    features = read_features(path)
    if features.columns != len(classes):
        raise CorpusError(
            f"{clean(str(path))} has {features.columns} classes, {name} has {len(classes)} ({', '.join(classes)});"
            " name the file of that corpus"
        )
    if MfccRecipe(signal_length).frames != features.frames:
        signal_length = (features.frames - 1) * MfccRecipe(signal_length).hop_length or 1
        tabs = tabs_of(signal_length)
    width = max(4, len(str(len(features.labels))))
    utterances = tuple(
        Utterance(f"{path.name}#{number:0{width}d}", classes[label], "", sha256=row_digest(row))
        for number, (label, row) in enumerate(zip(features.labels, features.rows(), strict=True), start=1)
    )
    return CorpusRecord(0, name, LAYOUT, str(path.absolute()), "", tuple(classes), signal_length, tabs, "", utterances)


def copy_rows(corpus: CorpusRecord, cache_root: Path, key: str, shape: Shape) -> Path:
    """Put the rows of the file that ``corpus`` was registered from into the cache; returns the array's path.

    Raises :class:`CorpusError` where the file is gone, or no longer holds the registered rows.
    """
    features = _registered(corpus)
    cache = FeatureCache(cache_root)
    about = {"corpus": corpus.name, "utterances": len(corpus.utterances), "file": corpus.path}
    with cache.locked(key):
        return cache.lookup(key, shape) or cache.write(key, shape, features.rows(), about)


def furthest_row(corpus: CorpusRecord, cached: NDArray[np.float32]) -> tuple[float, str]:
    """The largest difference between ``cached`` and the rows of the file, and the utterance that has it."""
    import numpy as np

    features = _registered(corpus)
    differences = [float(np.abs(row - own).max()) for row, own in zip(features.rows(), cached, strict=True)]
    worst = int(np.argmax(differences))
    return differences[worst], corpus.utterances[worst].path if differences[worst] else ""


def _registered(corpus: CorpusRecord) -> PublishedFeatures:
    """What the corpus's file holds, which must be what it held when it was registered. Raises :class:`CorpusError`."""
    features = read_features(Path(corpus.path))
    if not holds(features, corpus):
        raise CorpusError(
            f"{clean(corpus.path)} has changed since {corpus.name} was added; restore it or add the corpus again"
        )
    return features


def holds(features: PublishedFeatures, corpus: CorpusRecord) -> bool:
    """Whether a file's rows and labels are those that ``corpus`` was registered with."""
    if len(features.labels) != len(corpus.utterances) or features.columns != len(corpus.classes):
        return False
    return all(
        corpus.classes[label] == utterance.label and row_digest(row) == utterance.sha256
        for label, row, utterance in zip(features.labels, features.rows(), corpus.utterances, strict=True)
    )


def row_digest(row: NDArray[np.float32]) -> str:
    """SHA-256 (hex) of a row's bytes, as :meth:`PublishedFeatures.rows` gives them."""
    return hashlib.sha256(row.tobytes()).hexdigest()


def _header(stream: BinaryIO) -> None:
    """Read an .npy header and require that one Python object follows."""
    start = stream.read(8)
    if len(start) < 8 or not start.startswith(_MAGIC) or start[6] not in (1, 2, 3):
        raise BadInput("it does not begin as an .npy file does")
    form = "<H" if start[6] == 1 else "<I"
    raw = stream.read(struct.calcsize(form))
    length = struct.unpack(form, raw)[0] if len(raw) == struct.calcsize(form) else 0
    if not 0 < length <= LONGEST_HEADER:
        raise BadInput("its .npy header is broken")
    try:
        header = ast.literal_eval(stream.read(length).decode("latin-1").strip())
        descr, shape = header["descr"], header["shape"]
    except (ValueError, SyntaxError, KeyError, TypeError, MemoryError, RecursionError) as error:
        raise BadInput("its .npy header is broken") from error
    if descr not in ("|O", "O"):
        raise BadInput("it is an .npy file of another kind: it has to hold a dict of x and y")
    if shape not in ((), (1,)):
        raise BadInput("it holds several Python objects, not one dict of x and y")


def _checked(held: object) -> PublishedFeatures:
    """The arrays of ``held`` once they are what the authors publish. Raises :class:`BadInput`."""
    import numpy as np

    x, y = _pair(held)
    if x.ndim != 3 or x.shape[2] != COEFFICIENTS or x.dtype.kind != "f":
        raise BadInput(f"x is {x.dtype} {list(x.shape)}, float [n, frames, {COEFFICIENTS}] was expected")
    if y.ndim != 2 or len(y) != len(x) or y.dtype.kind not in "biuf":
        raise BadInput(f"y is {y.dtype} {list(y.shape)}, one-hot [{len(x)}, classes] was expected")
    if not len(x) or not 1 <= x.shape[1] <= MOST_FRAMES or y.shape[1] < 2:
        raise BadInput(f"x has shape {list(x.shape)} and y has shape {list(y.shape)}: there is nothing to train on")
    good = (y == 0) | (y == 1)
    bad = np.flatnonzero(~good.all(axis=1) | ((y == 1).sum(axis=1) != 1))
    if bad.size:
        raise BadInput(f"y is not one-hot in row {bad[0] + 1}")
    features = PublishedFeatures(x, np.argmax(y, axis=1).astype(np.int64), int(y.shape[1]))
    with np.errstate(over="ignore"):
        for number, row in enumerate(features.rows(), start=1):
            if not np.isfinite(row).all():
                raise BadInput(f"x holds a value that is no finite number in row {number}")
    return features


def _pair(held: object) -> tuple[NDArray[Any], NDArray[Any]]:
    import numpy as np

    if not isinstance(held, dict) or not {"x", "y"} <= set(held):
        raise BadInput("it holds no dict with x and y")
    x, y = held["x"], held["y"]
    if not isinstance(x, np.ndarray) or not isinstance(y, np.ndarray):
        raise BadInput("its x and y are no arrays of numbers")
    return x, y
