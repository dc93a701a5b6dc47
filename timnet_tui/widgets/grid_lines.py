"""Drawing one line of the grid from values: no widget, so that it can be tested and timed alone."""

from __future__ import annotations

from dataclasses import dataclass

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from timnet_tui.cells import CELL, cell
from timnet_tui.looks.grid import ExperimentRow
from timnet_tui.palette import Palette
from timnet_tui.render import fit, style
from timnet_tui.widgets.grid_layout import END_TITLE, GUTTER, SELECTION, STRIDE, TITLES, GridLayout, end_of, head_of

OPTIMISTIC = "optimistic"


@dataclass(frozen=True, slots=True)
class Look:
    """How the grid is drawn: where folds are scrolled to and in which colours."""

    layout: GridLayout
    colours: Palette
    base: Style
    scrolled: int = 0
    focused: bool = True
    marks: frozenset[int] = frozenset()


def header(line: int, look: Look) -> Strip:
    """The titles of the columns and, over the cells, the numbers of the folds."""
    layout, faint = look.layout, style(look.colours.faint)
    titles = " " * GUTTER + "".join(fit(t, width) + " " for t, width in zip(TITLES, layout.columns, strict=True))
    first, last = _visible(look)
    numbers = "".join(f"{fold:>{STRIDE}}" for fold in range(first, last + 1)) + " "
    folds = _more(_window(look, [Segment(numbers, faint)]), look)
    end = Segment(END_TITLE.ljust(layout.end_width), faint)
    if not layout.stacked:
        segments = [Segment(titles, faint), *folds, Segment(" "), end]
    elif line == 0:
        segments = [Segment(titles.ljust(layout.width - layout.end_width), faint), end]
    else:
        segments = [Segment(fit(" fold", layout.cells_x), faint), *folds]
    return _whole(segments, look, look.base)


def experiment(row: ExperimentRow, line: int, look: Look, selected: int | None) -> Strip:
    """Line ``line`` of an experiment; ``selected`` is its selected fold, 0 for all of it, None for none."""
    base = look.base + style(None, look.colours.raised) if selected is not None else look.base
    if line == 1:
        return _whole([*_gutter(look, selected, look.layout.cells_x), *_cells(row, look, selected)], look, base)
    segments = [*_gutter(look, selected, GUTTER), *_head(row, look, selected)]
    if look.layout.stacked:
        used = sum(segment.cell_length for segment in segments)
        segments.append(Segment(" " * max(1, look.layout.width - used - look.layout.end_width)))
    else:
        segments += [*_cells(row, look, selected), Segment(" ")]
    bold = row.uar.mean is not None
    end = end_of(row).ljust(look.layout.end_width)
    segments.append(Segment(end, style(look.colours.text if bold else look.colours.faint, bold=bold)))
    return _whole(segments, look, base)


def _gutter(look: Look, selected: int | None, width: int) -> list[Segment]:
    if selected is None:
        return [Segment(" " * width)]
    mark = style(look.colours.accent if look.focused else look.colours.faint)
    return [Segment("▌", mark), Segment(" " * (width - 1))]


def _head(row: ExperimentRow, look: Look, selected: int | None) -> list[Segment]:
    colours, whole = look.colours, selected == 0
    segments = []
    for column, (text, width) in enumerate(zip(head_of(row), look.layout.columns, strict=True)):
        shown = fit(text, width) + " "
        if whole and column == 0:
            segments.append(Segment(shown[:-1], style(colours.text, bold=True) + Style(reverse=True)))
            segments.append(Segment(" "))
        elif column == SELECTION and row.optimistic and OPTIMISTIC in shown:
            rule, _, after = shown.partition(OPTIMISTIC)
            segments.append(Segment(rule, style(colours.faint)))
            segments.append(Segment(OPTIMISTIC, style(colours.warning)))
            segments.append(Segment(after))
        else:
            segments.append(Segment(shown, style(colours.text if column < 2 else colours.faint, bold=column == 1)))
    return segments


def _cells(row: ExperimentRow, look: Look, selected: int | None) -> list[Segment]:
    first, last = _visible(look)
    segments: list[Segment] = []
    for fold in range(first, last + 1):
        segments.append(_mark(row, fold, look) or _edge(fold, look, selected))
        if fold <= len(row.cells):
            segments += _cell(row, fold, look)
        else:
            segments.append(Segment(" " * CELL))
    segments.append(_edge(last + 1, look, selected))
    return _window(look, segments)


def _cell(row: ExperimentRow, fold: int, look: Look) -> list[Segment]:
    shown = cell(row.cells[fold - 1], look.colours)
    before, after = shown.text[: shown.filled], shown.text[shown.filled :]
    segments = [Segment(before, style(shown.colour, shown.fill))] if before else []
    return [*segments, Segment(after, style(shown.colour, shown.background))]


def _mark(row: ExperimentRow, fold: int, look: Look) -> Segment | None:
    """What stands before a run that is marked."""
    run = row.cells[fold - 1] if fold <= len(row.cells) else None
    return Segment("●", style(look.colours.accent)) if run is not None and run.id in look.marks else None


def _edge(fold: int, look: Look, selected: int | None) -> Segment:
    """What stands before ``fold``: half blocks embrace the selected cell, so that it shows without colour too."""
    mark = style(look.colours.accent if look.focused else look.colours.faint)
    if selected and fold == selected:
        return Segment("▐", mark)
    if selected and fold == selected + 1:
        return Segment("▌", mark)
    return Segment(" ")


def _visible(look: Look) -> tuple[int, int]:
    """The first and last fold of which something is in view."""
    layout = look.layout
    first = look.scrolled // STRIDE + 1
    last = min(layout.folds, (look.scrolled + layout.cells_width - 1) // STRIDE + 1)
    return first, max(first, last)


def _window(look: Look, segments: list[Segment]) -> list[Segment]:
    """Cut what begins with the first visible fold to the room there is for folds."""
    offset = look.scrolled % STRIDE
    strip = Strip(segments).crop_extend(offset, offset + look.layout.cells_width, None)
    return list(strip)


def _more(folds: list[Segment], look: Look) -> list[Segment]:
    """Arrows at the edges behind which there are more folds."""
    strip, width = Strip(folds), look.layout.cells_width
    mark = style(look.colours.accent, bold=True)
    left, right = look.scrolled > 0, look.scrolled < look.layout.overflow
    parts = [Strip([Segment("‹", mark)])] if left else []
    parts.append(strip.crop(int(left), width - int(right)))
    parts += [Strip([Segment("›", mark)])] if right else []
    return list(Strip.join(parts))


def _whole(segments: list[Segment], look: Look, base: Style) -> Strip:
    return Strip(segments).adjust_cell_length(look.layout.width, base).crop(0, look.layout.width).apply_style(base)
