"""One audio file to one array of MFCCs. The only place that calls librosa, and only when called."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import TYPE_CHECKING

from timnet.errors import CorpusError
from timnet.features.recipe import MfccRecipe
from timnet.text import clean

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def mfcc(
    path: Path, recipe: MfccRecipe, sha256: str | None = None, start: float = 0.0, end: float | None = None
) -> NDArray[np.float32]:
    """The MFCCs of one audio file, or of it from ``start`` to ``end`` seconds: float32 ``[frames, n_mfcc]``.

    With ``sha256`` the bytes that are decoded must have that digest. Raises :class:`CorpusError` naming
    the file where it is gone, changed, or cannot be decoded.
    """
    name = clean(str(path))
    return mfcc_of_signal(signal_of_bytes(read_audio(path, sha256), recipe, name, start, end), recipe)


def signal_of_bytes(
    audio: bytes, recipe: MfccRecipe, name: str, start: float = 0.0, end: float | None = None
) -> NDArray[np.float32]:
    """The sound of an audio file's bytes, mono at the recipe's rate: float32 ``[samples]``, one at least.

    ``start`` and ``end`` are seconds: only that part is decoded and then resampled, as ``librosa.load`` does with
    ``offset`` and ``duration``; an end behind the file's is its end.
    Raises :class:`CorpusError` naming the file, as ``name``, where it cannot be decoded or holds no sound.
    """
    import librosa
    import numpy as np
    import soundfile

    try:
        signal, _ = librosa.load(
            io.BytesIO(audio),
            sr=recipe.sample_rate,
            mono=True,
            offset=start,
            duration=None if end is None else end - start,
            res_type=recipe.resampler,
        )
    except (soundfile.SoundFileError, librosa.LibrosaError, EOFError) as error:
        raise CorpusError(f"{name} cannot be decoded as audio ({clean(str(error))}); restore or remove it") from error
    if signal.size == 0:
        raise CorpusError(f"{name} holds no sound (zero samples); restore or remove it")
    return np.asarray(signal, np.float32)


def mfcc_of_signal(signal: NDArray[np.float32], recipe: MfccRecipe) -> NDArray[np.float32]:
    """The MFCCs of a signal ``[samples]`` at the recipe's rate, once made as long as it says: as :func:`mfcc`."""
    import librosa
    import numpy as np

    coefficients = librosa.feature.mfcc(
        y=fit_length(signal, recipe.signal_length),
        sr=recipe.sample_rate,
        n_mfcc=recipe.n_mfcc,
        n_fft=recipe.n_fft,
        hop_length=recipe.hop_length,
        n_mels=recipe.n_mels,
    )
    frames: NDArray[np.float32] = np.ascontiguousarray(coefficients.T, dtype=np.float32)
    return frames


def fit_length(signal: NDArray[np.float32], length: int) -> NDArray[np.float32]:
    """``signal`` made ``length`` samples long: zeros on both sides, or its centre.

    Where the difference is odd, padding puts the odd sample behind and cropping drops it from the end, as
    the published extraction does.
    """
    import numpy as np

    missing = length - signal.size
    if missing > 0:
        return np.pad(signal, (missing // 2, missing - missing // 2))
    start = -missing // 2
    return signal[start : start + length]


def read_audio(path: Path, sha256: str | None = None) -> bytes:
    """A file's bytes; with ``sha256`` they must have that digest. Raises :class:`CorpusError` as :func:`mfcc` does."""
    if path.exists() and not path.is_file():  # reading a pipe would wait for ever
        raise CorpusError(f"{clean(str(path))} is not a regular file; restore or remove it")
    try:
        audio = path.read_bytes()
    except OSError as error:
        raise CorpusError(f"cannot read {clean(str(path))} ({error.strerror}); check the corpus folder") from error
    if sha256 is not None and hashlib.sha256(audio).hexdigest() != sha256:
        raise CorpusError(
            f"{clean(str(path))} has changed since its corpus was added; restore it or add the corpus again"
        )
    return audio
