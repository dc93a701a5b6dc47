"""What a chart says in words: the values of every line at the cursor, or the newest, and what its signs mean."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rich.text import Text

from timnet.text import clean
from timnet_tui.charts import glyphs
from timnet_tui.charts.axes import count_label
from timnet_tui.charts.inks import Ink, compared
from timnet_tui.charts.model import Band, BandKind, MarkKind, Plot, Role, Series, XAxis
from timnet_tui.charts.view import nearest
from timnet_tui.render import style

#: what the band is, as the caption says it
BANDS = {
    BandKind.NONE: "mean",
    BandKind.SD: "mean ±sd",
    BandKind.SE: "mean ±se",
    BandKind.CI: "mean, 95% CI",
    BandKind.RANGE: "mean, min–max",
}
NAMES = {Role.TRAIN: ("train", "train"), Role.VALIDATION: ("validation", "val"), Role.INNER: ("inner set", "inner")}
#: places at which the number of folds changes that the caption names
CHANGES_AT_MOST = 3


@dataclass(frozen=True, slots=True)
class Reading:
    """One line at one x: what was measured there, the smoothed value if one is drawn, the band and its n."""

    series: Series
    x: float | None = None
    value: float | None = None
    smoothed: float | None = None
    lower: float | None = None
    upper: float | None = None
    n: int | None = None


def readings(plot: Plot, x: float | None = None) -> tuple[Reading, ...]:
    """Every line that is read, at its point nearest to ``x`` but never beyond its ends, or at its newest."""
    return tuple(_read(series, x) for series in plot.strong)


def _read(series: Series, x: float | None) -> Reading:
    if not series.x:
        return Reading(series)
    if x is None:
        place = len(series.x) - 1
    else:
        near = nearest(series.x, x)
        if near is None or not series.x[0] <= x <= series.x[-1]:
            return Reading(series)
        place = bisect_left(series.x, near)
    band = series.band
    return Reading(
        series,
        series.x[place],
        series.measured[place],
        None if series.raw is None else series.y[place],
        None if band is None else band.lower[place],
        None if band is None else band.upper[place],
        None if band is None else band.n[place],
    )


def position(plot: Plot, x: float) -> str:
    """An x in words: ``epoch 212``, ``step 1696``, ``12.5 min``."""
    if plot.x_axis is XAxis.MINUTES:
        return f"{x:.1f} min"
    return f"{plot.x_axis.value} {x:.0f}"


def value_text(reading: Reading, form: str) -> str:
    """``84.1 ±3.2 n 7``: a mean never without its spread and the number of folds it is over."""
    text = "–" if reading.value is None else f"{reading.value:{form}}"
    if reading.series.band is not None:
        text += _spread(reading, reading.series.band, form)
    return text if reading.n is None else f"{text} n {reading.n}"


def _spread(reading: Reading, band: Band, form: str) -> str:
    if reading.value is None or reading.lower is None or reading.upper is None:
        return ""
    if band.kind in (BandKind.SD, BandKind.SE):
        return f" ±{(reading.upper - reading.lower) / 2:{form}}"
    return f" {reading.lower:{form}}–{reading.upper:{form}}"


def changes_text(plot: Plot) -> str:
    """``n 10 → 9 at 180, 7 at 212``: where the means go on over other folds than before."""
    if not plot.changes:
        return ""
    first = plot.changes[0]
    where = [f"{change.after} at {_short(plot, change.x)}" for change in plot.changes]
    if len(where) > CHANGES_AT_MOST:
        where = [*where[: CHANGES_AT_MOST - 1], "…", where[-1]]
    return f"n {first.before} → {', '.join(where)}"


def _short(plot: Plot, x: float) -> str:
    return f"{x:.1f} min" if plot.x_axis is XAxis.MINUTES else count_label(x)


# the caption


def caption(plot: Plot, ink: Ink, width: int, lines: int = 1, cursor: float | None = None) -> list[Text]:
    """At most ``lines`` lines: the title, every line's sign, name and value, and what the marks mean.

    In a narrow room names get short and explanations go first; values, spreads and n stay. With a ``cursor`` the
    values are those there.
    """
    read = readings(plot, cursor)
    for detail in (3, 2, 1, 0):
        found = _flow(_items(plot, read, ink, cursor, detail), width, lines)
        if found is not None:
            return found
    return _cut(_items(plot, read, ink, cursor, 0), width, lines, ink)


def _items(plot: Plot, read: Sequence[Reading], ink: Ink, cursor: float | None, detail: int) -> list[Text]:
    items = [_title(plot, ink, cursor, detail)]
    counts = {reading.n for reading in read}
    once = detail == 0 and len(counts) == 1 and None not in counts
    if once:  # the same for all lines: said for all of them
        items.append(Text(f"n {counts.pop()}", style(ink.palette.text)))
    for reading in read:
        text = f"{ink.sign(reading.series)} {_name(plot, reading.series, short=detail < 2)} "
        value = value_text(replace(reading, n=None), plot.form).replace(" ±", "±") if once else None
        items.append(Text(text + (value or value_text(reading, plot.form)), style(ink.colour(reading.series))))
    if detail >= 1 and plot.changes:
        items.append(Text(changes_text(plot), style(ink.palette.warning)))
    if plot.best is not None and detail >= 2:
        items.append(Text(f"{_sign(MarkKind.BEST, ink)} best: epoch {plot.best}", style(ink.palette.text)))
    return items + (_legend(plot, ink) if detail >= 3 else [])


def _title(plot: Plot, ink: Ink, cursor: float | None, detail: int) -> Text:
    text = Text().append(plot.title, style(ink.palette.text, bold=True))
    bands = {series.band.kind for series in plot.strong if series.band is not None}
    about = [", log y"] if plot.log else []
    if detail >= 1:
        about += [f", {BANDS[kind]}" for kind in sorted(bands)]
        about += [f", ema {plot.smoothing:g}"] if plot.smoothing else []
        about += [f" by {plot.x_axis.value}"] if plot.x_axis is not XAxis.EPOCH else []
    text.append("".join(about), style(ink.palette.text))
    if cursor is not None:
        text.append(f"  {position(plot, cursor)}", style(ink.palette.accent, bold=True))
    return text


def _name(plot: Plot, series: Series, *, short: bool) -> str:
    role = NAMES[series.role][short]
    if not compared(plot):
        return role
    several = len({one.role for one in plot.strong}) > 1
    return f"{clean(series.label)} {role}" if several else clean(series.label)


def _sign(kind: MarkKind, ink: Ink) -> str:
    return glyphs.MARKS[kind].shown(ascii_only=ink.ascii_only)


def _legend(plot: Plot, ink: Ink) -> list[Text]:
    """The marks there are, but for those that the caption tells in its own words."""
    told = {MarkKind.BEST, MarkKind.COUNT} if plot.best is not None else {MarkKind.COUNT}
    kinds = [kind for kind in MarkKind if kind not in told and any(mark.kind is kind for mark in plot.marks)]
    return [Text(f"{_sign(kind, ink)} {glyphs.MARKS[kind].word}", style(ink.palette.faint)) for kind in kinds]


def _flow(items: Sequence[Text], width: int, lines: int) -> list[Text] | None:
    """The items on as few lines as they need, two cells between them; None where ``lines`` do not hold them."""
    found = [Text(no_wrap=True)]
    for item in items:
        if found[-1].cell_len and found[-1].cell_len + 2 + item.cell_len > width:
            found.append(Text(no_wrap=True))
        if item.cell_len > width or len(found) > lines:
            return None
        if found[-1].cell_len:
            found[-1].append("  ")
        found[-1].append_text(item)
    return found


def _cut(items: Sequence[Text], width: int, lines: int, ink: Ink) -> list[Text]:
    """As many items as there is room for, and how many are left out."""
    for kept in range(len(items) - 1, 0, -1):
        more = Text(f"+{len(items) - kept} more", style(ink.palette.faint))
        found = _flow([*items[:kept], more], width, lines)
        if found is not None:
            return found
    return [Text.assemble(*items[:1], no_wrap=True)]


def lines_for(plot: Plot, width: int, height: int) -> int:
    """How many lines a caption gets: one, or more for means and for what is compared, where it needs and there is room.

    It depends on what is shown but not on the numbers, so that a chart keeps its height while the cursor moves.
    """
    if width < 1 or not (compared(plot) or any(series.band is not None for series in plot.strong)):
        return 1
    needed = len(plot.title) + 1 + sum(_room_of(plot, series) for series in plot.strong)
    return min(-(-needed // width), max(1, height // 4))


def _room_of(plot: Plot, series: Series) -> int:
    """About how wide the short form of one line's item is, with the space before it."""
    spread = {BandKind.NONE: 5, BandKind.SD: 12, BandKind.SE: 12}
    band = 0 if series.band is None else spread.get(series.band.kind, 18)
    return len(_name(plot, series, short=True)) + 10 + band


def note(plot: Plot, width: int) -> str:
    """The note below, short where there is little room, with what a logarithmic axis cannot show."""
    left = left_out(plot)
    said = f"{left} value{'s' * (left > 1)} at or below 0 left out" if left else ""
    for base in (plot.note, plot.short_note, ""):
        text = "; ".join(part for part in (said, base) if part)
        if len(text) <= width:
            return text
    return said[: max(0, width)]


def left_out(plot: Plot) -> int:
    """How many measured values have no place on a logarithmic axis."""
    if not plot.log:
        return 0
    return sum(value is not None and value <= 0 for series in plot.strong for value in series.measured)
