"""What ``timnet runs`` does with whole experiments: pins, removing, restoring, and deleting for good."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from timnet.cli import complete
from timnet.cli.context import reading
from timnet.cli.output import print_json, print_table, say
from timnet.errors import BadInput
from timnet.records import RunState

if TYPE_CHECKING:
    from timnet.registry import Registry

Experiments = Annotated[
    list[str],
    typer.Argument(
        metavar="EXPERIMENT",
        help="Whole experiments, e.g. 7.",
        show_default=False,
        autocompletion=complete.experiments,
    ),
]
Removed = Annotated[
    list[str],
    typer.Argument(
        metavar="EXPERIMENT", help="Removed experiments, e.g. 7.", show_default=False, autocompletion=complete.removed
    ),
]
Now = Annotated[bool, typer.Option("--now", help="Delete them for good, files and all. There is no way back.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def pin(context: typer.Context, ids: Experiments) -> None:
    """Keep experiments at the head of the grid; pinned:yes finds them."""
    _pin(context, ids, pinned=True)


def unpin(context: typer.Context, ids: Experiments) -> None:
    """Let pinned experiments stand among the others again."""
    _pin(context, ids, pinned=False)


def rm(context: typer.Context, ids: Experiments, now: Now = False, yes: Yes = False) -> None:
    """Remove experiments from every list. timnet runs restore brings them back; --now deletes them for good."""
    remove_experiments(context, ids, now=now, yes=yes)


def remove_experiments(context: typer.Context, ids: Sequence[str], *, now: bool, yes: bool) -> None:
    """Remove whole experiments, for good after asking; without a single fold, an experiment would be a lie."""
    from timnet.queue.service import delete_experiments
    from timnet.queue.service import remove_experiments as hide

    numbers = _numbers(ids)
    with reading(context) as (registry, _):
        what = _named(registry, numbers)
        if not now:
            hide(registry, numbers)
        elif yes or agreed(f"delete {what}, for good?"):
            delete_experiments(registry, numbers)
        else:
            say("nothing was deleted")
            raise typer.Exit(1)
    if now:
        say(f"deleted {what}")
    else:
        say(f"removed {what}; bring back with: timnet runs restore {' '.join(map(str, numbers))}")


def restore(context: typer.Context, ids: Removed) -> None:
    """Bring removed experiments back as they were; runs that had waited wait again."""
    from timnet.queue.service import restore_experiments

    numbers = _numbers(ids)
    with reading(context) as (registry, _):
        restore_experiments(registry, numbers)
        what = _named(registry, numbers)
    say(f"restored {what}")


def trash(
    context: typer.Context,
    empty: Annotated[bool, typer.Option("--empty", help="Delete all of it for good, files and all.")] = False,
    yes: Yes = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the removed experiments that can still be restored, or with --empty delete them for good."""
    from timnet.queue.service import delete_experiments

    with reading(context) as (registry, _):
        found = registry.experiments.removed()
        if empty and found:
            runs = sum(one.runs for one in found)
            what = f"{len(found)} removed experiment{'' if len(found) == 1 else 's'} with {runs} runs"
            if not yes and not agreed(f"delete {what}, for good?"):
                say("nothing was deleted")
                raise typer.Exit(1)
            delete_experiments(registry, [one.experiment.id for one in found])
            say(f"deleted {what}")
            return
    if as_json:
        print_json(
            [
                {
                    "experiment": one.experiment.id,
                    "corpus": one.experiment.corpus,
                    "preset": one.experiment.preset,
                    "runs": one.runs,
                    "done": one.done,
                    "removed": one.experiment.deleted,
                }
                for one in found
            ]
        )
        return
    if not found:
        say("nothing was removed")
        return
    rows = [
        (
            str(one.experiment.id),
            one.experiment.corpus,
            one.experiment.preset,
            str(one.experiment.seed),
            f"{one.done}/{one.runs}",
            one.experiment.deleted or "",
        )
        for one in found
    ]
    print_table(("exp", "corpus", "preset", "seed", "done", "removed"), rows, right=("seed", "done"))


def _pin(context: typer.Context, ids: Sequence[str], *, pinned: bool) -> None:
    numbers = _numbers(ids)
    with reading(context) as (registry, _):
        registry.experiments.pin(numbers, pinned=pinned)
    say(f"{'pinned' if pinned else 'unpinned'} {_count(numbers)}")


def _numbers(ids: Sequence[str]) -> list[int]:
    """Experiments' ids, each once. Raises :class:`BadInput` for what is none."""
    if not ids:
        raise BadInput("name the experiments, e.g. 7; list them with: timnet runs ls --group experiment")
    for text in ids:
        if not (text.isdecimal() and len(text) < 10):
            raise BadInput(f"{text!r} names no experiment; this is for whole experiments, e.g. 7")
    return list(dict.fromkeys(int(text) for text in ids))


def _count(numbers: Sequence[int]) -> str:
    return f"experiment{'' if len(numbers) == 1 else 's'} {', '.join(map(str, numbers))}"


def _named(registry: Registry, numbers: Sequence[int]) -> str:
    """Experiments with their corpora and how many runs they have."""
    experiments = registry.experiments.ls(numbers)
    runs = registry.runs.of_experiments(numbers)
    done = sum(run.state is RunState.DONE for run in runs)
    named = ", ".join(f"{experiment.id} ({experiment.corpus})" for experiment in experiments)
    return f"experiment{'' if len(experiments) == 1 else 's'} {named}: {len(runs)} runs, {done} of them done"


def agreed(question: str) -> bool:
    """Ask at the terminal; where there is none to ask at, that is a misuse."""
    if not sys.stdin.isatty():
        raise BadInput(f"{question} There is no terminal to ask at; say it with --yes")
    return typer.confirm(question, err=True)
