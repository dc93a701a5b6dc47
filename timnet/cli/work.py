"""``timnet work``, ``timnet workers`` and ``timnet train``: getting the queue done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from timnet.cli import complete
from timnet.cli.context import creating, reading, settings_of
from timnet.cli.engine_options import EngineOptions, with_engine_options
from timnet.cli.experiment_options import ExperimentOptions, with_experiment_options
from timnet.cli.help import examples
from timnet.cli.output import describe, print_json, print_table, say
from timnet.errors import BadInput
from timnet.records import CorpusRecord, Worker
from timnet.settings import Settings, parse_jobs

if TYPE_CHECKING:
    from timnet.registry import Registry

WORK_EXAMPLES = examples(
    "work --jobs 2",
    "work --jobs auto",
    "work --stay --detach",
    "work --engine slurm --partition gpu --gres gpu:1 --time 2:00:00",
    "work --engine slurm --array-parallelism 20 --stay --detach",
    "work --engine ray --address auto --gpus 0.25 --detach",
)
TRAIN_EXAMPLES = examples(
    "train EMODB --folds 10 --only 1,2 --epochs 20", "train EMODB --set lr=5e-4,1e-3", "train EMODB SAVEE --detach"
)

workers_app = typer.Typer(help="Worker processes: list them, stop them.", no_args_is_help=True)


def _parse_jobs(text: str | int) -> str | int:
    try:
        return parse_jobs(str(text))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


JOBS_HELP = "Runs at once; auto: what is best here; 0: as the settings say, else one a core."
Jobs = Annotated[
    Any,
    typer.Option(
        "--jobs",
        "-j",
        metavar="N|auto",
        parser=_parse_jobs,
        help=JOBS_HELP,
    ),
]
Handed = Annotated[
    Any,
    typer.Option(
        "--jobs",
        "-j",
        metavar="N|auto",
        parser=_parse_jobs,
        help=f"{JOBS_HELP} Slurm, Ray: runs handed over at most.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@with_engine_options
def work(
    context: typer.Context,
    options: EngineOptions,
    engine: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Where runs train: local (this machine), slurm or ray.",
            autocompletion=complete.one_of("local", "slurm", "ray"),
        ),
    ] = "local",
    jobs: Handed = 0,
    stay: Annotated[bool, typer.Option("--stay", help="Do not end when nothing waits.")] = False,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Start it in the background and return.")] = False,
) -> None:
    """Work on the queue until nothing waits; with --stay, for ever.

    Ctrl-C gives the current runs back to the queue; they go on later from their last checkpoint.

    With --engine slurm or ray, this is the head: it hands waiting runs over and brings home what they write. When it
    ends, or is killed, its jobs go on, and the next head goes on where it was. It hands over as many runs as
    --array-parallelism allows (Ray: 64); with a higher --jobs, more of them wait there, and more may run at once.
    """
    asked = options.asked(engine, 0 if engine == "local" else _jobs_elsewhere(jobs))
    if engine != "local":
        asked.engine_for(settings_of(context))  # what cannot be is said before a registry is made
    with creating(context) as (registry, settings):
        if engine == "local":
            _work_here(registry, settings, jobs, stay=stay, detach=detach)
        elif detach:
            from timnet.queue.service import start_head

            pid = start_head(settings.db, asked, stay=stay)
            say(f"head {pid} gives runs to {engine} in the background; see: timnet queue ls, timnet workers ls")
        else:
            from timnet.queue.head import work as be_head
            from timnet.queue.liveness import new_worker_uid

            be_head(registry, settings, asked, new_worker_uid(), stay=stay)


def _jobs_elsewhere(jobs: str | int) -> int:
    if isinstance(jobs, str):
        raise BadInput("--jobs auto is for this machine; leave it out, or say how many runs to hand over at most")
    return jobs


def _work_here(registry: Registry, settings: Settings, jobs: Any, *, stay: bool, detach: bool) -> None:
    from dataclasses import replace

    from timnet.queue.liveness import new_worker_uid
    from timnet.queue.service import start_worker
    from timnet.queue.worker import Worker

    settings = replace(settings, jobs=jobs or settings.jobs)
    if detach:
        pid = start_worker(settings.db, settings.jobs_asked, stay=stay)
        say(f"worker {pid} works in the background; see: timnet queue ls, end it: timnet workers stop")
        return
    Worker(registry, settings, new_worker_uid(), stay=stay).run()


@with_experiment_options
def train(
    context: typer.Context,
    options: ExperimentOptions,
    jobs: Jobs = 0,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Queue and start, but do not watch.")] = False,
) -> None:
    """Queue experiments, work on them in the background, and watch.

    Closing the terminal, or Ctrl-C, ends the watching and never the training.
    """
    from dataclasses import replace

    from timnet.cli.live import command_for, follow_runs
    from timnet.queue.enqueue import enqueue
    from timnet.queue.plan import plan
    from timnet.queue.service import ensure_worker

    with reading(context) as (registry, settings):
        settings = replace(settings, jobs=jobs or settings.jobs)
        planned = plan(registry, options.request())
        registry.db.refuse_reading_alone()  # before features are extracted for it
        for corpus in {one.corpus.id: one.corpus for one in planned}.values():
            _features(corpus, settings)
        made = enqueue(registry, planned)
        keys = [run.key for experiment in made for run in registry.runs.of_experiment(experiment.id)]
        for experiment in made:
            say(describe(experiment))
        if detach:
            ensure_worker(registry, settings.jobs_asked)
            ids = " ".join(str(experiment.id) for experiment in made)
            say(f"{len(keys)} runs queued; watch them: {command_for(settings)} runs watch {ids}")
            return
        raise typer.Exit(follow_runs(registry, settings, keys, work=True))


def _features(corpus: CorpusRecord, settings: Settings) -> None:
    """Extract a corpus's features before its runs start, where the user sees the progress."""
    from timnet.cli.features import extract

    extract(corpus, settings)


@workers_app.command("ls", epilog=examples("workers ls", "workers ls --json"))
def workers_ls(context: typer.Context, as_json: Json = False) -> None:
    """List the workers that live, proved by the locks they hold."""
    from timnet.queue.liveness import workers

    with reading(context) as (registry, _):
        alive = workers(registry)
    if as_json:
        print_json(
            [
                {
                    "id": worker.uid,
                    "engine": worker.engine,
                    "host": worker.host,
                    "pid": worker.pid,
                    "jobs": worker.jobs,
                    "running": list(worker.running),
                    "started": worker.started,
                    "want": worker.want,
                    "submitted": list(worker.submitted),
                }
                for worker in alive
            ]
        )
        return
    if not alive:
        say("no worker lives here; start one: timnet work --detach")
        return
    rows = [
        (w.uid, w.engine, w.host, str(w.pid), f"{len(w.running)}/{w.jobs}", " ".join(w.running), w.started)
        for w in alive
    ]
    print_table(("worker", "engine", "host", "pid", "busy", "runs", "since"), rows, right=("pid", "busy"))


@workers_app.command("stop", epilog=examples("workers stop", "workers stop 4f1c --drain"))
def workers_stop(
    context: typer.Context,
    ids: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="WORKER",
            help="The beginning of a worker's id, or its pid; none named: all of them.",
            show_default=False,
            autocompletion=complete.workers,
        ),
    ] = None,
    drain: Annotated[bool, typer.Option("--drain", help="Let them finish the runs they are at.")] = False,
) -> None:
    """Stop workers here; their runs go back to the queue and lose nothing that was checkpointed.

    A head of Slurm or Ray ends alone: its jobs go on, and the next head brings in what they did. timnet queue cancel
    ends them, while a head lives.
    """
    from timnet.queue.service import stop_worker, stop_workers

    with reading(context) as (registry, _):
        every = stop_workers(registry, drain=drain) if not ids else []
        asked = every or [stop_worker(registry, uid, drain=drain) for uid in ids or ()]
    doing = "end after its current runs" if drain else "end"
    for worker in asked:
        if worker.engine == "local":
            say(f"asked worker {worker.pid} to {doing}")
        else:
            say(f"asked head {worker.pid} of {worker.engine} to {doing}{'' if drain else _left_behind(worker)}")
    if not asked:
        say("no worker lives here")


def _left_behind(head: Worker) -> str:
    """What becomes of a head's jobs when it ends, and how to end them."""
    from timnet.queue.waiting import start_head

    count = len(head.running)
    if not count:
        return ""
    return (
        f"; its {count} job{'' if count == 1 else 's'} go{'es' if count == 1 else ''} on without it. To end jobs: "
        f"timnet queue cancel RUN, which a head passes on: {start_head(head.engine)}"
    )
