"""What is known of a run, or of a whole experiment, as label and value."""

from __future__ import annotations

from rich.style import Style
from rich.table import Table
from rich.text import Text
from textual.app import RenderResult
from textual.containers import VerticalScroll
from textual.widget import Widget

from timnet.evaluation.summary import Summary
from timnet.queue.forecast import duration
from timnet.queue.waiting import whereabouts
from timnet.records import Checkpoint, RunState, TrainingConfig
from timnet.text import clean
from timnet_tui import wording
from timnet_tui.looks.experiment import Whole
from timnet_tui.looks.run import Detail
from timnet_tui.palette import Palette, palette_of
from timnet_tui.render import style

Fact = tuple[str, str, bool]
"""Label, value, and whether it calls for attention."""


LABEL = 10


class Facts(VerticalScroll, can_focus=True):
    """Scrolls where a long error needs more room."""

    DEFAULT_CSS = "Facts { width: 1fr; height: 1fr; }"

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's own name for it
        super().__init__(_Sheet(), id=id)

    def show(self, shown: Detail | Whole | None) -> None:
        """Show another run or experiment, or the same one later."""
        self.query_one(_Sheet).show(shown)


class _Sheet(Widget):
    DEFAULT_CSS = "_Sheet { height: auto; }"

    def __init__(self) -> None:
        super().__init__()
        self._facts: list[Fact] = []
        self._title = ""

    def show(self, shown: Detail | Whole | None) -> None:
        self._title = "experiment" if isinstance(shown, Whole) else "run"
        facts = [] if shown is None else facts_of(shown) if isinstance(shown, Detail) else facts_of_whole(shown)
        if facts != self._facts:
            # a new layout costs the whole screen, so it is asked for only when lines come or go
            self.refresh(layout=self._height(facts) != self._height(self._facts))
            self._facts = facts

    def _height(self, facts: list[Fact]) -> int:
        room = max(1, self.size.width - LABEL - 1)
        return sum(-(-len(value) // room) for _, value, _ in facts)

    def render(self) -> RenderResult:
        colours = palette_of(self.app.current_theme)
        table = Table.grid(padding=(0, 1), expand=True)
        table.add_column(width=LABEL, no_wrap=True)
        table.add_column(ratio=1, overflow="fold")
        focused = self.parent is not None and getattr(self.parent, "has_focus", False)
        table.add_row(Text(self._title, style(colours.accent if focused else colours.text, bold=True)), Text())
        for label, value, urgent in self._facts:
            table.add_row(Text(label, style(colours.faint)), Text(value, _value_style(colours, urgent)))
        return table


def _value_style(colours: Palette, urgent: bool) -> Style:
    return style(colours.warning if urgent else colours.text)


def facts_of(detail: Detail) -> list[Fact]:
    """What the facts pane says, the most wanted first; what does not apply is left out."""
    run, experiment = detail.run, detail.experiment
    optional: list[tuple[str, str | None, bool]] = [
        ("state", wording.state_of(run), bool(run.want)),
        ("waits for", run.waiting_for, run.state in (RunState.QUEUED, RunState.RUNNING)),
        ("where", whereabouts(run) if run.state is RunState.RUNNING else None, False),
        ("no head", detail.alone, True),
        ("error", run.error, True),
        ("UAR / WAR", _scores(detail), False),
        ("epoch", _progress(detail), False),
        ("selection", wording.selection_of(run.selection, optimistic=run.optimistic), run.optimistic),
        ("checks", _checks(detail.experiment.config), False),
        ("best", _best(detail), False),
        *(("kept", _kept(checkpoint), False) for checkpoint in detail.checkpoints),
        ("protocol", f"{run.protocol}, fold {run.fold}/{run.folds}", False),
        ("preset", run.preset, False),
        ("seed", str(run.seed), False),
        ("attempt", f"{run.attempt}" + (f", {run.crashes} crashed" if run.crashes else ""), bool(run.crashes)),
        ("source", experiment.source, False),
        ("tags", " ".join(run.tags), False),
        ("note", experiment.note, False),
    ]
    return [(label, clean(value), urgent) for label, value, urgent in optional if value]


def facts_of_whole(whole: Whole) -> list[Fact]:
    """The same of all folds: every mean with its spread and its own n."""
    experiment = whole.experiment
    states = [f"{count} {state}" for state in RunState if (count := sum(run.state is state for run in whole.folds))]
    unmeasured = len(whole.folds) - whole.uar.n
    optional: list[tuple[str, str | None, bool]] = [
        ("folds", ", ".join(states), False),
        *(("error", f"fold {run.fold}: {run.error}", True) for run in whole.folds if run.error),
        ("UAR", _mean(whole.uar, unmeasured), False),
        ("WAR", _mean(whole.war, 0), False),
        ("selection", wording.selection_of(experiment.selection, optimistic=experiment.optimistic),
         experiment.optimistic),
        ("checks", _checks(experiment.config), False),
        ("protocol", f"{experiment.protocol}, {experiment.folds} folds", False),
        ("preset", experiment.preset, False),
        ("seed", str(experiment.seed), False),
        ("source", experiment.source, False),
        ("tags", " ".join(experiment.tags), False),
        ("note", experiment.note, False),
    ]  # fmt: skip
    return [(label, clean(value), urgent) for label, value, urgent in optional if value]


def _mean(summary: Summary, without: int) -> str | None:
    """``86.2 ± 3.1 %, n 9``, and how many folds are not in it."""
    if summary.mean is None:
        return None
    spread = "" if summary.sd is None else f" ± {wording.percent(summary.sd)} (sd)"
    more = f", {without} without" if without else ""
    return f"{wording.percent(summary.mean)}{spread} %, n {summary.n}{more}"


def _scores(detail: Detail) -> str | None:
    if detail.run.uar is None:
        return None
    return f"{wording.percent(detail.run.uar)} / {wording.percent(detail.run.war)} %"


def _progress(detail: Detail) -> str:
    run = detail.run
    text = f"{run.epoch}/{run.epochs}"
    if run.last_seconds is not None:
        text += f", {run.last_seconds:.2g} s each"
        if run.state is RunState.RUNNING and not run.submitted:
            text += f", {duration(run.last_seconds * max(0, run.epochs - run.epoch))} left"
    return text


def _checks(config: TrainingConfig) -> str:
    text = config.monitor if config.check_every == 1 else f"{config.monitor} every {config.check_every}"
    text = text if config.check_from == 1 else f"{text} from {config.check_from}"
    return text if config.validate_every == 1 else f"{text}, validated every {config.validate_every}"


def _best(detail: Detail) -> str | None:
    run = detail.run
    if run.best_epoch is None:
        return None
    return f"epoch {run.best_epoch}" + ("" if run.best_value is None else f", {run.best_value:.4f}")


def _kept(checkpoint: Checkpoint) -> str:
    return f"{checkpoint.kind}, epoch {checkpoint.epoch}"
