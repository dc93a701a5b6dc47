"""What decides the features beside the recipe: read without importing any of it."""

from __future__ import annotations

from importlib.metadata import version

ARITHMETIC = "2"
"""Counts up with every change of timnet's own extraction that may change values. 1 was librosa's call."""
_EXACT = ("soxr",)
_MAJOR = ("numpy", "scipy")


def library_versions() -> dict[str, str]:
    """Versions that belong to a feature cache's key.

    timnet's arithmetic carries the recipe and soxr the resampler, so any release of that may change the values.
    numpy and scipy only carry out the transforms, where releases differ by rounding: their major version
    is enough, and a routine update does not throw the cache away.
    """
    found = {"timnet.features": ARITHMETIC} | {name: version(name) for name in _EXACT}
    return found | {name: version(name).split(".")[0] for name in _MAJOR}
