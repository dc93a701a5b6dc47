"""The colours of the classes, the same in every figure and on the terminal.

Chosen by search: for normal vision and for the three kinds of dichromacy (simulated after Machado, Oliveira
and Fernandes, IEEE TVCG 2009) any two lie at least 0.11 apart in OKLab, and all of them can be told from white
paper and from a dark terminal. Figures give each class a shape of its own as well.
"""

from __future__ import annotations

from collections.abc import Sequence

CLASS_COLOURS = {
    "angry": "#9D231E",
    "boredom": "#B26412",
    "calm": "#5CE6C0",
    "disgust": "#55B95F",
    "fear": "#73407B",
    "happy": "#DFD238",
    "neutral": "#838A8B",
    "sad": "#2744DB",
    "surprise": "#EA80DD",
}
"""Canonical class name -> RGB as ``#RRGGBB``."""

TRAIN = "#0072B2"
TEST = "#D55E00"
"""Training data and the test fold in curves (blue and vermillion of Okabe and Ito's palette)."""


def colours_of(classes: Sequence[str]) -> dict[str, str]:
    """A colour for each of a corpus's classes.

    Canonical names have their own; the others, in alphabetical order, get those that are left over, again
    from the start when there are none left.
    """
    left = [colour for name, colour in CLASS_COLOURS.items() if name not in classes] or [*CLASS_COLOURS.values()]
    others = sorted({name for name in classes if name not in CLASS_COLOURS})
    given = {name: left[place % len(left)] for place, name in enumerate(others)}
    return {name: CLASS_COLOURS.get(name) or given[name] for name in classes}
