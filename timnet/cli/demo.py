"""``timnet demo``: see it all run in about a minute."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from timnet.cli.context import settings_of
from timnet.cli.help import examples
from timnet.cli.interface import need_terminal
from timnet.cli.output import progress_bar, say

EXAMPLES = examples("demo", "demo --into try-it --no-tui")


def demo(
    context: typer.Context,
    into: Annotated[
        Path, typer.Option("--into", metavar="FOLDER", help="The folder for its registry, recordings and results.")
    ] = Path("timnet-demo"),
    tui: Annotated[
        bool | None, typer.Option("--tui/--no-tui", help="Watch in the TUI; default: in a terminal.")
    ] = None,
    epochs: Annotated[
        int | None, typer.Option("--epochs", metavar="N", min=1, help="Epochs of each run; default: 20.")
    ] = None,
) -> None:
    """Train on a synthetic corpus, watch it live, export a table, curves and a t-SNE image."""
    from timnet.cli.live import follow_runs
    from timnet.demo import DemoPlace, export, prepare
    from timnet.queue.service import ensure_worker
    from timnet.registry import Registry

    show = sys.stdout.isatty() and sys.stdin.isatty() if tui is None else tui
    if show:
        need_terminal()
    place = DemoPlace(into)
    into.mkdir(parents=True, exist_ok=True)
    settings = replace(settings_of(context), db=place.db)
    with Registry.open(place.db) as registry:
        with progress_bar("a synthetic corpus") as report:
            experiment = prepare(registry, settings, place, report, epochs)
        keys = [run.key for run in registry.runs.of_experiment(experiment.id)]
        say(f"experiment {experiment.id}: {experiment.corpus}, {len(keys)} folds; TensorFlow takes a moment to load")
        if show:
            ensure_worker(registry, settings.jobs_asked)
            from timnet_tui.app import run

            run(place.db, settings, open_experiment=experiment.id)
        status = follow_runs(registry, settings, keys, work=True)
        if status:
            raise typer.Exit(status)
        made = export(registry, experiment, place)
    typer.echo((place.results / "table.md").read_text(encoding="utf-8"))
    for path in made:
        say(f"wrote {path}")
    say(f"look around: timnet --db {place.db}")
