"""``timnet runs``: look at runs and experiments, tag them, watch them, wait for them, remove them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from timnet.cli.context import reading, writing
from timnet.cli.output import epoch_text, print_json, print_table, say, score, selection_text, state_text
from timnet.errors import BadInput
from timnet.records import Run, RunState
from timnet.text import clean

if TYPE_CHECKING:
    from timnet.registry import Registry

app = typer.Typer(help="List, show, watch, tag and remove runs and experiments.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
RunId = Annotated[str, typer.Argument(help="A run, e.g. 7.3 (experiment 7, fold 3).", show_default=False)]
Ids = Annotated[list[str], typer.Argument(help="Runs or experiments: 7.3, 7, 7.1-4.", show_default=False)]
ExperimentId = Annotated[int, typer.Argument(help="An experiment, e.g. 7.", show_default=False)]


@app.command("ls")
def ls(
    context: typer.Context,
    terms: Annotated[
        list[str] | None, typer.Argument(help="A filter, e.g. corpus:EMODB 'uar>0.8' state:done tag:paper.")
    ] = None,
    group: Annotated[
        str | None, typer.Option("--group", help="experiment: one row an experiment, with mean, sd and n.")
    ] = None,
    sort: Annotated[str, typer.Option(help="id, created, updated, uar, war, loss or queue.")] = "id",
    reverse: Annotated[bool, typer.Option("--reverse", "-r", help="The other way round.")] = False,
    limit: Annotated[int | None, typer.Option(help="At most so many.")] = None,
    as_json: Json = False,
) -> None:
    """List runs; a term with a minus in front excludes, after a double dash: timnet runs ls -- -state:failed.

    Examples: timnet runs ls corpus:EMODB 'uar>0.8', timnet runs ls --group experiment --json
    """
    from timnet.export.contract import run_object
    from timnet.queue import liveness, waiting

    if group not in (None, "experiment"):
        raise BadInput(f"cannot group by {group!r}; there is: experiment")
    with reading(context) as (registry, settings):
        liveness.reap(registry, settings.max_crashes)
        text = " ".join(f'"{term}"' if " " in term else term for term in terms or [])
        runs = registry.runs.ls(text, sort=sort, descending=reverse, limit=limit)
        if group:
            _list_experiments(registry, runs, as_json)
            return
        runs = waiting.explain(runs, liveness.workers(registry))
    if as_json:
        print_json([run_object(run) for run in runs])
        return
    if not runs:
        say("no run matches" if terms else "no runs yet; train some: timnet train EMODB")
        return
    rows = [
        (
            run.key,
            run.corpus,
            run.preset,
            run.protocol,
            selection_text(run.selection, run.optimistic),
            state_text(run),
            epoch_text(run),
            score(run.uar),
            score(run.war),
            clean(run.waiting_for or run.error or ""),
        )
        for run in runs
    ]
    headings = ("run", "corpus", "preset", "protocol", "selection", "state", "epoch", "UAR %", "WAR %", "why")
    print_table(headings, rows, right=("epoch", "UAR %", "WAR %"), optional=("preset", "why", "epoch"))


def _list_experiments(registry: Registry, runs: Sequence[Run], as_json: bool) -> None:
    from timnet.evaluation.summary import summarise
    from timnet.export.contract import experiment_object

    ids = sorted({run.experiment_id for run in runs})
    groups = [(registry.experiments.get(i), registry.runs.of_experiment(i)) for i in ids]
    if as_json:
        print_json([experiment_object(experiment, own) for experiment, own in groups])
        return
    rows = []
    for experiment, own in groups:
        uar, war = (summarise([getattr(run, name) for run in own]) for name in ("uar", "war"))
        states = [run.state for run in own]
        rows.append(
            (
                str(experiment.id),
                experiment.corpus,
                experiment.preset,
                experiment.protocol,
                selection_text(experiment.selection, experiment.optimistic),
                str(experiment.seed),
                *(f"{score(s.mean)} ± {score(s.sd)}" if s.n > 1 else score(s.mean) for s in (uar, war)),
                f"{uar.n}/{experiment.folds}",
                ", ".join(f"{states.count(state)} {state}" for state in RunState if state in states),
                " ".join(experiment.tags),
            )
        )
    headings = ("exp", "corpus", "preset", "protocol", "selection", "seed", "UAR %", "WAR %", "n", "states", "tags")
    print_table(headings, rows, right=("UAR %", "WAR %", "n"), optional=("tags", "preset", "seed", "states"))


@app.command("show")
def show(context: typer.Context, run_id: RunId, as_json: Json = False) -> None:
    """Show one run: its settings, last epochs, checks, checkpoints and confusion matrix.

    Example: timnet runs show 7.3 --json
    """
    from timnet.export.contract import run_details
    from timnet.queue import liveness, waiting

    with reading(context) as (registry, settings):
        liveness.reap(registry, settings.max_crashes)
        [run] = waiting.explain([registry.runs.get(run_id)], liveness.workers(registry))
        details = run_details(registry, run)
        folder = registry.paths.run(run.uid).folder
    if as_json:
        print_json(details)
        return
    _print_run(run, details, str(folder))


def _print_run(run: Run, details: dict[str, object], folder: str) -> None:
    from timnet.cli.show import facts, print_confusion

    print_table(("", ""), facts(run, details, folder))
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


@app.command("logs")
def logs(
    context: typer.Context,
    run_id: RunId,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as it grows, until the run ends.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="The last so many lines; 0: all.")] = 0,
) -> None:
    """Print a run's log: all its attempts, in order.

    Example: timnet runs logs 7.3 -f
    """
    import sys

    with reading(context) as (registry, _):
        run = registry.runs.get(run_id)
        path = registry.paths.run(run.uid).log
        if not path.exists() and not follow:
            raise BadInput(f"run {run_id} has no log yet: it is {run.state}")
        position = 0
        while True:
            ended = registry.runs.by_id(run.id).state is not RunState.RUNNING
            if path.exists():
                with path.open("rb") as log:
                    log.seek(position)
                    text = log.read().decode(errors="replace")
                    position = log.tell()
                shown = text.splitlines()[-lines:] if lines and not follow else text.splitlines()
                sys.stdout.writelines(f"{clean(line)}\n" for line in shown)
                sys.stdout.flush()
            if not follow or ended:
                return
            time.sleep(0.3)


@app.command("tag")
def tag(
    context: typer.Context,
    experiment: ExperimentId,
    tags: Annotated[list[str], typer.Argument(help="Tags to add.", show_default=False)],
    remove: Annotated[bool, typer.Option("--remove", help="Remove them instead.")] = False,
) -> None:
    """Tag an experiment, to find it again with tag:NAME.

    Example: timnet runs tag 7 paper
    """
    with writing(context) as (registry, _):
        found = registry.experiments.tag(experiment, *(((), tags) if remove else (tags, ())))
    say(f"experiment {experiment}: {' '.join(found.tags) or 'no tags'}")


@app.command("note")
def note(
    context: typer.Context,
    experiment: ExperimentId,
    text: Annotated[str, typer.Argument(help="The note; '' removes it.")],
) -> None:
    """Write a note on an experiment.

    Example: timnet runs note 7 "first try with the small batch"
    """
    with writing(context) as (registry, _):
        registry.experiments.note(experiment, text)
    say(f"noted on experiment {experiment}")


@app.command("watch")
def watch(context: typer.Context, ids: Ids) -> None:
    """Watch runs until they end; Ctrl-C stops only the watching.

    Example: timnet runs watch 7
    """
    from timnet.cli.live import follow_runs
    from timnet.queue.service import expand_ids

    with writing(context) as (registry, settings):
        raise typer.Exit(follow_runs(registry, settings, expand_ids(registry, ids)))


@app.command("wait")
def wait(
    context: typer.Context,
    ids: Ids,
    timeout: Annotated[float, typer.Option(help="Give up after so many seconds; 0: never.")] = 0,
) -> None:
    """Wait, silently, until runs have ended: exit status 0 when all are done, 1 when one is not.

    Example: timnet runs wait 7 && timnet export table 7
    """
    from timnet.queue.liveness import reap
    from timnet.queue.service import expand_ids
    from timnet.states import ENDED

    started = time.monotonic()
    with writing(context) as (registry, settings):
        keys = expand_ids(registry, ids)
        while True:
            reap(registry, settings.max_crashes)
            runs = [registry.runs.get(key) for key in keys]
            if all(run.state in ENDED for run in runs):
                raise typer.Exit(0 if all(run.state is RunState.DONE for run in runs) else 1)
            if timeout and time.monotonic() - started > timeout:
                say(f"still not ended after {timeout:g} s: {', '.join(r.key for r in runs if r.state not in ENDED)}")
                raise typer.Exit(1)
            time.sleep(0.3)


@app.command("rm")
def rm(
    context: typer.Context,
    ids: Ids,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Delete experiments with all their runs, metrics and weights. There is no way back.

    Example: timnet runs rm 7
    """
    remove_experiments(context, ids, yes)


def remove_experiments(context: typer.Context, ids: Sequence[str], yes: bool) -> None:
    """Delete whole experiments after asking; a single fold cannot be removed, its experiment would be a lie."""
    import shutil

    numbers = [text for text in ids if not text.isdecimal()]
    if numbers or not ids:
        raise BadInput(
            f"{numbers[0] if numbers else 'nothing'} names no experiment; whole experiments are removed, e.g. 7"
        )
    with writing(context) as (registry, _):
        experiments = [registry.experiments.get(int(text)) for text in ids]
        for experiment in experiments:
            runs = registry.runs.of_experiment(experiment.id)
            done = sum(run.state is RunState.DONE for run in runs)
            question = (
                f"delete experiment {experiment.id} ({experiment.corpus}, {len(runs)} runs, {done} done) for good?"
            )
            if not yes and not typer.confirm(question, err=True):
                say("nothing was deleted")
                raise typer.Exit(1)
            for uid in registry.experiments.delete(experiment.id):
                shutil.rmtree(registry.paths.run(uid).folder, ignore_errors=True)
            say(f"deleted experiment {experiment.id}")
