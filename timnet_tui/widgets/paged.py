"""Long lists of which a page is at hand: rows are asked for by their place in the whole list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

Row = TypeVar("Row")


def at_place(rows: Sequence[Row], first: int, place: int) -> Row | None:
    """The row at ``place``, of rows that begin at place ``first``; None where it is not among them."""
    index = place - first
    return rows[index] if 0 <= index < len(rows) else None
