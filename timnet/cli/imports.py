"""``timnet import``: what others have trained."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from timnet.cli.context import writing
from timnet.cli.output import print_json, progress_bar, say

app = typer.Typer(help="Import what was trained elsewhere.", no_args_is_help=True)


@app.callback()
def imports() -> None:
    """Import what was trained elsewhere."""


@app.command("weights")
def weights(
    context: typer.Context,
    source: Annotated[Path, typer.Argument(help="The authors' zip or folder of .hdf5 files, one a fold.")],
    corpus: Annotated[str, typer.Option(help="The registered corpus they belong to.")],
    seed: Annotated[int | None, typer.Option(help="The seed of their folds; default: the one in the name.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Evaluate published weights, fold by fold, and keep them as an experiment.

    The result is labelled optimistic: the authors chose these weights on the test folds.

    Example: timnet import weights EMODB_46.zip --corpus EMODB --seed 46
    """
    from timnet.export.contract import run_object
    from timnet.export.service import export_table
    from timnet.tasks import run_task

    with writing(context) as (registry, settings):
        found = registry.corpora.get(corpus)
        arguments = {
            "db": registry.paths.db,
            "source": source.absolute(),
            "corpus": found.name,
            "cache": settings.cache.absolute(),
        }
        words = [f"--{name}={value}" for name, value in arguments.items()]
        words += [] if seed is None else [f"--seed={seed}"]
        with progress_bar(f"evaluating {source.name}") as report:
            result = run_task("timnet.training.published", words, report)
        experiment = int(result["experiment"])
        if as_json:
            print_json([run_object(run) for run in registry.runs.of_experiment(experiment)])
            return
        typer.echo(export_table(registry, [experiment], "markdown"), nl=False)
        say(f"experiment {experiment}: {result['folds']} folds evaluated")
