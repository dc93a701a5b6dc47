"""``timnet settings``: what is set, and where it was set."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from timnet.cli.help import examples
from timnet.cli.output import print_json, print_table, say
from timnet.settings import effective, own_file

EXAMPLES = examples("settings", "settings --json")


def settings(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show every setting, its value here, and the file or variable that it comes from.

    Of a webhook only the host is shown.
    """
    db = context.find_root().params.get("db")
    found = [(n, v, s) if n != "db" or db is None else (n, db, "--db") for n, v, s in effective().values()]
    if as_json:
        print_json({name: {"value": _plain(value), "source": source} for name, value, source in found})
        return
    print_table(("setting", "value", "from"), [(name, _shown(value), source) for name, value, source in found])
    say(f"your own settings file: {own_file()}{'' if own_file().is_file() else ' (not there yet)'}")


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    return value if isinstance(value, bool | int | str) else str(value)


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return " ".join(value) if isinstance(value, tuple) else str(value)
