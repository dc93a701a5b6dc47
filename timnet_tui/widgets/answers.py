"""What was answered for the test utterances, as lines: the confusion matrix, and each class's recall."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.style import Style
from rich.text import Text

from timnet.text import clean
from timnet_tui import wording
from timnet_tui.palette import HEAT_RANGE, Palette, heat, ink
from timnet_tui.render import fit, style

if TYPE_CHECKING:
    from timnet.evaluation.statistics import PooledScores

#: columns: names of classes at most, a cell of the matrix at least and at most, the n of a class
NAME, CELL, WIDEST, COUNT = 12, 4, 10, 6
EIGHTHS = " ▏▎▍▌▋▊▉"
FULL = "█"


def counted(scores: PooledScores, folds: int | None) -> str:
    """``n 535 over 9 of 10 folds``; ``folds`` None for a fold that is shown alone."""
    return f"n {scores.n}" + ("" if folds is None else f" over {len(scores.folds)} of {folds} folds")


def _pooled(scores: PooledScores, colours: Palette) -> Text:
    several = "pooled " if len(scores.folds) > 1 else ""
    said = f"{several}UAR {wording.percent(scores.uar)}  WAR {wording.percent(scores.war)} %"
    return Text(said, style(colours.text, bold=True), no_wrap=True)


def confusion_lines(scores: PooledScores, width: int, colours: Palette, *, share: bool) -> list[Text]:
    """The matrix, rows are the truth: counts, or with ``share`` per cent of the row. Colour is the share."""
    names = [clean(one.name) for one in scores.recalls]
    stub = min(NAME, max(map(cell_len, names)))
    room = (width - stub - COUNT - 1) // len(names)
    cell = max(CELL, min(WIDEST, room))
    head = Text(no_wrap=True).append(fit("truth", stub), style(colours.faint))
    for name in names:
        head.append(fit(name, cell - 1).rjust(cell), style(colours.faint))
    head.append("n".rjust(COUNT), style(colours.faint))
    lines = [head]
    for place, (name, row) in enumerate(zip(names, scores.confusion, strict=True)):
        lines.append(_row(name, place, row, (stub, cell), colours, share=share))
    legend = Text("rows are the truth, columns the answers", style(colours.faint))
    return [*lines, _pooled(scores, colours), legend, *_note(scores, width, colours)]


def _row(name: str, place: int, row: Sequence[int], widths: tuple[int, int], colours: Palette, *, share: bool) -> Text:
    stub, cell = widths
    total = sum(row)
    text = Text(no_wrap=True).append(fit(name, stub), style(colours.text))
    for column, count in enumerate(row):
        part = count / total if total else 0.0
        shown = str(count) if not share else _share(part, cell, known=bool(total))
        text.append(f"{shown} ".rjust(cell), _cell_style(part, colours, hit=column == place, used=bool(count)))
    return text.append(str(total).rjust(COUNT), style(colours.faint))


def _share(part: float, cell: int, *, known: bool) -> str:
    if not known:
        return "–"
    return f"{100 * part:.1f}" if cell > CELL + 1 else f"{100 * part:.0f}"


def _cell_style(part: float, colours: Palette, *, hit: bool, used: bool) -> Style:
    if not used:
        return style(colours.faint)
    low, high = HEAT_RANGE
    background = heat(low + part * (high - low), colours)
    return style(ink(background), background, bold=hit)


def recall_lines(scores: PooledScores, width: int, colours: Palette) -> list[Text]:
    """A bar for each class: how many of its test utterances were recognised, of how many."""
    names = [clean(one.name) for one in scores.recalls]
    stub = min(NAME, max(map(cell_len, names)))
    counts = max(len(f"{one.hits}/{one.n}") for one in scores.recalls)
    room = max(1, width - stub - counts - 11)
    lines = []
    for name, one in zip(names, scores.recalls, strict=True):
        text = Text(no_wrap=True).append(f"{fit(name, stub)} ", style(colours.text))
        recall = one.recall
        text.append(bar(recall or 0.0, room), style(colours.validation, colours.raised))
        value = "–" if recall is None else f"{100 * recall:.1f} %"
        text.append(value.rjust(8), style(colours.text, bold=True))
        lines.append(text.append(f"  {f'{one.hits}/{one.n}':>{counts}}", style(colours.faint)))
    return [*lines, _pooled(scores, colours), *_note(scores, width, colours)]


def bar(part: float, width: int) -> str:
    """``width`` cells, ``part`` of them filled, to the eighth of a cell."""
    eighths = round(min(1.0, max(0.0, part)) * width * 8)
    full, rest = divmod(eighths, 8)
    return (FULL * full + (EIGHTHS[rest] if rest else "")).ljust(width)


def _note(scores: PooledScores, width: int, colours: Palette) -> list[Text]:
    if not scores.note:
        return []
    words, lines = clean(scores.note).split(), [""]
    for word in words:
        if lines[-1] and cell_len(lines[-1]) + 1 + cell_len(word) > width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return [Text(line, style(colours.warning)) for line in lines]
