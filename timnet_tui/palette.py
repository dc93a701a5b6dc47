"""The colours and signs of the interface: one palette for each theme, and one table of signs with an ASCII form.

RGB triples, because named ones would look different on every terminal and inside plotext. The tests hold every
pair that is used to WCAG's contrast (4.5 for text; 7 in the high-contrast themes), and the colour-blind-safe
palettes to a distance that remains under each kind of dichromacy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from timnet.records import Run, RunState, Want

if TYPE_CHECKING:
    from textual.theme import Theme

RGB = tuple[int, int, int]

GLYPHS: Mapping[RunState, str] = {
    RunState.QUEUED: "·",
    RunState.RUNNING: "►",
    RunState.PAUSED: "‖",
    RunState.DONE: "✓",
    RunState.FAILED: "✗",
    RunState.CANCELLED: "⊘",
}
SUBMITTED = "▷"
"""A run that waits in an engine of other machines: running to timnet, and not training."""

WANT_GLYPHS: Mapping[Want, str] = {Want.PAUSE: "‖", Want.CANCEL: "⊘", Want.STOP: "·"}


@dataclass(frozen=True)
class Palette:
    """The colours of one theme.

    ``background``: behind everything. ``panel``: the strip and the footer. ``surface``: dialogs. ``raised``: the
    selected row. ``fill``: the done part of a progress bar. ``heat``: the stops for scores from low to high.
    """

    name: str
    dark: bool
    background: RGB
    surface: RGB
    panel: RGB
    raised: RGB
    text: RGB
    faint: RGB
    accent: RGB
    warning: RGB
    error: RGB
    train: RGB
    validation: RGB
    fill: RGB
    states: Mapping[RunState, RGB]
    heat: tuple[RGB, ...]


def glyph_of(run: Run) -> str:
    """The sign for where a run stands."""
    return SUBMITTED if run.submitted else GLYPHS[run.state]


def colour_of(run: Run, colours: Palette) -> RGB:
    """The colour for where a run stands: what waits in an engine has that of what waits here."""
    return colours.states[RunState.QUEUED if run.submitted else run.state]


DARK = Palette(
    name="timnet-dark",
    dark=True,
    background=(18, 20, 24),
    surface=(28, 32, 38),
    panel=(34, 39, 46),
    raised=(42, 48, 56),
    text=(222, 226, 230),
    faint=(148, 156, 166),
    accent=(92, 176, 255),
    warning=(238, 183, 82),
    error=(250, 122, 122),
    train=(92, 176, 255),
    validation=(255, 168, 76),
    fill=(30, 60, 92),
    states={
        RunState.QUEUED: (148, 156, 166),
        RunState.RUNNING: (112, 190, 255),
        RunState.PAUSED: (238, 183, 82),
        RunState.DONE: (120, 200, 140),
        RunState.FAILED: (250, 122, 122),
        RunState.CANCELLED: (176, 150, 180),
    },
    heat=((58, 52, 72), (40, 78, 102), (24, 112, 108), (64, 150, 92), (170, 190, 84)),
)
LIGHT = Palette(
    name="timnet-light",
    dark=False,
    background=(250, 250, 250),
    surface=(243, 245, 248),
    panel=(232, 236, 241),
    raised=(222, 228, 236),
    text=(34, 38, 44),
    faint=(84, 92, 102),
    accent=(0, 86, 174),
    warning=(132, 78, 0),
    error=(182, 26, 36),
    train=(0, 98, 196),
    validation=(166, 64, 0),
    fill=(188, 218, 246),
    states={
        RunState.QUEUED: (84, 92, 102),
        RunState.RUNNING: (0, 86, 174),
        RunState.PAUSED: (132, 78, 0),
        RunState.DONE: (16, 106, 50),
        RunState.FAILED: (182, 26, 36),
        RunState.CANCELLED: (112, 82, 112),
    },
    heat=((232, 226, 238), (206, 222, 238), (172, 220, 222), (136, 208, 160), (196, 216, 96)),
)
CONTRAST = Palette(
    name="timnet-contrast",
    dark=True,
    background=(0, 0, 0),
    surface=(0, 0, 0),
    panel=(16, 16, 16),
    raised=(32, 32, 32),
    text=(255, 255, 255),
    faint=(208, 208, 208),
    accent=(255, 230, 64),
    warning=(255, 196, 80),
    error=(255, 158, 158),
    train=(128, 208, 255),
    validation=(255, 190, 96),
    fill=(0, 44, 88),
    states={
        RunState.QUEUED: (208, 208, 208),
        RunState.RUNNING: (128, 208, 255),
        RunState.PAUSED: (255, 196, 80),
        RunState.DONE: (128, 236, 150),
        RunState.FAILED: (255, 158, 158),
        RunState.CANCELLED: (230, 180, 240),
    },
    heat=((176, 150, 190), (140, 170, 214), (112, 196, 196), (130, 218, 130), (244, 236, 90)),
)
CONTRAST_LIGHT = Palette(
    name="timnet-contrast-light",
    dark=False,
    background=(255, 255, 255),
    surface=(255, 255, 255),
    panel=(240, 240, 240),
    raised=(228, 228, 228),
    text=(0, 0, 0),
    faint=(56, 56, 56),
    accent=(0, 44, 130),
    warning=(90, 46, 0),
    error=(128, 0, 12),
    train=(0, 60, 140),
    validation=(126, 40, 0),
    fill=(200, 226, 250),
    states={
        RunState.QUEUED: (56, 56, 56),
        RunState.RUNNING: (0, 44, 130),
        RunState.PAUSED: (90, 46, 0),
        RunState.DONE: (0, 68, 26),
        RunState.FAILED: (128, 0, 12),
        RunState.CANCELLED: (84, 20, 92),
    },
    heat=((232, 226, 238), (206, 222, 238), (172, 220, 222), (136, 208, 160), (222, 226, 96)),
)
# after Okabe and Ito's palette (Color Universal Design, 2008), moved until any two states can be told apart under
# each kind of dichromacy and all are readable on every background that they stand on
COLOUR_BLIND = replace(
    DARK,
    name="timnet-colour-blind",
    accent=(86, 189, 240),
    warning=(239, 227, 65),
    error=(243, 115, 0),
    train=(86, 180, 233),
    validation=(230, 159, 0),
    states={
        RunState.QUEUED: (152, 149, 169),
        RunState.RUNNING: (86, 189, 240),
        RunState.PAUSED: (239, 227, 65),
        RunState.DONE: (0, 175, 99),
        RunState.FAILED: (243, 115, 0),
        RunState.CANCELLED: (204, 172, 167),
    },
    heat=((34, 44, 92), (66, 78, 108), (104, 110, 116), (150, 146, 112), (214, 196, 84)),
)
COLOUR_BLIND_LIGHT = replace(
    LIGHT,
    name="timnet-colour-blind-light",
    accent=(0, 99, 184),
    warning=(115, 51, 0),
    error=(177, 60, 6),
    train=(0, 99, 184),
    validation=(177, 60, 6),
    fill=(208, 228, 248),
    states={
        RunState.QUEUED: (97, 101, 102),
        RunState.RUNNING: (0, 99, 184),
        RunState.PAUSED: (115, 51, 0),
        RunState.DONE: (2, 81, 78),
        RunState.FAILED: (177, 60, 6),
        RunState.CANCELLED: (123, 58, 135),
    },
    heat=((238, 238, 244), (206, 216, 238), (180, 194, 222), (190, 180, 120), (180, 150, 44)),
)
PALETTES: Mapping[str, Palette] = {
    one.name: one for one in (DARK, LIGHT, CONTRAST, CONTRAST_LIGHT, COLOUR_BLIND, COLOUR_BLIND_LIGHT)
}

#: the UARs that the ends of the heat scale stand for; what lies outside takes the end's colour
HEAT_RANGE = (0.2, 1.0)


def palette_of(theme: Theme) -> Palette:
    """The palette of a theme: its own, or for one of Textual's the plain dark or light one."""
    return PALETTES.get(theme.name, DARK if theme.dark else LIGHT)


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


@lru_cache(1024)
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
