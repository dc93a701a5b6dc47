"""What can be chosen about a figure. A choice that is not the usual one shows in the file's name."""

from __future__ import annotations

from dataclasses import dataclass

from timnet.errors import BadInput
from timnet.evaluation.bands import check_band
from timnet.evaluation.smoothing import HIGHEST

CELLS = ("both", "counts", "percent")


@dataclass(frozen=True, slots=True)
class CurveLook:
    """The band around a mean (a key of :data:`timnet.evaluation.bands.BANDS`), and how smooth its line is.

    ``smoothing`` is the weight of :func:`timnet.evaluation.smoothing.smooth`, 0 for none. Raises :class:`BadInput`.
    """

    band: str = "sd"
    smoothing: float = 0.0

    def __post_init__(self) -> None:
        check_band(self.band)
        if not 0 <= self.smoothing <= HIGHEST:
            raise BadInput(f"smoothing of {self.smoothing:g} is out of range; it goes from 0 (none) to {HIGHEST}")

    @property
    def suffix(self) -> str:
        """What the file's name says of it: ``-ci-smooth0.9``; nothing of the usual look."""
        band = "" if self.band == "sd" else f"-{self.band}"
        return band + (f"-smooth{self.smoothing:g}" if self.smoothing else "")


@dataclass(frozen=True, slots=True)
class MatrixLook:
    """What stands in the cells of a confusion matrix: one of :data:`CELLS`. Raises :class:`BadInput`."""

    cells: str = "both"

    def __post_init__(self) -> None:
        if self.cells not in CELLS:
            raise BadInput(f"no cells {self.cells!r}; there are: {', '.join(CELLS)}")

    @property
    def suffix(self) -> str:
        """What the file's name says of it."""
        return "" if self.cells == "both" else f"-{self.cells}"
