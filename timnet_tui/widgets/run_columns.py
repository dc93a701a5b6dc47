"""What can be said of a run, or of runs put together, as columns of a table."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import fields

from timnet.evaluation.summary import Summary
from timnet.records import Run, RunState, TrainingConfig
from timnet.text import clean
from timnet_tui import wording
from timnet_tui.looks.runs import APART, GroupRow, RunRow
from timnet_tui.palette import GLYPHS, Palette, colour_of, glyph_of, heat, ink
from timnet_tui.widgets.table import Cell, Column

SELECTION_MOST, TEXT_MOST, DATE = 24, 40, 16
#: what only a run's experiment knows
OF_EXPERIMENT = ("note", "source", *(field.name for field in fields(TrainingConfig)))
DEFAULT = ("run", "corpus", "protocol", "selection", "epoch", "uar", "war", "preset", "tags", "why")
#: beside every score, whatever columns are chosen
ALWAYS = ("run", "protocol", "selection")

_SCORES: dict[tuple[str, int], Cell] = {}

COLUMNS: dict[str, Column] = {
    column.key: column
    for column in (
        Column("run", "run", "its id, and a sign for its state", sort="id", kept=True),
        Column("corpus", "corpus", sort="corpus", kept=True),
        Column("protocol", "protocol", "how the folds were made", kept=True),
        Column("selection", "selection", "which epoch the score is of", most=SELECTION_MOST, kept=True),
        Column("state", "state", "with what has been asked of it", most=28, sort="state"),
        Column("epoch", "epoch", "finished, of how many", right=True, sort="epoch"),
        Column("uar", "UAR %", "the final score", right=True, sort="uar"),
        Column("war", "WAR %", "the final score", right=True, sort="war"),
        Column("best", "best", "the best check so far, of the metric that is watched", right=True, sort="best"),
        Column("val_uar", "val UAR %", "the last epoch's, on the test fold", right=True, sort="val_uar"),
        Column("val_accuracy", "val acc %", "the last epoch's, on the test fold", right=True, sort="val_accuracy"),
        Column("val_loss", "val loss", "the last epoch's, on the test fold", right=True, sort="val_loss"),
        Column("accuracy", "acc %", "the last epoch's, in training", right=True, sort="accuracy"),
        Column("loss", "loss", "the last epoch's, in training, on smoothed labels", right=True, sort="loss"),
        Column("smoothed_val_uar", "~val UAR %", "smoothed over the epochs", right=True, sort="smoothed_val_uar"),
        Column("smoothed_val_accuracy", "~val acc %", "smoothed", right=True, sort="smoothed_val_accuracy"),
        Column("smoothed_val_loss", "~val loss", "smoothed", right=True, sort="smoothed_val_loss"),
        Column("smoothed_accuracy", "~acc %", "smoothed", right=True, sort="smoothed_accuracy"),
        Column("smoothed_loss", "~loss", "smoothed", right=True, sort="smoothed_loss"),
        Column("preset", "preset"),
        Column("seed", "seed", right=True),
        Column("tags", "tags", "of its experiment", most=20),
        Column("why", "why", "what it waits for, or how it failed", most=TEXT_MOST),
        Column("note", "note", "of its experiment", most=TEXT_MOST),
        Column("source", "source", "trained here, or imported"),
        Column("priority", "prio", "in the queue", right=True, sort="priority"),
        Column("attempt", "try", "which attempt it is", right=True),
        Column("seconds", "s/epoch", "how long the last epoch took", right=True, sort="seconds"),
        Column("engine", "engine", "what trains it: local, slurm, ray"),
        Column("job", "job", "what it is in Slurm or Ray", most=14),
        Column("host", "host", "where it ran last"),
        Column("created", "created", "UTC", most=DATE, sort="created"),
        Column("updated", "updated", "UTC", most=DATE, sort="updated"),
        *(Column(field.name, field.name, "a setting", right=True) for field in fields(TrainingConfig)
          if field.name != "epochs"),
    )
}  # fmt: skip


def chosen(keys: Iterable[str]) -> tuple[Column, ...]:
    """The columns of these keys, in the table's own order, with those that belong to every score."""
    wanted = {*keys, *ALWAYS}
    return tuple(column for key, column in COLUMNS.items() if key in wanted)


def of_run(row: RunRow, column: Column, colours: Palette) -> Cell:
    """The cell of one run."""
    run, key = row.run, column.key
    if key == "run":
        return Cell(f"{glyph_of(run)} {run.key}", colour_of(run, colours), bold=True)
    if key in _SPECIAL:
        return _SPECIAL[key](run, colours)
    if key in OF_EXPERIMENT:
        return Cell(_of_experiment(row, key), colours.faint)
    text = _TEXTS[key](run) if key in _TEXTS else _metric(run, key)
    return Cell(text, colours.text if key in ("corpus", "tags") else colours.faint)


def _of_experiment(row: RunRow, key: str) -> str:
    if row.experiment is None:
        return ""
    known = {"note": row.experiment.note, "source": row.experiment.source}
    return clean(str(known[key] if key in known else getattr(row.experiment.config, key)))


def _selection(run: Run, colours: Palette) -> Cell:
    text = wording.selection_of(run.selection, optimistic=run.optimistic)
    return Cell(text, colours.warning if run.optimistic else colours.faint)


def _score(value: float | None, colours: Palette) -> Cell:
    if value is None:
        return Cell("–", colours.faint)
    key = (colours.name, round(1000 * value))
    if key not in _SCORES:  # what reads well on a background takes long to find, and there are few scores
        background = heat(value, colours)
        _SCORES[key] = Cell(wording.percent(value), ink(background), background)
    return _SCORES[key]


def _state(run: Run, colours: Palette) -> Cell:
    return Cell(wording.state_of(run), colours.warning if run.want else colour_of(run, colours))


def _why(run: Run, colours: Palette) -> Cell:
    failed = run.state is RunState.FAILED
    return Cell(clean(run.waiting_for or run.error or ""), colours.error if failed else colours.faint)


_SPECIAL: dict[str, Callable[[Run, Palette], Cell]] = {
    "selection": _selection,
    "uar": lambda run, colours: _score(run.uar, colours),
    "war": lambda run, colours: _score(run.war, colours),
    "state": _state,
    "why": _why,
}
_TEXTS: dict[str, Callable[[Run], str]] = {
    "corpus": lambda run: clean(run.corpus),
    "protocol": lambda run: clean(run.protocol),
    "preset": lambda run: clean(run.preset),
    "epoch": lambda run: f"{run.epoch}/{run.epochs}",
    "best": lambda run: _plain(run.best_value),
    "seed": lambda run: str(run.seed),
    "tags": lambda run: clean(" ".join(run.tags)) + (" ⚑" if run.pinned else ""),
    "priority": lambda run: str(run.priority),
    "attempt": lambda run: str(run.attempt),
    "seconds": lambda run: "–" if run.last_seconds is None else f"{run.last_seconds:.2f}",
    "engine": lambda run: clean(run.engine or ""),
    "job": lambda run: clean(run.job or ""),
    "host": lambda run: clean(run.node or ""),
    "created": lambda run: _date(run.created),
    "updated": lambda run: _date(run.updated),
}


def _metric(run: Run, key: str) -> str:
    """A metric of the last epoch, or smoothed: shares in per cent."""
    name = f"smooth_{key.removeprefix('smoothed_')}" if key.startswith("smoothed_") else f"last_{key}"
    value: float | None = getattr(run, name)
    return _plain(value) if name.endswith("loss") else wording.percent(value)


def _plain(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def _date(text: str) -> str:
    """To the minute."""
    return clean(text[:DATE].replace("T", " "))


def of_groups(by: str) -> tuple[Column, ...]:
    """The columns of runs put together: what they share, then their scores with n."""
    shared = tuple(
        Column(field, field, most=SELECTION_MOST, sort="group" if field == by else "", kept=True)
        for field in (by, *(field for field in APART if field != by))
    )
    return (
        *shared,
        Column("n", "n", "finished runs with a score", right=True, sort="n"),
        Column("uar", "UAR % ± sd", "mean over n runs", most=16, right=True, sort="uar"),
        Column("war", "WAR % ± sd", "mean over n runs", most=16, right=True, sort="war"),
        Column("best", "best", "the highest UAR of a single run", right=True, sort="best"),
        Column("runs", "runs", right=True, sort="runs"),
        Column("experiments", "exp", right=True, sort="experiments"),
        Column("states", "states", most=48),
    )


def of_group(row: GroupRow, column: Column, colours: Palette) -> Cell:
    """The cell of runs put together."""
    key, group = column.key, row.group
    if key in row.fields:
        return _shared(row, key, colours)
    if key in ("uar", "war"):
        return _mean(group.uar if key == "uar" else group.war, group.uar.n, colours)
    texts = {
        "n": str(group.uar.n),
        "best": wording.percent(group.best_uar),
        "runs": str(group.runs),
        "experiments": str(group.experiments),
        "states": "  ".join(f"{GLYPHS[state]} {count}" for state, count in group.states if count),
    }
    return Cell(texts[key], colours.text if key == "n" else colours.faint)


def _shared(row: GroupRow, field: str, colours: Palette) -> Cell:
    value = row.value(field)
    text = "(none)" if value is None else clean(str(value))
    if field == "selection" and row.group.optimistic:
        return Cell(wording.selection_of(text, optimistic=True), colours.warning)
    first = field == row.by
    return Cell(text, colours.accent if first else colours.text, bold=first)


def _mean(summary: Summary, n: int, colours: Palette) -> Cell:
    """A mean with its spread; its own n where that is not the row's."""
    if summary.mean is None:
        return Cell("–", colours.faint)
    spread = "" if summary.sd is None else f" ± {100 * summary.sd:.1f}"
    own = "" if summary.n == n else f" (n {summary.n})"
    return Cell(f"{wording.percent(summary.mean)}{spread}{own}", colours.text, bold=True)
