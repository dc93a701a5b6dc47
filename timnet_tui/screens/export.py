"""Writes tables, figures, reports, bundles and runs to files, and shows where they are."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widgets import Button, Static

from timnet.export.order import DRAWN, FORMATS, INKED, PAGE, TABLE, Order, carry_out_apart, files_of
from timnet.text import clean
from timnet_tui.corpus_work import opened
from timnet_tui.jobs import Job, Report
from timnet_tui.messages import CommandEnded
from timnet_tui.palette import palette_of
from timnet_tui.render import style
from timnet_tui.screens.confirm import Confirm
from timnet_tui.screens.working import WorkingDialog
from timnet_tui.widgets.option_line import OptionLine
from timnet_tui.widgets.path_field import PathField

FIRST = {"table": ("csv",), "runs": ("json",), "report": ("html",), "bundle": ("zip",)}
WORDS = {"tsne": "t-SNE"}
LIGHT, DARK = "dark on light", "light on dark"
FOLDER = "exports"


@dataclass(frozen=True, slots=True)
class Subject:
    """What is to be exported: ``experiments`` (none: all that have a finished fold), and one ``fold`` of it, if one.

    ``title`` says so in words. ``rows``, ``cols`` and ``metrics`` are of the table that is looked at.
    """

    title: str
    experiments: tuple[int, ...] = ()
    fold: int | None = None
    what: str = TABLE
    rows: str = "corpus"
    cols: str = "source"
    metrics: tuple[str, ...] = ("uar", "war")


class ExportDialog(WorkingDialog[None]):
    """Chooses, exports with a bar that can be stopped, and ends with the files' paths."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("Y", "copy", "copy the path"),
    ]
    STOPPED = "stopped; nothing was left half-written"

    def __init__(self, subject: Subject) -> None:
        super().__init__()
        self._subject = subject
        self._made: tuple[Path, ...] = ()

    def compose(self) -> ComposeResult:
        """What, in which formats, where to, and what came of it."""
        with Vertical(classes="form"):
            yield Static(f"Export {self._subject.title}", classes="title", markup=False)
            for name, field in (
                ("what", OptionLine([_word(what) for what in FORMATS], [_word(self._subject.what)], id="what")),
                ("of", OptionLine([_word(what) for what in DRAWN], [_word("tsne")], id="drawing")),
                ("format", OptionLine((), several=True, id="formats")),
                ("ink", OptionLine((LIGHT, DARK), id="ink")),
                ("folder", PathField(FOLDER, folders_only=True, id="folder")),
            ):
                with Horizontal(classes="line", id=f"line-{name}"):
                    yield Static(name, classes="name", markup=False)
                    yield field
            with VerticalScroll(classes="found", can_focus=False):
                yield Static(id="said", classes="said", markup=False)
            yield self.job_lines()
            with Horizontal(classes="answers"):
                yield Button("Export", id="go", variant="primary", compact=True)
                yield Button("Leave it (esc)", id="no", compact=True)

    def on_mount(self) -> None:
        """Begin with what is looked at."""
        self.query_one("#folder", PathField).text = FOLDER
        self._offer()
        self.query_one("#what").focus()

    # what is chosen

    @property
    def _what(self) -> str:
        return self._chosen("what")

    def _chosen(self, line: str) -> str:
        word = self.query_one(f"#{line}", OptionLine).value
        return next(what for what in FORMATS if _word(what) == word)

    @property
    def order(self) -> Order:
        """What is asked for now."""
        subject, what = self._subject, self._what
        folder = self.query_one("#folder", PathField).path or Path(FOLDER)
        return Order(
            what=what,
            formats=self.query_one("#formats", OptionLine).chosen,
            folder=str(folder.absolute()),
            experiments=subject.experiments,
            fold=subject.fold,
            drawing=self._chosen("drawing"),
            dark=what in INKED and self.query_one("#ink", OptionLine).value == DARK,
            rows=subject.rows,
            cols=subject.cols,
            metrics=subject.metrics,
        )

    def _offer(self) -> None:
        """Only the formats that what is chosen has, and ink only for what is drawn."""
        what = self._what
        self.query_one("#formats", OptionLine).show(FORMATS[what], FIRST.get(what, ("png",)))
        self.query_one("#line-of").display = what == PAGE
        self.query_one("#line-ink").display = what in INKED

    def on_option_line_changed(self, event: OptionLine.Changed) -> None:
        """Something else is wanted."""
        if event.line.id == "what":
            self._offer()

    # from the order to the files

    def on_path_field_submitted(self) -> None:
        """Enter exports."""
        self._go()

    def key_enter(self) -> None:
        """Enter exports, wherever the focus is."""
        if not isinstance(self.focused, Button):
            self._go()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """A button exports, copies, or leaves."""
        if event.button.id == "no":
            self.action_leave()
        elif self._made:
            self.action_copy()
        else:
            self._go()

    def _go(self) -> None:
        """Look first whether files are there already; then export."""
        if not self.busy:
            self._forget()
            self.begin("export", partial(_there, self.timnet.db, self.order), "look")

    def finished(self, job: Job) -> None:
        """Go on, or tell what was written."""
        if job.subject == "look":
            order, there = job.result
            self._ask(order, there)
        else:
            self._tell(job.result)

    def _ask(self, order: Order, there: Sequence[Path]) -> None:
        def export(agreed: bool | None) -> None:
            if agreed:
                final = replace(order, replace=bool(there))
                self.begin("export", partial(_export, self.timnet.db, final), "export")

        if not there:
            export(True)
            return
        more = f" and {len(there) - 1} more" if len(there) > 1 else ""
        text = f"{clean(str(there[0]))}{more} will be replaced."
        self.app.push_screen(Confirm("Replace what is there?", text, "Replace"), export)

    def _tell(self, made: tuple[Path, ...]) -> None:
        self._made = made
        colours = palette_of(self.app.current_theme)
        text = Text().append("written:\n", style(colours.text, bold=True))
        text.append("\n".join(clean(str(path)) for path in made), style(colours.accent))
        self.query_one("#said", Static).update(text)
        self.query_one("#go", Button).label = "Copy the path (Y)"
        self.query_one("#no", Button).label = "Close (esc)"
        self.query_one("#go", Button).focus()
        more = f" and {len(made) - 1} more" if len(made) > 1 else ""
        self.timnet.toast(CommandEnded(f"written: {clean(str(made[0]))}{more}"))

    def _forget(self) -> None:
        self._made = ()
        self.say("")
        self.query_one("#go", Button).label = "Export"

    # keys

    def action_copy(self) -> None:
        """Copy the paths of what was written."""
        if not self._made:
            return
        self.app.copy_to_clipboard("\n".join(map(str, self._made)))
        self.timnet.toast(CommandEnded("path copied" if len(self._made) == 1 else f"{len(self._made)} paths copied"))


def _word(what: str) -> str:
    return WORDS.get(what, what)


def _there(db: Path, order: Order, report: Report, stop: threading.Event) -> tuple[Order, list[Path]]:  # noqa: ARG001 - it is quick
    with opened(db) as registry:
        return order, [path for path in files_of(registry, order) if path.exists()]


def _export(db: Path, order: Order, report: Report, stop: threading.Event) -> tuple[Path, ...]:
    return carry_out_apart(db, order, report, stop)
