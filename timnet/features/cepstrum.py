"""From a signal to MFCCs: librosa's recipe written out, so that a corpus costs little more than its transforms.

The same values as ``librosa.feature.mfcc`` with its defaults, to the rounding of float32; ``corpora features NAME
--check`` and the tests compare them. It is quicker because the tables are made once a process, nothing is compiled on
the first call, and nothing is transformed or summed where there are only zeros: neither frames of padding nor the bins
outside a mel band.

Sources: the mel scale is that of Slaney's Auditory Toolbox (technical report 1998-010, Interval Research), linear to
1 kHz and logarithmic above, each band of area one; decibels, the floor of 80 dB below the loudest value and the
orthonormal DCT-II are librosa's defaults (McFee et al., "librosa: Audio and Music Signal Analysis in Python", SciPy
2015).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from timnet.features.recipe import MfccRecipe

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

QUIETEST = 1e-10
"""Power that counts as silence: -100 dB."""
RANGE_DB = 80.0
BANDS_A_BLOCK = 16
"""Neighbouring bands that are summed in one product; fewer would be more products, more would hold more zeros."""
FRAMES_AT_ONCE = 16
"""They stay in the processor's cache, and memory for so few is kept from file to file; what all frames of a file take
is given back to the system, which clears each page anew: half of a file's time."""
LINEAR_HZ, LINEAR_MELS, OCTAVE_STEP = 1000.0, 15.0, 27.0  # 15 mels below 1 kHz; 27 from there to 6.4 kHz


@dataclass(frozen=True, slots=True)
class Block:
    """Some neighbouring mel bands: their places, the bins that they hear, and float32 ``[bins, bands]`` weights."""

    bands: slice
    bins: slice
    weights: NDArray[np.float32]


def cepstrum(signal: NDArray[np.float32], recipe: MfccRecipe, sounding: slice | None = None) -> NDArray[np.float32]:
    """The MFCCs of a signal at the recipe's rate, centred frames: float32 ``[1 + samples // hop, n_mfcc]``.

    ``sounding`` are the samples that may be other than zero, by default all of them.
    """
    import numpy as np
    from scipy.fft import dct

    frames = 1 + signal.size // recipe.hop_length
    heard = _frames_that_hear(sounding or slice(0, signal.size), recipe, frames)
    mel = np.zeros((frames, recipe.n_mels), np.float32)
    power = _power(signal, recipe, heard)
    for block in _blocks(recipe):
        mel[heard, block.bands] = power[:, block.bins] @ block.weights
    decibels = 10 * np.log10(np.maximum(mel, np.float32(QUIETEST)))
    np.maximum(decibels, decibels.max() - np.float32(RANGE_DB), out=decibels)
    return np.ascontiguousarray(dct(decibels, axis=1, norm="ortho")[:, : recipe.n_mfcc])


def mel_bands(recipe: MfccRecipe) -> NDArray[np.float32]:
    """The mel filter bank, float32 ``[n_mels, 1 + n_fft / 2]``: triangles of area one from 0 Hz to half the rate."""
    import numpy as np

    top = float(_mels(np.array([recipe.sample_rate / 2]))[0])
    corners = _hertz(np.linspace(0, top, recipe.n_mels + 2))
    bins = np.arange(1 + recipe.n_fft // 2) * (recipe.sample_rate / recipe.n_fft)
    low, middle, high = (corners[start : start + recipe.n_mels, None] for start in range(3))
    triangles = np.minimum((bins - low) / (middle - low), (high - bins) / (high - middle))
    return (np.maximum(triangles, 0) * (2 / (high - low))).astype(np.float32)


def _power(signal: NDArray[np.float32], recipe: MfccRecipe, heard: slice) -> NDArray[np.float32]:
    """The power spectrum of some frames, Hann-windowed: float32 ``[frames, 1 + n_fft / 2]``."""
    import numpy as np
    from scipy.fft import rfft

    padded = np.pad(signal, recipe.n_fft // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, recipe.n_fft)[:: recipe.hop_length][heard]
    power = np.empty((len(frames), 1 + recipe.n_fft // 2), np.float32)
    window = _hann(recipe.n_fft)
    for first in range(0, len(frames), FRAMES_AT_ONCE):
        some = slice(first, first + FRAMES_AT_ONCE)
        parts = rfft(frames[some] * window, axis=1, overwrite_x=True).view(np.float32)
        np.square(parts, out=parts)  # real and imaginary parts stand beside each other
        np.add(parts[:, ::2], parts[:, 1::2], out=power[some])
    return power


def _frames_that_hear(sounding: slice, recipe: MfccRecipe, frames: int) -> slice:
    """The frames that reach into samples ``sounding``; frame i reaches half a window to both sides of i hops."""
    half = recipe.n_fft // 2
    first = (sounding.start - half) // recipe.hop_length + 1
    return slice(max(0, first), min(frames, -(-(sounding.stop + half) // recipe.hop_length)))


@lru_cache(maxsize=4)
def _blocks(recipe: MfccRecipe) -> Sequence[Block]:
    """The filter bank cut into blocks, each without the bins that none of its bands hears."""
    import numpy as np

    bank = mel_bands(recipe)
    blocks = []
    for first in range(0, recipe.n_mels, BANDS_A_BLOCK):
        bands = slice(first, min(first + BANDS_A_BLOCK, recipe.n_mels))
        heard = np.flatnonzero(bank[bands].any(axis=0))
        bins = slice(int(heard[0]), int(heard[-1]) + 1) if heard.size else slice(0, 0)
        blocks.append(Block(bands, bins, np.ascontiguousarray(bank[bands, bins].T)))
    return tuple(blocks)


@lru_cache(maxsize=4)
def _hann(size: int) -> NDArray[np.float32]:
    """The periodic Hann window."""
    import numpy as np

    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)).astype(np.float32)


def _mels(hertz: NDArray[np.float64]) -> NDArray[np.float64]:
    import numpy as np

    above = LINEAR_MELS + OCTAVE_STEP * np.log(np.maximum(hertz, LINEAR_HZ) / LINEAR_HZ) / np.log(6.4)
    return np.where(hertz < LINEAR_HZ, hertz * LINEAR_MELS / LINEAR_HZ, above)


def _hertz(mels: NDArray[np.float64]) -> NDArray[np.float64]:
    import numpy as np

    above = LINEAR_HZ * np.exp((np.maximum(mels, LINEAR_MELS) - LINEAR_MELS) * np.log(6.4) / OCTAVE_STEP)
    return np.where(mels < LINEAR_MELS, mels * LINEAR_HZ / LINEAR_MELS, above)
