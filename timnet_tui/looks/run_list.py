"""One list of runs of any length: a window on it, how long it is, and where a run stands in it.

What takes long is done in steps (:mod:`timnet.registry.search`). Places whose number is known are kept, so that the
next window is read from the nearest of them and not from the start of the list.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence

from timnet.registry import Registry
from timnet.registry.pages import Cursor, RunPage
from timnet.registry.search import Search
from timnet.registry.seek import cursor_at

#: passing over more runs than this, an index is asked for the place; only that of the whole list knows it
FAR = 500


class RunList:
    """The runs that pass a filter, sorted. Belongs to one thread, as its registry does."""

    def __init__(self, filter_text: str, sort: str, *, descending: bool) -> None:
        self.filter_text, self.sort, self.descending = filter_text, sort, descending
        #: where the window begins
        self.first = 0
        #: whether all have been counted since something was written
        self.counted = False
        self._version: int | None = None
        self._total: int | None = None
        #: the rank of the first of some places that follow each other
        self._known: tuple[int, Sequence[Cursor]] | None = None
        self._search: Search | None = None
        self._complete = False

    def is_of(self, filter_text: str, sort: str, *, descending: bool) -> bool:
        """Whether this is the list that is asked for."""
        return (self.filter_text, self.sort, self.descending) == (filter_text, sort, descending)

    def turned(self, filter_text: str, sort: str, *, descending: bool) -> RunList:
        """The list that is asked for. In another order it is as long as before."""
        other = RunList(filter_text, sort, descending=descending)
        if other.filter_text == self.filter_text:
            other._version, other._total, other.counted = self._version, self._total, self.counted
        return other

    @property
    def exact(self) -> bool:
        """Whether it is known how long the list is."""
        return self._total is not None

    def total(self, margin: int) -> int:
        """How long the list is; while that is not known, ``margin`` more than have been seen, or than are shown."""
        shown = len(self._search.places) if self._search else 0
        least = self.first + min(shown, margin)
        if self._total is not None:
            return max(self._total, least)
        return least + margin * (not self._complete or shown > margin)

    def page(self, registry: Registry, count: int) -> RunPage:
        """The runs of the window as far as they are found."""
        assert self._search is not None
        page = registry.pages.page_of(self._search)
        return RunPage(page.runs[:count], page.cursors[:count])

    def carry(self, registry: Registry) -> Generator[object, None, None]:
        """Where something was written: find out where the window stands now, and count again later."""
        version, before = registry.db.data_version(), self._version
        self._version = version
        if before in (None, version):
            return
        self.counted = False
        if self._known is None or not self._known[0]:
            self._known = None
            return
        # what stood after that place may be others now, but the place itself is as good as before
        cursor = self._known[1][0]
        rank = yield from registry.pages.ranking(cursor, self.filter_text, sort=self.sort, descending=self.descending)
        self._known = rank, (cursor,)

    def window(self, registry: Registry, first: int, count: int) -> Generator[None, None, None]:
        """Find ``count`` runs from ``first`` on, or the last ones where the list is shorter."""
        if self._total is not None and self.counted:
            first = max(0, min(first, self._total - count))
        before = yield from self._look(registry, first, count)
        assert self._search is not None
        if not self._search.places and first:  # the list is shorter than that
            self._known = None
            yield from self._look(registry, max(0, before - count), count)
        self._end(registry, count)

    def _look(self, registry: Registry, first: int, count: int) -> Generator[None, None, int]:
        """Search from the nearest place whose rank is known; returns how many runs there are at least."""
        self.first, self._complete = first, False
        base, self._search = self._nearest(registry, first, count)
        return base + (yield from self._search.steps(registry.db))

    def _nearest(self, registry: Registry, first: int, count: int) -> tuple[int, Search]:
        """How to search for the window, and the rank of the first run that passes on the way there."""
        rank, cursors = self._known or (0, ())
        last = rank + len(cursors) - 1
        start, behind = -1, None  # the run before the first one
        if cursors and rank < first:
            start = min(first - 1, last)
            behind = cursors[start - rank]
        search = Search(self.filter_text, self.sort, self.descending, count + 1, behind.values if behind else None)
        search.skip = first - 1 - start
        end = first + count
        if cursors and end <= last:
            ahead: Cursor | None = cursors[max(0, end - rank)]
            distance = max(end, rank) - end
        else:
            ahead, distance = None, search.skip
            if self._total is not None and self.counted:
                distance = max(0, self._total - end)
        if distance < search.skip:
            start = first - 1
            search = Search(
                self.filter_text, self.sort, self.descending, count, ahead.values if ahead else None, distance
            )
            search.backwards = True
        elif search.skip > FAR and not self.filter_text.strip():
            far = cursor_at(registry.db, first - 1, None, sort=self.sort, descending=self.descending)
            if far is not None:
                start, search.start, search.skip = first - 1, far.values, 0
        return start + 1, search

    def _end(self, registry: Registry, count: int) -> None:
        """The window is complete: remember its places, and the length of the list where its end is in view."""
        search = self._search
        assert search is not None
        cursors = registry.pages.page_of(search).cursors[:count]
        if search.backwards:
            self.first += max(0, count - len(cursors))
        self._known = (self.first, cursors) if cursors else None
        if not search.backwards and len(search.places) <= count:
            self._total, self.counted = self.first + len(search.places), True
        self._complete = True

    def count(self, registry: Registry) -> Generator[object, None, None]:
        """Find out how many runs there are."""
        self._total = yield from registry.pages.counting(self.filter_text)
        self.counted = True

    def place(self, registry: Registry, run_id: int) -> Generator[object, None, int | None]:
        """Where a run stands; None where it is not in the list."""
        rank, cursors = self._known or (0, ())
        for number, cursor in enumerate(cursors):
            if cursor.run_id == run_id:
                return rank + number
        found = registry.pages.find(run_id, self.filter_text, sort=self.sort)
        if found is None:
            return None
        return (yield from registry.pages.ranking(found, self.filter_text, sort=self.sort, descending=self.descending))
