"""The look that all figures share, and turning one into bytes that are the same every time."""

from __future__ import annotations

import io
import textwrap
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from timnet.errors import BadInput
from timnet.records import Experiment
from timnet.selection import selection_text
from timnet.text import clean

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = ("png", "svg", "pdf")
DOTS_PER_INCH = 200
GREY = "#5F6368"
CHARACTERS_PER_INCH = 19  # of a note at its size, so that a full line fits the width
MARGIN = 0.1  # inches, as the next two
HEAD = 0.55
NOTE_LINE = 0.135

_RC = {
    "axes.edgecolor": "#9AA0A6",
    "axes.labelcolor": "#202124",
    "axes.linewidth": 0.8,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.size": 9,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "svg.fonttype": "path",  # looks the same where the font is missing
    "svg.hashsalt": "timnet",  # else the ids of an SVG's parts are random
    "text.parse_math": False,  # a corpus may be called anything, "$" included
    "xtick.color": GREY,
    "ytick.color": GREY,
}

#: what images say of their making, all of it left out
_NO_METADATA = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
    "pdf": {"Creator": None, "Producer": None, "CreationDate": None},
}

# matplotlib's settings belong to the whole process: one figure at a time
_SETTINGS = threading.RLock()


@contextmanager
def house_style() -> Iterator[None]:
    """Draw and render inside this: matplotlib's own defaults, whatever the user's matplotlibrc says, and ours."""
    import matplotlib.style

    with _SETTINGS, matplotlib.style.context(["default", _RC]):
        yield


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of so many inches that belongs to nobody but the caller."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=DOTS_PER_INCH)
    FigureCanvasAgg(figure)
    return figure


def frame(figure: Figure, title: str, subtitle: str, note: str, legend: float = 0.0) -> None:
    """Title, the line under it that says which experiment this is, and a note wrapped below the drawing.

    All three are flush left; the axes get the room between them, but for ``legend`` inches at its top.
    """
    width, height = figure.get_size_inches()
    lines = textwrap.wrap(clean(note), int((width - 2 * MARGIN) * CHARACTERS_PER_INCH))
    bottom = len(lines) * NOTE_LINE + MARGIN
    left = MARGIN / width
    figure.text(left, 1 - MARGIN / height, clean(title), va="top", fontsize=11, fontweight="bold")
    figure.text(left, 1 - (MARGIN + 0.25) / height, clean(subtitle), va="top", fontsize=8, color=GREY)
    figure.text(left, MARGIN / height, "\n".join(lines), va="bottom", fontsize=7, color=GREY, linespacing=1.25)
    room = (left, (bottom + 0.06) / height, 1 - 2 * left, 1 - (bottom + 0.06 + HEAD + legend) / height)
    figure.set_layout_engine("constrained", rect=room)


def facts(experiment: Experiment) -> str:
    """``experiment 7, protocol random, selection best-test (optimistic), seed 46``: on every figure."""
    selection = selection_text(experiment.selection, experiment.optimistic)
    return f"experiment {experiment.id}, protocol {experiment.protocol}, selection {selection}, seed {experiment.seed}"


def folds_text(n: int, folds: int) -> str:
    """``10 folds``, ``1 fold``, or ``2 of 10 folds``."""
    count = str(n) if n == folds else f"{n} of {folds}"
    return f"{count} fold{'' if folds == 1 else 's'}"


def format_of(path: Path) -> str:
    """The image format that the suffix of ``path`` names. Raises :class:`BadInput` for any other."""
    suffix = path.suffix.lower().removeprefix(".")
    return check_format(suffix)


def check_format(name: str) -> str:
    """``name`` if figures can be written so. Raises :class:`BadInput`."""
    if name not in FORMATS:
        raise BadInput(f"cannot draw a figure as {name!r}; there are: {', '.join(FORMATS)}")
    return name


def render(figure: Figure, form: str) -> bytes:
    """The figure as an image file's bytes: no date, no version, nothing that differs from time to time."""
    metadata = _NO_METADATA[form]
    stream = io.BytesIO()
    figure.savefig(stream, format=form, dpi=DOTS_PER_INCH, metadata=metadata)
    return stream.getvalue()
