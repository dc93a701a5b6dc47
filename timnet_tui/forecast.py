"""When the queue will be empty, from the seconds that epochs were measured to take."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from timnet.records import Run, RunState


@dataclass(frozen=True, slots=True)
class Forecast:
    """``seconds`` until all that runs and waits is done; None when nothing does or nothing was measured.

    ``unmeasured`` runs could not be counted: no epoch of their experiment, nor of another with the same
    corpus and preset, has been timed yet.
    """

    seconds: float | None = None
    unmeasured: int = 0


def forecast(runs: Sequence[Run], places: int) -> Forecast:
    """Forecast with ``places`` runs at once. Early stopping can only make it sooner."""
    pace = _Pace(runs)
    running = [run for run in runs if run.state is RunState.RUNNING]
    waiting = sorted(
        (run for run in runs if run.state is RunState.QUEUED), key=lambda run: (-run.priority, run.id)
    )  # the order in which workers claim
    left = [pace.left(run) for run in (*running, *waiting)]
    known = [seconds for seconds in left if seconds is not None]
    unmeasured = len(left) - len(known)
    if not known:
        return Forecast(None, unmeasured)
    free = [0.0] * max(1, places, len(running))
    for seconds in known:
        heapq.heapreplace(free, free[0] + seconds)
    return Forecast(max(free), unmeasured)


class _Pace:
    """Seconds per epoch of a run: its own, else its experiment's mean, else that of its corpus and preset."""

    def __init__(self, runs: Sequence[Run]) -> None:
        by_experiment: dict[int, list[float]] = {}
        by_kind: dict[tuple[str, str], list[float]] = {}
        for run in runs:
            if run.last_seconds is not None:
                by_experiment.setdefault(run.experiment_id, []).append(run.last_seconds)
                by_kind.setdefault((run.corpus, run.preset), []).append(run.last_seconds)
        self._experiment = {key: fmean(values) for key, values in by_experiment.items()}
        self._kind = {key: fmean(values) for key, values in by_kind.items()}

    def left(self, run: Run) -> float | None:
        """Seconds of training that ``run`` still needs."""
        pace = run.last_seconds
        if pace is None:
            pace = self._experiment.get(run.experiment_id, self._kind.get((run.corpus, run.preset)))
        return None if pace is None else pace * max(0, run.epochs - run.epoch)


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
