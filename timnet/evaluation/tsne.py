"""t-SNE: a picture in the plane of which embeddings lie close together (van der Maaten and Hinton, JMLR 2008)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from timnet.errors import BadInput

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PERPLEXITY = 30.0
FEWEST = 4


def fitting_perplexity(n: int, wanted: float = PERPLEXITY) -> float:
    """``wanted``, or as much of it as ``n`` points allow.

    The perplexity is about the number of neighbours a point looks at, and three times that many are
    searched (van der Maaten, JMLR 2014), so it can be ``(n - 1) / 3`` at most.
    """
    return max(1.0, min(wanted, (n - 1) / 3))


def tsne(embeddings: NDArray[np.float32], seed: int, perplexity: float = PERPLEXITY) -> NDArray[np.float32]:
    """Place embeddings ``[n, d]`` in the plane: float32 ``[n, 2]``, without a unit.

    The vectors are taken as they are, neither standardised nor reduced first. The same input and ``seed``
    give the same picture: the computation keeps to one thread, because the order in which threads add
    would change it. For few points the perplexity is lowered (:func:`fitting_perplexity`).

    Raises :class:`BadInput` for fewer than :data:`FEWEST` points, values that are not finite, embeddings
    that are all the same, or a perplexity that is not above 0.
    """
    import numpy as np
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it comes with scikit-learn

    points = np.asarray(embeddings, np.float32)
    _check(points, perplexity)
    method = TSNE(
        n_components=2,
        perplexity=fitting_perplexity(len(points), perplexity),
        init="pca" if points.shape[1] > 1 else "random",
        learning_rate="auto",
        random_state=seed % 2**32,
    )
    with threadpool_limits(limits=1):
        return np.asarray(method.fit_transform(points), np.float32)


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
