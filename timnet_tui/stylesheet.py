"""Textual's stylesheet, parsed again only where the colours are others.

Textual parses all of it whenever a screen is opened for the first time: twice, and most of the time that this takes.
"""

from __future__ import annotations

from textual.cache import LRUCache
from textual.css.stylesheet import Stylesheet

#: more sources than there are: Textual forgets the oldest of 64, and all of them where one more is asked for in turn
KEPT = 512


class KeptStylesheet(Stylesheet):
    """A stylesheet that keeps what it has parsed for as long as its variables stay the same."""

    def __init__(self, *, variables: dict[str, str] | None = None) -> None:
        super().__init__(variables=variables)
        self._parse_cache = LRUCache(KEPT)

    def set_variables(self, variables: dict[str, str]) -> None:
        """Other colours; the same ones change nothing."""
        if variables != self._variables:
            super().set_variables(variables)

    def reparse(self) -> None:
        """Take in new sources. What was parsed with the same variables is taken as it is.

        Raises as :meth:`parse` does, and then leaves the rules as they were.
        """
        self.parse()
