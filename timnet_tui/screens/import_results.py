"""Takes in what was trained elsewhere: published weights, or a Keras log with its result sheets."""

from __future__ import annotations

import threading
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, cast

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.suggester import SuggestFromList
from textual.widgets import Button, Input, Static

from timnet.corpora.spec import KNOWN
from timnet.registry import Registry
from timnet.text import clean
from timnet_tui.corpus_work import opened
from timnet_tui.jobs import Job, Jobs, Report
from timnet_tui.messages import CommandEnded
from timnet_tui.palette import palette_of
from timnet_tui.render import style
from timnet_tui.widgets.job_lines import JobEnded, JobLines
from timnet_tui.widgets.path_field import PathField

if TYPE_CHECKING:
    from timnet_tui.app import TimnetApp

HINT = (
    "A Keras log (.txt, .log; its result sheets as .xlsx), or the authors' weights (.zip, or their folder). All of it"
    " is checked first; nothing is kept of what is broken."
)
LOGS, SHEETS = (".txt", ".log"), (".xlsx",)


class ImportDialog(ModalScreen[None]):
    """Asks for the files, imports with a bar, and says what came of it."""

    CSS_PATH = "form.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "leave")]

    def __init__(self) -> None:
        super().__init__()
        self.jobs = Jobs(lambda job: self.post_message(JobEnded(job)))

    def compose(self) -> ComposeResult:
        """The files, the corpus, and what came of it."""
        with Vertical(classes="form"):
            yield Static("Import results", classes="title", markup=False)
            yield Static(HINT, classes="text", markup=False)
            with Horizontal(classes="line"):
                yield Static("source", classes="name", markup=False)
                yield PathField("", "EMODB.txt or EMODB_46.zip", (*LOGS, ".zip"), id="source")
            with Horizontal(classes="line"):
                yield Static("corpus", classes="name", markup=False)
                suggester = SuggestFromList(KNOWN, case_sensitive=False)
                yield Input(placeholder="EMODB", suggester=suggester, id="corpus", compact=True)
            with Horizontal(classes="line"):
                yield Static("sheets", classes="name", markup=False)
                yield PathField("", "of a log; may be left empty", SHEETS, id="sheets")
            with VerticalScroll(classes="found", can_focus=False):
                yield Static(id="said", classes="said", markup=False)
            yield JobLines(self.jobs, "esc", id="jobs")
            with Horizontal(classes="answers"):
                yield Button("Import", id="go", variant="primary", compact=True)
                yield Button("Leave it (esc)", id="no", compact=True)

    def on_mount(self) -> None:
        """Type at once."""
        self.query_one("#source", PathField).focus()

    def on_path_field_submitted(self) -> None:
        """Enter goes on."""
        self._go()

    def on_input_submitted(self) -> None:
        """Enter goes on."""
        self._go()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """A button goes on, or leaves."""
        if event.button.id == "go":
            self._go()
        else:
            self.action_leave()

    def _go(self) -> None:
        """Import, or go to what is missing."""
        source = self.query_one("#source", PathField).path
        corpus = self.query_one("#corpus", Input)
        if self.jobs.all:
            return
        if source is None:
            self.query_one("#source", PathField).focus()
        elif not corpus.value.strip():
            corpus.focus()
        else:
            sheets = self.query_one("#sheets", PathField).path
            timnet = cast("TimnetApp", self.app)
            name = corpus.value.strip()
            if source.suffix.lower() in LOGS:
                work = partial(import_log, timnet.db, source, name, sheets)
            else:
                work = partial(import_weights_of, timnet.db, timnet.settings.cache, source, name)
            self._say("")
            self.jobs.add(Job(f"import {source.name}", work))
            self.query_one(JobLines).look()

    def on_job_ended(self, event: JobEnded) -> None:
        """Say what came of it; an import that is done closes this."""
        event.stop()
        job = event.job
        if job.problem:
            self._say(job.problem, wrong=True)
        elif not job.done:
            self._say("stopped; nothing was recorded")
        else:
            cast("TimnetApp", self.app).on_command_ended(CommandEnded(job.result))
            self.dismiss(None)

    def _say(self, text: str, *, wrong: bool = False) -> None:
        colours = palette_of(self.app.current_theme)
        self.query_one("#said", Static).update(Text(clean(text), style(colours.error if wrong else colours.text)))

    def action_leave(self) -> None:
        """Stop what is at work, or close."""
        jobs = self.jobs.all
        if jobs:
            self.jobs.stop(jobs[0])
        else:
            self.dismiss(None)

    def on_unmount(self) -> None:
        """Nothing goes on without it."""
        self.jobs.close()


def import_log(db: Path, source: Path, corpus: str, sheets: Path | None, report: Report, stop: threading.Event) -> str:  # noqa: ARG001 - it is quick, and all or nothing
    """Record a Keras log as an experiment; returns what to tell."""
    from timnet.imports.service import LogImport, read_keras_log, record_keras_log

    with Registry.open_or_empty(db) as registry:
        read = read_keras_log(registry, LogImport(source, corpus, sheets))
    with Registry.open(db) as registry:
        made = record_keras_log(registry, read)
    notes = "".join(f"\nnote: {clean(note)}" for note in made.notes)
    return f"experiment {made.experiment}: {made.folds} folds, {made.epochs} epochs, {made.checks} checks{notes}"


def import_weights_of(db: Path, cache: Path, source: Path, corpus: str, report: Report, stop: threading.Event) -> str:
    """Evaluate published weights in a child process; returns what to tell."""
    from timnet.imports.weights import import_weights

    with opened(db) as registry:
        experiment, folds = import_weights(registry, cache, source, corpus, None, report, stop)
    return f"experiment {experiment}: {folds} folds evaluated"
