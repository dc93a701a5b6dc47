"""``timnet export``: tables, curves, t-SNE and confusion matrices as files."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from timnet.cli import complete
from timnet.cli.context import reading, settings_of
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
Formats = Annotated[str, typer.Option("--format", metavar="NAMES", help="png, svg, pdf; several with commas.")]
Fold = Annotated[int | None, typer.Option("--fold", metavar="N", help="This fold alone.")]
Dark = Annotated[bool, typer.Option("--dark", help="Light ink on a dark ground.")]
BANDS = ("sd", "se", "ci", "range")
CELLS = ("both", "counts", "percent")
PAGES = ("tsne", "confusion", "recall", "curves")


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
    return tables.build_for_export(registry, tables.TableRequest(named, other, metrics, tuple(experiments or ())))


def _write(made: Table | SettingsTable, form: str, out: Path | None) -> None:
    from timnet.export.table_files import BINARY, render_table, suffix_of, write_table

    if out is not None:
        _tell(write_table(made, out, form))
    elif form in BINARY:
        raise BadInput(f"{form} is no text to print; name a file: -o table.{suffix_of(form)}")
    else:
        _tell(render_table(made, form).decode())


@app.command(
    "curves",
    epilog=examples(
        "export curves 7 -o figures", "export curves 7 --band ci --smooth 0.9 --format pdf", "export curves 7 --dark"
    ),
)
def curves(
    context: typer.Context,
    experiments: Experiments = None,
    out: Folder = Path("exports"),
    form: Formats = "png,svg",
    band: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Around the mean: sd, se, ci (95 %) or range (lowest to highest fold).",
            autocompletion=complete.one_of(*BANDS),
        ),
    ] = "sd",
    smoothing: Annotated[
        float,
        typer.Option("--smooth", metavar="W", help="Smooth the mean's line, 0 to 0.99; the rest stays as measured."),
    ] = 0.0,
    dark: Dark = False,
) -> None:
    """Mean accuracy and loss over the folds, each fold faint, n shown."""
    from timnet.export.figures.looks import CurveLook
    from timnet.export.service import export_curves

    look = CurveLook(band, smoothing)
    _figures(
        context,
        experiments,
        lambda registry, one: export_curves(registry, one, out, _formats(form), look=look, dark=dark),
    )


@app.command(
    "tsne",
    epilog=examples(
        "export tsne 7 -o figures", "export tsne 7 --fold 3", "export tsne 7 --mfcc --format pdf",
        "export tsne 7 --all-by 1 --scaled",
    ),
)  # fmt: skip
def tsne(
    context: typer.Context,
    experiments: Experiments = None,
    out: Folder = Path("exports"),
    form: Formats = "png,svg",
    fold: Fold = None,
    all_by: Annotated[
        int | None,
        typer.Option(
            "--all-by", metavar="N", help="All utterances by fold N's network, those it was trained on faint."
        ),
    ] = None,
    perplexity: Annotated[float, typer.Option(metavar="P", help="About how many neighbours a point looks at.")] = 30.0,
    seed: Annotated[int | None, typer.Option(metavar="N", help="Another seed than the experiment's.")] = None,
    scaled: Annotated[
        bool, typer.Option("--scaled", help="First bring each value of the embedding to mean 0 and sd 1.")
    ] = False,
    mfcc: Annotated[
        bool, typer.Option("--mfcc", help="Beside it the input: the same utterances by the means of their MFCCs.")
    ] = False,
    dark: Dark = False,
) -> None:
    """t-SNE of the penultimate layer, each utterance embedded by the fold that did not train on it.

    More than 3000 utterances are placed by openTSNE where it is installed (the extra tsne); the caption says by what.
    """
    from timnet.export.placed import Placing
    from timnet.export.service import export_tsne

    if all_by is not None and fold is not None:
        raise BadInput("--fold shows one fold's test utterances, --all-by all utterances; give one of them")
    placing = Placing(perplexity, seed, scaled, everything=all_by is not None)
    cache = settings_of(context).cache if mfcc else None
    only = all_by if all_by is not None else fold
    _figures(
        context,
        experiments,
        lambda registry, one: export_tsne(
            registry, one, out, _formats(form), fold=only, placing=placing, mfcc=cache, dark=dark
        ),
    )


@app.command(
    "confusion",
    epilog=examples("export confusion 7", "export confusion 7 --fold 3", "export confusion 7 --cells percent"),
)
def confusion(
    context: typer.Context,
    experiments: Experiments = None,
    out: Folder = Path("exports"),
    form: Formats = "png,svg",
    fold: Fold = None,
    cells: Annotated[
        str,
        typer.Option(
            metavar="WHAT",
            help="What stands in the cells: both, counts or percent (of the true class).",
            autocompletion=complete.one_of(*CELLS),
        ),
    ] = "both",
    dark: Dark = False,
) -> None:
    """The confusion matrix, pooled over the folds; rows are the truth."""
    from timnet.export.figures.looks import MatrixLook
    from timnet.export.service import export_confusion

    look = MatrixLook(cells)
    _figures(
        context,
        experiments,
        lambda registry, one: export_confusion(registry, one, out, _formats(form), fold=fold, look=look, dark=dark),
    )


@app.command("recall", epilog=examples("export recall 7", "export recall 7 --fold 3 --format pdf"))
def recall(
    context: typer.Context,
    experiments: Experiments = None,
    out: Folder = Path("exports"),
    form: Formats = "png,svg",
    fold: Fold = None,
    dark: Dark = False,
) -> None:
    """The recall of each class with its 95 % interval, by drawing whole speakers."""
    from timnet.export.service import export_recall

    _figures(
        context,
        experiments,
        lambda registry, one: export_recall(registry, one, out, _formats(form), fold=fold, dark=dark),
    )


@app.command("page", epilog=examples("export page", "export page 7 8 --what confusion --format pdf -o figures"))
def page(
    context: typer.Context,
    experiments: Annotated[
        list[int] | None,
        typer.Argument(
            metavar="EXPERIMENT",
            help="Experiments; without any, the newest of each corpus that has a finished fold.",
            show_default=False,
            autocompletion=complete.experiments,
        ),
    ] = None,
    out: Folder = Path("exports"),
    form: Formats = "png,svg",
    what: Annotated[
        str,
        typer.Option(metavar="WHAT", help="tsne, confusion, recall or curves.", autocompletion=complete.one_of(*PAGES)),
    ] = "tsne",
    dark: Dark = False,
) -> None:
    """One figure with a panel for each corpus or experiment, every panel with its protocol, selection and scores."""
    from timnet.export.page import export_page

    with reading(context) as (registry, _):
        made = export_page(registry, out, _formats(form), what=what, experiments=experiments or (), dark=dark)
    for path in made:
        say(f"wrote {path}")


@app.command(
    "report",
    epilog=examples("export report 7", "export report 7 8 -o paper.html", "export report 7 -o report.md"),
)
def report(
    context: typer.Context,
    experiments: Experiments = None,
    out: Annotated[
        list[Path] | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FILE",
            help="report.html or report.md; may be repeated. Without it, both in exports/, named for what they hold.",
        ),
    ] = None,
) -> None:
    """A report of experiments: results beside published ones, drawings, settings, leakage, environment, comparisons.

    The HTML is one file without scripts that fetches nothing; Markdown has its pictures in a folder beside it.
    """
    from timnet.export.report import export_report, report_stem

    with reading(context) as (registry, _):
        chosen = registry.experiments.ls(_chosen(registry, experiments))
        stem = report_stem(chosen)
        paths = out or [Path("exports") / f"{stem}.{form}" for form in ("html", "md")]
        made = export_report(registry, [one.id for one in chosen], paths)
    for path in paths:
        say(f"wrote {path}")
    if len(made) > len(paths):
        say(f"wrote {len(made) - len(paths)} pictures into {made[-1].parent}")


@app.command("bundle", epilog=examples("export bundle 7", "export bundle 7 8 -o paper.zip"))
def bundle(
    context: typer.Context,
    experiments: Annotated[
        list[int],
        typer.Argument(
            metavar="EXPERIMENT", help="Experiments.", show_default=False, autocompletion=complete.experiments
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="The zip file.")] = Path("bundle.zip"),
) -> None:
    """Pack experiments for another machine: settings, folds, predictions, embeddings, weights; no recordings.

    timnet import bundle brings them into another registry, where the same tables come out.
    """
    from timnet.export.bundle import export_bundle

    with reading(context) as (registry, _):
        _tell(export_bundle(registry, experiments, out))


@app.command(
    "runs",
    cls=FilterCommand,
    epilog=examples("export runs corpus:EMODB state:done -o emodb.json", "export runs -o runs.csv"),
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
    """Every run with all its epochs, events and predictions' confusion, as JSON.

    A file that ends with .csv, .md, .tex, .xlsx or .png gets a table instead, one row a run.
    """
    from timnet.export.run_tables import write_runs
    from timnet.export.service import export_runs

    with reading(context) as (registry, _):
        if out is not None and out.suffix and out.suffix.lower() != ".json":
            made: str | Path = write_runs(registry, filter_text(terms), out)
        else:
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
