"""When runs will start and end, from the seconds that epochs were measured to take. Pure arithmetic."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from timnet.records import Worker
from timnet.registry.load import Load, Share

#: more runs than this are spread evenly instead of one by one: the difference is below an epoch in a thousand
ONE_BY_ONE = 2000


@dataclass(frozen=True, slots=True)
class Forecast:
    """``seconds`` until all that runs and waits is done; None when nothing does or nothing was measured.

    ``unmeasured`` runs could not be counted: no epoch of their experiment, nor of another of its kind
    (:mod:`timnet.registry.paces`), has been timed yet.
    """

    seconds: float | None = None
    unmeasured: int = 0


@dataclass(frozen=True, slots=True)
class Span:
    """Seconds from now until a run starts (0 while it trains) and until it ends; None where nobody can tell."""

    start: float | None
    end: float | None


def at_once(workers: Iterable[Worker]) -> int:
    """How many runs those who take any can train at once.

    A head hands over more than its engine has room for; while some of them wait there, there is room for no more than
    train now.
    """
    return sum(
        max(1, len(one.running) - len(one.submitted)) if one.submitted else one.jobs
        for one in workers
        if one.want is None
    )


def forecast(load: Load, places: int) -> Forecast:
    """Forecast with ``places`` runs at once. Early stopping can only make it sooner."""
    return of_shares((*load.running, *load.waiting), max(1, places, len(load.running)))


def of_shares(shares: Sequence[Share], places: int) -> Forecast:
    """Until all of ``shares``, taken in this order, are done with ``places`` at once."""
    unmeasured = sum(share.runs for share in shares if share.seconds is None)
    if all(share.seconds is None for share in shares):
        return Forecast(None, unmeasured)
    free = _places(places)
    _fill(free, shares)
    return Forecast(max(free), unmeasured)


def spans(
    running: Sequence[float | None],
    ahead: Sequence[Share],
    page: Sequence[float | None],
    places: int,
    submitted: Sequence[float | None] = (),
) -> tuple[list[Span], list[Span]]:
    """When each run that trains ends, and when each of ``submitted`` and ``page``, one list, starts and ends.

    ``running``, ``submitted`` and ``page`` are the seconds that each run has left, None where its pace is not known;
    ``submitted`` wait in an engine and come first, ``ahead`` is what is claimed before the page. Behind a run of
    unknown length nobody can tell any more.
    """
    trains = [Span(0.0, seconds) for seconds in running]
    told = all(seconds is not None for seconds in running) and all(share.seconds is not None for share in ahead)
    if places < 1 or not told:
        return trains, [Span(None, None)] * (len(submitted) + len(page))
    free = _places(max(places, len(running)), (seconds or 0.0 for seconds in running))
    waits: list[Span] = []
    for place, seconds in enumerate((*submitted, *page)):
        if place == len(submitted):
            _fill(free, ahead)
        start = free[0] if told else None
        told = told and seconds is not None
        waits.append(Span(start, None if start is None or seconds is None else start + seconds))
        if told:
            heapq.heapreplace(free, free[0] + (seconds or 0.0))
    return trains, waits


def _places(count: int, busy: Iterable[float] = ()) -> list[float]:
    """When each place is free, as a heap."""
    free = [*busy]
    free += [0.0] * (max(1, count) - len(free))
    heapq.heapify(free)
    return free


def _fill(free: list[float], shares: Sequence[Share]) -> None:
    """Take every run of ``shares`` whose pace is known, each at the first place that is free."""
    known = [(share.runs, share.epochs * share.seconds) for share in shares if share.seconds is not None]
    if sum(runs for runs, _ in known) > ONE_BY_ONE:
        # every place ends at about the same time
        even = (sum(free) + sum(seconds for _, seconds in known)) / len(free)
        free[:] = [even] * len(free)
        return
    for runs, seconds in known:
        for _ in range(runs):
            heapq.heapreplace(free, free[0] + seconds / runs)


def duration(seconds: float) -> str:
    """Seconds in the two largest units that matter: ``45s``, ``12m``, ``3h05m``, ``2d04h``."""
    if seconds < 60:
        return f"{seconds:.0f}s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes}m"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours}h{minutes:02d}m"
    return f"{hours // 24}d{hours % 24:02d}h"
