"""A finished figure in light ink on a dark ground, for slides and dark pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PAPER = "#12141A"
#: what is nearly grey is ink, not data: its lightness is turned round between these two
_DARKEST, _LIGHTEST = 0.30, 0.90
_GREY = 0.12
_GRID, _TICK, _LABEL = "#32363D", "#8A9098", "#B4B9C0"


def darken(figure: Figure) -> None:
    """Give paper and ink of ``figure`` their dark form; colours of data, and texts on a heat map, stay."""
    from matplotlib.lines import Line2D
    from matplotlib.spines import Spine
    from matplotlib.text import Text

    on_heat = {text for axes in figure.axes if axes.images for text in axes.texts}
    figure.set_facecolor(PAPER)
    for text in figure.findobj(Text):
        assert isinstance(text, Text)
        if text not in on_heat:
            text.set_color(_turned(text.get_color()))
    for line in figure.findobj(Line2D):
        assert isinstance(line, Line2D)
        line.set_color(_turned(line.get_color()))
    for spine in figure.findobj(Spine):
        assert isinstance(spine, Spine)
        spine.set_edgecolor(_turned(spine.get_edgecolor()))

    for axes in figure.axes:
        axes.set_facecolor(PAPER)
        # last: what ticks are made from, as some are made anew while drawing
        axes.tick_params(which="both", color=_TICK, labelcolor=_LABEL, grid_color=_GRID)


def _turned(colour: Any) -> tuple[float, float, float]:
    from matplotlib.colors import to_rgb

    rgb: tuple[float, float, float] = to_rgb(colour)
    if max(rgb) - min(rgb) > _GREY:
        return rgb
    level = _LIGHTEST - (_LIGHTEST - _DARKEST) * sum(rgb) / 3
    return level, level, level
