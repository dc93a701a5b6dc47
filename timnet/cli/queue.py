"""``timnet queue``: what waits and runs, and commands to it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from timnet.cli import complete, keeping
from timnet.cli.context import reading
from timnet.cli.experiment_options import ExperimentOptions, with_experiment_options, with_options_again
from timnet.cli.help import examples
from timnet.cli.output import print_json, print_table, say, state_text
from timnet.cli.planned import queue_or_tell
from timnet.errors import BadInput
from timnet.records import RunState, Worker
from timnet.states import Command

if TYPE_CHECKING:
    from timnet.queue.service import QueueView

app = typer.Typer(help="Queue experiments; pause, resume, cancel, retry and move their runs.", no_args_is_help=True)

Ids = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="RUN",
        help="Runs: 7.3 (one fold), 7 (all folds of experiment 7), 7.1-4.",
        show_default=False,
        autocompletion=complete.runs,
    ),
]
Again = Annotated[
    str,
    typer.Argument(
        metavar="EXPERIMENT",
        help="What to train again: 7, or its fold 7.3.",
        show_default=False,
        autocompletion=complete.runs,
    ),
]
All = Annotated[bool, typer.Option("--all", help="Every run this applies to.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be queued and how long it takes, and stop.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command(
    "add",
    epilog=examples(
        "queue add EMODB --folds 10 --seed 46",
        "queue add EMODB --only 1,2 --epochs 20",
        "queue add EMODB SAVEE --set lr=5e-4,1e-3 --dry-run",
    ),
)
@with_experiment_options
def add(
    context: typer.Context,
    options: ExperimentOptions,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Queue experiments: corpora x seeds x settings, one run a fold."""
    with reading(context) as (registry, settings):
        queue_or_tell(registry, settings, options.request(), dry_run=dry_run, as_json=as_json)


@app.command("again", epilog=examples("queue again 7 --set lr=5e-4", "queue again 7.3 --epochs 50 --dry-run"))
@with_options_again
def again(
    context: typer.Context,
    experiment: Again,
    options: ExperimentOptions,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Queue an experiment once more, but with other settings: same corpus, protocol, seed and folds.

    So the two can be compared fold by fold: timnet runs compare 7 8.
    """
    from timnet.queue.plan import again as once_more
    from timnet.queue.service import expand_ids

    with reading(context) as (registry, settings):
        keys = expand_ids(registry, [experiment])
        only = tuple(int(key.partition(".")[2]) for key in keys) if "." in experiment else ()
        found = once_more(registry, int(keys[0].partition(".")[0]), only)
        for remark in found.remarks:
            say(f"note: {remark}")
        queue_or_tell(registry, settings, options.again(found.request), dry_run=dry_run, as_json=as_json)


@app.command("ls", epilog=examples("queue ls", "queue ls --json"))
def ls(context: typer.Context, as_json: Json = False) -> None:
    """List what waits or runs, in the order it will be taken, and why it waits."""
    from timnet.export.contract import run_object
    from timnet.queue.service import look
    from timnet.queue.waiting import whereabouts

    with reading(context) as (registry, settings):
        view = look(registry, settings.max_crashes, "state:running,queued,paused", sort="queue")
    order = {"running": 0, "queued": 1, "paused": 2}
    runs = sorted(view.runs, key=lambda run: order[run.state])
    if as_json:
        print_json([run_object(run) for run in runs])
        return
    if not runs:
        say("nothing waits and nothing runs; queue something: timnet queue add EMODB")
        return
    rows = [
        (
            *(run.key, run.corpus, state_text(run), f"{run.epoch}/{run.epochs}", str(run.priority)),
            *(whereabouts(run) if run.state is RunState.RUNNING else "", run.waiting_for or ""),
        )
        for run in runs
    ]
    print_table(
        ("run", "corpus", "state", "epoch", "priority", "where", "why"),
        rows,
        right=("epoch", "priority"),
        optional=("where",),
    )
    for worker in view.workers:
        say(_standing(worker))
    for line in _unattended(view):
        say(line)


def _standing(worker: Worker) -> str:
    if worker.engine == "local":
        return f"worker {worker.pid} on {worker.host}: {len(worker.running)} of {worker.jobs} places busy"
    waits = f", {len(worker.submitted)} of them wait there" if worker.submitted else ""
    given = f"{len(worker.running)} of {worker.jobs} runs are with {worker.engine}"
    return f"head {worker.pid} on {worker.host}: {given}{waits}"


def _unattended(view: QueueView) -> Iterator[str]:
    """Runs elsewhere that no head looks after."""
    from timnet.queue.waiting import start_head, without_head

    for engine, count in without_head(view.runs, view.workers).items():
        runs = "run goes" if count == 1 else "runs go"
        yield f"{count} {runs} on in {engine} without a head, which would bring in what they do: {start_head(engine)}"


@app.command("pause", epilog=examples("queue pause 7.3", "queue pause --all"))
def pause(context: typer.Context, ids: Ids = None, every: All = False) -> None:
    """Pause runs: waiting ones at once, running ones at their next step; nothing finished is lost."""
    _command(context, Command.PAUSE, ids, every=every)


@app.command("resume", epilog=examples("queue resume 7.3", "queue resume --all"))
def resume(context: typer.Context, ids: Ids = None, every: All = False) -> None:
    """Put paused runs back in the queue; they go on from their last checkpoint."""
    _command(context, Command.RESUME, ids, every=every)


@app.command("cancel", epilog=examples("queue cancel 7", "queue cancel 7.1-4"))
def cancel(context: typer.Context, ids: Ids = None, every: All = False) -> None:
    """Cancel runs. Their epochs so far stay to be seen, and retry brings them back."""
    _command(context, Command.CANCEL, ids, every=every)


@app.command("retry", epilog=examples("queue retry 7.3", "queue retry --failed"))
def retry(
    context: typer.Context,
    ids: Ids = None,
    failed: Annotated[bool, typer.Option("--failed", help="Every failed run.")] = False,
) -> None:
    """Queue failed or cancelled runs again; they go on from their last checkpoint, under the same id."""
    _command(context, Command.RETRY, ids, every=failed)


@app.command("move", epilog=examples("queue move 7 --top", "queue move 7.3 --up", "queue move 7.1-4 --before 6.2"))
def move(
    context: typer.Context,
    ids: Ids = None,
    top: Annotated[bool, typer.Option("--top", help="Ahead of all that wait.")] = False,
    bottom: Annotated[bool, typer.Option("--bottom", help="Behind all that wait.")] = False,
    up: Annotated[bool, typer.Option("--up", help="One place forwards.")] = False,
    down: Annotated[bool, typer.Option("--down", help="One place back.")] = False,
    before: Annotated[
        str | None, typer.Option(metavar="RUN", help="To just before this run.", autocompletion=complete.runs)
    ] = None,
    priority: Annotated[
        int | None,
        typer.Option("--priority", metavar="N", help="This priority; higher runs first."),
    ] = None,
) -> None:
    """Move waiting runs in the queue; several keep their order."""
    from timnet.queue.service import expand_ids
    from timnet.registry.lineup import Move

    ways = [way for way, asked in zip(Move, (up, down, top, bottom), strict=True) if asked]
    if len(ways) + (before is not None) + (priority is not None) != 1:
        raise BadInput("say where to, in one way: --top, --bottom, --up, --down, --before RUN or --priority N")
    with reading(context) as (registry, _):
        keys = expand_ids(registry, ids or [])
        if not keys:
            raise BadInput("name the runs to move, e.g. 7.3 or 7; list them with: timnet queue ls")
        if priority is not None:
            registry.runs.prioritise(keys, priority)
        elif before is not None:
            registry.lineup.put_before(keys, before)
        else:
            registry.lineup.move(keys, ways[0])
    say(f"moved {len(keys)} run{'' if len(keys) == 1 else 's'}")


@app.command("rm", epilog=examples("queue rm 7", "queue rm 7 8 --now --yes"))
def rm(
    context: typer.Context,
    ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="EXPERIMENT", help="Whole experiments, e.g. 7.", autocompletion=complete.experiments),
    ] = None,
    now: keeping.Now = False,
    yes: keeping.Yes = False,
) -> None:
    """Remove experiments from every list, the queue too. The same as timnet runs rm."""
    keeping.remove_experiments(context, ids or [], now=now, yes=yes)


def _command(context: typer.Context, command: Command, ids: list[str] | None, *, every: bool) -> None:
    from timnet.queue.liveness import reap
    from timnet.queue.service import command_every, command_where_it_applies, expand_ids, heads_missing

    with reading(context) as (registry, settings):
        reap(registry, settings.max_crashes)
        if every and ids:
            raise BadInput("name runs, or take every one with --all or --failed, not both")
        if every:
            outcomes, passed = command_every(registry, command)
        else:
            keys = expand_ids(registry, ids or [])
            if not keys:
                raise BadInput(f"name the runs to {command}, e.g. 7.3 or 7; list them with: timnet queue ls")
            outcomes, passed = command_where_it_applies(registry, command, keys)
        unheard = heads_missing(registry, outcomes)
    for outcome in outcomes:
        said = f"asked to {outcome.intent}; it does so at its next step" if outcome.intent else f"is {outcome.now}"
        say(f"run {outcome.key} {said}")
    for line in unheard:
        say(line)
    if passed and not outcomes and not every:
        raise BadInput(f"none of these {len(passed)} runs can take it: {passed[0]}")
    if passed and not every:
        say(f"{len(passed)} passed over: {passed[0]}{' ...' if len(passed) > 1 else ''}")
    if every and not outcomes:
        say(f"there is no run to {command}")
