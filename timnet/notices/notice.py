"""From what happened to what is told: one line a notice, with protocol, selection and n beside every score."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from timnet.errors import UnknownName
from timnet.evaluation.summary import fold_scores
from timnet.records import EventKind, Run, RunState
from timnet.registry import Registry
from timnet.registry.notices import Happening
from timnet.selection import selection_text
from timnet.states import ENDED
from timnet.text import clean
from timnet.tuning.trial import is_trial

LONGEST = 500
"""Characters of a notice's text; an error can be longer, and its whole text is in the run's log."""

OF_TRIALS = ("failed", "stall")
"""What is told of an experiment that ``timnet tune`` has queued, which may be one of forty."""


@dataclass(frozen=True, slots=True)
class Notice:
    """``occasion`` is one of :data:`timnet.settings.OCCASIONS`; ``text`` is one harmless line that stands alone.

    ``run`` is the run's key, empty where it is about a whole experiment.
    """

    occasion: str
    title: str
    text: str
    experiment: int
    run: str = ""


def notices_of(registry: Registry, happenings: Sequence[Happening], on: Sequence[str]) -> list[Notice]:
    """The notices that a user wants (``on``, of :data:`timnet.settings.OCCASIONS`), in the order of what happened.

    Of a study's trials (``timnet tune``) only failures and standstills are told. The happenings must have been read
    in the state that ``registry`` is in now, or shortly before.
    """
    last = {one.experiment_id: one.id for one in happenings if one.kind in (EventKind.DONE, EventKind.FAILED)}
    return [
        notice
        for one in happenings
        if not one.imported
        for notice in _notices(registry, one, on, closing=last.get(one.experiment_id) == one.id)
        if notice.occasion in _wanted(registry, one, on)
    ]


def _wanted(registry: Registry, one: Happening, on: Sequence[str]) -> Sequence[str]:
    """``on``; of a trial only what does not belong to a search: that settings are given up or run away does."""
    try:
        experiment = registry.experiments.get(one.experiment_id)
    except UnknownName:  # deleted a moment ago
        return on
    if not is_trial(experiment.tags, experiment.note):
        return on
    return [] if one.diverged else [occasion for occasion in on if occasion in OF_TRIALS]


def _notices(registry: Registry, one: Happening, on: Sequence[str], *, closing: bool) -> Iterator[Notice]:
    try:
        run = registry.runs.by_id(one.run_id)
    except UnknownName:  # deleted a moment ago
        return
    match one.kind:
        case EventKind.DONE:
            yield _of_run("run", "finished", run, f"finished: {_scores(run)}")
        case EventKind.FAILED if not (one.diverged and "nan" in on):  # then that has been told, with the reason
            yield _of_run("failed", "failed", run, f"failed: {run.error or one.text}")
        case EventKind.DIVERGED:
            yield _of_run("nan", "diverged", run, one.text)
        case EventKind.STALLED:
            yield _of_run("stall", "stands still", run, one.text)
    if closing and one.kind in (EventKind.DONE, EventKind.FAILED):
        yield from _of_experiment(registry.runs.of_experiment(one.experiment_id))


def _of_run(occasion: str, what: str, run: Run, text: str) -> Notice:
    title = f"timnet: run {run.key} {what}"
    return _notice(occasion, title, f"run {run.key} ({_about(run)}) {text}", run.experiment_id, run.key)


def _of_experiment(runs: Sequence[Run]) -> Iterator[Notice]:
    """The end of an experiment: nothing of it waits or trains any more, and something came out."""
    if any(run.state not in ENDED for run in runs) or not any(run.state is RunState.DONE for run in runs):
        return
    first = runs[0]
    uar = fold_scores((run.uar, run.war) for run in runs if run.state is RunState.DONE).uar
    spread = "" if uar.sd is None else f" ± {_percent(uar.sd)}"
    mean = "no UAR" if uar.mean is None else f"UAR {_percent(uar.mean)}{spread} %"
    failed = sum(run.state is RunState.FAILED for run in runs)
    more = f"; {failed} failed" if failed else ""
    text = f"experiment {first.experiment_id} ({_about(first)}) finished: {mean}, n {uar.n} of {first.folds}{more}"
    yield _notice("finish", f"timnet: experiment {first.experiment_id} finished", text, first.experiment_id)


def _notice(occasion: str, title: str, text: str, experiment: int, run: str = "") -> Notice:
    text = clean(" ".join(text.split()))
    return Notice(occasion, title, text if len(text) <= LONGEST else text[: LONGEST - 1] + "…", experiment, run)


def _about(run: Run) -> str:
    return f"{run.corpus}, {run.protocol}, {selection_text(run.selection, run.optimistic, ' optimistic')}"


def _scores(run: Run) -> str:
    uar = "no UAR" if run.uar is None else f"UAR {_percent(run.uar)} %"
    return uar if run.war is None else f"{uar}, WAR {_percent(run.war)} %"


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"
