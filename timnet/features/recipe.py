"""The published MFCC recipe as a value: what decides the features of a corpus, and nothing else."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from timnet.errors import BadInput


@dataclass(frozen=True, slots=True)
class MfccRecipe:
    """39 MFCCs as TIM-Net_SER's code extracts them: librosa's defaults at 22 050 Hz.

    ``signal_length``, ``n_fft`` and ``hop_length`` are in samples at ``sample_rate`` (Hz). The signal is
    mixed to mono, resampled with ``resampler``, and zero-padded on both sides or cropped to its centre.
    Nothing is normalised: c0 stands near -732 in silence. (The README there says 50 ms windows; its code
    and the shapes of its published arrays say 2048 and 512 samples.)
    """

    signal_length: int
    sample_rate: int = 22_050
    n_mfcc: int = 39
    n_fft: int = 2048
    hop_length: int = 512
    n_mels: int = 128
    resampler: str = "soxr_hq"

    def __post_init__(self) -> None:
        if self.signal_length < 1:
            raise BadInput(f"a signal length is 1 sample or more, not {self.signal_length}")

    @property
    def frames(self) -> int:
        """Frames of the centred short-time transform, ``1 + signal_length // hop_length``."""
        return 1 + self.signal_length // self.hop_length

    def digest(self, library_versions: Mapping[str, str]) -> str:
        """SHA-256 (hex) over the recipe and the versions of the libraries that carry it out."""
        text = json.dumps({"recipe": asdict(self), "libraries": dict(library_versions)}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()
