"""``timnet import``: what others have trained."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from timnet.cli import complete
from timnet.cli.context import creating, reading
from timnet.cli.help import examples
from timnet.cli.output import print_json, progress_bar, say

app = typer.Typer(help="Import what was trained elsewhere.", no_args_is_help=True)


@app.callback()
def imports() -> None:
    """Import what was trained elsewhere."""


@app.command("weights", epilog=examples("import weights EMODB_46.zip --corpus EMODB"))
def weights(
    context: typer.Context,
    source: Annotated[
        Path,
        typer.Argument(metavar="SOURCE", exists=True, help="The authors' zip or folder of .hdf5 files, one a fold."),
    ],
    corpus: Annotated[
        str,
        typer.Option(metavar="CORPUS", help="The registered corpus they belong to.", autocompletion=complete.corpora),
    ],
    seed: Annotated[
        int | None, typer.Option(metavar="N", help="The seed of their folds; default: the one in the name.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Evaluate published weights, fold by fold, and keep them as an experiment.

    The result is labelled optimistic: the authors chose these weights on the test folds.
    """
    from timnet.export.contract import run_object
    from timnet.export.service import export_table
    from timnet.imports.weights import import_weights

    with reading(context) as (registry, settings):
        with progress_bar(f"evaluating {source.name}") as report:
            experiment, folds = import_weights(registry, settings.cache, source, corpus, seed, report)
        if as_json:
            print_json([run_object(run) for run in registry.runs.of_experiment(experiment)])
            return
        typer.echo(export_table(registry, [experiment], "markdown"), nl=False)
        say(f"experiment {experiment}: {folds} folds evaluated")


@app.command(
    "keras-log",
    epilog=examples(
        "import keras-log EMODB.txt --corpus EMODB --results EMODB.xlsx", "import keras-log SAVEE.txt --corpus SAVEE"
    ),
)
def keras_log(
    context: typer.Context,
    source: Annotated[
        Path, typer.Argument(metavar="LOG", help="What Keras printed while it trained (verbose=1), fold after fold.")
    ],
    corpus: Annotated[
        str,
        typer.Option(metavar="CORPUS", help="What was trained on; registered or not.", autocompletion=complete.corpora),
    ],
    results: Annotated[
        Path | None,
        typer.Option(metavar="XLSX", help="The result sheets of the same training: the confusion of every fold."),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(metavar="N", help="The seed of the folds; default: the corpus's published one.")
    ] = None,
    folds: Annotated[
        int | None, typer.Option(metavar="K", min=1, help="How many folds there were to be, for a log that was cut.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Turn the log of an old training into an experiment with all folds, epochs and checks.

    A log that was cut off gives what is whole; a fold that it leaves unfinished is failed.
    """
    from timnet.export.contract import run_object
    from timnet.export.service import export_table
    from timnet.imports.service import LogImport, read_keras_log, record_keras_log

    with reading(context) as (registry, _):
        read = read_keras_log(registry, LogImport(source, corpus, results, seed, folds))
    with creating(context) as (registry, _):
        made = record_keras_log(registry, read)
        if as_json:
            print_json([run_object(run) for run in registry.runs.of_experiment(made.experiment)])
        else:
            typer.echo(export_table(registry, [made.experiment], "markdown"), nl=False)
    for note in made.notes:
        say(f"note: {note}")
    say(f"experiment {made.experiment}: {made.folds} folds, {made.epochs} epochs, {made.checks} checks")


@app.command("bundle", epilog=examples("import bundle paper.zip"))
def bundle(
    context: typer.Context,
    source: Annotated[Path, typer.Argument(metavar="ZIP", help="What timnet export bundle has made.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Bring finished experiments from another machine; everything is checked before anything is recorded.

    Their numbers stay the same where they are free here.
    """
    from timnet.export.bundle import MANIFEST
    from timnet.export.contract import run_object
    from timnet.export.service import export_table
    from timnet.imports.bundle import read_bundle, record_bundle
    from timnet.imports.zipped import Zipped

    with Zipped(source, MANIFEST) as archive:
        read = read_bundle(archive, source.name)
        with creating(context) as (registry, _):
            made = record_bundle(registry, archive, read, source.name)
            numbers = [here for _, here in made.experiments]
            if as_json:
                print_json([run_object(run) for one in numbers for run in registry.runs.of_experiment(one)])
            else:
                typer.echo(export_table(registry, numbers, "markdown"), nl=False)
    for note in made.notes:
        say(f"note: {note}")
    say(f"imported experiment{'s'[: len(numbers) > 1]} {', '.join(map(str, numbers))}")
