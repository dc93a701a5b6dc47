"""The band around a mean over folds: four ways to say how far the folds lie apart."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

from timnet.errors import BadInput
from timnet.evaluation.summary import summarise

LEVEL = 0.95
#: what a band is -> how a caption calls it
BANDS = {
    "sd": "one sample standard deviation over folds",
    "se": "one standard error of the mean over folds",
    "ci": "95 % interval of the mean over folds (Student's t)",
    "range": "from the lowest to the highest fold",
}


def check_band(kind: str) -> str:
    """``kind`` if it is one of :data:`BANDS`. Raises :class:`BadInput`."""
    if kind not in BANDS:
        raise BadInput(f"no band {kind!r}; there are: {', '.join(BANDS)}")
    return kind


def band(values: Sequence[float | None], kind: str) -> tuple[float, float] | None:
    """From where to where the band of ``values`` goes; None where fewer than two of them are finite numbers.

    The interval takes the folds as independent, which folds that share training data are not: it is too narrow
    rather than too wide. Raises :class:`BadInput` for a kind that is not in :data:`BANDS`.
    """
    check_band(kind)
    known = [value for value in values if value is not None and math.isfinite(value)]
    summary = summarise(known)
    if summary.mean is None or summary.sd is None:
        return None
    if kind == "range":
        return min(known), max(known)
    error = summary.sd / math.sqrt(summary.n)
    reach = {"sd": summary.sd, "se": error}.get(kind)
    if reach is None:
        reach = _quantile(summary.n - 1) * error
    return summary.mean - reach, summary.mean + reach


@cache
def _quantile(freedom: int) -> float:
    """Student's t at the upper end of a two-sided interval at :data:`LEVEL`."""
    from scipy.stats import t as student

    return float(student.ppf((1 + LEVEL) / 2, freedom))
