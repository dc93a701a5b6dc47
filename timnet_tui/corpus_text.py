"""What the corpora screen says of a corpus, as cells of the list and as lines about one. Pure."""

from __future__ import annotations

from rich.text import Text

from timnet.corpora.check import CorpusCheck
from timnet.text import clean
from timnet_tui.looks.corpora import CorpusRow, Count
from timnet_tui.palette import Palette
from timnet_tui.render import style
from timnet_tui.widgets.table import Cell, Column

RATE = 22_050
BAR = 20
NONE = "–"

COLUMNS = (
    Column("corpus", "corpus", kept=True, most=32),
    Column("utterances", "utterances", "registered, and published where that differs", right=True),
    Column("speakers", "speakers", right=True),
    Column("classes", "classes", right=True),
    Column("features", "features", "what the feature cache holds", most=20),
    Column("experiments", "exp.", "experiments that use it", right=True),
    Column("path", "path", most=200),
)


def size(count: int) -> str:
    """Bytes for people: ``12.3 MiB``."""
    return f"{count / 2**20:.1f} MiB" if count < 2**30 else f"{count / 2**30:.2f} GiB"


def of(here: int, expected: int | None) -> str:
    """``535``, or ``70/535`` where another number is published."""
    return str(here) if expected is None or here == expected else f"{here}/{expected}"


def cell(row: CorpusRow, column: Column, colours: Palette) -> Cell:
    """One cell of the list."""
    if not row.registered:
        return _absent(row, column, colours)
    short = row.as_published is False
    match column.key:
        case "corpus":
            return Cell(clean(row.name), bold=True)
        case "utterances":
            return Cell(of(row.utterances, row.expected), colours.warning if short else None)
        case "speakers":
            return Cell(of(row.speakers, row.expected_speakers) if row.speakers else NONE)
        case "classes":
            return Cell(str(len(row.classes)))
        case "features":
            return _features(row, colours)
        case "experiments":
            return Cell(str(row.experiments), None if row.experiments else colours.faint)
        case _:
            return Cell(clean(row.path), colours.faint)


def _absent(row: CorpusRow, column: Column, colours: Palette) -> Cell:
    where = "f fetches, a adds" if row.fetchable else "a adds it"
    texts = {
        "corpus": row.name,
        "utterances": of(0, row.expected),
        "speakers": of(0, row.expected_speakers) if row.expected_speakers else NONE,
        "classes": str(len(row.classes)),
        "features": NONE,
        "experiments": str(row.experiments),
        "path": where,
    }
    return Cell(texts[column.key], colours.faint)


def _features(row: CorpusRow, colours: Palette) -> Cell:
    if row.features.fresh:
        return Cell(f"fresh {size(row.features.bytes)}")
    if row.features.stale_bytes:
        return Cell(f"stale {size(row.features.stale_bytes)}", colours.warning)
    return Cell("none", colours.faint)


def about(row: CorpusRow, check: CorpusCheck | None, colours: Palette) -> Text:
    """All lines about one corpus; ``check`` is what the last check here found."""
    plain, faint = style(colours.text), style(colours.faint)
    text = Text().append(clean(row.name), style(colours.accent, bold=True))
    if not row.registered:
        text.append("  known by name, not registered here\n\n", faint)
        text.append(f"{'can be fetched, terms: ' if row.fetchable else ''}{row.terms}\n", plain)
        if row.expected:
            counts = ", ".join(f"{clean(count.name)} {count.expected}" for count in row.classes)
            text.append(f"\npublished: {row.expected} utterances ({counts})\n", plain)
        if row.experiments:
            text.append(f"used by {row.experiments} experiment{'' if row.experiments == 1 else 's'}\n", plain)
        keys = "f fetches it, a adds it from a folder" if row.fetchable else "a adds it from a folder"
        return text.append(f"\n{keys}\n", faint)
    text.append(f"  registered {row.added[:10]}\n", faint)
    text.append(f"{clean(row.path)}\n", plain)
    seconds = row.signal_length / RATE
    text.append(f"laid out as {clean(row.layout)}; signal {seconds:.2f} s, {row.tabs} TABs\n\n", faint)
    _classes(text, row, colours)
    speakers = f"{of(row.speakers, row.expected_speakers)} speakers" if row.speakers else "speakers not told"
    text.append(f"\n{of(row.utterances, row.expected)} utterances, {speakers}\n", plain)
    _cache(text, row, colours)
    uses = f"used by {row.experiments} experiment{'' if row.experiments == 1 else 's'}"
    text.append(f"{uses if row.experiments else 'not used by any experiment yet'}\n", plain)
    return _checked(text, check, colours)


def _classes(text: Text, row: CorpusRow, colours: Palette) -> Text:
    width = max((len(count.name) for count in row.classes), default=0)
    most = max((max(count.here, count.expected or 0) for count in row.classes), default=1) or 1
    for count in row.classes:
        right = count.expected is None or count.here == count.expected
        text.append(f"  {clean(count.name):<{width}} ", style(colours.text))
        text.append(f"{_count(count):>9} ", style(colours.text if right else colours.warning))
        here = round(BAR * count.here / most)
        missing = max(0, round(BAR * (count.expected or 0) / most) - here)
        text.append("█" * here, style(colours.accent)).append("░" * missing, style(colours.faint))
        text.append("\n")
    return text


def _count(count: Count) -> str:
    return of(count.here, count.expected)


def _cache(text: Text, row: CorpusRow, colours: Palette) -> None:
    one = row.features
    if one.fresh:
        text.append(f"features: fresh, {size(one.bytes)}\n", style(colours.text))
    else:
        text.append("features: none yet; e extracts them, or the first run\n", style(colours.text))
    if one.stale_bytes:
        stale = f"          {size(one.stale_bytes)} stale; remove: timnet corpora features --stale --rm\n"
        text.append(stale, style(colours.faint))


def _checked(text: Text, check: CorpusCheck | None, colours: Palette) -> Text:
    if check is None:
        return text.append("v verifies its files\n", style(colours.faint))
    if check.problems:
        text.append(f"\nverified: {len(check.problems)} to look at\n", style(colours.warning, bold=True))
    else:
        text.append("\nverified: nothing missing, nothing changed\n", style(colours.text, bold=True))
    for problem in check.problems:
        text.append(f"! {clean(problem)}\n", style(colours.text))
    for note in check.notes:
        text.append(f"- {clean(note)}\n", style(colours.faint))
    return text
