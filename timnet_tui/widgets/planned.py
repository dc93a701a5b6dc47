"""How experiments look that are planned and not queued yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rich.text import Text

from timnet.presets import PRESETS, Preset
from timnet.queue.forecast import duration
from timnet.queue.plan import Preview, changes_of, runs_of
from timnet.registry.experiments import NewExperiment
from timnet.text import clean
from timnet_tui import wording
from timnet_tui.palette import Palette
from timnet_tui.render import style
from timnet_tui.widgets.table import Cell, Column

COLUMNS = (
    Column("corpus", "corpus", most=16, kept=True),
    Column("preset", "preset", most=12),
    Column("selection", "selection", most=24),
    Column("runs", "runs", right=True),
    Column("settings", "settings", most=60),
    Column("epochs", "epochs", right=True),
    Column("seed", "seed", right=True),
    Column("protocol", "protocol", most=16),
)


@dataclass(frozen=True, slots=True)
class PlannedRow:
    """One planned experiment; ``id`` is its place in the plan."""

    id: int
    corpus: str
    preset: str
    settings: str
    selection: str
    optimistic: bool
    runs: int
    epochs: int
    seed: int
    protocol: str


def rows_of(planned: tuple[NewExperiment, ...], presets: Mapping[str, Preset] = PRESETS) -> tuple[PlannedRow, ...]:
    """A row for each experiment of a plan; ``presets`` are those that it could name."""
    return tuple(
        PlannedRow(
            id=number,
            corpus=clean(one.corpus.name),
            preset=one.preset,
            settings=" ".join(changes_of(one, presets)),
            selection=one.config.selection,
            optimistic=one.config.optimistic,
            runs=runs_of(one),
            epochs=one.config.epochs,
            seed=one.seed,
            protocol=one.protocol,
        )
        for number, one in enumerate(planned)
    )


def planned_cell(row: PlannedRow, column: Column, colours: Palette) -> Cell:
    """One cell of the list; a selection rule that looks at the test fold never stands without its label."""
    if column.key == "selection":
        return Cell(wording.selection_of(row.selection, optimistic=row.optimistic),
                    colours.warning if row.optimistic else colours.faint)  # fmt: skip
    text = str(getattr(row, column.key))
    return Cell(text, colours.text if column.key in ("corpus", "settings") else colours.faint)


def preview_line(preview: Preview, ahead: float | None, colours: Palette) -> Text:
    """``6 corpora x 10 folds = 60 runs, about 3h20m here``; ``ahead`` are the seconds of what is queued already."""
    text = Text().append(f"{product_of(preview)}, ", style(colours.text, bold=True))
    measured = preview.forecast.seconds is not None
    text.append(preview.lasting, style(colours.text if measured else colours.warning, bold=measured))
    if ahead:
        text.append(f"; what is queued already takes about {duration(ahead)}", style(colours.faint))
    return text


def product_of(preview: Preview) -> str:
    """How the number of runs comes about, where it is a product; else how many experiments there are."""
    planned = preview.experiments
    folds = {runs_of(one) for one in planned}
    counts = (
        (len({one.corpus.id for one in planned}), "corpora", True),
        (len({one.preset for one in planned}), "presets", False),
        (len({(one.corpus.id, one.preset, changes_of(one, preview.presets)) for one in planned}), "settings", False),
        (len(planned), "seeds", False),
    )
    factors, product = [], 1
    for distinct, name, always in counts:
        # settings and seeds are counted within what stands before them
        factor = distinct // product if name in ("settings", "seeds") else distinct
        product *= factor
        if factor > 1 or always:
            factors.append(f"{factor} {'corpus' if factor == 1 and name == 'corpora' else name}")
    runs = f"{preview.runs} run{'' if preview.runs == 1 else 's'}"
    if len(folds) != 1 or product != len(planned):
        return f"{len(planned)} experiments = {runs}"
    [each] = folds
    return f"{' x '.join(factors)} x {each} fold{'' if each == 1 else 's'} = {runs}"
