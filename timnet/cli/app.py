"""The Typer application: global flags, and the commands in their rooms."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.main import get_command

from timnet import __version__
from timnet.cli import (
    corpora,
    demo,
    doctor,
    engine,
    export,
    imports,
    predict,
    presets,
    queue,
    registry,
    runs,
    serve,
    settings,
    tune,
    work,
)
from timnet.cli.help import UsageError, complaint, examples
from timnet.text import clean

app = typer.Typer(
    name="timnet",
    help="A terminal experiment manager for speech emotion recognition with TIM-Net.",
    epilog=examples(
        "demo                               see it all run, in about a minute",
        "corpora add EMODB ~/EMODB/wav      register the recordings",
        "train EMODB --folds 10             queue, train and watch",
        "                                   the full-screen interface",
    ),
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("demo", short_help="Train on a synthetic corpus, in a minute.", epilog=demo.EXAMPLES)(demo.demo)
app.command("train", short_help="Queue experiments, train and watch them.", epilog=work.TRAIN_EXAMPLES)(work.train)
app.command("work", short_help="Work on the queue until nothing waits.", epilog=work.WORK_EXAMPLES)(work.work)
app.command("tune", short_help="Search for settings, with Optuna.", epilog=tune.EXAMPLES)(tune.tune)
app.add_typer(corpora.app, name="corpora", short_help="Register and check recordings, extract features.")
app.add_typer(queue.app, name="queue", short_help="Queue experiments; pause, cancel, retry runs.")
app.add_typer(runs.app, name="runs", short_help="List, show, compare, tag, watch, remove runs.")
app.add_typer(export.app, name="export", short_help="Export tables, curves, t-SNE, confusion.")
app.command("predict", short_help="Ask trained networks about recordings.", epilog=predict.EXAMPLES)(predict.predict)
app.add_typer(imports.app, name="import", short_help="Import what was trained elsewhere.")
app.command("presets", short_help="Show named settings and what they set.", epilog=presets.EXAMPLES)(presets.presets)
app.add_typer(work.workers_app, name="workers", short_help="List and stop worker processes.")
app.add_typer(engine.app, name="engine", short_help="Try out Slurm or Ray for runs.")
app.add_typer(registry.app, name="registry", short_help="Check, back up, restore, tidy the registry.")
app.command("doctor", short_help="Check this installation and registry.", epilog=doctor.EXAMPLES)(doctor.doctor)
app.command("serve", short_help="Serve the interface to a browser.", epilog=serve.EXAMPLES)(serve.serve)
app.command("settings", short_help="Show what is set, and where.", epilog=settings.EXAMPLES)(settings.settings)


@cache
def command() -> Any:
    """The whole tree of commands, made once."""
    return get_command(app)


def run(arguments: Sequence[str]) -> int:
    """Run one command line; returns its exit status. What the parser cannot read is said in one line (status 2)."""
    try:
        status = command()(args=list(arguments), prog_name="timnet", standalone_mode=False)
    except UsageError as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # `timnet queue`: its message is the help page
            sys.stderr.write(f"{error}\n")
        else:
            sys.stderr.write(f"timnet: {clean(complaint(error))}\n")
        return 2
    except typer.Abort:
        sys.stderr.write("timnet: stopped, nothing was changed\n")
        return 1
    return status if isinstance(status, int) else 0


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"timnet {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def timnet(
    context: typer.Context,
    db: Annotated[
        Path | None, typer.Option("--db", metavar="FILE", help="The registry (default: runs.db here, or TIMNET_DB).")
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Without a command: the full-screen interface on ./runs.db."""
    if context.invoked_subcommand is not None:
        return
    from timnet.cli.context import settings_of
    from timnet.cli.interface import open_interface

    open_interface(settings_of(context))
