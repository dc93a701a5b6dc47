"""Bringing the folds' embedding spaces together.

Every fold trains a network of its own, whose penultimate layer has axes of its own: the same utterance lies
elsewhere in each. Two spaces that hold the same utterances differ, as far as that can be mended without
bending either, by a shift, a scale and a rotation: the orthogonal Procrustes problem (Schönemann 1966).
No label takes part.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def align(spaces: Sequence[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
    """The same embeddings, each moved onto the first: float32 ``[n, d]`` each, row i the same utterance in all.

    Distances within a space keep their proportions. A space whose rows are all equal is left as it is.
    """
    import numpy as np

    if not spaces:
        return []
    reference, scale, centre = _normalised(spaces[0])
    aligned = [np.asarray(spaces[0], np.float32)]
    for space in spaces[1:]:
        normal, own_scale, _ = _normalised(space)
        if not (scale and own_scale):
            aligned.append(np.asarray(space, np.float32))
            continue
        left, _, right = np.linalg.svd(normal.T @ reference)
        aligned.append((normal @ (left @ right) * scale + centre).astype(np.float32))
    return aligned


def _normalised(space: NDArray[np.float32]) -> tuple[NDArray[np.float64], float, NDArray[np.float64]]:
    """The space around its mean with unit size, its size, and its mean."""
    import numpy as np

    wide = np.asarray(space, np.float64)
    centre = wide.mean(axis=0)
    scale = float(np.linalg.norm(wide - centre))
    return (wide - centre) / (scale or 1.0), scale, centre
