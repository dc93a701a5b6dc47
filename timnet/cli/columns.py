"""The columns that ``timnet runs ls`` can show, and the rule that no score stands without its label."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from timnet.cli.output import epoch_text, score, state_text
from timnet.errors import BadInput
from timnet.records import Run
from timnet.selection import selection_text


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its heading, how it tells of a run, and whether it holds numbers (``scored``: scores)."""

    heading: str
    tell: Callable[[Run], str]
    right: bool = False
    scored: bool = False


def _number(name: str) -> Callable[[Run], str]:
    def tell(run: Run) -> str:
        value = getattr(run, name)
        return "–" if value is None else f"{value:.4f}"

    return tell


def _share(name: str) -> Callable[[Run], str]:
    return lambda run: score(getattr(run, name))


def _text(name: str) -> Callable[[Run], str]:
    return lambda run: str(getattr(run, name) if getattr(run, name) is not None else "–")


def _metric(heading: str, name: str, metric: str) -> Column:
    if metric.endswith("loss"):
        return Column(heading, _number(name), right=True)
    return Column(f"{heading} %", _share(name), right=True, scored=metric.startswith("val_"))


METRICS = ("loss", "accuracy", "val_loss", "val_accuracy", "val_uar")

COLUMNS = {
    "run": Column("run", lambda run: run.key),
    "corpus": Column("corpus", lambda run: run.corpus),
    "preset": Column("preset", lambda run: run.preset),
    "protocol": Column("protocol", lambda run: run.protocol),
    "selection": Column("selection", lambda run: selection_text(run.selection, run.optimistic)),
    "seed": Column("seed", _text("seed"), right=True),
    "state": Column("state", state_text),
    "epoch": Column("epoch", epoch_text, right=True),
    "uar": Column("UAR %", _share("uar"), right=True, scored=True),
    "war": Column("WAR %", _share("war"), right=True, scored=True),
    "best": Column("best check", _number("best_value"), right=True, scored=True),
    **{metric: _metric(metric, f"last_{metric}", metric) for metric in METRICS},
    **{f"smoothed_{metric}": _metric(f"smoothed {metric}", f"smooth_{metric}", metric) for metric in METRICS},
    "seconds": Column("s/epoch", _number("last_seconds"), right=True),
    "priority": Column("priority", _text("priority"), right=True),
    "attempt": Column("attempt", _text("attempt"), right=True),
    "engine": Column("engine", _text("engine")),
    "job": Column("job", _text("job")),
    "host": Column("host", _text("node")),
    "tags": Column("tags", lambda run: " ".join(run.tags)),
    "created": Column("created", _text("created")),
    "updated": Column("updated", _text("updated")),
    "why": Column("why", lambda run: run.waiting_for or run.error or ""),
}

USUAL = ("run", "corpus", "preset", "protocol", "selection", "state", "epoch", "uar", "war", "why")
LABELS = ("protocol", "selection")


def chosen(text: str | None) -> tuple[str, ...]:
    """The columns named in ``text``, separated by commas; the usual ones for None.

    The run comes first, and protocol and selection stand beside any score. Raises :class:`BadInput`.
    """
    if text is None:
        return USUAL
    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in COLUMNS]
    if unknown or not names:
        raise BadInput(f"no column {(unknown or [text])[0]!r}; there are: {', '.join(COLUMNS)}")
    labels = LABELS if any(COLUMNS[name].scored for name in names) else ()
    missing = [label for label in labels if label not in names]
    place = next((place for place, name in enumerate(names) if COLUMNS[name].scored), len(names))
    return tuple(dict.fromkeys(["run", *names[:place], *missing, *names[place:]]))


def table(runs: Sequence[Run], names: Sequence[str]) -> tuple[list[str], list[list[str]], list[str]]:
    """Headings, a row a run, and the headings whose columns are aligned to the right."""
    columns = [COLUMNS[name] for name in names]
    rows = [[column.tell(run) for column in columns] for run in runs]
    return [column.heading for column in columns], rows, [column.heading for column in columns if column.right]
