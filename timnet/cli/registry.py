"""``timnet registry``: look after ``runs.db`` and the files of its runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from timnet.cli.context import settings_of
from timnet.cli.doctor import size_text
from timnet.cli.help import examples
from timnet.cli.keeping import Yes, agreed
from timnet.cli.output import print_json, print_table, say
from timnet.clock import ago

if TYPE_CHECKING:
    from timnet.care.checking import Checked
    from timnet.care.clearing import Clearing, Leftover
    from timnet.registry import Registry

app = typer.Typer(help="Check, back up, restore and tidy the registry.", no_args_is_help=True)

CHECK_EXAMPLES = examples(
    "registry check", "registry check --quick", "registry check --repair", "registry check --json"
)
BACKUP_EXAMPLES = examples("registry backup", "registry backup /backups/runs.db --force")
RESTORE_EXAMPLES = examples(
    "registry restore runs.db.backup-20260131T093000Z", "registry restore /backups/runs.db --yes"
)
VACUUM_EXAMPLES = examples("registry vacuum")
GC_EXAMPLES = examples("registry gc", "registry gc --yes", "registry gc --features --trash 30 --yes")

SHOWN = 30
"""Lines that a person may read; the rest is for ``--json``."""

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("check", epilog=CHECK_EXAMPLES, short_help="Prove that the registry and its files are whole.")
def check(
    context: typer.Context,
    quick: Annotated[
        bool, typer.Option("--quick", help="Ask files for their size alone, and believe smoothed values.")
    ] = False,
    mend: Annotated[
        bool, typer.Option("--repair", help="Put right what can be, after a backup; says each thing done.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check the file, its rows and the files they name. Changes nothing without --repair.

    Exit status 1 where something is wrong.
    """
    from timnet.care.checking import check as look
    from timnet.care.mending import repair

    settings = settings_of(context)
    if mend:
        mended = repair(settings.db, settings.max_crashes, quick=quick)
        found = mended.left
        if as_json:
            print_json(mended.to_dict())
        else:
            _say_repaired(mended.backup, mended.done)
            _say_checked(found)
    else:
        found = look(settings.db, quick=quick)
        if as_json:
            print_json(found.to_dict())
        else:
            _say_checked(found)
    if not found.ok:
        raise typer.Exit(1)


def _say_repaired(backup: Path | None, done: tuple[str, ...]) -> None:
    if backup is None:
        say("there is nothing that a repair could put right")
        return
    say(f"kept as it was: {backup}")
    for line in done[:SHOWN]:
        say(f"  {line}")
    if len(done) > SHOWN:
        say(f"  and {len(done) - SHOWN} more; --json lists all")


def _say_checked(found: Checked) -> None:
    from timnet.registry.check import Kind

    for finding in found.findings[:SHOWN]:
        say(f"! {finding.line}{f' (--repair: {finding.repair})' if finding.repair else ''}")
    if len(found.findings) > SHOWN:
        say(f"and {len(found.findings) - SHOWN} more; --json lists all")
    for note in found.notes:
        say(note)
    if found.busy:
        say(f"{found.busy} runs are running; their files were not looked at")
    if found.ok:
        looked = f"{found.runs} runs and {found.files} files" if found.runs else "its structure"
        say(f"{found.path} is sound: schema {found.schema}, {looked} checked{' quickly' if found.quick else ''}")
        return
    many = len(found.findings)
    say(f"{many} thing{'' if many == 1 else 's'} wrong with {found.path}")
    if found.reparable:
        say("put right what can be: timnet registry check --repair")
    elif found.newest_backup and any(one.kind in (Kind.FILE, Kind.INTEGRITY) for one in found.findings):
        say(f"the newest backup beside it: timnet registry restore {found.newest_backup.name}")


@app.command("backup", epilog=BACKUP_EXAMPLES, short_help="Copy the registry, while others write.")
def backup(
    context: typer.Context,
    target: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE]", help="Where to (default: a dated file beside the registry).", show_default=False
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace FILE if it is there.")] = False,
    as_json: AsJson = False,
) -> None:
    """Copy the registry as it is at one moment, also while runs are training, and check the copy.

    Weights, logs and features are files of their own under runs/ and in the cache: they are not in it.
    """
    from timnet.registry.backup import back_up

    made = back_up(settings_of(context).db, target, force=force)
    if as_json:
        print_json({"path": str(made.path), "bytes": made.bytes, "experiments": made.experiments, "runs": made.runs})
        return
    say(f"{made.path}: {made.experiments} experiments, {made.runs} runs, {size_text(made.bytes)}, checked")


@app.command("restore", epilog=RESTORE_EXAMPLES, short_help="Go back to a backup.")
def restore(
    context: typer.Context,
    source: Annotated[Path, typer.Argument(metavar="FILE", help="The backup.", show_default=False)],
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Put a backup in the registry's place. What is there now is kept beside it, under a dated name.

    Refused while workers or runs are at work, or another process has the registry open.
    """
    from timnet.care.restoring import restore_here

    db = settings_of(context).db.absolute()
    if db.exists() and not yes and not agreed(f"put {source} in the place of {db}?"):
        raise typer.Abort
    done = restore_here(db, source)
    if as_json:
        kept = str(done.kept) if done.kept else None
        print_json(
            {
                "path": str(done.path), "from": str(done.source), "kept": kept, "schema": done.schema,
                "experiments": done.experiments, "runs": done.runs,
            }
        )  # fmt: skip
        return
    say(f"{done.path} is {done.source} again: {done.experiments} experiments, {done.runs} runs")
    if done.kept:
        say(f"what was there is kept: {done.kept}")
    say("runs go on from their resume points; see what fits no more with: timnet registry check")


@app.command("vacuum", epilog=VACUUM_EXAMPLES, short_help="Give unused room in the registry back.")
def vacuum(context: typer.Context, as_json: AsJson = False) -> None:
    """Write the registry anew without the room that deleted rows have left.

    Writers wait meanwhile, so a large one is refused while runs are training.
    """
    from timnet.care.restoring import vacuum_here

    done = vacuum_here(settings_of(context).db)
    if as_json:
        print_json({"path": str(settings_of(context).db.absolute()), "before": done.before, "after": done.after})
        return
    say(f"{size_text(done.before)} before, {size_text(done.after)} now")


@app.command("gc", epilog=GC_EXAMPLES, short_help="List, or remove, files that nobody needs.")
def gc(
    context: typer.Context,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Remove what is listed.")] = False,
    keep_backups: Annotated[
        int, typer.Option("--keep-backups", metavar="N", min=0, help="Automatic backups to keep.")
    ] = 3,
    features: Annotated[
        bool, typer.Option("--features", help="Also stale features; other registries may share the cache.")
    ] = False,
    trash: Annotated[
        int | None,
        typer.Option(
            "--trash",
            metavar="DAYS",
            min=0,
            help="Also delete for good what was removed that long ago.",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List files that nobody needs, why and how large; --yes removes them.

    Kept in any case: all of a run that can go on or be tried again, the final and best weights of
    a done one, and every file that timnet does not know.
    """  # fmt: skip
    from timnet.care.clearing import leftovers, remove

    settings = settings_of(context)
    with _opened(settings.db, writable=yes) as registry:
        found = leftovers(registry, settings.cache, features=features, kept_backups=keep_backups)
        old = _in_trash(registry, trash)
        gone, problems = remove(registry, settings.cache, found.leftovers) if yes else ([], [])
        if yes and old:
            from timnet.queue.service import delete_experiments

            delete_experiments(registry, old)
    if as_json:
        print_json(
            {
                "removed": yes, "bytes": sum(one.bytes for one in (gone if yes else found.leftovers)),
                "leftovers": [one.to_dict() for one in (gone if yes else found.leftovers)],
                "experiments": old, "notes": list(found.notes), "problems": problems,
            }
        )  # fmt: skip
    else:
        _print_leftovers(gone if yes else list(found.leftovers), settings.db.absolute().parent)
        _say_cleared(found, gone, old, removed=yes)
    for problem in problems:
        say(f"! {problem}")
    if problems:
        raise typer.Exit(1)


def _say_cleared(found: Clearing, gone: list[Leftover], old: list[int], *, removed: bool) -> None:
    for note in found.notes:
        say(note)
    if old:
        say(f"{'deleted' if removed else 'in the trash'}: experiments {', '.join(map(str, old))}")
    if removed:
        say(f"{len(gone)} removed, {size_text(sum(one.bytes for one in gone))}")
    elif found.leftovers or old:
        say(f"{len(found.leftovers)} may go, {size_text(found.bytes)}; nothing was removed, do it with --yes")
    else:
        say("there is nothing to remove")


def _print_leftovers(found: list[Leftover], folder: Path) -> None:
    if not found:
        return
    rows = [
        (
            size_text(one.bytes),
            one.why.value,
            str(one.path.relative_to(folder) if one.path.is_relative_to(folder) else one.path),
            one.detail,
        )
        for one in sorted(found, key=lambda one: -one.bytes)
    ]
    print_table(("size", "why", "what", "of"), rows, right=("size",), optional=("of",))


def _in_trash(registry: Registry, days: int | None) -> list[int]:
    """The experiments that were removed at least so many days ago."""
    from datetime import timedelta

    if days is None:
        return []
    until = ago(timedelta(days=days))
    return [one.experiment.id for one in registry.experiments.removed() if (one.experiment.deleted or "") <= until]


@contextmanager
def _opened(db: Path, *, writable: bool) -> Iterator[Registry]:
    from timnet.registry import Registry
    from timnet.registry.database import refuse_missing

    refuse_missing(db)
    with Registry.open(db) if writable else Registry.open_read_only(db) as registry:
        yield registry
