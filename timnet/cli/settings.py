"""``timnet settings``: what is set, and where it was set."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from timnet.cli.help import examples
from timnet.cli.output import print_json, print_table, say
from timnet.settings import effective, load, own_file

EXAMPLES = examples("settings", "settings --json", "settings --keys")


def settings(
    context: typer.Context,
    keys: Annotated[
        bool, typer.Option("--keys", help="Show the interface's actions and keys instead, as [keys] names them.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show every setting, its value here, and the file or variable that it comes from.

    Of a webhook only the host is shown.
    """
    if keys:
        _show_keys(as_json=as_json)
        return
    db = context.find_root().params.get("db")
    found = [(n, v, s) if n != "db" or db is None else (n, db, "--db") for n, v, s in effective().values()]
    if as_json:
        print_json({name: {"value": _plain(value), "source": source} for name, value, source in found})
        return
    print_table(("setting", "value", "from"), [(name, _shown(value), source) for name, value, source in found])
    say(f"your own settings file: {own_file()}{'' if own_file().is_file() else ' (not there yet)'}")


def _show_keys(*, as_json: bool) -> None:
    """Every action where it is offered, with the keys that it has; what is wrong with the user's, as messages."""
    from timnet_tui.actions import ACTIONS
    from timnet_tui.keymap import keymap_of

    keymap = keymap_of(load().keys)
    rows = [(f"{place}.{one.id}", keymap.of(one, place), one.help) for one in ACTIONS for place in one.places]
    rows.sort()
    if as_json:
        print_json([{"action": name, "keys": list(found), "help": text} for name, found, text in rows])
    else:
        print_table(("action", "keys", "what it does"), [(name, " ".join(found), text) for name, found, text in rows])
    for complaint in keymap.complaints:
        say(complaint)


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    return value if isinstance(value, bool | int | float | str) else str(value)


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return " ".join(value) if isinstance(value, tuple) else str(value)
