"""Takes in what was trained elsewhere: published weights, or a Keras log with its result sheets."""

from __future__ import annotations

import threading
from functools import partial
from pathlib import Path

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.suggester import SuggestFromList
from textual.widgets import Button, Input, Static

from timnet.corpora.spec import KNOWN
from timnet.registry import Registry
from timnet.text import clean
from timnet_tui.corpus_work import opened
from timnet_tui.jobs import Job, Report
from timnet_tui.messages import CommandEnded
from timnet_tui.screens.working import WorkingDialog
from timnet_tui.widgets.path_field import PathField

HINT = (
    "A Keras log (.txt, .log; its result sheets as .xlsx), or the authors' weights (.zip, or their folder). All of it"
    " is checked first; nothing is kept of what is broken."
)
LOGS, SHEETS = (".txt", ".log"), (".xlsx",)


class ImportDialog(WorkingDialog[None]):
    """Asks for the files, imports with a bar, and says what came of it."""

    STOPPED = "stopped; nothing was recorded"

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
            yield self.job_lines()
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
        if self.busy:
            return
        if source is None:
            self.query_one("#source", PathField).focus()
        elif not corpus.value.strip():
            corpus.focus()
        else:
            sheets = self.query_one("#sheets", PathField).path
            name = corpus.value.strip()
            if source.suffix.lower() in LOGS:
                work = partial(import_log, self.timnet.db, source, name, sheets)
            else:
                work = partial(import_weights_of, self.timnet.db, self.timnet.settings.cache, source, name)
            self.say("")
            self.begin(f"import {source.name}", work)

    def finished(self, job: Job) -> None:
        """An import that is done closes this."""
        self.timnet.on_command_ended(CommandEnded(job.result))
        self.dismiss(None)


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
