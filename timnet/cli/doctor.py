"""``timnet doctor``: whether everything is in place."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from timnet.cli.context import settings_of
from timnet.cli.help import examples
from timnet.cli.output import print_json, print_table, say

EXAMPLES = examples("doctor", "doctor --devices", "doctor --json")


def doctor(
    context: typer.Context,
    devices: Annotated[
        bool, typer.Option("--devices", help="Ask TensorFlow which devices it sees; takes some seconds.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check this installation: versions, registry, cache, disk room, workers.

    Exit status 1 where something is wrong.
    """
    from timnet.doctor import examine

    found = examine(settings_of(context), devices=devices)
    if as_json:
        print_json(found.to_dict())
    else:
        print_table(("", ""), _lines(found.facts))
        for problem in found.problems:
            say(f"! {problem}")
        if not found.problems:
            say("all is well")
    if found.problems:
        raise typer.Exit(1)


def _lines(facts: dict[str, Any]) -> list[tuple[str, str]]:
    registry, cache = facts["registry"], facts["cache"]
    schema = f"schema {registry['schema']}, {_size(registry['bytes'])}" if registry["schema"] else "not usable"
    return [
        ("timnet", f"{facts['timnet']}, Python {facts['python']}, SQLite {facts['sqlite']}"),
        ("system", facts["platform"]),
        *((name, number or "missing") for name, number in facts["libraries"].items()),
        ("registry", f"{registry['path']} ({schema if registry['exists'] else 'none yet'})"),
        ("cache", f"{cache['path']} ({cache['entries']} arrays, {_size(cache['bytes'])})"),
        *((f"disk of {one['for']}", f"{_size(one['free'])} free of {_size(one['total'])}") for one in facts["disk"]),
        (
            "workers",
            "; ".join(f"pid {w['pid']}, {len(w['running'])}/{w['jobs']} busy" for w in facts["workers"]) or "none",
        ),
        ("training", f"{facts['jobs']} runs at once, {facts['threads']} threads each, device {facts['device']}"),
        *(("device", one) for one in facts.get("devices") or ()),
    ]


def _size(count: int) -> str:
    for unit in ("bytes", "KiB", "MiB"):
        if count < 1024:
            return f"{count} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1024  # type: ignore[assignment]
    return f"{count:.1f} GiB"
