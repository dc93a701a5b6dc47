"""Is one experiment better than another? Tests on what both were tested with.

Folds share training data, so their differences are not independent, and the plain paired t-test finds differences
that are not there. Nadeau and Bengio (Inference for the Generalization Error, Machine Learning 52, 2003) correct its
variance by the ratio of test to training data. McNemar's test (Psychometrika 12, 1947) asks of single utterances
which of two classifiers got them right alone; it takes utterances as independent, which those of one speaker are not,
and speaks of these trained networks, not of training them again.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from timnet.errors import BadInput
from timnet.evaluation.summary import Summary, summarise

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

LEVEL = 0.95
FEW_DISCORDANT = 25
"""Below so many utterances that only one of the two got right, McNemar's test is computed exactly."""


@dataclass(frozen=True, slots=True)
class CorrectedT:
    """The corrected resampled t-test over folds.

    ``difference``: mean, sd and n of the folds' differences, later minus first. ``low`` and ``high`` bound the mean
    difference at ``level``. ``ratio`` is test utterances over training utterances, ``t`` has ``n - 1`` degrees of
    freedom, ``p`` is two-sided. Where no test is possible those are None and ``why_not`` says why.
    """

    difference: Summary
    ratio: float
    level: float
    t: float | None = None
    p: float | None = None
    low: float | None = None
    high: float | None = None
    why_not: str | None = None


@dataclass(frozen=True, slots=True)
class McNemar:
    """McNemar's test over the ``n`` utterances that both predicted.

    ``first_only`` and ``later_only`` count those that only one got right. ``exact``: from the binomial distribution;
    else ``statistic`` is chi-squared with one degree of freedom and continuity correction (None where exact).
    """

    n: int
    first_only: int
    later_only: int
    exact: bool
    statistic: float | None
    p: float

    @property
    def difference(self) -> float:
        """Accuracy of the later minus that of the first over these utterances, as a fraction."""
        return (self.later_only - self.first_only) / self.n


def corrected_t(differences: Sequence[float], ratio: float, level: float = LEVEL) -> CorrectedT:
    """Test whether the mean of paired ``differences`` is zero; ``ratio`` is test over training size.

    The variance of the mean is taken as ``(1 / n + ratio) * sd ** 2`` (equation 8 of the paper, with the sample
    variance); a ratio of 0 gives the uncorrected test. Raises :class:`BadInput` for a ratio or level out of range.
    """
    if not (0 <= ratio < math.inf and 0 < level < 1):
        raise BadInput(f"a test over training ratio of {ratio} at level {level} is not possible")
    summary = summarise(differences)
    if summary.mean is None or summary.sd is None:
        few = "no fold was" if summary.n == 0 else "only one fold was"
        return CorrectedT(summary, ratio, level, why_not=f"{few} finished by both; the test needs two")
    if summary.sd <= 1e-12:  # equal differences, but for the rounding of fractions
        return CorrectedT(summary, ratio, level, why_not="all folds differ by the same, so there is no spread to test")
    from scipy.stats import t as student

    error = math.sqrt((1 / summary.n + ratio) * summary.sd**2)
    freedom = summary.n - 1
    statistic = summary.mean / error
    reach = float(student.ppf((1 + level) / 2, freedom)) * error
    p = float(2 * student.sf(abs(statistic), freedom))
    return CorrectedT(summary, ratio, level, statistic, p, summary.mean - reach, summary.mean + reach)


def mcnemar(first: ArrayLike, later: ArrayLike) -> McNemar:
    """Compare two classifiers on the same utterances; boolean arrays ``[n]``, true where one was right.

    Exact below :data:`FEW_DISCORDANT` discordant utterances, else chi-squared with continuity correction.
    Raises :class:`BadInput` for no utterances or arrays that do not pair up.
    """
    import numpy as np

    ours, theirs = (np.asarray(values, bool).reshape(-1) for values in (first, later))
    if len(ours) != len(theirs) or not len(ours):
        raise BadInput(f"McNemar's test needs the same utterances, not {len(ours)} and {len(theirs)}")
    first_only, later_only = int((ours & ~theirs).sum()), int((theirs & ~ours).sum())
    discordant = first_only + later_only
    if discordant < FEW_DISCORDANT:
        from scipy.stats import binom

        p = min(1.0, 2 * float(binom.cdf(min(first_only, later_only), discordant, 0.5)))
        return McNemar(len(ours), first_only, later_only, True, None, p)
    from scipy.stats import chi2

    statistic = max(0, abs(first_only - later_only) - 1) ** 2 / discordant
    return McNemar(len(ours), first_only, later_only, False, statistic, float(chi2.sf(statistic, 1)))
