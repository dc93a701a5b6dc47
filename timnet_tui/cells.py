"""A run as one cell of the grid: five characters that say state, progress or score."""

from __future__ import annotations

from dataclasses import dataclass

from timnet.records import Run, RunState
from timnet_tui.palette import RGB, WANT_GLYPHS, Palette, colour_of, glyph_of, heat, ink

CELL = 5
NO_RUN = " " * CELL


@dataclass(frozen=True, slots=True)
class Cell:
    """``text`` is :data:`CELL` characters; the first ``filled`` of them stand on ``fill`` (a progress bar)."""

    text: str
    colour: RGB
    background: RGB | None = None
    fill: RGB | None = None
    filled: int = 0


def cell(run: Run | None, colours: Palette) -> Cell:
    """How ``run`` looks in the grid; None is a fold that was never queued."""
    if run is None:
        return Cell(NO_RUN, colours.faint)
    glyph = glyph_of(run)
    if run.state is RunState.DONE and run.uar is not None:
        background = heat(run.uar, colours)
        return Cell(f"{glyph}{score(run.uar)}", ink(background), background)
    if run.state is RunState.RUNNING and (not run.submitted or run.want):
        return _running(run, glyph, colours)
    colour = colour_of(run, colours)
    done = f"{percent_done(run)}%" if run.epoch and run.state is not RunState.DONE else ""
    return Cell(f"{glyph}{done:>{CELL - 1}}", colour)


def score(uar: float) -> str:
    """A score in per cent in four characters: ``84.1``, `` 9.0``, `` 100``."""
    text = f"{100 * uar:4.1f}"
    return text if len(text) == CELL - 1 else f"{100 * uar:4.0f}"


def percent_done(run: Run) -> int:
    """How much of its epochs a run has behind it; 100 only when that is all of them."""
    return min(100, run.epoch * 100 // max(1, run.epochs))


def _running(run: Run, glyph: str, colours: Palette) -> Cell:
    share = percent_done(run)
    if run.want:
        text = f"{glyph}{share:>2}%{WANT_GLYPHS[run.want]}"[:CELL]
        return Cell(f"{text:<{CELL}}", colours.warning, fill=colours.fill, filled=CELL * share // 100)
    return Cell(f"{glyph}{share:>3}%", colours.states[run.state], fill=colours.fill, filled=round(CELL * share / 100))
