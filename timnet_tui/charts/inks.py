"""Which colours, tints and markers a chart's series get on this terminal."""

from __future__ import annotations

from dataclasses import dataclass

from timnet_tui.charts import glyphs
from timnet_tui.charts.model import Plot, Role, Series
from timnet_tui.palette import RGB, Palette, mix

#: colours of things compared, told apart by hue; each stands out from its background by a ratio of 3 or more
COMPARED_DARK: tuple[RGB, ...] = (
    (92, 176, 255),
    (255, 168, 76),
    (104, 211, 145),
    (240, 128, 176),
    (226, 214, 92),
    (170, 150, 255),
    (84, 214, 214),
    (246, 112, 92),
    (190, 190, 200),
    (196, 150, 108),
)
COMPARED_LIGHT: tuple[RGB, ...] = (
    (0, 98, 196),
    (196, 84, 0),
    (10, 118, 60),
    (186, 28, 108),
    (124, 104, 0),
    (106, 70, 206),
    (0, 116, 124),
    (190, 30, 30),
    (84, 90, 100),
    (124, 78, 36),
)
#: how far a single fold's line and a band step back towards the background
FAINT, TINT = 0.62, 0.28
#: of the colours above, the one of inner validation sets: neither blue nor orange to any eye
INNER = 3


@dataclass(frozen=True, slots=True)
class Ink:
    """The palette, and what the terminal can do.

    ``monochrome``: no colours (``NO_COLOR``). ``ascii_only``: neither braille nor other signs.
    """

    palette: Palette
    monochrome: bool = False
    ascii_only: bool = False

    def colour(self, series: Series) -> RGB:
        """The colour that stands for a series, in the caption as well."""
        colours = COMPARED_DARK if self.palette.dark else COMPARED_LIGHT
        if series.colour is not None:
            return colours[series.colour % len(colours)]
        if series.role is Role.INNER:
            return colours[INNER]
        return self.palette.train if series.role is Role.TRAIN else self.palette.validation

    def line(self, series: Series) -> RGB:
        """The colour in which a series is drawn."""
        return self.faint(series) if series.faint else self.colour(series)

    def faint(self, series: Series) -> RGB:
        """The same, stepped back: single folds behind a mean, what was measured behind what is smoothed."""
        return mix(self.colour(series), self.palette.background, FAINT)

    def tint(self, series: Series) -> RGB:
        """The background of a band."""
        return mix(self.palette.background, self.colour(series), TINT)

    def marker(self, series: Series) -> str | None:
        """What draws a series where lines and colours cannot tell it apart; None for a plain line."""
        if series.colour is not None:
            if not (self.monochrome or self.ascii_only):
                return None
            known = glyphs.MARKERS_ASCII if self.ascii_only else glyphs.MARKERS
            return known[series.colour % len(known)]
        if self.ascii_only:
            return {Role.TRAIN: ".", Role.VALIDATION: "o", Role.INNER: "x"}[series.role]
        signs = {Role.VALIDATION: glyphs.DOT, Role.INNER: glyphs.MARKERS[1]}
        return signs.get(series.role) if self.monochrome else None

    def sign(self, series: Series) -> str:
        """What stands before the name of a series in the caption."""
        return self.marker(series) or (glyphs.LINE_ASCII if self.ascii_only else glyphs.LINE)

    @property
    def dot(self) -> str:
        """A line of one point."""
        return glyphs.MARKERS_ASCII[0] if self.ascii_only else glyphs.DOT


def compared(plot: Plot) -> bool:
    """Whether a plot's colours stand for things compared instead of roles."""
    return any(series.colour is not None for series in plot.series)
