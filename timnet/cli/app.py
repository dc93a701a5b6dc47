"""The Typer application: global flags, and the commands in their rooms."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from timnet import __version__
from timnet.cli import corpora, demo, export, imports, queue, runs, work

app = typer.Typer(
    name="timnet",
    help="A terminal experiment manager for speech emotion recognition with TIM-Net.",
    epilog="First steps: timnet demo. Then: timnet corpora add EMODB FOLDER, timnet train EMODB, timnet.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(corpora.app, name="corpora")
app.add_typer(queue.app, name="queue")
app.add_typer(runs.app, name="runs")
app.add_typer(export.app, name="export")
app.add_typer(imports.app, name="import")
app.add_typer(work.workers_app, name="workers")
app.command("work")(work.work)
app.command("train")(work.train)
app.command("demo")(demo.demo)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"timnet {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def timnet(
    context: typer.Context,
    db: Annotated[Path | None, typer.Option("--db", help="The registry (default: runs.db here, or TIMNET_DB).")] = None,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Without a command: the full-screen interface on ./runs.db."""
    if context.invoked_subcommand is not None:
        return
    from timnet.cli.context import settings_of
    from timnet_tui.app import run

    settings = settings_of(context)
    run(settings.db, settings)
