"""All runs: filtered, sorted by anything, put together by anything, marked and acted on. Any number of them."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widgets import Static

from timnet.records import Run
from timnet.registry.groups import BY
from timnet.registry.order import SORTS
from timnet.text import clean
from timnet_tui import bookkeeping
from timnet_tui.actions import Place, bindings
from timnet_tui.looks.runs import APART, GroupRow, RunRow, RunsPage, RunsView, RunsWatch
from timnet_tui.memory import Memory
from timnet_tui.messages import CommandEnded
from timnet_tui.palette import Palette, palette_of
from timnet_tui.render import style
from timnet_tui.screens.choose import Choice, Choose, ChooseSeveral
from timnet_tui.screens.listing import ListingScreen
from timnet_tui.snapshot import Health, Snapshot
from timnet_tui.widgets import run_columns
from timnet_tui.widgets.filter_bar import FilterBar
from timnet_tui.widgets.table import ORDER, Cell, Column, Page, RowTable

AnyRow = RunRow | GroupRow

EMPTY = "No runs yet. Queue some with n, or in another terminal: timnet train EMODB --preset github --folds 10"
NOTHING = "No run passes this filter. esc clears it."
#: what runs are put together by, with what it means
GROUPS = {
    "corpus": "", "preset": "", "protocol": "", "selection": "which epoch the scores are of", "tag": "",
    "source": "trained here, or imported", "seed": "", "experiment": "", "fold": "", "state": "",
    "day": "on which it was queued",
}  # fmt: skip
#: the field of the filter language for what runs are put together by, where it has another name
FILTER_FIELDS = {"day": "created"}


class RunsScreen(ListingScreen):
    """``view`` says how the runs are looked at; rows, selection and marks come from the registry."""

    PLACE = Place.RUNS
    CSS_PATH = "runs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = bindings(Place.RUNS)
    AUTO_FOCUS = "RowTable"

    def __init__(self, view: RunsView | None = None) -> None:
        super().__init__()
        self.view = view or RunsView()
        self._asked: object = None
        self._page = RunsPage()
        self._told = Text()

    def body(self) -> ComposeResult:
        """What is shown, the table, and the filter."""
        yield Static(id="about", markup=False)
        yield RowTable[AnyRow](_draw, self._columns(), id="runs")
        yield Static(id="none", markup=False)
        yield FilterBar(self.timnet.filters, id="filter")

    def on_mount(self) -> None:
        """With the filter and the order of the last time."""
        super().on_mount()
        if self.view == RunsView():
            self.view = _recalled(self.timnet.memory)
        self.bar.set(self.view.filter_text)
        self._show_view()

    def remembered(self) -> dict[str, object]:
        """How the runs are looked at."""
        return {**asdict(self.view), "columns": list(self.view.columns)}

    @property
    def table(self) -> RowTable[AnyRow]:
        """The table."""
        return self.query_one(RowTable)

    # what is shown

    def watching(self) -> RunsWatch:
        """The rows in view and some around them."""
        view, (first, count) = self.view, self.table.window()
        sort, descending = view.order
        columns = {column.key for column in self._columns()}
        return RunsWatch(
            filter_text=view.filter_text,
            sort=sort,
            descending=descending,
            group=view.group,
            first=first,
            count=count,
            asked=self._asked,
            experiments=not view.group and bool(columns & set(run_columns.OF_EXPERIMENT)),
        )

    def show(self, snapshot: Snapshot) -> None:
        """Bring the table up to date, unless the answer is to an earlier question."""
        page, watch = self.answer(RunsPage), snapshot.watch
        if page is None and snapshot.health is not Health.OK:
            self._tell_none(clean(snapshot.problem) or EMPTY)
        if page is None or not isinstance(watch, RunsWatch) or not self.view.same_rows(watch):
            return
        self._page = page
        self.bar.tell(page.problem, problem=True) if page.problem else self.bar.tell(self._counted())
        if page.problem:
            return
        rows: Sequence[AnyRow] = page.rows
        if page.searching and not rows:  # what was selected may still be found
            self._tell_about()
            return
        self.renew_marks(row.run for row in rows if isinstance(row, RunRow))
        self.table.show(Page(rows, page.first, page.total, page.asked, page.place))
        if self.table.unsure and self.table.row is not None:
            self._asked = self.table.row.id
        self._tell_none("" if page.total else NOTHING if self.view.filter_text else EMPTY)
        self._tell_about()
        self.rewatch()

    def _tell_none(self, why: str) -> None:
        """Say why there is no row, in place of the table."""
        none = self.query_one("#none", Static)
        self.table.display, none.display = not why, bool(why)
        if why:  # it would lay out the whole screen anew, and is not seen
            none.update(why)

    def repaint(self) -> None:
        """The table as well, in the colours of another theme."""
        self.table.redraw()
        self._tell_about()
        super().repaint()

    def _columns(self) -> tuple[Column, ...]:
        if self.view.group:
            return run_columns.of_groups(self.view.group)
        return run_columns.chosen(self.view.columns or run_columns.DEFAULT)

    def _counted(self) -> str:
        what = "group" if self.view.group else "run"
        more = "" if self._page.exact else "searching; so far " if self._page.searching else "more than "
        return f"{more}{self._page.total:,} {what}{'' if self._page.total == 1 else 's'}"

    def _tell_about(self) -> None:
        colours = palette_of(self.app.current_theme)
        about = self._about(colours)
        if about != self._told or about.spans != self._told.spans:
            self._told = about
            self.query_one("#about", Static).update(about, layout=False)

    def _about(self, colours: Palette) -> Text:
        text = Text(no_wrap=True, overflow="ellipsis").append(self._counted(), style(colours.text, bold=True))
        sort, descending = self.view.order
        if self.view.group:
            first, *others = (self.view.group, *(field for field in APART if field != self.view.group))
            text.append(f" by {first}, {' and '.join(others[-2:])}", style(colours.text))
        named = self.view.group if sort == "group" else sort
        text.append(f"  sorted by {named} {ORDER[descending]}", style(colours.faint))
        if self.marks:
            text.append(f"  ● {len(self.marks):,} marked", style(colours.accent, bold=True))
        return text

    def _show_view(self) -> None:
        """Ask for what the view wants."""
        row = self.table.row
        self._asked = None if row is None else row.id
        self.table.show_columns(self._columns())
        sort, descending = self.view.order
        self.table.show_order(sort, descending=descending)
        self._tell_about()
        self.rewatch()

    # for listings

    def selected(self) -> Sequence[Run]:
        """The selected run; runs that are put together are not meant one by one."""
        row = self.table.row
        return (row.run,) if isinstance(row, RunRow) else ()

    def filtered(self, text: str) -> None:
        """Show what passes."""
        self.view = replace(self.view, filter_text=text)
        self.table.to_top()
        self._show_view()

    def show_marks(self) -> None:
        """Show what is marked."""
        self.table.show_marks(self.marks)
        self._tell_about()

    def focus_list(self) -> None:
        """Keys go to the table."""
        self.table.focus()

    # messages

    def on_row_table_chosen(self) -> None:
        """Another row: nothing has to be read for it."""

    def on_row_table_moved(self) -> None:
        """Other rows have come into view."""
        self.rewatch()

    def on_row_table_opened(self) -> None:
        """A double click."""
        self.action_open()

    def on_row_table_marked(self) -> None:
        """A click with ctrl."""
        self.action_mark()

    def on_row_table_titled(self, message: RowTable.Titled) -> None:
        """A click on a title."""
        if message.column.sort:
            self._sort_by(message.column.sort)

    # actions

    def action_open(self) -> None:
        """Open the selected run; list the runs of what is put together."""
        row = self.table.row
        if isinstance(row, RunRow):
            self.timnet.open_run(row.run.id)
        elif isinstance(row, GroupRow):
            self._list_runs_of(row)

    def _list_runs_of(self, row: GroupRow) -> None:
        if row.value(row.by) is None:
            self.timnet.toast(CommandEnded(f"no filter can ask for runs without a {row.by}", failed=True))
            return
        terms = [f"{FILTER_FIELDS.get(field, field)}:{row.value(field)}" for field in row.fields]
        text = " ".join([self.view.filter_text, *(shlex.quote(term) for term in terms)]).strip()
        self.view = replace(self.view, group="")
        self.table.start_over()
        self.bar.apply(text)

    def action_sort(self) -> None:
        """Choose what to sort by."""
        columns = [column for column in self._all_columns() if column.sort]
        choices = [Choice(column.sort, column.title, column.help) for column in columns]
        if not self.view.group:
            choices.append(Choice("queue", "queue", "as workers take them"))
        self.app.push_screen(
            Choose("Sort by", choices, self.view.order[0]), lambda sort: self._sort_by(sort) if sort else None
        )

    def _all_columns(self) -> Sequence[Column]:
        return self._columns() if self.view.group else tuple(run_columns.COLUMNS.values())

    def _sort_by(self, sort: str) -> None:
        self.view = self.view.sorted_by(sort)
        self._show_view()

    def action_reverse(self) -> None:
        """The other way round."""
        self._sort_by(self.view.order[0])

    def action_group(self) -> None:
        """Choose what to put runs together by."""
        choices = [Choice("", "nothing", "single runs")]
        choices += [Choice(field, field, GROUPS[field]) for field in GROUPS if field in BY]
        self.app.push_screen(Choose("Group by", choices, self.view.group), self._group_by)

    def _group_by(self, field: str | None) -> None:
        if field is not None and field != self.view.group:
            self.view = replace(self.view, group=field)
            self.table.start_over()
            self._show_view()

    def action_columns(self) -> None:
        """Choose the columns of single runs."""
        columns = [column for column in run_columns.COLUMNS.values() if column.key not in run_columns.ALWAYS]
        choices = [Choice(column.key, column.title, column.help) for column in columns]
        shown = self.view.columns or run_columns.DEFAULT
        self.app.push_screen(ChooseSeveral("Columns of runs", choices, shown), self._take_columns)

    def _take_columns(self, keys: tuple[str, ...] | None) -> None:
        if keys is not None:
            self.view = replace(self.view, columns=(*run_columns.ALWAYS, *keys))
            self._show_view()

    def action_mark(self) -> None:
        """Mark the selected run, or take its mark away."""
        if self.view.group:
            self.timnet.toast(CommandEnded("single runs are marked; open the group to see its runs", failed=True))
        else:
            super().action_mark()

    def action_mark_up(self) -> None:
        """Mark the selected run and the one above."""
        self._mark_on(-1)

    def action_mark_down(self) -> None:
        """Mark the selected run and the one below."""
        self._mark_on(1)

    def _mark_on(self, step: int) -> None:
        before = self.selected()
        self.table.move(step)
        self.set_marks((*self.marks.values(), *before, *self.selected()))

    def action_mark_all(self) -> None:
        """Mark all that pass the filter, in a thread: they may be many."""
        if self.view.group:
            self.action_mark()
            return
        view = self.view
        passing = partial(bookkeeping.passing, self.timnet.db, view.filter_text)
        self.timnet.in_thread(passing, partial(self._take_marks, view))

    def _take_marks(self, view: RunsView, found: bookkeeping.Passing) -> None:
        if found.problem:
            self.timnet.toast(CommandEnded(found.problem, failed=True))
        elif view.filter_text == self.view.filter_text:
            self.set_marks(found.runs)
            if found.more:
                text = f"marked the first {len(found.runs):,}; more pass, so filter further"
                self.timnet.toast(CommandEnded(text, failed=True))

    def action_step_back(self) -> None:
        """Take the marks away, then show single runs, then clear the filter."""
        if not self.marks and self.view.group:
            self._group_by("")
        else:
            super().action_step_back()

    def action_up(self) -> None:
        """One row up."""
        self.table.move(-1)

    def action_down(self) -> None:
        """One row down."""
        self.table.move(1)

    def action_page_up(self) -> None:
        """A page up."""
        self.table.move(-self.table.page)

    def action_page_down(self) -> None:
        """A page down."""
        self.table.move(self.table.page)

    def action_first(self) -> None:
        """To the first row."""
        self.table.move(-self.table.total)

    def action_last(self) -> None:
        """To the last row."""
        self.table.move(self.table.total)

    def action_left(self) -> None:
        """Columns further to the left."""
        self.table.scroll_columns(-1)

    def action_right(self) -> None:
        """Columns further to the right."""
        self.table.scroll_columns(1)


def _draw(row: AnyRow, column: Column, colours: Palette) -> Cell:
    if isinstance(row, GroupRow):
        return run_columns.of_group(row, column, colours)
    return run_columns.of_run(row, column, colours)


def _recalled(memory: Memory) -> RunsView:
    """How the runs were looked at the last time; what cannot be any more is left out."""

    def text(name: str) -> str:
        return memory.get(Place.RUNS, name, str) or ""

    def falls(name: str) -> bool | None:
        return memory.get(Place.RUNS, name, bool)

    first, keys = RunsView(), memory.get(Place.RUNS, "columns", list) or []
    return RunsView(
        filter_text=text("filter_text"),
        sort=text("sort") if text("sort") in SORTS else first.sort,
        descending=first.descending if falls("descending") is None else bool(falls("descending")),
        group=text("group") if text("group") in GROUPS and text("group") in BY else "",
        group_sort=text("group_sort") or first.group_sort,
        group_descending=bool(falls("group_descending")),
        columns=tuple(key for key in keys if isinstance(key, str) and key in run_columns.COLUMNS),
    )
