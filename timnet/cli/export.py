"""``timnet export``: tables, curves, t-SNE and confusion matrices as files."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from timnet.cli import complete
from timnet.cli.context import reading
from timnet.cli.help import FilterCommand, examples, filter_text
from timnet.cli.output import say
from timnet.errors import BadInput

if TYPE_CHECKING:
    from timnet.export.seed_tables import SettingsTable
    from timnet.export.tables import Table
    from timnet.registry import Registry

app = typer.Typer(help="Export result tables, curves, t-SNE and confusion matrices.", no_args_is_help=True)

AXES = "corpus, source, protocol, selection, preset, seed, experiment"
LISTS = ("csv", "markdown", "json")

Experiments = Annotated[
    list[int] | None,
    typer.Argument(
        metavar="EXPERIMENT",
        help="Experiments; without any, all that have a finished fold.",
        show_default=False,
        autocompletion=complete.experiments,
    ),
]
Folder = Annotated[Path, typer.Option("--out", "-o", metavar="FOLDER", help="The folder for the images.")]
Formats = Annotated[str, typer.Option("--format", metavar="NAMES", help="png, svg; several with commas.")]
Fold = Annotated[int | None, typer.Option("--fold", metavar="N", help="This fold alone.")]


@app.command(
    "table",
    epilog=examples(
        "export table",
        "export table --rows corpus --cols source --metric uar -o results.tex",
        "export table 7 8 --rows experiment -o two.xlsx",
        "export table --seed-table 1",
    ),
)
def table(
    context: typer.Context,
    experiments: Experiments = None,
    rows: Annotated[
        str | None,
        typer.Option("--rows", metavar="WHAT", help=f"{AXES}.", autocompletion=complete.one_of(*AXES.split(", "))),
    ] = None,
    cols: Annotated[
        str | None,
        typer.Option(
            "--cols",
            metavar="WHAT",
            help="The same; another than rows.",
            autocompletion=complete.one_of(*AXES.split(", ")),
        ),
    ] = None,
    metric: Annotated[str, typer.Option("--metric", metavar="NAMES", help="uar, war or uar,war.")] = "uar,war",
    seed_table: Annotated[
        int | None,
        typer.Option("--seed-table", metavar="N", help="1: the seed report's results; 2: its settings, and ours."),
    ] = None,
    form: Annotated[
        str | None,
        typer.Option(
            "--format",
            "-f",
            metavar="NAME",
            help="csv, markdown, latex, json, xlsx or png; without it, what the file's name says, or markdown.",
            autocompletion=complete.one_of("csv", "markdown", "latex", "json", "xlsx", "png"),
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="The file; without it, standard output.")
    ] = None,
    folds: Annotated[
        bool, typer.Option("--folds", help="One row a fold (CSV and JSON lists; Markdown has both).")
    ] = False,
) -> None:
    """UAR and WAR with sd and n, beside the published figures; each with its protocol and selection rule.

    Without --rows and --cols, a list: one row an experiment, then its folds. With them, a table of two things; a cell
    whose results differ in more than the seed lists them one by one. LaTeX, XLSX and PNG are always such tables
    (corpus x source unless told).
    """
    from timnet.export.table_files import table_format

    chosen = table_format(form or (out.suffix if out and out.suffix else "markdown"))
    listed = not (rows or cols or seed_table is not None) and chosen in LISTS
    if folds and not listed:
        raise BadInput("--folds belongs to the list of experiments; leave out --rows, --cols and --seed-table")
    with reading(context) as (registry, _):
        if listed:
            from timnet.export.service import export_table

            _tell(export_table(registry, _chosen(registry, experiments), chosen, out, folds=folds))
            return
        made = _table(registry, experiments, rows, cols, metric, seed_table)
    _write(made, chosen, out)


def _table(
    registry: Registry,
    experiments: list[int] | None,
    rows: str | None,
    cols: str | None,
    metric: str,
    seed_table: int | None,
) -> Table | SettingsTable:
    from timnet.export import seed_tables, tables

    if seed_table is not None:
        if rows or cols or experiments:
            raise BadInput("--seed-table chooses rows, columns and experiments itself; give it alone")
        return seed_tables.seed_table(registry, seed_table)
    named = rows or ("source" if cols == "corpus" else "corpus")
    other = cols or ("source" if named == "corpus" else "corpus")
    metrics = tuple(_formats(metric))
    return tables.build(registry, tables.TableRequest(named, other, metrics, tuple(experiments or ())))


def _write(made: Table | SettingsTable, form: str, out: Path | None) -> None:
    from timnet.export.table_files import BINARY, render_table, suffix_of, write_table

    if out is not None:
        _tell(write_table(made, out, form))
    elif form in BINARY:
        raise BadInput(f"{form} is no text to print; name a file: -o table.{suffix_of(form)}")
    else:
        _tell(render_table(made, form).decode())


@app.command("curves", epilog=examples("export curves 7 -o figures", "export curves 7 --format svg"))
def curves(
    context: typer.Context, experiments: Experiments = None, out: Folder = Path("exports"), form: Formats = "png,svg"
) -> None:
    """Mean accuracy and loss over the folds, each fold faint, n shown."""
    from timnet.export.service import export_curves

    _figures(context, experiments, lambda registry, one: export_curves(registry, one, out, _formats(form)))


@app.command("tsne", epilog=examples("export tsne 7 -o figures", "export tsne 7 --fold 3"))
def tsne(
    context: typer.Context,
    experiments: Experiments = None,
    out: Folder = Path("exports"),
    form: Formats = "png,svg",
    fold: Fold = None,
) -> None:
    """t-SNE of the penultimate layer, each utterance embedded by the fold that did not train on it."""
    from timnet.export.service import export_tsne

    _figures(context, experiments, lambda registry, one: export_tsne(registry, one, out, _formats(form), fold=fold))


@app.command("confusion", epilog=examples("export confusion 7", "export confusion 7 --fold 3"))
def confusion(
    context: typer.Context,
    experiments: Experiments = None,
    out: Folder = Path("exports"),
    form: Formats = "png,svg",
    fold: Fold = None,
) -> None:
    """The confusion matrix, pooled over the folds; rows are the truth."""
    from timnet.export.service import export_confusion

    _figures(
        context, experiments, lambda registry, one: export_confusion(registry, one, out, _formats(form), fold=fold)
    )


@app.command(
    "runs", cls=FilterCommand, epilog=examples("export runs corpus:EMODB state:done -o emodb.json", "export runs")
)
def runs(
    context: typer.Context,
    terms: Annotated[
        list[str] | None,
        typer.Argument(metavar="FILTER", help="Terms that must all hold, e.g. corpus:EMODB state:done."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="The file; without it, standard output.")
    ] = None,
) -> None:
    """Every run with all its epochs, events and predictions' confusion, as JSON."""
    from timnet.export.service import export_runs

    with reading(context) as (registry, _):
        made = export_runs(registry, filter_text(terms), out)
    _tell(made)


def _tell(made: str | Path) -> None:
    """A text on standard output, or where it was written."""
    if isinstance(made, Path):
        say(f"wrote {made}")
    else:
        sys.stdout.write(made)


def _figures(
    context: typer.Context, experiments: list[int] | None, make: Callable[[Registry, int], Sequence[Path]]
) -> None:
    with reading(context) as (registry, _):
        for one in _chosen(registry, experiments):
            for path in make(registry, one):
                say(f"wrote {path}")


def _chosen(registry: Registry, experiments: list[int] | None) -> list[int]:
    """The experiments named, or all that have a finished fold."""
    if experiments:
        return experiments
    done = sorted({run.experiment_id for run in registry.runs.ls("state:done")})
    if not done:
        raise BadInput("no experiment here has a finished fold yet; see: timnet runs ls")
    return done


def _formats(text: str) -> list[str]:
    return [one.strip().lower() for one in text.split(",") if one.strip()]
