"""``timnet tune``: search for settings, each trial an experiment in the queue, judged by inner validation sets."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from timnet.cli import complete
from timnet.cli.context import reading
from timnet.cli.help import examples
from timnet.cli.output import print_json, print_table, say
from timnet.errors import BadInput

if TYPE_CHECKING:
    from timnet.registry import Registry
    from timnet.settings import Settings
    from timnet.tuning.report import StudyReport
    from timnet.tuning.search import Search

EXAMPLES = examples(
    "tune EMODB --trials 40 --protocol loso --only 1-3 --epochs 100",
    "tune EMODB --set lr=1e-4..1e-2,log --set batch=16,32,64",
    "tune SAVEE --sampler grid --set lr=5e-4,1e-3 --set dropout=.1,.2",
)

_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}


def tune(
    context: typer.Context,
    corpus: Annotated[
        str,
        typer.Argument(
            metavar="CORPUS", help="A registered corpus.", show_default=False, autocompletion=complete.corpora
        ),
    ],
    trials: Annotated[int, typer.Option("--trials", "-n", metavar="N", min=1, help="How many in all.")] = 40,
    space: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=...",
            help="What is searched: lr=1e-4..1e-2,log, batch=16,32,64; one value is set in all trials.",
            autocompletion=complete.settings,
        ),
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--space", metavar="FILE", help="The same from a TOML file, a line a setting.")
    ] = None,
    study: Annotated[str, typer.Option(metavar="NAME", help="Its name; by default corpus-protocol.")] = "",
    preset: Annotated[
        str, typer.Option(metavar="NAME", help="Where to start from.", autocompletion=complete.presets)
    ] = "github",
    save_as: Annotated[str, typer.Option(metavar="NAME", help="What the best preset is called.")] = "",
    protocol: Annotated[
        str | None, typer.Option(metavar="NAME", help="How folds are made.", autocompletion=complete.protocols)
    ] = None,
    folds: Annotated[int | None, typer.Option(metavar="N", help="How many folds.")] = None,
    only: Annotated[str, typer.Option(metavar="FOLDS", help="Only these folds in each trial, e.g. 1-3.")] = "",
    seed: Annotated[int | None, typer.Option(metavar="N", help="Seed of folds, weights and search.")] = None,
    epochs: Annotated[int | None, typer.Option(metavar="N", help="Epochs of each run.")] = None,
    inner: Annotated[
        float, typer.Option(metavar="SHARE", help="The inner validation set's share of the training data.")
    ] = 0.1,
    metric: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="inner_uar, inner_accuracy or inner_loss.",
            autocompletion=complete.one_of("inner_uar", "inner_accuracy", "inner_loss"),
        ),
    ] = "inner_uar",
    sampler: Annotated[
        str,
        typer.Option(
            metavar="NAME", help="tpe, random or grid.", autocompletion=complete.one_of("tpe", "random", "grid")
        ),
    ] = "tpe",
    pruner: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="median (by epochs), wilcoxon (by folds) or none.",
            autocompletion=complete.one_of("median", "wilcoxon", "none"),
        ),
    ] = "median",
    timeout: Annotated[str, typer.Option(metavar="TIME", help="Begin no trial after it: 90m, 2h.")] = "",
    jobs: Annotated[int, typer.Option("--jobs", "-j", metavar="N", min=0, max=1024, help="Runs at once.")] = 0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be searched, and stop.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Search for settings. Each trial is an experiment in the queue with an inner validation set of its own.

    A trial is worth the mean over its folds of what the inner set measured; test folds have no say. Interrupted or
    killed, it goes on with the same command; runs go on meanwhile. The best settings become a preset.
    """
    from timnet.queue.plan import parse_folds
    from timnet.tuning.search import Wish, search_of
    from timnet.tuning.space import read_space

    if space and file is not None:
        raise BadInput("--set and --space both say what is searched; give one of them")
    texts = tuple(space or ()) if file is None else read_space(file)
    wish = Wish(
        corpus=corpus,
        study=study,
        preset=preset,
        save_as=save_as,
        protocol=protocol,
        folds=folds,
        only=parse_folds(only),
        seed=seed,
        epochs=epochs,
        inner=inner,
        metric=metric,
        space=texts,
        sampler=sampler,
        pruner=pruner,
        trials=trials,
    )
    deadline = None if not timeout else time.monotonic() + seconds_of(timeout)
    with reading(context) as (registry, settings):
        settings = replace(settings, jobs=jobs or settings.jobs)
        search = search_of(registry, wish)
        if not dry_run:
            registry.db.refuse_reading_alone()  # before a lock is made and features are extracted
        _introduce(registry, settings, search)
        if not dry_run:
            raise typer.Exit(_tune(registry, settings, search, deadline, as_json))


def seconds_of(text: str) -> float:
    """``90``, ``90s``, ``15m`` or ``2h`` in seconds. Raises :class:`BadInput`."""
    match = re.fullmatch(r"(\d{1,9}(?:\.\d{1,3})?)\s*([a-z]*)", text.strip().lower(), re.ASCII)
    if match is None or match[2] not in _UNITS:
        raise BadInput(f"{text!r} is no time; write 90s, 15m or 2h")
    return float(match[1]) * _UNITS[match[2]]


def _introduce(registry: Registry, settings: Settings, search: Search) -> None:
    from timnet.queue.plan import preview_of
    from timnet.registry.paces import paces

    one = preview_of([search.experiment({}, "")], paces(registry.db), settings.jobs_here)
    say(
        f"study {search.study}: {search.corpus.name}, protocol {search.protocol}, {len(search.used)} of {search.folds} "
        f"folds, {search.base.epochs} epochs; judged by {search.metric}, inner validation set {search.base.inner:g}"
    )
    say(f"searched: {'; '.join(map(str, search.space.parameters))}")
    say(f"up to {search.trials} trials of {one.runs} run{'' if one.runs == 1 else 's'}; a whole trial: {one.lasting}")


def _tune(registry: Registry, settings: Settings, search: Search, deadline: float | None, as_json: bool) -> int:
    from timnet.cli.features import extract
    from timnet.queue.liveness import try_lock, unlock
    from timnet.tuning.leftovers import size_text
    from timnet.tuning.report import report_of, save
    from timnet.tuning.study import Study
    from timnet.tuning.tuner import End, Tuner, places_here

    lock = try_lock(registry.paths.tuning_lock(search.study))
    if lock is None:
        raise BadInput(f"study {search.study} is being tuned by another process; wait for it, or name one with --study")
    try:
        extract(search.corpus, settings)
        study = Study(registry.paths.tuning, search.study, search.definition, search.space, search.seed)
        tuner = Tuner(registry, search, study, places_here(registry, settings), say, deadline=deadline)
        status = 0
        try:
            end = tuner.run()
        except KeyboardInterrupt:
            say("the runs of open trials go on in the background; the same command goes on with the study")
            say(f"to end them: timnet queue cancel, for the experiments of timnet runs ls tag:{search.tag}")
            status = 130
        else:
            status = 1 if end is End.WORKERS_STOPPED else 0
            say({End.TIMEOUT: "the time is up", End.WORKERS_STOPPED: "the workers were told to stop"}.get(end, "done"))
        if tuner.freed:
            say(f"room that trials which were given up gave back: {size_text(tuner.freed)}")
        report = report_of(search, study)
        files = save(registry, report)
    finally:
        unlock(lock)
    if as_json:
        print_json(report.to_dict())
    else:
        _print(report)
    for path in files:
        say(f"wrote {path}")
    return status


def _print(report: StudyReport) -> None:
    from timnet.tuning.report import CAUTION
    from timnet.tuning.study import FEWEST
    from timnet.tuning.tuner import folds_text, value_text

    best, search = report.best, report.search
    say(f"trials: {len(report.trials)} ({report.counts})")
    if best is None or best.value is None:
        say("no trial is complete, so there is nothing to keep")
        return
    shares = {one.name: f"{one.share * 100:.0f}" for one in report.importances}
    rows = [(name, str(value), shares.get(name, "")) for name, value in best.settings.items()]
    print_table(("setting", "best", "importance %"), rows, right=("importance %",), optional=("importance %",))
    worth = value_text(search.metric, best.value)
    say(f"trial {best.number}, experiment {best.experiment}: {worth}, mean of {folds_text(len(best.values))}")
    if not report.importances:
        say(f"what mattered cannot be told yet: complete trials {report.complete}, needed {FEWEST} that differ")
    say(CAUTION)
    say(f"train with them: timnet train {search.corpus.name} --preset {search.save_as}")
