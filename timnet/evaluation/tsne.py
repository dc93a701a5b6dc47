"""t-SNE: a picture in the plane of which embeddings lie close together (van der Maaten and Hinton, JMLR 2008)."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from timnet.errors import BadInput

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PERPLEXITY = 30.0
FEWEST = 4
LARGE = 3000
"""Above so many points openTSNE takes over, where it is installed: there it is four times as quick."""
SKLEARN, OPEN = "scikit-learn", "openTSNE"


def fitting_perplexity(n: int, wanted: float = PERPLEXITY) -> float:
    """``wanted``, or as much of it as ``n`` points allow.

    The perplexity is about the number of neighbours a point looks at, and three times that many are
    searched (van der Maaten, JMLR 2014), so it can be ``(n - 1) / 3`` at most.
    """
    return max(1.0, min(wanted, (n - 1) / 3))


def library_for(n: int) -> tuple[str, str]:
    """The library that places ``n`` points, and its version: ``("openTSNE", "1.0.4")``."""
    if n > LARGE:
        try:
            return OPEN, version("opentsne")
        except PackageNotFoundError:
            pass
    return SKLEARN, version("scikit-learn")


def tsne(embeddings: NDArray[np.float32], seed: int, perplexity: float = PERPLEXITY) -> NDArray[np.float32]:
    """Place embeddings ``[n, d]`` in the plane: float32 ``[n, 2]``, without a unit.

    The vectors are taken as they are, neither standardised nor reduced first. The same input and ``seed``
    give the same picture: the computation keeps to one thread, because the order in which threads add
    would change it. For few points the perplexity is lowered (:func:`fitting_perplexity`). More than
    :data:`LARGE` points are placed by openTSNE where it is installed (:func:`library_for`).

    Raises :class:`BadInput` for fewer than :data:`FEWEST` points, values that are not finite, embeddings
    that are all the same, or a perplexity that is not above 0.
    """
    import numpy as np
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it comes with scikit-learn

    points = np.asarray(embeddings, np.float32)
    _check(points, perplexity)
    place = _by_open_tsne if library_for(len(points))[0] == OPEN else _by_sklearn
    with threadpool_limits(limits=1):
        return place(points, seed % 2**32, fitting_perplexity(len(points), perplexity))


def standardised(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each column with mean 0 and standard deviation 1, float32 ``[n, d]``; a constant column becomes 0."""
    import numpy as np

    wide = np.asarray(vectors, np.float64)
    spread = wide.std(axis=0)
    return np.asarray((wide - wide.mean(axis=0)) / np.where(spread > 0, spread, 1), np.float32)


def _by_sklearn(points: NDArray[np.float32], seed: int, perplexity: float) -> NDArray[np.float32]:
    import numpy as np
    from sklearn.manifold import TSNE

    method = TSNE(
        n_components=2,
        perplexity=perplexity,
        init="pca" if points.shape[1] > 1 else "random",
        learning_rate="auto",
        random_state=seed,
    )
    return np.asarray(method.fit_transform(points), np.float32)


def _by_open_tsne(points: NDArray[np.float32], seed: int, perplexity: float) -> NDArray[np.float32]:
    import numpy as np
    from openTSNE import TSNE

    method = TSNE(
        perplexity=perplexity,
        initialization="pca" if points.shape[1] > 1 else "random",
        random_state=seed % 2**31,
        n_jobs=1,
    )
    return np.asarray(method.fit(points.astype(np.float64)), np.float32)


def _check(points: NDArray[np.float32], perplexity: float) -> None:
    import numpy as np

    if points.ndim != 2 or points.shape[1] == 0:
        raise BadInput(f"embeddings of shape {points.shape} cannot be placed; they must be [utterances, features]")
    if len(points) < FEWEST:
        raise BadInput(f"{len(points)} utterances are too few for t-SNE; it needs {FEWEST} at least")
    if not np.isfinite(points).all():
        raise BadInput("the embeddings hold values that are not finite; the network has diverged, train it again")
    if (points == points[0]).all():
        raise BadInput(
            "all embeddings are the same, so there is nothing for t-SNE to spread; the network has collapsed"
        )
    if not perplexity > 0:
        raise BadInput(f"a perplexity of {perplexity} is no number of neighbours; it must be above 0")
