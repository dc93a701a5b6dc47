"""Glyphs and colours, one set for dark and one for light backgrounds.

Every state has a glyph of its own, so that nothing depends on colour alone. Colours are RGB: named
ones would look different on every terminal and inside plotext.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from timnet.records import RunState, Want

RGB = tuple[int, int, int]

GLYPHS: Mapping[RunState, str] = {
    RunState.QUEUED: "·",
    RunState.RUNNING: "►",
    RunState.PAUSED: "‖",
    RunState.DONE: "✓",
    RunState.FAILED: "✗",
    RunState.CANCELLED: "⊘",
}
WANT_GLYPHS: Mapping[Want, str] = {Want.PAUSE: "‖", Want.CANCEL: "⊘", Want.STOP: "·"}


@dataclass(frozen=True)
class Palette:
    """The colours of one kind of background. ``heat`` are the stops for scores from low to high."""

    dark: bool
    text: RGB
    faint: RGB
    accent: RGB
    warning: RGB
    error: RGB
    raised: RGB
    train: RGB
    validation: RGB
    fill: RGB
    states: Mapping[RunState, RGB]
    heat: tuple[RGB, ...]


DARK = Palette(
    dark=True,
    text=(222, 226, 230),
    faint=(132, 140, 150),
    accent=(92, 176, 255),
    warning=(238, 183, 82),
    error=(246, 112, 112),
    raised=(42, 48, 56),
    train=(92, 176, 255),
    validation=(255, 168, 76),
    fill=(34, 68, 104),
    states={
        RunState.QUEUED: (132, 140, 150),
        RunState.RUNNING: (112, 190, 255),
        RunState.PAUSED: (238, 183, 82),
        RunState.DONE: (120, 200, 140),
        RunState.FAILED: (246, 112, 112),
        RunState.CANCELLED: (150, 130, 150),
    },
    heat=((58, 52, 72), (40, 78, 102), (24, 112, 108), (64, 150, 92), (170, 190, 84)),
)
LIGHT = Palette(
    dark=False,
    text=(34, 38, 44),
    faint=(92, 100, 110),
    accent=(0, 92, 184),
    warning=(150, 92, 0),
    error=(190, 30, 40),
    raised=(222, 228, 236),
    train=(0, 98, 196),
    validation=(196, 84, 0),
    fill=(176, 212, 246),
    states={
        RunState.QUEUED: (92, 100, 110),
        RunState.RUNNING: (0, 92, 184),
        RunState.PAUSED: (150, 92, 0),
        RunState.DONE: (20, 116, 56),
        RunState.FAILED: (190, 30, 40),
        RunState.CANCELLED: (120, 90, 120),
    },
    heat=((232, 226, 238), (206, 222, 238), (172, 220, 222), (136, 208, 160), (196, 216, 96)),
)

#: the UARs that the ends of the heat scale stand for; what lies outside takes the end's colour
HEAT_RANGE = (0.2, 1.0)


def palette(*, dark: bool) -> Palette:
    """The palette for a dark or a light theme."""
    return DARK if dark else LIGHT


def heat(score: float, colours: Palette) -> RGB:
    """The background that stands for a score between 0 and 1."""
    low, high = HEAT_RANGE
    place = min(1.0, max(0.0, (score - low) / (high - low))) * (len(colours.heat) - 1)
    step = min(int(place), len(colours.heat) - 2)
    return mix(colours.heat[step], colours.heat[step + 1], place - step)


def mix(first: RGB, second: RGB, share: float) -> RGB:
    """A colour ``share`` of the way from ``first`` to ``second``."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


def ink(background: RGB) -> RGB:
    """Black or white, whichever reads better on ``background``."""
    return max((0, 0, 0), (255, 255, 255), key=lambda colour: contrast(colour, background))


def luminance(colour: RGB) -> float:
    """Relative luminance as WCAG 2 defines it, 0 to 1."""
    linear = [(c / 255 / 12.92) if c / 255 <= 0.04045 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: RGB, second: RGB) -> float:
    """The WCAG contrast ratio of two colours, 1 to 21."""
    bright, dim = sorted((luminance(first), luminance(second)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)
