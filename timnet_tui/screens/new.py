"""The form that queues experiments: what would come of it is said while it is filled in."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property, partial
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widgets import Button, Input, Select, SelectionList, Static
from textual.widgets.selection_list import Selection

from timnet.paths import RegistryPaths
from timnet.preset_file import presets_or_shipped
from timnet.presets import ALIASES, Preset
from timnet.protocols import PROTOCOLS
from timnet.records import TrainingConfig
from timnet.registry.experiments import NewExperiment
from timnet.settings import Jobs
from timnet.text import clean
from timnet_tui import queueing
from timnet_tui.actions import Place, bindings
from timnet_tui.looks.new import Form, NewPage, NewWatch, Offer, completed, form_of, request_of
from timnet_tui.messages import CommandEnded
from timnet_tui.palette import Palette, palette_of
from timnet_tui.queueing import Queued
from timnet_tui.render import style
from timnet_tui.screens.base import RegistryScreen
from timnet_tui.snapshot import Health, Snapshot
from timnet_tui.widgets.fields import Field
from timnet_tui.widgets.planned import COLUMNS, PlannedRow, planned_cell, preview_line, rows_of
from timnet_tui.widgets.table import Page, RowTable
from timnet_tui.widgets.ticks import Ticks

#: from this width on, what would be queued stands beside the form
WIDE = 120
SETTINGS = (*ALIASES, *TrainingConfig.__dataclass_fields__)
AS_PRESET = "as the preset has it"
NO_CORPUS = (
    "No corpus is registered yet, and training needs one: add it on the corpora screen (key 5), or with "
    "timnet corpora add NAME FOLDER. timnet demo makes a small one to try things with."
)
#: the fields that are typed: name, label, what stands in an empty one
TYPED = (
    ("folds", "folds", "how many; as the preset has it"),
    ("only", "only folds", "all; e.g. 1,3-5"),
    ("seeds", "seeds", "the published one; e.g. 46,47"),
    ("changes", "settings", "e.g. lr=5e-4,1e-3 dropout=0.2"),
    ("priority", "priority", "0; higher runs first"),
    ("tags", "tags", "words"),
    ("note", "note", ""),
)


class NewScreen(RegistryScreen):
    """``again`` is an experiment to ask for once more; its fields are filled in as soon as they are known."""

    PLACE = Place.NEW
    CSS_PATH = "new.tcss"
    BINDINGS: ClassVar[list[BindingType]] = bindings(Place.NEW)

    def __init__(self, again: int | None = None) -> None:
        super().__init__()
        self._again = again
        self._offers: tuple[Offer, ...] | None = None
        self._page: NewPage | None = None
        self._first = Form()
        self._queueing = False
        self._about = "New experiment"
        self._texts: dict[str, object] = {}
        self._planned: tuple[NewExperiment, ...] = ()

    @cached_property
    def _presets(self) -> Mapping[str, Preset]:
        """Those that come with timnet and the user's own, from a small file."""
        return presets_or_shipped(RegistryPaths(self.timnet.db).presets)

    def body(self) -> ComposeResult:
        """Lists to tick, fields to type in, and what would come of it."""
        yield Static(id="heading", markup=False)
        with Vertical(id="all"):
            with Horizontal(id="form"):
                with Vertical(id="lists"):
                    yield Static(id="corpora-title", classes="list-title", markup=False)
                    yield Ticks[str](id="corpora", compact=True)
                    yield Static(id="presets-title", classes="list-title", markup=False)
                    yield Ticks[str](*_presets(self._presets), id="presets", compact=True)
                with VerticalScroll(id="fields", can_focus=False):
                    with Horizontal(id="protocol-line"):
                        yield Static("protocol", markup=False)
                        yield Select[str](
                            [(_named(name, one.description), name) for name, one in PROTOCOLS.items()],
                            prompt=AS_PRESET,
                            id="protocol",
                            compact=True,
                        )
                    yield Static(id="protocol-said", markup=False)
                    for name, label, hint in TYPED:
                        yield Field(label, hint, id=name, complete=_complete if name == "changes" else None)
            with Vertical(id="outcome"):
                yield Static(id="preview", markup=False)
                yield RowTable[PlannedRow](planned_cell, COLUMNS, id="planned")
                with Horizontal(id="answers"):
                    yield Button("Queue ^s", id="queue", variant="primary", compact=True)
                    yield Button("Queue and train ^t", id="train", compact=True)
                    yield Button("Leave it esc", id="leave", compact=True)

    def on_mount(self) -> None:
        """Begin with the corpora."""
        super().on_mount()
        self._arrange()
        self.query_one("#corpora").focus()
        self._show_page()
        self.rewatch()

    def on_resize(self) -> None:
        """Another width may want another arrangement."""
        if self.ready:
            self._arrange()

    def _arrange(self) -> None:
        self.set_class(self.app.size.width >= WIDE, "wide")

    # what is asked for

    @property
    def form(self) -> Form:
        """What stands in the fields."""
        corpora = set(self.query_one("#corpora", SelectionList).selected)
        presets = set(self.query_one("#presets", SelectionList).selected)
        protocol = self.query_one("#protocol", Select).value
        return Form(
            corpora=tuple(offer.name for offer in self._offers or () if offer.name in corpora),
            presets=tuple(name for name in self._presets if name in presets),
            protocol=protocol if isinstance(protocol, str) else "",
            **{name: self.query_one(f"#{name}", Field).value for name, _, _ in TYPED},
        )

    def watching(self) -> NewWatch:
        """What would come of the form as it stands."""
        again = self._again if self._offers is None else None
        return NewWatch(self.form, self._places, again)

    @property
    def _places(self) -> int:
        """Runs at once: those of the workers that live, else those of the one that would be started."""
        workers = self.timnet.snapshot.workers if self.timnet.snapshot else ()
        return sum(one.jobs for one in workers if one.want is None) or self.timnet.settings.jobs_here

    def _changed(self) -> None:
        """Another form: what is known of the one before may not hold."""
        if self.ready:
            self.rewatch()

    def on_input_changed(self) -> None:
        """A key was typed."""
        self._changed()

    def on_select_changed(self) -> None:
        """Another protocol."""
        self._changed()

    def on_selection_list_selected_changed(self) -> None:
        """A tick was set or taken away."""
        self._changed()

    def on_input_submitted(self) -> None:
        """Enter goes on to the next field."""
        self.focus_next()

    # what is shown

    def show(self, snapshot: Snapshot) -> None:
        """What the form would come to, when the answer is to this form."""
        page = self.answer(NewPage)
        if page is not None:
            if self._offers is not None or snapshot.watch == self.watching():
                self._take_offers(page)
            if page.form == self.form:
                self._page = page
        self._show_page()
        self.rewatch()

    def repaint(self) -> None:
        """The same in other colours."""
        super().repaint()
        self._show_page()

    def _take_offers(self, page: NewPage) -> None:
        """Other corpora are there than before, or they are known for the first time."""
        if page.corpora == self._offers:
            return
        known, self._offers = self._offers, page.corpora
        ticked = set(self.query_one("#corpora", SelectionList).selected)
        if known is None and len(page.corpora) == 1:
            ticked = {page.corpora[0].name}
        if known is None and page.again is not None:
            form = form_of(page.again.request)
            ticked = set(form.corpora)
            self._fill(form)
        corpora = self.query_one("#corpora", SelectionList)
        with self.prevent(SelectionList.SelectedChanged):
            corpora.clear_options()
            corpora.add_options([_corpus(offer, offer.name in ticked) for offer in page.corpora])
        corpora.highlighted = 0 if page.corpora else None
        if known is None:
            self._first = self.form
            self._about = _heading(page)

    def _fill(self, form: Form) -> None:
        with self.prevent(SelectionList.SelectedChanged, Select.Changed, Input.Changed):
            presets = self.query_one("#presets", SelectionList)
            presets.deselect_all()
            for name in form.presets:
                presets.select(name)
            if form.protocol in PROTOCOLS:
                self.query_one("#protocol", Select).value = form.protocol
            for name, _, _ in TYPED:
                self.query_one(f"#{name}", Field).fill(getattr(form, name))
        self.query_one("#changes", Field).line.focus()

    def _show_page(self) -> None:
        colours = palette_of(self.app.current_theme)
        page = self._page
        faults: dict[str, str] = {}
        for problem in page.problems if page else ():
            faults.setdefault(problem.field, clean(problem.text))
        for name, _, _ in TYPED:
            self.query_one(f"#{name}", Field).complain(faults.get(name, ""))
        self._put("#heading", Text(self._about, style(colours.accent, bold=True)))
        self._put("#protocol-said", Text(faults.get("protocol", ""), style(colours.error)))
        self.query_one("#protocol-said").display = "protocol" in faults
        for name in ("corpora", "presets"):
            title = Text(name, style(colours.text, bold=True), no_wrap=True, overflow="ellipsis")
            title.append(f"  {faults[name]}" if name in faults else "", style(colours.warning))
            self._put(f"#{name}-title", title)
        self._put("#preview", self._preview_line(colours))
        planned = page.preview.experiments if page and page.preview else ()
        if planned != self._planned:
            self._planned, rows = planned, rows_of(planned, page.preview.presets if page and page.preview else {})
            self.query_one("#planned", RowTable).show(Page(rows, 0, len(rows)))

    def _put(self, where: str, text: Text) -> None:
        """Show another text; the same one again would cost a layout of the screen."""
        looks = (text.plain, text.style, text.spans)
        if self._texts.get(where) != looks:
            self._texts[where] = looks
            self.query_one(where, Static).update(text)

    def _preview_line(self, colours: Palette) -> Text:
        preview = self._page.preview if self._page else None
        if preview is not None:
            snapshot = self.timnet.snapshot
            return preview_line(preview, snapshot.forecast.seconds if snapshot else None, colours)
        if self._offers == ():
            return Text(NO_CORPUS, style(colours.warning))
        if self._page is not None:
            return Text("nothing to queue yet", style(colours.faint))
        return Text(self._looking(), style(colours.faint))

    def _looking(self) -> str:
        snapshot = self.timnet.snapshot
        if snapshot is not None and snapshot.health is not Health.OK:
            return clean(snapshot.problem) or NO_CORPUS
        return "looking for the corpora"

    # actions

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """The three answers."""
        {"queue": self.action_queue, "train": self.action_train, "leave": self._leave_unless_typed}[
            str(event.button.id)
        ]()

    def action_queue(self) -> None:
        """Queue what the form asks for."""
        self._queue(None)

    def action_train(self) -> None:
        """Queue it, and see to it that a worker takes it."""
        self._queue(self.timnet.settings.jobs_asked)

    def action_next_field(self) -> None:
        """The field below."""
        self.focus_next()

    def action_previous_field(self) -> None:
        """The field above."""
        self.focus_previous()

    def action_back(self) -> None:
        """Out of a field first; then away, after a question where something was typed."""
        if isinstance(self.focused, Input):
            self.query_one("#queue").focus()
        else:
            self._leave_unless_typed()

    def _leave_unless_typed(self) -> None:
        question = None
        if self._offers is not None and self.form != self._first:
            question = ("Leave the form?", "What you filled in is not queued and would be lost.")
        self.ask(question, "Leave it", self._leave)

    def _leave(self) -> None:
        self.app.pop_screen()

    def _queue(self, jobs: Jobs | None) -> None:
        form = self.form
        request, problems = request_of(form)
        if not problems and self._page is not None and self._page.form == form:
            problems = self._page.problems
        if problems:
            self.timnet.toast(CommandEnded(f"{problems[0].field}: {clean(problems[0].text)}", failed=True))
            self._go_to_field(problems[0].field)
            return
        if self._queueing:
            return
        self._queueing = True
        job = partial(queueing.queue_experiments, self.timnet.db, request, jobs)
        self.timnet.in_thread(job, self._queued)

    def _go_to_field(self, name: str) -> None:
        found = self.query_one(f"#{name}")
        (found.line if isinstance(found, Field) else found).focus()

    def _queued(self, queued: Queued) -> None:
        """Tell how it went; the form stays where it failed."""
        self._queueing = False
        self.app.post_message(queued.ended)
        if queued.ids and self.is_attached:
            self.timnet.wanted_cell = (queued.ids[0], 1)
            if self.app.screen is self:
                self.app.pop_screen()


def _heading(page: NewPage) -> str:
    if page.again is None:
        return "New experiment"
    one = page.again.experiment
    told = [f"Experiment {one.id} again ({clean(one.corpus)}, seed {one.seed}), but with other settings"]
    return clean("; ".join([*told, *page.again.remarks]))


def _presets(presets: Mapping[str, Preset]) -> list[Selection[str]]:
    return [
        Selection(_named(name, clean(preset.source)), name, name == Form().presets[0])
        for name, preset in presets.items()
    ]


def _corpus(offer: Offer, ticked: bool) -> Selection[str]:
    speakers = f", {offer.speakers} speakers" if offer.speakers else ", no speakers named"
    return Selection(_named(clean(offer.name), f"{offer.utterances}{speakers}"), offer.name, ticked)


def _named(name: str, about: str) -> Text:
    return Text(no_wrap=True, overflow="ellipsis").append(name, "bold").append(f"  {about}")


def _complete(text: str, cursor: int) -> tuple[str, ...]:
    return completed(text, cursor, SETTINGS)
