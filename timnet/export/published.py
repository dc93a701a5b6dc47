"""Figures others have published for TIM-Net, to stand beside ours.

All of them come from random folds (``KFold(n, shuffle=True)``), in which every test speaker is in the
training data too. ``n`` is the number of folds; the spread over folds was not published.
"""

from __future__ import annotations

import csv
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache

#: source -> what it is
SOURCES = {
    "paper": "Ye et al., Temporal Modeling Matters (TIM-Net), ICASSP 2023",
    "github-2023-08": "the authors' repository Jiaxin-Ye/TIM-Net_SER, README as corrected in August 2023",
    "seed": "a reproduction of October 2024 on macOS, batch 512, best check by the loss on the test fold",
}

#: the selection rules among the published figures that looked at the test fold
OPTIMISTIC = frozenset({"best-epoch-on-test-fold", "best-val-loss-on-test-fold"})


@dataclass(frozen=True, slots=True)
class Published:
    """One published result: ``uar`` and ``war`` as fractions, None where the source gives none."""

    corpus: str
    source: str
    protocol: str
    selection: str
    n: int | None
    uar: float | None
    war: float | None
    note: str

    @property
    def optimistic(self) -> bool:
        """True where the test fold chose the epoch."""
        return self.selection in OPTIMISTIC


@cache
def published() -> tuple[Published, ...]:
    """Every published result, in the order of ``published.csv``."""
    from importlib import resources  # only tables need it: listing runs does not wait for it

    text = resources.files("timnet.export").joinpath("published.csv").read_text("utf-8")
    return tuple(
        Published(
            corpus=row["corpus"],
            source=row["source"],
            protocol=row["protocol"],
            selection=row["selection"],
            n=int(row["n"]) if row["n"] else None,
            uar=float(row["uar"]) if row["uar"] else None,
            war=float(row["war"]) if row["war"] else None,
            note=row["note"],
        )
        for row in csv.DictReader(text.splitlines())
    )


def published_for(corpora: Collection[str]) -> list[Published]:
    """The published results for the corpora named (any case), in the order of :func:`published`."""
    names = {name.upper() for name in corpora}
    return [result for result in published() if result.corpus in names]
