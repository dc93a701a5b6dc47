"""When the queue will be empty, from the seconds that epochs were measured to take."""

from __future__ import annotations

import heapq
from dataclasses import dataclass

from timnet.registry.load import Load

#: more runs than this are spread evenly instead of one by one: the difference is below an epoch in a thousand
ONE_BY_ONE = 2000


@dataclass(frozen=True, slots=True)
class Forecast:
    """``seconds`` until all that runs and waits is done; None when nothing does or nothing was measured.

    ``unmeasured`` runs could not be counted: no epoch of their experiment, nor of another with the same
    corpus and preset, has been timed yet.
    """

    seconds: float | None = None
    unmeasured: int = 0


def forecast(load: Load, places: int) -> Forecast:
    """Forecast with ``places`` runs at once. Early stopping can only make it sooner."""
    shares = (*load.running, *load.waiting)
    unmeasured = sum(share.runs for share in shares if share.seconds is None)
    known = [(share.runs, share.epochs * share.seconds) for share in shares if share.seconds is not None]
    if not known:
        return Forecast(None, unmeasured)
    places = max(1, places, len(load.running))
    if sum(runs for runs, _ in known) > ONE_BY_ONE:
        return Forecast(sum(seconds for _, seconds in known) / places, unmeasured)
    free = [0.0] * places
    for runs, seconds in known:  # in the order in which workers claim
        for _ in range(runs):
            heapq.heapreplace(free, free[0] + seconds / runs)
    return Forecast(max(free), unmeasured)


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
