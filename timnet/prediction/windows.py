"""Where the networks look in a recording, and what their answers add up to. Pure: numbers in, numbers out.

A network hears exactly one window: the signal length of its corpus. A recording up to that length is padded
with zeros on both sides, and one up to :data:`LONG` windows long is read in its middle, both exactly as in
training. A longer one is read by windows that move on by half of their length; the last one ends where the
recording ends. The answer for the whole is the plain mean over the windows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

LONG = 3
"""From so many windows on a recording is read by sliding windows unless told otherwise.

The longest recordings of the six corpora have 2.4 times their window (IEMOCAP), so that whatever belongs to a
corpus is read as the networks were trained and tested on it.
"""


class Slide(StrEnum):
    """When windows slide: over long recordings, over all that exceed one window, or never."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Window:
    """What was heard from ``start`` to ``end`` (seconds), and the probability of each class."""

    start: float
    end: float
    probabilities: tuple[float, ...]

    @property
    def best(self) -> int:
        """The index of the most probable class; of equal ones the first."""
        return best_of(self.probabilities)


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of a timeline, in seconds: ``best`` is its class, ``probability`` the mean over its windows."""

    start: float
    end: float
    best: int
    probability: float


def window_starts(samples: int, window: int, slide: Slide = Slide.AUTO) -> tuple[int, ...]:
    """Where the windows of ``window`` samples begin in a recording of ``samples``; empty: read it as in training."""
    least = {Slide.AUTO: LONG * window, Slide.ALWAYS: window, Slide.NEVER: math.inf}[slide]
    if samples <= least:
        return ()
    hop = max(window // 2, 1)
    last = samples - window
    return (*range(0, last, hop), last)


def mean_of(rows: Sequence[Sequence[float]]) -> tuple[float, ...]:
    """The mean of ``[n][classes]`` probabilities over n, one at least."""
    return tuple(math.fsum(column) / len(rows) for column in zip(*rows, strict=True))


def best_of(probabilities: Sequence[float]) -> int:
    """The index of the highest probability; of equal ones the first."""
    return max(range(len(probabilities)), key=lambda place: (probabilities[place], -place))


def timeline(windows: Sequence[Window]) -> list[Segment]:
    """Neighbouring windows with the same class as one stretch; each lasts until the next one begins."""
    groups: list[list[Window]] = []
    for window in windows:
        if groups and groups[-1][-1].best == window.best:
            groups[-1].append(window)
        else:
            groups.append([window])
    ends = [group[0].start for group in groups[1:]] + [windows[-1].end] if groups else []
    return [
        Segment(group[0].start, end, group[0].best, math.fsum(w.probabilities[w.best] for w in group) / len(group))
        for group, end in zip(groups, ends, strict=True)
    ]
