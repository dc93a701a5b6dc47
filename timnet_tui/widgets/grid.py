"""The grid of experiments by folds. One widget that draws only the lines in view."""

from __future__ import annotations

from textual.events import Click
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from timnet.records import Run, RunState
from timnet_tui.messages import CellChosen, CellOpened
from timnet_tui.palette import palette
from timnet_tui.snapshot import ExperimentRow
from timnet_tui.widgets.grid_layout import STRIDE, GridLayout, layout
from timnet_tui.widgets.grid_lines import Look, experiment, header


class FoldGrid(ScrollView, can_focus=True, inherit_bindings=False):
    """The selection is an experiment and a fold, not a place: rows that appear above do not move it."""

    DEFAULT_CSS = "FoldGrid { width: 1fr; height: 1fr; }"
    ALLOW_SELECT = False

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name for it
        super().__init__(id=id)
        self._rows: tuple[ExperimentRow, ...] = ()
        self._places: dict[int, int] = {}
        self._experiment: int | None = None
        self._fold = self._back_to = 1
        self._layout: GridLayout = layout((), 80)

    # what is shown

    def show(self, rows: tuple[ExperimentRow, ...]) -> None:
        """Show other experiments; the selection stays on its run while that is there."""
        if rows is self._rows:
            return
        before = self._places.get(self._experiment or 0, 0)
        self._rows = rows
        self._places = {row.id: place for place, row in enumerate(rows)}
        self._lay_out()
        if rows and self._experiment not in self._places:
            if self._experiment is None:
                self._choose(*_first_choice(rows))
            else:
                self._choose(rows[min(before, len(rows) - 1)], self._fold)

    def natural_width(self) -> int:
        """The width at which every experiment fits on one line."""
        return self._layout.natural

    @property
    def row(self) -> ExperimentRow | None:
        """The selected experiment."""
        place = self._places.get(self._experiment or 0)
        return None if place is None else self._rows[place]

    @property
    def fold(self) -> int:
        """The selected fold; 0 stands for the whole experiment."""
        return self._fold

    @property
    def run(self) -> Run | None:
        """The selected run, None where a whole experiment or a fold without a run is selected."""
        row = self.row
        return row.cells[self._fold - 1] if row and 0 < self._fold <= len(row.cells) else None

    @property
    def chosen(self) -> tuple[Run, ...]:
        """The runs that an action applies to: one, or all of the experiment."""
        if self._fold == 0:
            return self.row.runs if self.row else ()
        return (self.run,) if self.run else ()

    # moving

    def move(self, rows: int = 0, folds: int = 0) -> None:
        """Move the selection, as far as there is something."""
        row = self.row
        if row is None:
            return
        place = min(max(0, self._places[row.id] + rows), len(self._rows) - 1)
        self._choose(self._rows[place], self._fold + folds)

    def move_to(self, experiment_id: int, fold: int) -> None:
        """Select one fold of one experiment, if it is there."""
        place = self._places.get(experiment_id)
        if place is not None:
            self._choose(self._rows[place], fold)

    def toggle_whole(self) -> None:
        """From a fold to the whole experiment, and from there back to the fold."""
        if self.row is not None:
            self._choose(self.row, 0 if self._fold else self._back_to)

    @property
    def page(self) -> int:
        """Experiments that are in view at once."""
        return max(1, self.size.height // self._layout.lines - 1)

    def _choose(self, row: ExperimentRow, fold: int) -> None:
        before = (self._experiment, self._fold)
        self._back_to = self._fold or self._back_to
        self._experiment, self._fold = row.id, min(max(0, fold), len(row.cells))
        if before != (self._experiment, self._fold):
            self.refresh()
            self._into_view()
            self.post_message(CellChosen(self._experiment, self._fold))

    def _into_view(self) -> None:
        lines, height = self._layout.lines, self.size.height - self._layout.lines
        top = self._places[self._experiment or 0] * lines
        y = min(max(self.scroll_offset.y, top + lines - height), top)
        left = max(0, self._fold - 1) * STRIDE
        x = min(max(self.scroll_offset.x, left + STRIDE + 1 - self._layout.cells_width), left)
        self.scroll_to(x, y, animate=False, force=True)

    # the mouse

    def on_click(self, event: Click) -> None:
        """A click selects, a double click opens."""
        y = event.y - self._layout.lines
        place = (y + self.scroll_offset.y) // self._layout.lines
        if y < 0 or not 0 <= place < len(self._rows):
            return
        line = (y + self.scroll_offset.y) % self._layout.lines
        shows_folds = line == self._layout.lines - 1
        self._choose(self._rows[place], self._layout.fold_at(event.x, self.scroll_offset.x) if shows_folds else 0)
        if event.chain == 2:
            self.post_message(CellOpened())

    # drawing

    def on_resize(self) -> None:
        """Another width may need another layout."""
        self._lay_out()
        if self.row is not None:
            self._into_view()

    def _lay_out(self) -> None:
        width = self.scrollable_content_region.width or self.size.width
        self._layout = layout(self._rows, max(1, width))
        height = (1 + len(self._rows)) * self._layout.lines  # the header takes as many lines as an experiment
        self.virtual_size = Size(width + self._layout.overflow, height)
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """The header stays, the experiments scroll below it."""
        look = self._look()
        if y < self._layout.lines:
            return header(y, look)
        place, line = divmod(y - self._layout.lines + self.scroll_offset.y, self._layout.lines)
        if place >= len(self._rows):
            return Strip.blank(self.size.width, self.visual_style.rich_style)
        row = self._rows[place]
        selected = self._fold if row.id == self._experiment else None
        return experiment(row, line, look, selected)

    def _look(self) -> Look:
        return Look(
            self._layout,
            palette(dark=self.app.current_theme.dark),
            self.visual_style.rich_style,
            self.scroll_offset.x,
            self.has_focus,
        )

    def region_of(self, experiment_id: int, fold: int) -> Region:
        """Where a cell is inside the widget, for whoever wants to point at it."""
        place = self._places[experiment_id]
        y = (place + 2) * self._layout.lines - 1 - self.scroll_offset.y
        x = self._layout.cells_x + (fold - 1) * STRIDE - self.scroll_offset.x
        return Region(x, y, STRIDE + 1, 1)


def _first_choice(rows: tuple[ExperimentRow, ...]) -> tuple[ExperimentRow, int]:
    """What to look at first: a run that trains, else the first fold of the newest experiment."""
    training = ((row, run.fold) for row in rows for run in row.runs if run.state is RunState.RUNNING)
    return next(training, (rows[0], 1))
