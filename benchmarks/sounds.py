"""Recordings to extract features from: noise with a moving tone, three to four seconds, as corpora have them."""

from __future__ import annotations

from pathlib import Path

SECONDS = (3.0, 4.0)


def write_sounds(folder: Path, count: int, rate: int, channels: int) -> list[Path]:
    """``count`` 16-bit wavs; the same arguments give the same files."""
    import numpy as np
    import soundfile

    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number in range(count):
        generator = np.random.default_rng(number)
        time = np.arange(int(rate * generator.uniform(*SECONDS))) / rate
        tone = 0.3 * np.sin(2 * np.pi * (120 + 80 * np.sin(time)) * time)
        signal = tone[:, None] + generator.normal(0, 0.02, (time.size, channels))
        path = folder / f"{number:04d}.wav"
        soundfile.write(path, signal[:, 0] if channels == 1 else signal, rate, subtype="PCM_16")
        paths.append(path)
    return paths
