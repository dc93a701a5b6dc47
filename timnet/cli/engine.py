"""``timnet engine``: whether runs could train on other machines, and what is wrong where they could not."""

from __future__ import annotations

from typing import Annotated

import typer

from timnet.cli import complete
from timnet.cli.context import settings_of
from timnet.cli.engine_options import EngineOptions, with_engine_options
from timnet.cli.help import examples
from timnet.cli.output import print_json, say

app = typer.Typer(help="Other machines for runs: see what Slurm or Ray has for them.", no_args_is_help=True)


@app.command(
    "check",
    epilog=examples(
        "engine check slurm --partition gpu --gres gpu:1 --time 2:00:00",
        "engine check ray --address auto --gpus 0.25",
        "engine check slurm --json",
    ),
)
@with_engine_options
def check(
    context: typer.Context,
    engine: Annotated[
        str,
        typer.Argument(
            metavar="ENGINE", help="slurm or ray.", show_default=False, autocompletion=complete.one_of("slurm", "ray")
        ),
    ],
    options: EngineOptions,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Submit a tiny run as timnet work would with the same options, and say what there is and what is wrong.

    Exit status 1 where runs could not train; 2 where it could not be tried.
    """
    from timnet.queue.engines.choose import check as try_out

    settings = settings_of(context)
    told: list[str] = []
    problems = try_out(options.asked(engine), settings, told.append if as_json else say)
    if as_json:
        print_json({"engine": engine, "well": not problems, "facts": told, "problems": problems})
    else:
        for problem in problems:
            say(f"! {problem}")
        if not problems:
            say(f"all is well: timnet work --engine {engine}, with the same options")
    if problems:
        raise typer.Exit(1)
