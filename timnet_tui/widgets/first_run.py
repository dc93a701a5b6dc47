"""What stands in the grid's place while there is nothing to show: what one can do first, by a key or a click."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, cast

from rich.text import Text
from textual.containers import VerticalScroll
from textual.widgets import Static

from timnet.registry import Registry
from timnet.settings import Settings
from timnet.text import clean
from timnet_tui.actions import ACTIONS, Action, Place
from timnet_tui.jobs import Job, Jobs, Report
from timnet_tui.messages import CommandEnded, PlaceChosen
from timnet_tui.palette import palette_of
from timnet_tui.render import style
from timnet_tui.snapshot import Health, Snapshot
from timnet_tui.widgets.job_lines import JobEnded, JobLines

if TYPE_CHECKING:
    from timnet_tui.app import TimnetApp

#: action -> what it means to who has nothing yet
OFFERS = (
    ("demo", "see it train right here, in about a minute"),
    ("show_corpora", "tell timnet where your recordings lie"),
    ("new", "choose corpora and settings, and queue the folds"),
    ("import_results", "take in logs or weights that were trained elsewhere"),
)
COMMANDS = (
    ("timnet demo", "the demo in a folder of its own, with table and images at the end"),
    ("timnet corpora add EMODB path/to/EMODB", "tell timnet where a corpus lies"),
    ("timnet train EMODB --preset github --folds 10", "queue an experiment of ten folds and train it"),
)
FOLDER = "timnet-demo"


class FirstRun(VerticalScroll, can_focus=False):
    """Offers the demo, a corpus, an experiment and an import. The demo is made in the registry that is looked at."""

    DEFAULT_CSS = """
    FirstRun { padding: 1 4; }
    FirstRun > Static { width: 1fr; height: auto; }
    FirstRun > JobLines { margin-top: 1; }
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name for it
        super().__init__(id=id)
        self.jobs = Jobs(lambda job: self.post_message(JobEnded(job)))

    def _fill(self) -> None:
        """What is so, what one can do, and what one can type: made only for who has nothing yet."""
        self.mount(
            Static(id="state", markup=False),
            *(Offer(action, meaning) for action, meaning in OFFERS),
            JobLines(self.jobs, _keys("demo")),
            Static(id="commands", markup=False),
        )

    def show(self, snapshot: Snapshot) -> None:
        """Say what is so; where the registry cannot be read, nothing is offered."""
        if not self.children:
            self._fill()
        colours = palette_of(self.app.current_theme)
        failing = snapshot.health in (Health.FAILING, Health.LOST)
        title = "The registry cannot be read." if failing else "No experiments yet."
        where = clean(snapshot.problem or str(snapshot.db))
        text = Text().append(f"{title}\n", style(colours.text, bold=True))
        text.append(f"{where}\n", style(colours.error if failing else colours.faint))
        self.query_one("#state", Static).update(text)
        for offer in self.query(Offer):
            offer.display = not failing
            offer.show()
        told = Text().append("\nOr type, in another terminal; this screen fills by itself:\n", style(colours.faint))
        for command, meaning in COMMANDS:
            told.append(f"  {command}\n", style(colours.text, bold=True))
            told.append(f"      {meaning}\n", style(colours.faint))
        self.query_one("#commands", Static).update(told)

    # the demo

    def demo(self) -> None:
        """Begin the demo; while it is being made, stop it."""
        jobs = self.jobs.all
        if jobs:
            self.jobs.stop(jobs[0])
            return
        db, settings = self._timnet.db, self._timnet.settings
        self.jobs.add(Job("the demo", lambda report, stop: make_demo(db, settings, report, stop)))
        for lines in self.query(JobLines):
            lines.look()
        if not self.display:
            said = f"the demo's recordings are being made; {_keys('demo')} stops that"
            self._timnet.toast(CommandEnded(said))

    def on_job_ended(self, event: JobEnded) -> None:
        """The grid shows what came of it; the demo's first run is selected there."""
        event.stop()
        job = event.job
        if job.done:
            self._timnet.wanted_cell = (job.result, 1)
            said = f"experiment {job.result} trains; x exports its table and figures"
            self._timnet.on_command_ended(CommandEnded(said))
        else:
            self._timnet.toast(CommandEnded(f"the demo: {job.problem or 'stopped'}", failed=bool(job.problem)))

    def on_unmount(self) -> None:
        """Nothing is made without the interface; what trains already goes on."""
        self.jobs.close()

    @property
    def _timnet(self) -> TimnetApp:
        return cast("TimnetApp", self.app)


class Offer(Static):
    """One thing to do: its key, its name, what it means. A click does it."""

    DEFAULT_CSS = "Offer:hover { background: $boost; }"

    def __init__(self, action: str, meaning: str) -> None:
        super().__init__(markup=False)
        self.action, self._meaning = action, meaning

    def show(self) -> None:
        """In the colours of the theme."""
        colours = palette_of(self.app.current_theme)
        text = Text().append(f"  {_keys(self.action):<3}", style(colours.accent, bold=True))
        text.append(f"{_action(self.action).label:<10}", style(colours.text, bold=True))
        self.update(text.append(self._meaning, style(colours.faint)))

    def on_click(self) -> None:
        """Do it."""
        here = hasattr(self.screen, f"action_{self.action}")
        self.post_message(PlaceChosen(f"screen.{self.action}" if here else self.action))


def _action(name: str) -> Action:
    return next(action for action in ACTIONS if action.id == name and {Place.GRID, Place.ANYWHERE} & {*action.places})


def _keys(name: str) -> str:
    return _action(name).keys[0]


def make_demo(db: Path, settings: Settings, report: Report, stop: threading.Event) -> int:
    """The demo's experiment in the registry ``db``, its recordings beside it, and a worker that trains it."""
    from timnet.demo import DemoPlace, prepare
    from timnet.queue.service import ensure_worker

    place = DemoPlace(db.absolute().parent / FOLDER)
    with Registry.open(db) as registry:
        experiment = prepare(registry, settings, place, report, stop=stop)
        ensure_worker(registry, settings.jobs_asked)
    return experiment.id
