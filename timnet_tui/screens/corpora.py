"""The corpora: what is registered and whether it is whole, and work on them with bars that can be stopped."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.widgets import Static

from timnet.corpora.check import CorpusCheck
from timnet.text import clean
from timnet_tui import corpus_text, corpus_work
from timnet_tui.actions import Place, bindings
from timnet_tui.jobs import Job, Jobs
from timnet_tui.looks.corpora import Corpora, CorporaWatch, CorpusRow
from timnet_tui.messages import CommandEnded
from timnet_tui.palette import palette_of
from timnet_tui.screens.add_corpus import AddCorpus
from timnet_tui.screens.ask_path import AskPath, Target
from timnet_tui.screens.base import RegistryScreen
from timnet_tui.snapshot import Health, Snapshot
from timnet_tui.widgets.job_lines import JobEnded, JobLines
from timnet_tui.widgets.table import Page, RowTable

#: from this width on, list and details stand beside each other
WIDE = 130


class CorporaScreen(RegistryScreen):
    """The list, the selected corpus, and what is at work."""

    PLACE = Place.CORPORA
    CSS_PATH = "corpora.tcss"
    BINDINGS: ClassVar[list[BindingType]] = bindings(Place.CORPORA)

    def __init__(self) -> None:
        super().__init__()
        self.jobs = Jobs(lambda job: self.post_message(JobEnded(job)))
        self._checks: dict[str, CorpusCheck] = {}
        self._fetched: dict[str, str] = {}
        self._wanted: str | None = None
        self._shown: tuple[Corpora | None, object] = (None, None)

    def body(self) -> ComposeResult:
        """List and details, and the jobs below."""
        with Horizontal(id="body"):
            yield RowTable[CorpusRow](corpus_text.cell, corpus_text.COLUMNS, id="list")
            with VerticalScroll(id="about", can_focus=False):
                yield Static(id="details", markup=False)
        yield JobLines(self.jobs, id="jobs")

    @property
    def table(self) -> RowTable[CorpusRow]:
        """The list."""
        return self.query_one("#list", RowTable)

    @property
    def row(self) -> CorpusRow | None:
        """The selected corpus."""
        return self.table.row

    def watching(self) -> CorporaWatch:
        """All corpora."""
        return CorporaWatch(self.timnet.settings.cache)

    def show(self, snapshot: Snapshot) -> None:
        """Bring list and details up to date."""
        found = self.answer(Corpora)
        if found is None and snapshot.health is not Health.OK and self._shown[0] is None:
            found = Corpora(corpus_work.nothing_registered())
        if found is not None and found != self._shown[0]:
            self._shown = (found, None)
            self.table.show(Page(found.rows, 0, len(found.rows)))
            self._go_where_wanted(found)
        if self.focused is None:
            self.set_focus(self.table)
        self._show_details()

    def _go_where_wanted(self, found: Corpora) -> None:
        """Select what was just added."""
        wanted = (self._wanted or "").casefold()
        for place, row in enumerate(found.rows):
            if row.registered and row.name.casefold() == wanted:
                self._wanted = None
                self.table.move(place - self.table.place)

    def repaint(self) -> None:
        """The details as well, in the colours of another theme."""
        self._shown = (self._shown[0], None)
        super().repaint()

    def on_resize(self) -> None:
        """Beside each other where there is room, else one above the other."""
        self.query_one("#body").set_class(self.app.size.width >= WIDE, "wide")

    def on_row_table_chosen(self) -> None:
        """Another corpus is selected."""
        self._show_details()

    def on_row_table_opened(self) -> None:
        """A double click."""
        self.action_add()

    def _show_details(self) -> None:
        row = self.row
        check = self._checks.get(row.name) if row else None
        if self._shown[1] == (row, check):
            return
        self._shown = (self._shown[0], (row, check))
        colours = palette_of(self.app.current_theme)
        self.query_one("#details", Static).update(corpus_text.about(row, check, colours) if row else "")

    # work

    def work(self, title: str, job: Callable[[Callable[..., None], threading.Event], Any], subject: str) -> None:
        """Begin a piece of work on a corpus; one at a time for each."""
        if any(one.subject == subject and not one.stopped for one in self.jobs.all):
            self.timnet.toast(CommandEnded(f"{clean(subject)} is being worked on; c stops that", failed=True))
            return
        self.jobs.add(Job(title, job, subject))
        self.query_one(JobLines).look()

    def on_job_ended(self, message: JobEnded) -> None:
        """Tell how it ended, and keep what the details show."""
        job = message.job
        if job.done:
            self._keep(job)
            self.timnet.on_command_ended(CommandEnded(corpus_work.said(job.title, job.result)))
        elif job.problem:
            self.timnet.on_command_ended(CommandEnded(f"{job.title}: {job.problem}", failed=True))
        else:
            self.timnet.on_command_ended(CommandEnded(f"{job.title}: stopped"))
        self._show_details()

    def _keep(self, job: Job) -> None:
        if isinstance(job.result, CorpusCheck):
            self._checks[job.subject] = job.result
        elif isinstance(job.result, corpus_work.FetchedInto):
            self._fetched[job.subject] = job.result.path

    def on_unmount(self) -> None:
        """Nothing goes on without the interface."""
        self.jobs.close()

    def _registered(self) -> CorpusRow | None:
        row = self.row
        if row is not None and not row.registered:
            self.timnet.toast(CommandEnded(f"{row.name} is not registered here; a adds it", failed=True))
            return None
        return row

    # actions

    def action_add(self) -> None:
        """Register a corpus; begins with the selected one where that is known but not here."""
        row = self.row
        name = row.name if row is not None and not row.registered else ""

        def select(added: str | None) -> None:
            self._wanted = added

        self.app.push_screen(AddCorpus(name, self._fetched.get(name, "")), select)

    def action_check(self) -> None:
        """Verify the selected corpus."""
        row = self._registered()
        if row is not None:
            self.work(f"verify {row.name}", partial(corpus_work.check, self.timnet.db, row.name), row.name)

    def action_features(self) -> None:
        """Extract the features of the selected corpus."""
        row = self._registered()
        if row is not None:
            job = partial(corpus_work.features, self.timnet.db, self.timnet.settings.cache, row.name)
            self.work(f"features of {row.name}", job, row.name)

    def action_organise(self) -> None:
        """Sort the selected corpus."""
        row = self._registered()
        if row is None:
            return
        text = (
            f"{row.utterances} recordings into {len(row.classes)} folders, one an emotion, below a new or empty"
            " folder. The corpus itself is only read; undo: timnet corpora organise --undo."
        )

        def begin(target: Target | None) -> None:
            if target is not None:
                job = partial(corpus_work.organise, self.timnet.db, row.name, target.path, link=target.ticked)
                self.work(f"organise {row.name}", job, row.name)

        ask = AskPath(f"Organise {row.name}", text, "Organise", tick="links instead of copies")
        self.app.push_screen(ask, begin)

    def action_fetch(self) -> None:
        """Download the selected corpus, or say where to ask."""
        row = self.row
        if row is None:
            return
        if not row.fetchable:
            where = row.terms or "it is a corpus of your own"
            self.timnet.toast(CommandEnded(f"{clean(row.name)} cannot be fetched: {where}", failed=True))
            return

        def begin(target: Target | None) -> None:
            if target is not None:
                job = partial(corpus_work.fetch, row.name, target.path, self.timnet.settings.cache)
                self.work(f"fetch {row.name}", job, row.name)

        text = f"Terms: {row.terms}. Into a new folder, with audb. Stopped, it goes on there when fetched again."
        self.app.push_screen(AskPath(f"Fetch {row.name}", text, "Fetch", value=str(Path(row.name))), begin)

    def action_forget(self) -> None:
        """Take the selected corpus from the list, after a question."""
        row = self._registered()
        if row is None:
            return
        uses = f" Its {row.experiments} experiments stay." if row.experiments else ""
        question = (f"Forget {row.name}?", f"It is taken from this list.{uses} No recording is touched.")
        self.ask(question, "Forget it", partial(self.in_thread, partial(corpus_work.forget, self.timnet.db, row.name)))

    def action_stop(self) -> None:
        """Stop what is done with the selected corpus, or else what is at work."""
        jobs = self.jobs.all
        mine = [job for job in jobs if self.row is not None and job.subject == self.row.name]
        for job in (mine or jobs)[:1]:
            self.jobs.stop(job)
        if not jobs:
            self.timnet.toast(CommandEnded("nothing is at work here", failed=True))

    def action_up(self) -> None:
        """One up."""
        self.table.move(-1)

    def action_down(self) -> None:
        """One down."""
        self.table.move(1)

    def action_first(self) -> None:
        """To the first."""
        self.table.move(-self.table.total)

    def action_last(self) -> None:
        """To the last."""
        self.table.move(self.table.total)
