"""One audio file to one array of MFCCs, as librosa reads and resamples it, without librosa's imports."""

from __future__ import annotations

import hashlib
import io
import math
from pathlib import Path
from typing import TYPE_CHECKING

from timnet.bounded import read_bounded
from timnet.errors import CorpusError
from timnet.features.cepstrum import cepstrum
from timnet.features.recipe import MfccRecipe
from timnet.text import clean

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MOST_BYTES = 2**31
MOST_SECONDS = 3 * 3600
MOST_SAMPLES = 2**28
"""Of all channels together: a gibibyte of float32."""


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
    import numpy as np
    import soundfile

    try:
        samples, rate = _decode(audio, name, start, end)
    except (soundfile.SoundFileError, EOFError) as error:
        raise CorpusError(f"{name} cannot be decoded as audio ({clean(str(error))}); restore or remove it") from error
    if not samples.size:
        raise CorpusError(f"{name} holds no sound (zero samples); restore or remove it")
    if not np.isfinite(samples).all():
        raise CorpusError(
            f"{name} cannot be decoded as audio (it has samples that are not finite); restore or remove it"
        )
    return _resample(_mono(samples), rate, recipe)


def _decode(audio: bytes, name: str, start: float, end: float | None) -> tuple[NDArray[np.float32], int]:
    """The samples from ``start`` to ``end`` seconds, float32 ``[samples, channels]``, and their rate in Hz.

    Raises :class:`CorpusError` where the header claims more than is ever decoded: memory is taken for the claim.
    """
    import soundfile

    with soundfile.SoundFile(io.BytesIO(audio)) as opened:
        rate = int(opened.samplerate)
        if start:
            opened.seek(int(start * rate))
        count = -1 if end is None else int((end - start) * rate)
        claimed = opened.frames - opened.tell() if count < 0 else min(count, opened.frames)
        if claimed * opened.channels > MOST_SAMPLES or claimed / rate > MOST_SECONDS:
            raise CorpusError(
                f"{name} claims {claimed / rate:.0f} s of {opened.channels} channels at {rate} Hz, more than is read "
                f"at once ({MOST_SECONDS // 3600} h, {MOST_SAMPLES} samples); cut it"
            )
        samples: NDArray[np.float32] = opened.read(count, dtype="float32", always_2d=True)
    return samples, rate


def _mono(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """The mean of the channels of ``[samples, channels]``, channel by channel: numpy's own is ten times slower."""
    import numpy as np

    first, *others = samples.T
    if not others:
        return np.ascontiguousarray(first)
    total: NDArray[np.float32] = first + others[0]
    for channel in others[1:]:
        total += channel
    total /= samples.shape[1]
    return total


def _resample(signal: NDArray[np.float32], rate: int, recipe: MfccRecipe) -> NDArray[np.float32]:
    """``signal`` at the recipe's rate, as many samples as its duration asks for, rounded up."""
    import numpy as np
    import soxr

    if rate == recipe.sample_rate:
        return signal
    quality = recipe.resampler.removeprefix("soxr_").upper()
    length = math.ceil(signal.size * (recipe.sample_rate / rate))
    resampled = np.asarray(soxr.resample(signal, rate, recipe.sample_rate, quality=quality), np.float32)
    return np.pad(resampled[:length], (0, max(0, length - resampled.size)))


def mfcc_of_signal(signal: NDArray[np.float32], recipe: MfccRecipe) -> NDArray[np.float32]:
    """The MFCCs of a signal ``[samples]`` at the recipe's rate, once made as long as it says: as :func:`mfcc`."""
    length = recipe.signal_length
    before = max(0, length - signal.size) // 2
    return cepstrum(fit_length(signal, length), recipe, slice(before, min(length, before + signal.size)))


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
        audio = read_bounded(path, MOST_BYTES)
    except OSError as error:
        raise CorpusError(f"cannot read {clean(str(path))} ({error.strerror}); check the corpus folder") from error
    if sha256 is not None and hashlib.sha256(audio).hexdigest() != sha256:
        raise CorpusError(
            f"{clean(str(path))} has changed since its corpus was added; restore it or add the corpus again"
        )
    return audio
