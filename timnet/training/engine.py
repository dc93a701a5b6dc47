"""Loading TensorFlow and Keras without what they load but training does not use."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

NEEDLESS = ("matplotlib", "pandas", "sklearn")
"""Keras looks whether these are there, for adapters and pictures of its own, and does without where they are not.

With all that they bring (scipy.stats among it) they are two fifths of the import's CPU time and 140 MB.
"""


def load_engine() -> None:
    """Import TensorFlow and Keras; does nothing where that is done. No device is touched and no thread started."""
    with _hidden(NEEDLESS):
        import keras  # noqa: F401
        import tensorflow  # noqa: F401  # type: ignore[unused-ignore]


@contextmanager
def _hidden(names: tuple[str, ...]) -> Iterator[None]:
    """Meanwhile, importing any of ``names`` fails as if it were not installed; those already loaded stay."""
    hidden = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None is what makes an import fail
    try:
        yield
    finally:
        for name in hidden:
            sys.modules.pop(name, None)
