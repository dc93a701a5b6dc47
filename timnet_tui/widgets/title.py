"""The line that says which run a screen is about."""

from __future__ import annotations

from rich.text import Text

from timnet.evaluation.summary import Summary
from timnet.records import Run, RunState
from timnet.text import clean
from timnet_tui import wording
from timnet_tui.cells import percent_done
from timnet_tui.looks.experiment import Whole
from timnet_tui.looks.grid import ExperimentRow
from timnet_tui.palette import Palette, colour_of, glyph_of
from timnet_tui.render import style

OPTIMISTIC = "optimistic"


def run_title(run: Run, colours: Palette, tests: str = "") -> Text:
    """``► 2.3 EMODB  60 %  best-test optimistic  loso 3/10: speaker 03  seed``: the most telling comes first.

    ``tests`` names what the fold tests.
    """
    text = Text(no_wrap=True, overflow="ellipsis")
    text.append(f"{glyph_of(run)} {run.key} {clean(run.corpus)}", style(colour_of(run, colours), bold=True))
    text.append(f"  {_standing(run)}", style(colours.text, bold=run.state is RunState.DONE))
    text.append(f"  {clean(run.selection)}", style(colours.faint))
    if run.optimistic:
        text.append(f" {OPTIMISTIC}", style(colours.warning))
    text.append(f"  {clean(run.protocol)} {run.fold}/{run.folds}", style(colours.faint))
    if tests:
        text.append(f" tests {tests}", style(colours.text))
    text.append(f"  {clean(run.preset)}  seed {run.seed}", style(colours.faint))
    return text


def experiment_title(row: ExperimentRow, colours: Palette) -> Text:
    """``2 EMODB, all folds  UAR 78.5 ± 10.1  n 2/10``: a mean never stands without its n."""
    text = Text(no_wrap=True).append(f"{row.id} {clean(row.corpus)}, all folds", style(colours.accent, bold=True))
    return _mean(text, row.uar, row.war, row.folds, colours)


def whole_title(whole: Whole, colours: Palette) -> Text:
    """``2 EMODB, all folds  UAR 78.5 ± 10.1  n 2/10  best-test optimistic  random  seed  seed 46``."""
    experiment = whole.experiment
    text = Text(no_wrap=True, overflow="ellipsis")
    text.append(f"{experiment.id} {clean(experiment.corpus)}, all folds", style(colours.accent, bold=True))
    _mean(text, whole.uar, whole.war, experiment.folds, colours)
    text.append(f"  {clean(experiment.selection)}", style(colours.faint))
    if experiment.optimistic:
        text.append(f" {OPTIMISTIC}", style(colours.warning))
    text.append(f"  {clean(experiment.protocol)}", style(colours.faint))
    return text.append(f"  {clean(experiment.preset)}  seed {experiment.seed}", style(colours.faint))


def _mean(text: Text, uar: Summary, war: Summary, folds: int, colours: Palette) -> Text:
    """The mean with its own n: of the UAR, or of the WAR where an import does not know the UAR."""
    name, summary = ("WAR", war) if uar.n == 0 < war.n else ("UAR", uar)
    if summary.mean is not None:
        spread = "" if summary.sd is None else f" ± {wording.percent(summary.sd)}"
        text.append(f"  {name} {wording.percent(summary.mean)}{spread}", style(colours.text, bold=True))
    return text.append(f"  n {summary.n}/{folds}", style(colours.text))


def _standing(run: Run) -> str:
    if run.state is RunState.DONE and run.war is not None:
        return f"UAR {wording.percent(run.uar)}  WAR {wording.percent(run.war)}"
    if run.state is RunState.RUNNING and not run.submitted:
        return f"epoch {run.epoch}/{run.epochs}, {percent_done(run)} %"
    return f"{wording.state_of(run)} at epoch {run.epoch}/{run.epochs}" if run.epoch else wording.state_of(run)
