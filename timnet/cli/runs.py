"""``timnet runs``: look at runs and experiments, tag them, watch them, wait for them, remove them."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from timnet.cli import complete, keeping, leakage
from timnet.cli.columns import COLUMNS, chosen, table
from timnet.cli.context import reading
from timnet.cli.groups import fields_of, list_groups
from timnet.cli.help import FilterCommand, examples, filter_text
from timnet.cli.output import mean_text, print_json, print_table, say
from timnet.errors import BadInput
from timnet.records import Run, RunState
from timnet.selection import selection_text

if TYPE_CHECKING:
    from timnet.queue.logs import LogReader
    from timnet.registry import Registry

app = typer.Typer(help="List, show, compare, watch, tag and remove runs and experiments.", no_args_is_help=True)

POLL_SECONDS = 0.3
GOING = (RunState.QUEUED, RunState.RUNNING)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
RunId = Annotated[
    str,
    typer.Argument(
        metavar="RUN", help="A run, e.g. 7.3 (experiment 7, fold 3).", show_default=False, autocompletion=complete.runs
    ),
]
Ids = Annotated[
    list[str],
    typer.Argument(
        metavar="RUN", help="Runs or experiments: 7.3, 7, 7.1-4.", show_default=False, autocompletion=complete.runs
    ),
]
ExperimentId = Annotated[
    int,
    typer.Argument(
        metavar="EXPERIMENT", help="An experiment, e.g. 7.", show_default=False, autocompletion=complete.experiments
    ),
]


@app.command(
    "ls",
    cls=FilterCommand,
    epilog=examples(
        "runs ls corpus:EMODB 'uar>0.8' -state:failed",
        "runs ls --sort uar --reverse --limit 10",
        "runs ls --columns corpus,smoothed_val_uar --sort smoothed_val_uar",
        "runs ls --group experiment --json",
        "runs ls --group corpus,preset state:done",
    ),
)
def ls(
    context: typer.Context,
    terms: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="FILTER",
            help="Terms that must all hold, e.g. corpus:EMODB 'uar>0.8' tag:paper; a minus in front excludes.",
            autocompletion=complete.filter_terms,
        ),
    ] = None,
    group: Annotated[
        str | None,
        typer.Option(
            "--group",
            metavar="WHAT",
            help="One row for each experiment, or corpus, preset, protocol, selection, seed, tag, state, day ...; "
            "several with commas.",
            autocompletion=complete.groups,
        ),
    ] = None,
    sort: Annotated[
        str,
        typer.Option(
            metavar="KEY",
            help="id, created, updated, uar, war, best, loss, val_uar, smoothed_val_uar, epoch, queue ...",
            autocompletion=complete.sorts,
        ),
    ] = "id",
    reverse: Annotated[bool, typer.Option("--reverse", "-r", "--desc", help="The other way round.")] = False,
    limit: Annotated[int | None, typer.Option(metavar="N", min=1, help="At most N runs.")] = None,
    offset: Annotated[int, typer.Option(metavar="N", min=0, help="Pass over the first N.")] = 0,
    columns: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES",
            help="What to show, with commas, e.g. corpus,state,smoothed_val_uar.",
            autocompletion=complete.one_of(*COLUMNS),
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """List runs, or with --group what they have in common; results with their protocol and selection rule."""
    from timnet.queue import liveness, waiting

    shown = chosen(columns)
    with reading(context) as (registry, settings):
        liveness.reap(registry, settings.max_crashes)
        if group not in (None, "experiment"):
            list_groups(registry, filter_text(terms), fields_of(group or ""), as_json=as_json)
            return
        runs = registry.runs.ls(filter_text(terms), sort=sort, descending=reverse, limit=limit, offset=offset)
        if group:
            _list_experiments(registry, runs, as_json)
            return
        runs = waiting.explain(runs, liveness.workers(registry))
    if as_json:
        from timnet.export.contract import run_object

        print_json([run_object(run) for run in runs])
        return
    if not runs:
        say("no run matches" if terms else "no runs yet; train some: timnet train EMODB")
        return
    headings, rows, right = table(runs, shown)
    print_table(headings, rows, right=right, optional=("preset", "why", "epoch") if columns is None else ())


def _list_experiments(registry: Registry, runs: Sequence[Run], as_json: bool) -> None:
    from timnet.export.contract import experiment_object
    from timnet.export.results import finished, scores_of

    ids = sorted({run.experiment_id for run in runs})
    groups = [(registry.experiments.get(i), registry.runs.of_experiment(i)) for i in ids]
    if as_json:
        print_json([experiment_object(experiment, own) for experiment, own in groups])
        return
    rows = []
    for experiment, own in groups:
        scores, done = scores_of(own), finished(own)
        states = [run.state for run in own]
        rows.append(
            (
                str(experiment.id),
                experiment.corpus,
                experiment.preset,
                experiment.protocol,
                selection_text(experiment.selection, experiment.optimistic),
                str(experiment.seed),
                *(mean_text(one, done) for one in (scores.uar, scores.war)),
                f"{done}/{experiment.folds}",
                ", ".join(f"{states.count(state)} {state}" for state in RunState if state in states),
                " ".join(experiment.tags),
            )
        )
    headings = ("exp", "corpus", "preset", "protocol", "selection", "seed", "UAR %", "WAR %", "n", "states", "tags")
    print_table(headings, rows, right=("UAR %", "WAR %", "n"), optional=("tags", "preset", "seed", "states"))


@app.command("show", epilog=examples("runs show 7.3", "runs show 7.3 --json"))
def show(context: typer.Context, run_id: RunId, as_json: Json = False) -> None:
    """Show one run: its settings, last epochs, checks, checkpoints and confusion matrix."""
    from timnet.cli.show import facts
    from timnet.export.contract import run_details
    from timnet.queue import liveness, waiting

    with reading(context) as (registry, settings):
        liveness.reap(registry, settings.max_crashes)
        alive = liveness.workers(registry)
        [run] = waiting.explain([registry.runs.get(run_id)], alive)
        details = run_details(registry, run)
        folder = registry.paths.run(run.uid).folder
        tests, queued = _tests(registry, run), registry.experiments.code(run.experiment_id)
        code = queued.facts(registry.paths) if queued else []
    if as_json:
        print_json(details)
        return
    _print_run(details, facts(run, details, str(folder), tests, code, waiting.alone(run, alive)))


def _tests(registry: Registry, run: Run) -> str:
    """What the fold tests, in words; empty where that has no name."""
    from timnet.protocols import names_of_folds

    utterances = registry.corpora.utterances(registry.experiments.get(run.experiment_id).corpus_id)
    names = names_of_folds(run.protocol, utterances, run.folds)
    return names[run.fold - 1] if names else ""


def _print_run(details: dict[str, object], facts: Sequence[tuple[str, str]]) -> None:
    from timnet.cli.show import print_confusion

    print_table(("", ""), facts)
    metrics = details["metrics"]
    assert isinstance(metrics, list)
    names = ("epoch", "loss", "accuracy", "val_loss", "val_accuracy", "val_uar", "seconds")
    rows = [
        [("–" if m[n] is None else str(m[n]) if n == "epoch" else f"{m[n]:.4f}") for n in names] for m in metrics[-8:]
    ]
    print_table(names, rows, right=names)
    events = details["events"]
    assert isinstance(events, list)
    checked = [event for event in events if event["kind"] != "check-skipped"][-10:]
    print_table(
        ("time", "epoch", "event"), [(e["time"], str(e["epoch"] or ""), e["text"]) for e in checked], right=("epoch",)
    )
    print_confusion(details["confusion"])


@app.command("compare", epilog=examples("runs compare 7 8", "runs compare 7.3 8.3", "runs compare 7 8 -o both.tex"))
def compare(
    context: typer.Context,
    ids: Annotated[
        list[str],
        typer.Argument(
            metavar="ID",
            help="2 to 20 experiments (7) or runs (7.3); each is set against the first.",
            autocompletion=complete.experiments,
        ),
    ],
    folds: Annotated[bool, typer.Option("--folds", help="Print the difference of every fold too.")] = False,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", help="Write it to a .md, .csv, .tex, .json, .xlsx or .png file."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Set experiments or runs side by side: settings that differ, UAR and WAR, paired tests where they are fair.

    The corrected resampled t-test (Nadeau and Bengio 2003) is over the folds that both have finished, McNemar's test
    over the utterances that both predicted. Where the folds are not the same, it says so and what can be compared.
    """
    from timnet.cli.compare import print_comparison
    from timnet.export import comparison
    from timnet.export.comparison_file import write_comparison
    from timnet.export.contract_comparison import comparison_object

    with reading(context) as (registry, _):
        if out is not None:
            say(f"wrote {write_comparison(registry, ids, out)}")
            return
        found = comparison.compare(registry, ids)
    if as_json:
        print_json(comparison_object(found))
    else:
        print_comparison(found, folds=folds)


@app.command("logs", epilog=examples("runs logs 7.3 -n 20", "runs logs 7.3 --follow"))
def logs(
    context: typer.Context,
    run_id: RunId,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as it grows, until the run ends.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", metavar="N", min=0, help="Only the last N lines; 0: all.")] = 0,
) -> None:
    """Print a run's log: all its attempts, in order."""
    from timnet.queue import liveness
    from timnet.queue.logs import LogReader

    with reading(context) as (registry, settings):
        run = registry.runs.get(run_id)
        log = LogReader(registry.paths.run(run.uid).log)
        goes_on = follow and run.state in GOING
        if not log.path.exists() and not goes_on:
            raise BadInput(f"run {run.key} has no log: it is {run.state}")
        if goes_on and run.state is RunState.QUEUED:
            say(f"run {run.key} waits; its log follows once it starts")
        _print_tail(log, lines, whole=not goes_on)
        while goes_on:
            time.sleep(POLL_SECONDS)
            liveness.reap(registry, settings.max_crashes)
            goes_on = registry.runs.by_id(run.id).state in GOING
            _print_lines(log.lines(whole=not goes_on))


def _print_tail(log: LogReader, lines: int, *, whole: bool) -> None:
    """What the log holds now, or its last ``lines``."""
    if not lines:
        while found := log.lines(whole=whole):
            _print_lines(found)
        return
    last: deque[str] = deque(maxlen=lines)
    while found := log.lines(whole=whole):
        last.extend(found)
    _print_lines(last)


def _print_lines(lines: Iterable[str]) -> None:
    sys.stdout.writelines(f"{line}\n" for line in lines)
    sys.stdout.flush()


@app.command("tag", epilog=examples("runs tag 7 paper", "runs tag 7 paper --remove"))
def tag(
    context: typer.Context,
    experiment: ExperimentId,
    tags: Annotated[list[str], typer.Argument(metavar="TAG", help="Tags to add.", show_default=False)],
    remove: Annotated[bool, typer.Option("--remove", help="Remove them instead.")] = False,
) -> None:
    """Tag an experiment, to find it again with tag:NAME."""
    with reading(context) as (registry, _):
        found = registry.experiments.tag(experiment, *(((), tags) if remove else (tags, ())))
    say(f"experiment {experiment}: {' '.join(found.tags) or 'no tags'}")


@app.command("note", epilog=examples("runs note 7 'first try with the small batch'", "runs note 7 ''"))
def note(
    context: typer.Context,
    experiment: ExperimentId,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The note; '' removes it.")],
) -> None:
    """Write a note on an experiment."""
    with reading(context) as (registry, _):
        registry.experiments.note(experiment, text)
    say(f"noted on experiment {experiment}")


@app.command("watch", epilog=examples("runs watch 7", "runs watch 7.1-4"))
def watch(context: typer.Context, ids: Ids) -> None:
    """Watch runs until they end; Ctrl-C stops only the watching."""
    from timnet.cli.live import follow_runs
    from timnet.queue.service import expand_ids

    with reading(context) as (registry, settings):
        raise typer.Exit(follow_runs(registry, settings, expand_ids(registry, ids)))


@app.command("wait", epilog=examples("runs wait 7 && timnet export table 7", "runs wait 7.1-4 --timeout 600"))
def wait(
    context: typer.Context,
    ids: Ids,
    timeout: Annotated[
        float, typer.Option(metavar="SECONDS", min=0, help="Give up after so many seconds; 0: never.")
    ] = 0,
) -> None:
    """Wait until runs have ended: exit status 0 when all are done, 1 when one is not."""
    from timnet.queue.liveness import reap, workers
    from timnet.queue.service import expand_ids
    from timnet.states import ENDED

    started = time.monotonic()
    with reading(context) as (registry, settings):
        keys = expand_ids(registry, ids)
        if not workers(registry) and any(registry.runs.get(key).state not in ENDED for key in keys):
            say("no worker takes runs now; start one: timnet work --detach")
        while True:
            reap(registry, settings.max_crashes)
            runs = [registry.runs.get(key) for key in keys]
            if all(run.state in ENDED for run in runs):
                raise typer.Exit(0 if all(run.state is RunState.DONE for run in runs) else 1)
            if timeout and time.monotonic() - started > timeout:
                say(f"still not ended after {timeout:g} s: {', '.join(r.key for r in runs if r.state not in ENDED)}")
                raise typer.Exit(1)
            time.sleep(POLL_SECONDS)


app.command("leakage", epilog=examples("runs leakage 7", "runs leakage 7 --json"))(leakage.of_experiment)
app.command("pin", epilog=examples("runs pin 7", "runs pin 7 8"))(keeping.pin)
app.command("unpin", epilog=examples("runs unpin 7"))(keeping.unpin)
app.command("rm", epilog=examples("runs rm 7", "runs rm 7 8 --now --yes"))(keeping.rm)
app.command("restore", epilog=examples("runs restore 7", "runs restore 7 8"))(keeping.restore)
app.command("trash", epilog=examples("runs trash", "runs trash --empty --yes"))(keeping.trash)
