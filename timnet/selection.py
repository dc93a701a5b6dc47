"""The selection rule as it stands beside every score: never without saying that the test fold chose the epoch."""

from __future__ import annotations

from typing import Literal

from timnet.text import clean

Sign = Literal[" (optimistic)", ", optimistic", " optimistic", "-optimistic"]
"""In running text; inside brackets; where room is scarce; in file names."""


def selection_text(selection: str, optimistic: bool, sign: Sign = " (optimistic)") -> str:
    """``best-test (optimistic)``: the rule, with the sign where it looked at the test fold."""
    return f"{clean(selection)}{sign if optimistic else ''}"
