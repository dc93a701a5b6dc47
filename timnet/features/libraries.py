"""The versions of the libraries that decide the features, read without importing them."""

from __future__ import annotations

from importlib.metadata import version

_EXACT = ("librosa", "soxr")
_MAJOR = ("numpy", "scipy")


def library_versions() -> dict[str, str]:
    """Versions that belong to a feature cache's key.

    librosa carries the recipe and soxr the resampler, so any release of theirs may change the values.
    numpy and scipy only carry out the transforms, where releases differ by rounding: their major version
    is enough, and a routine update does not throw the cache away.
    """
    exact = {name: version(name) for name in _EXACT}
    return exact | {name: version(name).split(".")[0] for name in _MAJOR}
