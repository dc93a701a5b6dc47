"""t-SNE as timnet places points, and as scikit-learn does for any number of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

FEW = 3001
"""Points to warm up with: as few as openTSNE is asked for."""


def subject(points: int) -> dict[str, Callable[[], Any]]:
    """``place``: all points; ``warm``: a few of them."""
    from timnet.evaluation.tsne import tsne

    embeddings = _embeddings(points)
    return {"place": lambda: _done(tsne(embeddings, 1)), "warm": lambda: _done(tsne(embeddings[:FEW], 1))}


def sklearn(points: int) -> dict[str, Callable[[], Any]]:
    """As :func:`subject`, by scikit-learn alone."""
    from timnet.evaluation.tsne import PERPLEXITY, _by_sklearn

    embeddings = _embeddings(points)

    def place(some: Any) -> None:
        _done(_by_sklearn(some, 1, PERPLEXITY))

    return {"place": lambda: place(embeddings), "warm": lambda: place(embeddings[:FEW])}


def _embeddings(points: int) -> Any:
    """Points in seven clouds that overlap, as embeddings lie."""
    import numpy as np

    generator = np.random.default_rng(1)
    middles = generator.normal(0, 2, (7, 39))
    return (middles[generator.integers(0, 7, points)] + generator.normal(0, 1, (points, 39))).astype(np.float32)


def _done(places: Any) -> None:
    """Nothing of the result goes back: it would have to be JSON."""
    assert places is not None
