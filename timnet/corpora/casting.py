"""Who speaks in the synthetic demo corpus, what they say, and how each emotion sounds."""

from __future__ import annotations

import numpy as np

from timnet.corpora.synthesis import Manner, Samples, Voice, speak

TEXTS = (
    "mali kefo tunasi",
    "sonu ita lefame",
    "fika nelomu sato",
    "tumile kona fesi",
    "lasa mofi kuneta",
    "nefi sulo matike",
)

# The direction of every departure follows Scherer's review (2003, Speech Communication 40, table 2); the
# sizes were chosen so that a small network needs some epochs to tell the classes apart.
MANNERS = {
    "angry": Manner(pitch=2.5, span=2.0, rise=-2.0, level=5.0, tempo=0.10, effort=0.9, rough=1.0),
    "fear": Manner(
        pitch=5.0, span=-0.5, rise=1.0, level=0.0, tempo=0.20, effort=0.1, breath=0.6, rough=0.6, tremor=0.5
    ),
    "happy": Manner(pitch=4.0, span=3.0, rise=2.5, level=3.0, tempo=0.08, effort=0.4),
    "neutral": Manner(),
    "sad": Manner(pitch=-1.0, span=-1.6, rise=-1.0, level=-5.0, tempo=-0.22, effort=-0.7, breath=1.2, rough=0.2),
}

# How much two takes of the same thing differ.
SPREAD = Manner(pitch=0.8, span=0.6, rise=0.8, level=1.5, tempo=0.06, effort=0.2, breath=0.2, rough=0.25, tremor=0.1)


def voice_of(seed: int, speaker: int) -> Voice:
    """Speaker number ``speaker`` (from 0): male and female voices take turns."""
    rng = np.random.default_rng([seed, speaker])
    male = speaker % 2 == 0
    return Voice(
        pitch=(112.0 if male else 205.0) * np.exp(rng.uniform(-0.1, 0.1)),
        tract=(1.0 if male else 1.16) * np.exp(rng.uniform(-0.04, 0.04)),
        tempo=np.exp(rng.uniform(-0.08, 0.08)),
        level=rng.uniform(-2.0, 2.0),
    )


def say(seed: int, speaker: int, sentence: int, emotion: int, take: int) -> Samples:
    """One utterance, all numbers from 0: float64 ``[samples]``. The same numbers give the same samples.

    ``emotion`` counts the classes in alphabetical order.
    """
    rng = np.random.default_rng([seed, speaker, sentence, emotion, take])
    manner = MANNERS[sorted(MANNERS)[emotion]].scaled(float(np.clip(rng.normal(1.0, 0.22), 0.4, 1.5)))
    return speak(TEXTS[sentence], voice_of(seed, speaker), manner.plus(_chance(rng)), rng)


def _chance(rng: np.random.Generator) -> Manner:
    """What this take adds by itself: every departure drawn from a normal distribution."""
    spread = SPREAD
    return Manner(
        pitch=spread.pitch * rng.standard_normal(),
        span=spread.span * rng.standard_normal(),
        rise=spread.rise * rng.standard_normal(),
        level=spread.level * rng.standard_normal(),
        tempo=spread.tempo * rng.standard_normal(),
        effort=spread.effort * rng.standard_normal(),
        breath=spread.breath * rng.standard_normal(),
        rough=spread.rough * rng.standard_normal(),
        tremor=spread.tremor * rng.standard_normal(),
    )
