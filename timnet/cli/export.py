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
    from timnet.registry import Registry

app = typer.Typer(help="Export result tables, curves, t-SNE and confusion matrices.", no_args_is_help=True)

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


@app.command("table", epilog=examples("export table", "export table 7 --format json", "export table 7 8 -o results.md"))
def table(
    context: typer.Context,
    experiments: Experiments = None,
    form: Annotated[
        str,
        typer.Option(
            "--format",
            "-f",
            metavar="NAME",
            help="csv, markdown or json.",
            autocompletion=complete.one_of("csv", "markdown", "json"),
        ),
    ] = "markdown",
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="The file; without it, standard output.")
    ] = None,
    folds: Annotated[bool, typer.Option("--folds", help="One row a fold (CSV and JSON; Markdown has both).")] = False,
) -> None:
    """UAR and WAR with sd and n, beside the published figures; each with its protocol and selection rule."""
    from timnet.export.service import export_table

    with reading(context) as (registry, _):
        made = export_table(registry, _chosen(registry, experiments), form, out, folds=folds)
    _tell(made)


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
