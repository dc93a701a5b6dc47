"""``timnet export``: tables, curves, t-SNE and confusion matrices as files."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from timnet.cli.context import reading
from timnet.cli.output import say
from timnet.errors import BadInput

if TYPE_CHECKING:
    from timnet.registry import Registry

app = typer.Typer(help="Export result tables, curves, t-SNE and confusion matrices.", no_args_is_help=True)

Experiments = Annotated[
    list[int] | None, typer.Argument(help="Experiments; without any, all of them.", show_default=False)
]
Folder = Annotated[Path, typer.Option("--out", "-o", help="The folder for the images.")]
Formats = Annotated[str, typer.Option("--format", help="png, svg, pdf; several with commas.")]
Fold = Annotated[int | None, typer.Option("--fold", help="This fold alone.")]


@app.command("table")
def table(
    context: typer.Context,
    experiments: Experiments = None,
    form: Annotated[str, typer.Option("--format", "-f", help="csv, markdown or json.")] = "markdown",
    out: Annotated[Path | None, typer.Option("--out", "-o", help="The file; without it, standard output.")] = None,
    folds: Annotated[bool, typer.Option("--folds", help="One row a fold (CSV and JSON; Markdown has both).")] = False,
) -> None:
    """UAR and WAR with sd and n, beside the published figures; each with its protocol and selection rule.

    Examples: timnet export table 7 --format json, timnet export table 7 8 -o results.md
    """
    from timnet.export.service import export_table

    with reading(context) as (registry, _):
        made = export_table(registry, _chosen(registry, experiments), form, out, folds=folds)
    if isinstance(made, Path):
        say(f"wrote {made}")
    else:
        sys.stdout.write(made)


@app.command("curves")
def curves(
    context: typer.Context, experiments: Experiments = None, out: Folder = Path("exports"), form: Formats = "png,svg"
) -> None:
    """Mean accuracy and loss over the folds, each fold faint, n shown.

    Example: timnet export curves 7 -o figures
    """
    from timnet.export.service import export_curves

    _figures(context, experiments, lambda registry, one: export_curves(registry, one, out, _formats(form)))


@app.command("tsne")
def tsne(
    context: typer.Context,
    experiments: Experiments = None,
    out: Folder = Path("exports"),
    form: Formats = "png,svg",
    fold: Fold = None,
) -> None:
    """t-SNE of the penultimate layer, each utterance embedded by the fold that did not train on it.

    Example: timnet export tsne 7 -o figures
    """
    from timnet.export.service import export_tsne

    _figures(context, experiments, lambda registry, one: export_tsne(registry, one, out, _formats(form), fold=fold))


@app.command("confusion")
def confusion(
    context: typer.Context,
    experiments: Experiments = None,
    out: Folder = Path("exports"),
    form: Formats = "png,svg",
    fold: Fold = None,
) -> None:
    """The confusion matrix, pooled over the folds; rows are the truth.

    Example: timnet export confusion 7 --fold 3
    """
    from timnet.export.service import export_confusion

    _figures(
        context, experiments, lambda registry, one: export_confusion(registry, one, out, _formats(form), fold=fold)
    )


@app.command("runs")
def runs(
    context: typer.Context,
    terms: Annotated[list[str] | None, typer.Argument(help="A filter, e.g. corpus:EMODB state:done.")] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="The file; without it, standard output.")] = None,
) -> None:
    """Every run with all its epochs, events and predictions' confusion, as JSON.

    Example: timnet export runs corpus:EMODB -o emodb.json
    """
    from timnet.export.contract import run_details, to_json
    from timnet.files import write_text

    with reading(context) as (registry, _):
        text = to_json([run_details(registry, run) for run in registry.runs.ls(" ".join(terms or []))])
    if out is None:
        sys.stdout.write(text)
    else:
        write_text(out, text)
        say(f"wrote {out}")


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
