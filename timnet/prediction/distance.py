"""When a recording is so unlike the training corpus that an answer deserves doubt. Plain rules, no statistics."""

from __future__ import annotations

from dataclasses import dataclass

MIN_RATE = 16_000
"""Hz. EMODB and IEMOCAP have 16 kHz; below it the upper mel bands hold nothing at all."""

SHORT = 1 / 8
"""Of a window. With less sound than this nearly all that the network hears is the zeros around it."""

QUIET_DB = -50.0
"""dB of full scale, root mean square. The features are not normalised: level is a part of what was learned."""

SILENT_PEAK = 1e-4
"""Of full scale, about three steps of 16 bits."""

CLIPPED_SHARE = 1e-3
"""Of the samples at the highest value there is."""


@dataclass(frozen=True, slots=True)
class Facts:
    """A recording as it is: Hz, channels, seconds; then of its mono mix: ``peak`` and ``rms_db`` of full scale.

    ``clipped`` is the share of samples at full scale, ``rms_db`` None for digital silence.
    """

    sample_rate: int
    channels: int
    seconds: float
    peak: float
    rms_db: float | None
    clipped: float


def doubts(facts: Facts, window: float, windows: int) -> list[str]:
    """What a user should know before trusting the answer: one phrase each, most serious first.

    ``window`` is the networks' window in seconds; ``windows`` how many were read, 0 for one as in training.
    """
    found = []
    if facts.peak < SILENT_PEAK or facts.rms_db is None:
        found.append("silence: the answer means nothing")
    elif facts.rms_db < QUIET_DB:
        found.append(f"very quiet ({facts.rms_db:.0f} dB of full scale): level is a part of what the networks learned")
    if facts.clipped > CLIPPED_SHARE:
        found.append(f"clipped: {100 * facts.clipped:.1f} % of the samples are at full scale")
    if facts.sample_rate < MIN_RATE:
        found.append(f"recorded at {facts.sample_rate} Hz: nothing above {facts.sample_rate / 2000:g} kHz can be heard")
    if facts.seconds < SHORT * window:
        found.append(f"only {facts.seconds:.2f} s of sound in a window of {window:.2f} s: mostly padding")
    elif facts.seconds > window and not windows:
        found.append(
            f"longer than the window: only the middle {window:.2f} of {facts.seconds:.2f} s were heard, as in training "
            "(--slide hears all)"
        )
    return found
