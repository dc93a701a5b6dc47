"""Lines that are kept once they are drawn: a key that moves the selection then draws two of them, not all."""

from __future__ import annotations

from collections.abc import Callable, Hashable

from textual.strip import Strip

#: so many lines at most: a few screens full
MOST = 600


class DrawnLines:
    """Each line is as good as the row it was drawn from; all of them are as good as the look they share."""

    def __init__(self) -> None:
        self._look: object = None
        self._lines: dict[Hashable, tuple[object, Strip]] = {}

    def clear(self) -> None:
        """Draw every line anew."""
        self._lines.clear()

    def line(self, look: object, key: Hashable, row: object, draw: Callable[[], Strip]) -> Strip:
        """What was drawn for ``key`` while ``row`` was this very object, else what ``draw`` makes now."""
        if look != self._look or len(self._lines) >= MOST:
            self._lines.clear()
            self._look = look
        kept = self._lines.get(key)
        if kept is None or kept[0] is not row:
            kept = self._lines[key] = (row, draw())
        return kept[1]
