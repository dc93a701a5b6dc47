"""Registers a corpus: says whose recordings lie there, reads them, tells what it found, and only then asks."""

from __future__ import annotations

import threading
from functools import partial
from pathlib import Path

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.suggester import SuggestFromList
from textual.widgets import Button, Checkbox, Input, Static

from timnet.corpora.spec import KNOWN, canonical
from timnet.registry import Registry
from timnet.sources import Source, name_of, read_source, register_source
from timnet.text import clean
from timnet_tui.corpus_work import counting
from timnet_tui.jobs import Job, Report, Work
from timnet_tui.messages import CommandEnded
from timnet_tui.palette import palette_of
from timnet_tui.render import style
from timnet_tui.screens.working import WorkingDialog
from timnet_tui.widgets.path_field import PathField

SUFFIXES = (".npy", ".csv", ".tsv", ".parquet")
HINT = "A folder of recordings, a published .npy file, or your own table (.csv, .tsv, .parquet). Files are only read."
LENGTH = "auto: 95 % whole; samples, or a share such as 90%"
GUESS, READ = "guess", "read"


class AddCorpus(WorkingDialog[str | None]):
    """Answers the name that is being registered, None when the user leaves it.

    ``name`` and ``source`` are filled in where they are known already.
    """

    PATIENCE = 0.0  # it only reads

    def __init__(self, name: str = "", source: str = "") -> None:
        super().__init__()
        self._given = (clean(name), source)
        self._read: Source | None = None
        self._reading: tuple[Path | None, str, str, bool] | None = None  # the form that it was, or will be, read by
        #: the name is one that was offered: the files' names are worth more
        self._offered = bool(self._given[0])

    def compose(self) -> ComposeResult:
        """The fields, what was found, and what to do with it."""
        with Vertical(classes="form"):
            yield Static("Add a corpus", classes="title", markup=False)
            yield Static(HINT, classes="text", markup=False)
            with Horizontal(classes="line"):
                yield Static("source", classes="name", markup=False)
                yield PathField(self._given[1], "~/corpora/EMODB", SUFFIXES, id="source")
            with Horizontal(classes="line"):
                yield Static("name", classes="name", markup=False)
                suggester = SuggestFromList(KNOWN, case_sensitive=False)
                yield Input(
                    self._given[0], "EMODB, or a name of your own", suggester=suggester, id="name", compact=True
                )
            with Horizontal(classes="line"):
                yield Static("length", classes="name", markup=False)
                yield Input(placeholder=LENGTH, id="length", compact=True)
            yield Checkbox("leave out recordings that cannot be used", id="skip", compact=True)
            with VerticalScroll(classes="found", can_focus=False):
                yield Static(id="said", classes="said", markup=False)
            yield self.job_lines()
            with Horizontal(classes="answers"):
                yield Button("Read it", id="go", variant="primary", compact=True)
                yield Button("Leave it (esc)", id="no", compact=True)

    def on_mount(self) -> None:
        """Type at once, what is missing first."""
        self.query_one("#source", PathField).focus()
        self._offer_length()

    # what is typed

    @property
    def _typed_name(self) -> str:
        return self.query_one("#name", Input).value.strip()

    @property
    def _path(self) -> Path | None:
        return self.query_one("#source", PathField).path

    @property
    def _form(self) -> tuple[Path | None, str, str, bool]:
        """Source, name, length and what is left out, as they are typed now."""
        length = self.query_one("#length", Input)
        wanted = "" if length.disabled else length.value.strip()
        return self._path, self._typed_name, wanted, self.query_one("#skip", Checkbox).value

    def on_path_field_changed(self) -> None:
        """What was read is of another source."""
        self._forget()

    def on_input_changed(self, event: Input.Changed) -> None:
        """What was read is of another name or length."""
        if event.input.id in ("name", "length"):
            self._offered = self._offered and self._typed_name == self._given[0]
            self._forget()
            self._offer_length()

    def on_checkbox_changed(self) -> None:
        """What was read was read in another way."""
        self._forget()

    def _offer_length(self) -> None:
        """Only corpora of one's own have a signal length to choose."""
        field = self.query_one("#length", Input)
        field.disabled = canonical(self._typed_name) in KNOWN

    def _forget(self) -> None:
        # the word of a change may come after the answer to it: a name that was found out is read at once
        if self._read is not None and self._form != self._reading:
            self._read = None
            self.say("")
            self._offer("Read it")

    # from one step to the next

    def on_path_field_submitted(self) -> None:
        """Find out whose recordings are there, or go on."""
        if self._path is None:
            return
        if self._typed_name and not self._offered:
            self._go()
        else:
            self._begin(GUESS, "looking at the names", partial(_guess, self._path))

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
        if self.busy:
            return
        if self._read is not None:
            self._register(self._read)
        elif self._path is None:
            self.query_one("#source", PathField).focus()
        elif not self._typed_name or self._offered:
            self.on_path_field_submitted()
        else:
            self._reading = self._form
            _, name, length, skip = self._reading
            self._begin(READ, f"reading {name}", partial(_read, name, self._path, length or None, skip))

    def _begin(self, kind: str, title: str, work: Work) -> None:
        if not self.busy:
            self.say("")
            self.begin(title, work, kind)

    def finished(self, job: Job) -> None:
        """Show what came of it."""
        if job.subject == GUESS:
            self._guessed(job.result)
        else:
            self._found(job.result)

    def _guessed(self, name: str | None) -> None:
        field = self.query_one("#name", Input)
        if name is None and self._offered:
            name = self._typed_name
        self._offered = False
        if name is None:
            self.say("No known corpus names its files so. Give a corpus of your own a name.")
            field.focus()
            return
        field.value = name
        self._offer_length()
        self._go()

    def _found(self, source: Source) -> None:
        self._read = source
        self.query_one("#said", Static).update(self._summary(source))
        self._offer("Register it")
        self.query_one("#go", Button).focus()

    def _summary(self, source: Source) -> Text:
        colours = palette_of(self.app.current_theme)
        found = source.corpus.found
        text = Text().append(f"Recognised: {clean(found.corpus)}", style(colours.accent, bold=True))
        text.append(f", laid out as {clean(found.layout)}\n", style(colours.text))
        counts = f"{found.utterances} utterances, {found.speakers} speakers, {len(found.classes)} classes\n"
        text.append(counts, style(colours.text))
        for line in found.problems:
            text.append(f"! {clean(line)}\n", style(colours.warning))
        for line in found.notes:
            text.append(f"- {clean(line)}\n", style(colours.faint))
        for line in source.lengths:
            text.append(f"{clean(line)}\n", style(colours.faint))
        text.rstrip()
        return text

    def _register(self, source: Source) -> None:
        self.timnet.in_thread(partial(_registered, self.timnet.db, source), self.app.post_message)
        self.dismiss(source.corpus.record.name)

    def _offer(self, label: str) -> None:
        self.query_one("#go", Button).label = label


def _guess(path: Path, report: Report, stop: threading.Event) -> str | None:  # noqa: ARG001 - it is quick
    return name_of(path)


def _read(name: str, path: Path, length: str | None, skip: bool, report: Report, stop: threading.Event) -> Source:  # noqa: ARG001 - report stops it
    return read_source(name, path, length, counting(report), skip_bad=skip)


def _registered(db: Path, source: Source) -> CommandEnded:
    with Registry.open(db) as registry:
        record = register_source(registry, source)
    return CommandEnded(f"{clean(record.name)} is registered: {len(record.utterances)} utterances")
