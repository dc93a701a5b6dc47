"""Saying what would be queued, and what was."""

from __future__ import annotations

from typing import TYPE_CHECKING

from timnet.cli.output import describe, print_json, say
from timnet.selection import selection_text

if TYPE_CHECKING:
    from timnet.queue.plan import Preview, Request
    from timnet.registry import Registry
    from timnet.settings import Settings


def queue_or_tell(registry: Registry, settings: Settings, request: Request, *, dry_run: bool, as_json: bool) -> None:
    """Queue what ``request`` asks for and say so; with ``dry_run`` only say what that would be."""
    from timnet.export.contract import planned_object, run_object
    from timnet.queue.enqueue import enqueue
    from timnet.queue.plan import preview

    seen = preview(registry, request, settings.jobs_here)
    if dry_run:
        if as_json:
            print_json([planned_object(one) for one in seen.experiments])
        else:
            _tell(seen)
        return
    made = enqueue(registry, seen.experiments)
    if as_json:
        print_json([run_object(run) for one in made for run in registry.runs.of_experiment(one.id)])
        return
    for experiment in made:
        say(describe(experiment))
    say(f"{seen.runs} runs queued; work on them with: timnet work")


def _tell(seen: Preview) -> None:
    from timnet.queue.plan import changes_of, runs_of

    for one in seen.experiments:
        changed = "".join(f" {change}" for change in changes_of(one, seen.presets))
        selection = selection_text(one.config.selection, one.config.optimistic)
        say(
            f"would queue {one.corpus.name} {one.preset}{changed} {one.protocol} seed {one.seed}, {runs_of(one)} runs, "
            f"{one.config.epochs} epochs, selection {selection}"
        )
    say(f"{len(seen.experiments)} experiments, {seen.runs} runs, {seen.lasting}")
