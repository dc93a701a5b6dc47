"""librosa's own call, and the published extraction: file by file with librosa, through a CSV file each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import librosa
import numpy as np

from benchmarks.ours.features import SIGNAL_LENGTH


def subject(folder: str, scratch: str) -> dict[str, Callable[[], Any]]:
    """``files``: MFCCs of every wav of a folder; ``script``: the same through CSV files into one array."""
    paths = sorted(Path(folder).glob("*.wav"))

    def files() -> None:
        for path in paths:
            extract(path)

    def script() -> None:
        rows = []
        for path in paths:
            table = Path(scratch) / f"{path.stem}.csv"
            np.savetxt(table, extract(path), delimiter=",")
            rows.append(np.loadtxt(table, delimiter=","))
        np.save(Path(scratch) / "corpus.npy", {"x": np.stack(rows)})

    return {"files": files, "script": script}


def extract(path: Path) -> Any:
    """MFCCs by librosa of a recording, padded or cropped around its centre: ``[frames, 39]``."""
    signal, rate = librosa.load(path)
    missing = SIGNAL_LENGTH - len(signal)
    if missing > 0:
        signal = np.pad(signal, (missing // 2, missing - missing // 2))
    else:
        start = -missing // 2
        signal = signal[start : start + SIGNAL_LENGTH]
    return librosa.feature.mfcc(y=signal, sr=rate, n_mfcc=39).T
