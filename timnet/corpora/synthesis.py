"""A small source-filter speech synthesiser: the voice of the synthetic demo corpus.

A glottal pulse train (the source) runs through formant resonators (the filter), as in Klatt's
synthesiser. What carries an emotion here is what carries it in speech: the level, span and movement of
the pitch, loudness, tempo, vocal effort, breath and roughness. Pure functions: numbers in, samples out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray
from scipy.signal import sosfilt

Samples = NDArray[np.float64]

RATE = 16_000
"""Samples a second."""

BLOCK = 160
"""Samples (10 ms) for which the vocal tract stands still."""

FLOOR_DB = -66.0
"""Level of the recording's background noise, dB of full scale."""


@dataclass(frozen=True, slots=True)
class Phone:
    """One speech sound: formants in Hz, amplitudes of voice and noise in [0, 1], length in seconds."""

    formants: tuple[float, float, float]
    voice: float
    noise: float
    noise_hz: float
    seconds: float


# Vowel formants: Peterson and Barney (1952), means of the male speakers. The consonants are rough
# textbook values; only their being voiced, nasal or noisy matters here.
PHONES = {
    "i": Phone((270, 2290, 3010), 0.8, 0.0, 2500, 0.11),
    "e": Phone((530, 1840, 2480), 0.9, 0.0, 2500, 0.12),
    "a": Phone((730, 1090, 2440), 1.0, 0.0, 2500, 0.13),
    "o": Phone((570, 840, 2410), 0.9, 0.0, 2500, 0.12),
    "u": Phone((300, 870, 2240), 0.8, 0.0, 2500, 0.11),
    "m": Phone((250, 1000, 2200), 0.35, 0.0, 2500, 0.07),
    "n": Phone((260, 1500, 2400), 0.35, 0.0, 2500, 0.06),
    "l": Phone((360, 1300, 2700), 0.5, 0.0, 2500, 0.06),
    "s": Phone((350, 1700, 2600), 0.0, 0.35, 5600, 0.09),
    "f": Phone((350, 1200, 2400), 0.0, 0.15, 4200, 0.08),
    "k": Phone((400, 1800, 2500), 0.0, 0.25, 1900, 0.05),
    "t": Phone((400, 1700, 2600), 0.0, 0.25, 4000, 0.04),
    " ": Phone((500, 1500, 2500), 0.0, 0.0, 2500, 0.05),
}

UPPER_FORMANT = 3500.0
BANDWIDTHS = (70.0, 100.0, 140.0, 220.0)
NOISE_BANDWIDTH = 1800.0


@dataclass(frozen=True, slots=True)
class Voice:
    """One speaker: mean pitch in Hz, vocal tract scale (1 = adult male), tempo factor, level in dB."""

    pitch: float
    tract: float
    tempo: float
    level: float


@dataclass(frozen=True, slots=True)
class Manner:
    """How something is said, as departures from plain speech (all zero).

    ``pitch`` and ``span`` in semitones, ``rise`` in semitones from the first to the last syllable, ``level``
    in dB, ``tempo`` and ``effort`` as natural logarithms of a factor, ``breath`` (noise at the glottis),
    ``rough`` (jitter and shimmer) and ``tremor`` (6 Hz, semitones) as amounts.
    """

    pitch: float = 0.0
    span: float = 0.0
    rise: float = 0.0
    level: float = 0.0
    tempo: float = 0.0
    effort: float = 0.0
    breath: float = 0.0
    rough: float = 0.0
    tremor: float = 0.0

    def scaled(self, strength: float) -> Manner:
        """The same manner, ``strength`` times as marked."""
        return Manner(**{f.name: strength * getattr(self, f.name) for f in fields(self)})

    def plus(self, other: Manner) -> Manner:
        """Both departures together."""
        return Manner(**{f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(self)})


@dataclass(frozen=True, slots=True)
class Tracks:
    """What the synthesiser follows: one value (or row of formants, Hz) for each block of 10 ms."""

    pitch: Samples
    voice: Samples
    noise: Samples
    noise_hz: Samples
    formants: Samples


def speak(sentence: str, voice: Voice, manner: Manner, rng: np.random.Generator) -> Samples:
    """Say ``sentence`` (letters of :data:`PHONES`): float64 ``[samples]`` at :data:`RATE`, peak below 1."""
    tracks = plan(sentence, voice, manner, rng)
    source = glottal_pulses(tracks.pitch, manner, rng) * _to_samples(tracks.voice)
    breath = rng.standard_normal(source.size) * (0.01 + 0.05 * max(manner.breath, 0.0)) * _to_samples(tracks.voice)
    sound = through_tract(source + breath, tracks.formants)
    hiss = rng.standard_normal(source.size) * _to_samples(tracks.noise)
    sound = sound / _loudness(sound) + 0.5 * through_band(hiss, tracks.noise_hz)
    sound *= 10 ** ((-26.0 + voice.level + manner.level) / 20) / _loudness(sound)
    sound += rng.standard_normal(sound.size) * 10 ** (FLOOR_DB / 20)
    return np.asarray(0.95 * np.tanh(sound / 0.95))


def plan(sentence: str, voice: Voice, manner: Manner, rng: np.random.Generator) -> Tracks:
    """Lay the sentence out in time: pauses at both ends, phones between, a pitch contour over all."""
    phones = [PHONES[letter] for letter in sentence]
    pace = voice.tempo * np.exp(manner.tempo)
    seconds = [p.seconds * np.exp(0.12 * rng.standard_normal()) / pace for p in phones]
    lengths = [max(2, round(s * RATE / BLOCK)) for s in seconds]
    ends = [round(pause * RATE / BLOCK) for pause in rng.uniform(0.04, 0.16, 2)]
    phones = [PHONES[" "], *phones, PHONES[" "]]
    lengths = [ends[0], *lengths, ends[1]]

    def track(values: Sequence[float]) -> Samples:
        return _smooth(np.repeat(np.asarray(values, dtype=np.float64), lengths))

    formants = [track([p.formants[i] for p in phones]) for i in range(3)]
    formants.append(np.full_like(formants[0], UPPER_FORMANT))
    return Tracks(
        pitch=_contour(sum(lengths), sentence.count(" ") + 1, voice, manner, rng),
        voice=track([p.voice for p in phones]),
        noise=track([p.noise for p in phones]),
        noise_hz=track([p.noise_hz for p in phones]),
        formants=np.stack(formants, axis=1) * voice.tract,
    )


def _contour(blocks: int, accents: int, voice: Voice, manner: Manner, rng: np.random.Generator) -> Samples:
    """Pitch in Hz for each block: falling over the sentence, one accent a word, and what the manner adds."""
    time = np.linspace(0.0, 1.0, blocks)
    span = max(0.3, 2.5 + manner.span)
    height = span * rng.uniform(0.6, 1.2, accents)
    accent = sum(h * np.exp(-(((time - (i + 0.4) / accents) * accents / 0.35) ** 2)) for i, h in enumerate(height))
    tremor = manner.tremor * np.sin(2 * np.pi * (6.0 * np.arange(blocks) * BLOCK / RATE + rng.uniform()))
    semitones = manner.pitch + accent + (manner.rise - 2.0) * (time - 0.5) + tremor
    return np.asarray(voice.pitch * 2 ** (semitones / 12))


def glottal_pulses(pitch: Samples, manner: Manner, rng: np.random.Generator) -> Samples:
    """The flow's derivative at the glottis, float64 ``[blocks * BLOCK]``, for ``pitch`` in Hz for each block.

    Rosenberg's pulse (1971, shape C: a raised-cosine opening, a cosine closing). More effort closes the
    glottis faster, which is what makes a voice bright.
    """
    rough = 0.006 * np.exp(manner.rough)
    pitch = pitch * (1.0 + rough * rng.standard_normal(pitch.size))
    phase = np.cumsum(_to_samples(pitch)) / RATE
    cycle = phase.astype(np.int64)
    place = phase - cycle
    opening = 0.42 * np.exp(-0.15 * manner.effort)
    closing = 0.18 * np.exp(-0.6 * manner.effort)
    rising = 0.5 * (1.0 - np.cos(np.pi * place / opening))
    falling = np.cos(0.5 * np.pi * np.clip((place - opening) / closing, 0.0, 1.0))
    flow = np.where(place < opening, rising, falling)
    flow *= (1.0 + 4.0 * rough * rng.standard_normal(cycle[-1] + 1))[cycle]
    return np.diff(flow, prepend=0.0)


def through_tract(source: Samples, formants: Samples) -> Samples:
    """Run ``source`` through a cascade of resonators that follow ``formants`` (Hz, ``[blocks, 4]``)."""
    sections = np.stack([resonator(formants[:, i], width) for i, width in enumerate(BANDWIDTHS)], axis=1)
    return _follow(source, sections)


def through_band(noise: Samples, centre: Samples) -> Samples:
    """Run ``noise`` through one broad resonance that follows ``centre`` (Hz, ``[blocks]``)."""
    return _follow(noise, resonator(centre, NOISE_BANDWIDTH)[:, None])


def resonator(frequency: Samples, bandwidth: float) -> Samples:
    """Second-order resonators of unit gain at 0 Hz, ``[blocks, 6]`` in scipy's section form (Klatt 1980, eq. 2)."""
    radius = np.exp(-np.pi * bandwidth / RATE)
    c = -(radius**2)
    b = 2 * radius * np.cos(2 * np.pi * np.minimum(frequency, 0.47 * RATE) / RATE)
    zero, one = np.zeros_like(b), np.ones_like(b)
    return np.stack([1 - b - c, zero, zero, one, -b, -c * one], axis=-1)


def _follow(signal: Samples, sections: Samples) -> Samples:
    """Filter block by block, carrying the filter's memory, with ``sections[block]`` (``[k, 6]``) in force."""
    state = np.zeros((sections.shape[1], 2))
    out = np.empty_like(signal)
    for block, sos in enumerate(sections):
        part = slice(block * BLOCK, (block + 1) * BLOCK)
        out[part], state = sosfilt(sos, signal[part], zi=state)
    return out


def _to_samples(track: Samples) -> Samples:
    """From one value a block to one a sample, in straight lines."""
    return np.interp(np.arange(track.size * BLOCK) / BLOCK, np.arange(track.size) + 0.5, track)


def _smooth(track: Samples) -> Samples:
    """Let neighbouring phones blend over 50 ms, as articulation does."""
    window = np.hanning(7)[1:-1]
    padded = np.pad(track, 2, mode="edge")
    return np.convolve(padded, window / window.sum(), mode="valid")


def _loudness(sound: Samples) -> float:
    """Root mean square, never 0."""
    return float(np.sqrt(np.mean(sound**2))) + 1e-9
