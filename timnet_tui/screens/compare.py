"""Experiments or runs side by side: curves laid over each other, what differs, and tests where they are fair."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widgets import Static

from timnet.export.comparison import Comparison
from timnet.export.comparison_words import FactRow, rows_of, sentences
from timnet.text import clean
from timnet_tui import bookkeeping
from timnet_tui.actions import Place, bindings
from timnet_tui.charts.curves import Curves, Fold, Group, Look, Metric
from timnet_tui.charts.inks import COMPARED_DARK, COMPARED_LIGHT
from timnet_tui.charts.model import BandKind, Role
from timnet_tui.charts.widget import SMOOTHINGS, Chart
from timnet_tui.looks.compare import Compared, ComparePage, CompareWatch, Sign
from timnet_tui.messages import CommandEnded
from timnet_tui.palette import RGB, Palette, palette_of
from timnet_tui.render import style
from timnet_tui.screens.base import RegistryScreen
from timnet_tui.screens.type import TypeLine
from timnet_tui.snapshot import Snapshot
from timnet_tui.widgets.table import Cell, Column, Page, RowTable

#: where the terminal is this wide, the curves stand beside the facts
WIDE = 120
METRICS = (Metric.ACCURACY, Metric.UAR, Metric.LOSS)
BANDS = (BandKind.SD, BandKind.SE, BandKind.CI, BandKind.RANGE, BandKind.NONE)
SIDE_MOST = 24
#: with more sides, bands hide each other and are shown only when asked for
BANDS_UP_TO = 4


class ComparisonMade(Message):
    """A thread has compared what ``sign`` tells; ``problem`` says why it could not."""

    def __init__(self, keys: tuple[str, ...], sign: Sign, found: Comparison | None, problem: str = "") -> None:
        super().__init__()
        self.keys = keys
        self.sign = sign
        self.found = found
        self.problem = problem


class CompareScreen(RegistryScreen):
    """``keys`` are what users type, ``7`` or ``7.3``; each is set against the first."""

    PLACE = Place.COMPARE
    CSS_PATH = "compare.tcss"
    BINDINGS: ClassVar[list[BindingType]] = bindings(Place.COMPARE)
    AUTO_FOCUS = "RowTable"

    def __init__(self, keys: tuple[str, ...]) -> None:
        super().__init__()
        self.keys = keys
        #: a side keeps its colour whichever is the first
        self._colours = keys
        #: the selected side
        self.chosen = 1
        self._metric = Metric.ACCURACY
        band = BandKind.SD if len(keys) <= BANDS_UP_TO else BandKind.NONE
        self._look = Look(every_fold=False, roles=(Role.VALIDATION,), band=band)
        self._folds = False
        self._page: ComparePage | None = None
        self._comparison: Comparison | None = None
        self._problem = ""
        self._asked: tuple[tuple[str, ...], Sign] | None = None

    def body(self) -> ComposeResult:
        """The title; the curves and the facts."""
        yield Static(id="title", markup=False)
        with Horizontal(id="body"):
            yield Chart(id="curves")
            with Vertical(id="facts"):
                yield RowTable[FactRow](self._draw, (), id="rows")
                yield Static(id="said", markup=False)

    @property
    def chart(self) -> Chart:
        """The curves."""
        return self.query_one(Chart)

    @property
    def table(self) -> RowTable[FactRow]:
        """The facts."""
        return self.query_one(RowTable)

    def on_mount(self) -> None:
        """Nothing has been read yet."""
        super().on_mount()
        self.chart.set_look(self._look)
        self._tell()
        self._lay_out()

    def on_resize(self) -> None:
        """Beside each other, or one above the other."""
        self._lay_out()

    def _lay_out(self) -> None:
        self.set_class(self.app.size.width >= WIDE, "wide")

    # what is shown

    def watching(self) -> CompareWatch:
        """All sides."""
        return CompareWatch(self.keys)

    def show(self, snapshot: Snapshot) -> None:
        """Bring curves up to date; compare again when there are other results."""
        page = self.answer(ComparePage)
        if page is None or snapshot.watch != self.watching():
            return
        self._page = page
        self.chart.show(self._curves(page), "no epoch is finished yet")
        if (self.keys, page.sign) != self._asked:
            self._asked = self.keys, page.sign
            job = partial(self._compare, self.timnet.db, self.keys, page.sign)
            self.app.run_worker(job, thread=True, group="compare", exit_on_error=False)
        self._tell_title()

    def _compare(self, db: Path, keys: tuple[str, ...], sign: Sign) -> None:
        """In a thread."""
        found = bookkeeping.compared(db, keys)
        self.post_message(ComparisonMade(keys, sign, found.comparison, found.problem))

    def on_comparison_made(self, message: ComparisonMade) -> None:
        """Show it, unless something else is wanted by now."""
        if (message.keys, message.sign) == self._asked:
            self._comparison, self._problem = message.found, message.problem
            self._tell()

    def repaint(self) -> None:
        """The facts as well, in the colours of another theme."""
        super().repaint()
        self._tell()

    def _curves(self, page: ComparePage) -> Curves:
        groups = tuple(
            Group(
                tuple(Fold(fold.epochs, best=fold.run.best_epoch) for fold in side.folds),
                label=_name(side),
                mean="." not in side.key,
                colour=self._colours.index(side.key),
            )
            for side in page.sides
        )
        return Curves((self._metric, self.keys), self._metric, groups)

    def _tell(self) -> None:
        """The facts and the sentences."""
        self._tell_title()
        comparison = self._comparison
        said = self.query_one("#said", Static)
        if comparison is None:
            said.update(Text(self._problem or "comparing ..."))
            return
        self.chosen = min(self.chosen, len(comparison.sides) - 1)
        columns = [Column("", "", most=22, kept=True)]
        columns += [
            Column(str(place), f"{'▸' if place == self.chosen else ' '}{side.key}", most=SIDE_MOST)
            for place, side in enumerate(comparison.sides)
        ]
        self.table.show_columns(columns)
        rows = rows_of(comparison, folds=self._folds)
        self.table.show(Page(rows, 0, len(rows), None, None))
        self.table.show_column(str(self.chosen))
        self.table.redraw()
        said.update(Text("\n".join(sentences(comparison, self.chosen))))

    def _draw(self, row: FactRow, column: Column, colours: Palette) -> Cell:
        if not column.key:
            return Cell(row.name, colours.faint, bold=row.strong)
        place = int(column.key)
        colour = colours.warning if place in row.urgent else colours.text if row.strong else colours.faint
        background = colours.raised if place == self.chosen else None
        return Cell(row.cells[place], colour, background, bold=row.strong)

    def _tell_title(self) -> None:
        colours = palette_of(self.app.current_theme)
        text = Text(no_wrap=True, overflow="ellipsis").append("compare", style(colours.text, bold=True))
        for place, key in enumerate(self.keys):
            text.append("  against  " if place == 1 else "  ")
            text.append(f"━ {key}", style(colour_of(self._colours.index(key), colours), bold=place == self.chosen))
        if self._page is not None and self._page.gone:
            text.append(f"  gone: {', '.join(self._page.gone)}", style(colours.error))
        self.query_one("#title", Static).update(text)

    # messages

    def on_row_table_moved(self) -> None:
        """All rows are here."""

    def on_row_table_titled(self, message: RowTable.Titled) -> None:
        """A click on a side's title selects it."""
        if message.column.key:
            self._choose(int(message.column.key))

    # actions

    def action_metric(self) -> None:
        """The next metric."""
        self._metric = METRICS[(METRICS.index(self._metric) + 1) % len(METRICS)]
        if self._page is not None:
            self.chart.show(self._curves(self._page), "no epoch is finished yet")

    def action_smoother(self) -> None:
        """Smoother, and after the smoothest not at all."""
        after = [weight for weight in SMOOTHINGS if weight > self._look.smoothing]
        self._set_look(replace(self._look, smoothing=after[0] if after else 0.0))

    def action_log_scale(self) -> None:
        """The other scale."""
        self._set_look(replace(self._look, log=not self._look.log))

    def action_band(self) -> None:
        """The next band."""
        self._set_look(replace(self._look, band=BANDS[(BANDS.index(self._look.band) + 1) % len(BANDS)]))

    def action_folds(self) -> None:
        """Each fold's curve and difference."""
        self._folds = not self._folds
        self._set_look(replace(self._look, every_fold=self._folds))
        self._tell()

    def _set_look(self, look: Look) -> None:
        self._look = look
        self.chart.set_look(look)

    def action_zoom_in(self) -> None:
        """Fewer epochs."""
        self.chart.zoom_in()

    def action_zoom_out(self) -> None:
        """More epochs."""
        self.chart.zoom_out()

    def action_zoom_reset(self) -> None:
        """All epochs."""
        self.chart.reset()

    def action_base(self) -> None:
        """Set the others against the selected one."""
        if 0 < self.chosen < len(self.keys):
            first = self.keys[self.chosen]
            self.keys = (first, *(key for key in self.keys if key != first))
            self.chosen = 1
            self.rewatch()

    def action_left(self) -> None:
        """The side to the left."""
        self._choose(self.chosen - 1)

    def action_right(self) -> None:
        """The side to the right."""
        self._choose(self.chosen + 1)

    def _choose(self, place: int) -> None:
        if 0 <= place < len(self.keys) and place != self.chosen:
            self.chosen = place
            self._tell()

    def action_up(self) -> None:
        """One fact up."""
        self.table.move(-1)

    def action_down(self) -> None:
        """One fact down."""
        self.table.move(1)

    def action_page_up(self) -> None:
        """A page up."""
        self.table.move(-self.table.page)

    def action_page_down(self) -> None:
        """A page down."""
        self.table.move(self.table.page)

    def action_open(self) -> None:
        """Look at the selected side closely."""
        sides = {side.key: side for side in self._page.sides} if self._page else {}
        side = sides.get(self.keys[min(self.chosen, len(self.keys) - 1)])
        if side is not None and side.folds:
            self.timnet.open_run(side.folds[0].run.id)

    def action_export(self) -> None:
        """Ask for a file, and write the comparison to it."""
        name = f"exports/compare-{'-'.join(self.keys)[:40].strip('-')}.md"
        told = "The ending names the format: .md .csv .tex .json .xlsx .png"
        self.app.push_screen(TypeLine("Write the comparison to", told, name, bookkeeping.check_file), self._export_to)

    def _export_to(self, path: str | None) -> None:
        if not path:
            return
        question = None
        if Path(path).exists():
            question = ("Replace the file?", f"{clean(path)} is there already.")
        job = partial(bookkeeping.export_comparison, self.timnet.db, self.keys, Path(path))
        self.ask(question, "Replace it", partial(self.in_thread, job))

    def action_copy(self) -> None:
        """The ids, as ``timnet runs compare`` takes them."""
        self.app.copy_to_clipboard(" ".join(self.keys))
        self.timnet.toast(CommandEnded(f"copied {' '.join(self.keys)}"))

    def action_back(self) -> None:
        """Back to where the comparison was asked for."""
        self.dismiss()


def _name(side: Compared) -> str:
    return f"{side.key} {clean(side.experiment.corpus)} {clean(side.experiment.preset)}"


def colour_of(place: int, colours: Palette) -> RGB:
    """The colour of a side, the same as its curve's."""
    known = COMPARED_DARK if colours.dark else COMPARED_LIGHT
    return known[place % len(known)]
