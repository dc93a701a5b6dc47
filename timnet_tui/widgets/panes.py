"""What is known of a run or an experiment beside its curves, a pane for each kind of it; one is open."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Container, Vertical
from textual.widget import Widget

from timnet.records import Event
from timnet_tui.looks.experiment import Whole
from timnet_tui.looks.run import Detail
from timnet_tui.looks.tested import Answered
from timnet_tui.palette import Palette
from timnet_tui.render import style
from timnet_tui.widgets.answers import confusion_lines, counted, recall_lines
from timnet_tui.widgets.event_lines import Kinds, chosen, event_line
from timnet_tui.widgets.facts import Facts
from timnet_tui.widgets.inline import Picture
from timnet_tui.widgets.kept import KeptFile, file_line, files_of
from timnet_tui.widgets.lines import Lines
from timnet_tui.widgets.pane_tabs import Pane, PaneTabs
from timnet_tui.widgets.plane import Key, Plane, key_of
from timnet_tui.widgets.search import SearchLine
from timnet_tui.widgets.settings import CHANGED, changed, settings_lines
from timnet_tui.widgets.sheet import Sheet

#: pane -> what a screen calls it, in the order in which tab goes through them
NAMES = {
    "facts": "about", "events": "events", "log": "log", "confusion": "confusion", "recall": "recall",
    "plane": "t-SNE", "settings": "config", "files": "files",
}  # fmt: skip
#: the panes for which the folds' answers are read
OF_ANSWERS = frozenset({"confusion", "recall"})


class Panes(Container):
    """A line of tabs and the open pane; what is known (``facts``) may stand above them all the time."""

    def __init__(self, keys: dict[str, str], db: Path, *, id: str) -> None:  # noqa: A002 - Textual's own name for it
        super().__init__(id=id)
        self._keys = keys
        self._db = db
        self._open = "events"
        self._wide = False
        self._kinds = Kinds.ALL
        self._share = False
        self._searching = self._pictured = False
        self._shown: Detail | Whole | None = None
        self._chosen: tuple[object, Kinds, Sequence[Event]] | None = None
        self._folds: dict[int, int] = {}

    def compose(self) -> ComposeResult:
        """All panes; those that are not open are not displayed."""
        yield PaneTabs(id="tabs")
        yield Facts(id="facts")
        with Vertical(id="open"):
            yield Lines("events", self._event_line, "nothing has happened yet", id="events")
            yield Lines("log", log_line, "no log yet", id="log")
            yield SearchLine(id="search")
            yield Sheet("confusion", "", id="confusion")
            yield Sheet("recall", "", id="recall")
            yield Plane(id="plane")
            yield Picture(id="picture")
            yield Sheet("config", "", id="settings")
            yield Lines("files", file_line, "no files yet", id="files", follows=False, selects=True)

    def on_mount(self) -> None:
        """The first pane."""
        self._arrange()

    # which pane

    @property
    def open(self) -> str:
        """The pane that is open."""
        return self._open

    @property
    def pane(self) -> Widget:
        """Its widget."""
        return self.query_one(f"#{self._open}")

    def open_pane(self, pane: str) -> None:
        """Open another pane; ``facts`` is no pane of its own where it stands above them."""
        if not (self._wide and pane == "facts"):
            self._open = pane
        self._arrange()
        self.screen.set_focus(self.query_one(f"#{pane}"))
        self.refresh_panes()

    def turn(self, step: int) -> None:
        """The next pane, or the one before."""
        here = self._order.index(self._open)
        self.open_pane(self._order[(here + step) % len(self._order)])

    def set_wide(self, wide: bool) -> None:
        """Whether there is room for what is known above the panes."""
        self._wide = wide
        if wide and self._open == "facts":
            self._open = "events"
        self._arrange()

    @property
    def _order(self) -> list[str]:
        return [pane for pane in NAMES if not (self._wide and pane == "facts")]

    def _arrange(self) -> None:
        for pane in NAMES:
            self.query_one(f"#{pane}").display = pane == self._open or (pane == "facts" and self._wide)
        self.query_one("#open").display = self._open != "facts"
        self.query_one(Picture).display = self._open == "plane" and self._pictured
        if self._pictured:
            self.query_one(Plane).display = False
        self._arrange_search()
        panes = [Pane(pane, NAMES[pane], self._keys.get(pane, "")) for pane in self._order]
        self.query_one(PaneTabs).show(panes, self._open)

    def on_pane_tabs_chosen(self, message: PaneTabs.Chosen) -> None:
        """A tab was clicked."""
        message.stop()
        self.open_pane(message.pane)

    # what is shown

    @property
    def wants_log(self) -> bool:
        """Whether the log shall be read."""
        return self._open == "log"

    @property
    def wants_answers(self) -> bool:
        """Whether the folds' answers shall be read."""
        return self._open in OF_ANSWERS

    def show(self, shown: Detail | Whole | None) -> None:
        """Show another run or experiment, or the same one later."""
        self._shown = shown
        if isinstance(shown, Whole):
            self._folds = {run.id: run.fold for run in shown.folds}
        else:
            self._folds = {}
        self.refresh_panes()

    def refresh_panes(self) -> None:
        """Bring the panes that are in view up to date."""
        shown = self._shown
        if shown is None:
            return
        self.query_one(Facts).show(shown)
        show: dict[str, Callable[[Detail | Whole], None]] = {
            "events": self._show_events, "log": self._show_log, "confusion": self._show_answers,
            "recall": self._show_answers, "plane": self._show_plane, "settings": self._show_settings,
            "files": self._show_files,
        }  # fmt: skip
        if self._open in show:
            show[self._open](shown)

    def _show_events(self, shown: Detail | Whole) -> None:
        if self._chosen is None or self._chosen[0] is not shown.events or self._chosen[1] is not self._kinds:
            self._chosen = shown.events, self._kinds, chosen(shown.events, self._kinds)
        events = self._chosen[2]
        hidden = len(shown.events) - len(events)
        said = f"{self._kinds}, {hidden} hidden" if hidden else str(self._kinds)
        none = "nothing has happened yet" if not shown.events else f"no {self._kinds} yet"
        self.query_one("#events", Lines).show(events, said, none)

    def _event_line(self, event: Event, colours: Palette) -> Text:
        return event_line(event, colours, self._folds)

    def _show_log(self, shown: Detail | Whole) -> None:
        log = self.query_one("#log", Lines)
        if isinstance(shown, Whole):
            log.show((), "", "each fold has a log of its own: f shows one fold")
        elif shown.log is not None:
            log.show(shown.log, shown.log_path, "no log yet")
        self._tell_found()

    def _show_answers(self, shown: Detail | Whole) -> None:
        tested = shown.tested or Answered(problem="reading …")
        scores, share = tested.scores, self._share
        sheet = self.query_one(f"#{self._open}", Sheet)
        if scores is None:
            sheet.draw(tested, None, "", tested.problem)
            return
        said = counted(scores, shown.experiment.folds if isinstance(shown, Whole) else None)
        if self._open == "confusion":
            what = "% of the row" if share else "counts"
            sheet.draw((scores, share), lambda w, c: confusion_lines(scores, w, c, share=share), f"{what}, {said}")
        else:
            sheet.draw(scores, lambda width, colours: recall_lines(scores, width, colours), said)

    def _show_plane(self, _shown: Detail | Whole) -> None:
        key = self.plane_key
        if self._pictured:
            self.query_one(Picture).want(self._db, key)
        else:
            self.query_one(Plane).want(self._db, key)

    def _show_settings(self, shown: Detail | Whole) -> None:
        experiment, background = shown.experiment, shown.background
        count = len(changed(experiment, background))
        said = f"{CHANGED} {count} differ from the preset" if count else "as the preset has them"
        self.query_one("#settings", Sheet).draw(
            (experiment, background),
            lambda width, colours: settings_lines(experiment, background, width, colours),
            said if background.usual is not None else "",
        )

    def _show_files(self, shown: Detail | Whole) -> None:
        files = files_of(shown)
        lines = self.query_one("#files", Lines)
        lines.show(lines.shown if files == lines.shown else files, "Y copies a path")

    # what keys do in a pane

    def next_kinds(self) -> None:
        """Events of other kinds."""
        every = list(Kinds)
        self._kinds = every[(every.index(self._kinds) + 1) % len(every)]
        self.refresh_panes()

    def toggle_share(self) -> None:
        """Counts, or per cent of each row."""
        self._share = not self._share
        self.refresh_panes()

    @property
    def plane(self) -> Plane:
        """The t-SNE."""
        return self.query_one(Plane)

    @property
    def plane_key(self) -> Key | None:
        """What the t-SNE is of; None while no fold is finished."""
        shown = self._shown
        run = shown.run if isinstance(shown, Detail) else None
        return None if shown is None else key_of(shown.experiment, run, shown.folds)

    def toggle_picture(self) -> bool:
        """The exported picture in place of the points, or the points again; False where none can be shown."""
        if not self.query_one(Picture).possible:
            return False
        self._pictured = not self._pictured
        self._arrange()
        self.refresh_panes()
        return True

    @property
    def selected_file(self) -> KeptFile | None:
        """The file that is selected, while the files are open."""
        lines: Lines[KeptFile] = self.query_one("#files", Lines)
        return lines.selected if self._open == "files" else None

    # searching the log

    @property
    def searching(self) -> bool:
        """Whether a text is searched for, or about to be."""
        return self._searching

    def search(self) -> None:
        """Type what shall be found in the log."""
        self._searching = True
        self.open_pane("log")
        self.query_one(SearchLine).open()

    def find(self, step: int) -> None:
        """The next match, or the one before."""
        self.query_one("#log", Lines).find(step)
        self._tell_found()

    def end_search(self) -> None:
        """Search for nothing."""
        self._searching = False
        self.query_one(SearchLine).end()
        self._to_log()

    def _arrange_search(self) -> None:
        self.query_one(SearchLine).display = self._open == "log" and self.searching

    @on(SearchLine.Typed)
    def _search(self, message: SearchLine.Typed) -> None:
        message.stop()
        self.query_one("#log", Lines).search(message.text)
        self._tell_found()

    @on(SearchLine.Stepped)
    def _step(self, message: SearchLine.Stepped) -> None:
        message.stop()
        self.find(message.step)

    @on(SearchLine.Left)
    def _leave(self, message: SearchLine.Left) -> None:
        message.stop()
        self._searching = self.query_one(SearchLine).display and bool(self.query_one(SearchLine).text)
        self._arrange_search()
        self._to_log()

    def _to_log(self) -> None:
        if self._open == "log":
            self.screen.set_focus(self.query_one("#log"))

    def _tell_found(self) -> None:
        self.query_one(SearchLine).tell(self.query_one("#log", Lines).found)


def log_line(line: str, colours: Palette) -> Text:
    """A line of the log, which :mod:`timnet_tui.logs` has cleaned."""
    return Text(line, style(colours.text), no_wrap=True)
