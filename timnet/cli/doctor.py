"""``timnet doctor``: whether everything is in place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from timnet.cli.context import settings_of
from timnet.cli.help import examples
from timnet.cli.output import print_json, print_table, say
from timnet.machine.places import BUSY
from timnet.settings import AUTO, Settings

if TYPE_CHECKING:
    from timnet.machine.benchmark import Benchmark

EXAMPLES = examples("doctor", "doctor --fix", "doctor --devices", "doctor --benchmark", "doctor --json")


def doctor(
    context: typer.Context,
    devices: Annotated[
        bool, typer.Option("--devices", help="Ask TensorFlow which devices it sees; takes some seconds.")
    ] = False,
    measure: Annotated[
        bool,
        typer.Option(
            "--benchmark", help="Time training steps on each device, and runs at once; takes a minute or two."
        ),
    ] = False,
    fix: Annotated[
        bool,
        typer.Option("--fix", help="Set right what is safe: dead runs and workers, half-written files; says each."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check this installation: versions, registry, cache, disk room, locks, workers, leftovers.

    Exit status 1 where something is wrong. What else may go: timnet registry gc.
    """
    from timnet.doctor import examine

    found = examine(settings_of(context), devices=devices, fix=fix)
    timed = _benchmark(settings_of(context)) if measure else None
    if as_json:
        print_json({**found.to_dict(), **({"benchmark": timed.to_dict()} if timed else {})})
    else:
        print_table(("", ""), _lines(found.facts))
        for line in found.fixed:
            say(f"fixed: {line}")
        for line in found.notes:
            say(line)
        for problem in found.problems:
            say(f"! {problem}")
        if not found.problems:
            say("all is well")
        if timed:
            _print_benchmark(timed)
    if found.problems:
        raise typer.Exit(1)


def _lines(facts: dict[str, Any]) -> list[tuple[str, str]]:
    registry, cache = facts["registry"], facts["cache"]
    schema = f"schema {registry['schema']}, {size_text(registry['bytes'])}" if registry["schema"] else "not usable"
    return [
        ("timnet", f"{facts['timnet']}, Python {facts['python']}, SQLite {facts['sqlite']}"),
        ("system", facts["platform"]),
        *((name, number or "missing") for name, number in facts["libraries"].items()),
        ("registry", f"{registry['path']} ({schema if registry['exists'] else 'none yet'})"),
        ("backups", _backups(registry["backups"])),
        ("cache", f"{cache['path']} ({cache['entries']} arrays, {size_text(cache['bytes'])}{_unfinished(cache)})"),
        *(
            (f"disk of {one['for']}", f"{size_text(one['free'])} free of {size_text(one['total'])}")
            for one in facts["disk"]
        ),
        (
            "workers",
            "; ".join(f"pid {w['pid']} ({w['engine']}), {len(w['running'])}/{w['jobs']} busy" for w in facts["workers"])
            or "none",
        ),
        ("training", f"{_at_once(facts)}, device {facts['device']}"),
        ("best for EMODB", facts["places"]),
        *(("device", one) for one in facts.get("devices") or ()),
    ]


def _backups(paths: list[str]) -> str:
    if not paths:
        return "none beside the registry; make one: timnet registry backup"
    return f"{len(paths)}, the newest {paths[0].rpartition('/')[2]}"


def _unfinished(cache: dict[str, Any]) -> str:
    return f", {cache['unfinished']} unfinished" if cache["unfinished"] else ""


def _at_once(facts: dict[str, Any]) -> str:
    if facts["jobs"] == AUTO:
        return "as many runs at once as are best here"
    return f"{facts['jobs']} runs at once, {facts['threads']} threads each"


def _benchmark(settings: Settings) -> Benchmark:
    from timnet.cli.output import err
    from timnet.machine.benchmark import benchmark

    return benchmark(settings, lambda text: err().print(text, markup=False))


def _print_benchmark(timed: Benchmark) -> None:
    """Two tables: a step by device and precision, epochs a second by runs at once."""
    say("")
    say(f"steps of {timed.shape.text}")
    rows = [
        (one.device, one.precision, str(one.threads), f"{one.ms:.1f}", size_text(one.memory)) for one in timed.speeds
    ]
    print_table(
        ("device", "precision", "threads", "ms a step", "memory"), rows, right=("threads", "ms a step", "memory")
    )
    say("")
    columns = ("runs at once", "threads", "epochs a second", "memory of each")
    rates = [(str(one.jobs), str(one.threads), f"{one.per_second:.3f}", size_text(one.memory)) for one in timed.rates]
    print_table(columns, rates, right=columns)
    say("")
    say(timed.places)
    if timed.busy > BUSY:
        say(f"! {timed.busy:.0%} of the cores were in use by others, so these figures are not remembered")


def size_text(count: int) -> str:
    """``12 bytes``, ``1.5 KiB``, ``20.0 MiB``, ``1.2 GiB``."""
    for unit in ("bytes", "KiB", "MiB"):
        if count < 1024:
            return f"{count} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1024  # type: ignore[assignment]
    return f"{count:.1f} GiB"
