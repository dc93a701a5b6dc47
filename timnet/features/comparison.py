"""The verdict on cached features beside librosa's own; ``compare.py`` finds it in a process of its own."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

TOLERANCE = 0.1
"""The largest difference of one coefficient that counts as equal.

The same machine gives differences below 0.001. Between CPU families c0, which stands near -732 in silence, was seen
to differ by 0.05. On nine EMODB recordings the nearest other recipes differ by more, in each recording: soxr's next
qualities by 0.16 to 1.4, one sample more before the sound (four recordings) by 0.39 to 0.56; other kinds of
resampler by 4.5 to 23, other windows or mel bands by over 100.
"""


@dataclass(frozen=True, slots=True)
class Comparison:
    """How far cached features are from librosa's own: the largest difference of one coefficient, and where."""

    utterances: int
    largest: float
    path: str
    tolerance: float = TOLERANCE

    @property
    def equal(self) -> bool:
        """Whether every coefficient is within the tolerance."""
        return self.largest <= self.tolerance

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {**asdict(self), "equal": self.equal}
