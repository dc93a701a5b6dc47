"""The signal length and the number of TABs that suit a corpus: proposed from its durations.

The authors chose both by hand: 88 000 to 310 000 samples, multiples of 2000, which hold 83 % (EMOVO) to 99.8 %
(RAVDESS) of the recordings whole, 95 % in the middle; and 8 TABs, 10 for IEMOCAP's 606 frames. ``auto`` follows that.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from timnet.errors import BadInput
from timnet.features.recipe import MfccRecipe
from timnet.text import clean

PUBLISHED = MfccRecipe(signal_length=1)
RATE, HOP = PUBLISHED.sample_rate, PUBLISHED.hop_length
AUTO_PERCENT = 95.0
AUTO_STEP = 2000
FEWEST_TABS, MOST_TABS = 8, 14
SHORTEST = 512
LONGEST_QUOTED = 60
BINS = 16


def receptive_field(tabs: int) -> int:
    """Frames that one output of ``tabs`` blocks of kernel 2, dilated by 1, 2, 4..., sees: ``2^(tabs+1) - 1``."""
    return int(2 ** (tabs + 1)) - 1


LONGEST = receptive_field(MOST_TABS) * HOP - 1
"""Samples at 22 050 Hz (12.7 minutes) whose frames the most TABs still see all at once."""


def tabs_of(signal_length: int) -> int:
    """8 TABs up to 511 frames, above that the fewest whose receptive field covers every frame.

    (The authors gave IEMOCAP's 606 frames 10, where 9 cover; its own description keeps theirs.)
    """
    frames = MfccRecipe(signal_length).frames
    return next(tabs for tabs in range(FEWEST_TABS, MOST_TABS + 1) if receptive_field(tabs) >= frames)


def length_of(wanted: str, seconds: Sequence[float]) -> int:
    """The signal length in samples at 22 050 Hz: ``"auto"``, a number of samples, or a percentage such as ``"95%"``.

    A percentage is the shortest length that holds that share of the recordings, ``seconds`` long, whole.
    ``auto`` is 95 %, rounded up to a multiple of 2000 samples. Raises :class:`BadInput`.
    """
    text = wanted.strip().lower()
    if text == "auto":
        return _fitting(math.ceil(_percentile(seconds, AUTO_PERCENT) / AUTO_STEP) * AUTO_STEP)
    if text.endswith("%"):
        return _fitting(_percentile(seconds, _percent(text)))
    if not (text.isascii() and text.isdecimal() and len(text) < 12):
        raise BadInput(f"{_quoted(wanted)} is no signal length; write auto, a number of samples, or a share like 95%")
    if not SHORTEST <= int(text) <= LONGEST:
        raise BadInput(f"a signal length is {SHORTEST} to {LONGEST} samples at {RATE} Hz, not {int(text)}")
    return int(text)


def histogram(seconds: Sequence[float], signal_length: int, width: int = 80) -> list[str]:
    """Lines of plain ASCII, at most ``width`` columns: how long the recordings are, and what the length holds."""
    longest = max(seconds)
    step = _step(longest)
    counts = [0] * (math.floor(longest / step) + 1)
    for one in seconds:
        counts[math.floor(one / step)] += 1
    held = signal_length / RATE
    room = width - 40
    lines = []
    for place, count in enumerate(counts):
        bar = "#" * math.ceil(count / max(counts) * room)
        mark = " <- length" if place * step <= held < (place + 1) * step else ""
        lines.append(f"{place * step:7.2f} to {(place + 1) * step:7.2f} s {count:6d} {bar}{mark}"[:width])
    cut = sum(one > held for one in seconds)
    share = f"{cut / len(seconds):.1%}"
    lines += [
        f"{len(seconds)} recordings of {min(seconds):.2f} to {longest:.2f} s",
        f"signal length {signal_length} samples = {held:.2f} s = {MfccRecipe(signal_length).frames} frames",
        f"{tabs_of(signal_length)} TABs; {cut} longer recordings are cropped to their centre ({share})",
    ]
    return lines


def _percentile(seconds: Sequence[float], percent: float) -> int:
    """Samples that hold ``percent`` of the recordings whole (nearest rank)."""
    if not seconds:
        raise BadInput("there are no durations to propose a signal length from")
    rank = max(1, math.ceil(percent / 100 * len(seconds) - 1e-9))
    return math.ceil(sorted(seconds)[rank - 1] * RATE - 1e-6)


def _percent(text: str) -> float:
    try:
        percent = float(text[:-1])
    except ValueError:
        percent = math.nan
    if not 0 < percent <= 100:
        raise BadInput(f"{_quoted(text)} is no share of the recordings; write one above 0% up to 100%")
    return percent


def _quoted(text: str) -> str:
    """What was typed, no longer than leaves room for what is wrong with it."""
    return repr(clean(text if len(text) <= LONGEST_QUOTED else f"{text[: LONGEST_QUOTED - 1]}…"))


def _fitting(samples: int) -> int:
    if samples > LONGEST:
        raise BadInput(
            f"the recordings need {samples} samples, more than the {LONGEST} that {MOST_TABS} TABs can see;"
            " cut them into segments or give a shorter --length"
        )
    return max(SHORTEST, samples)


def _step(longest: float) -> float:
    """A round width (1, 2 or 5 times a power of ten, in seconds) that makes at most :data:`BINS` bins."""
    power = 10.0 ** math.floor(math.log10(max(longest, 0.1) / BINS))
    return next(power * factor for factor in (1, 2, 5, 10, 20) if longest / (power * factor) < BINS)
