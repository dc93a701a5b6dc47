"""The line in which a filter is typed. Every list has one; all speak the registry's filter language.

What is typed is checked at once, offered words complete it, and after a short pause it is applied: the bar then
posts :class:`FilterBar.Changed`. It is in view while it has the focus or a filter is set.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Input, Static

from timnet.errors import BadInput
from timnet.registry.completion import Candidate, Values, complete
from timnet.registry.filters import FIELDS, parse
from timnet.text import clean
from timnet_tui.palette import palette_of
from timnet_tui.render import style

#: seconds without a key before what stands there is applied
PAUSE = 0.2
HISTORY_AT_MOST = 100
EXAMPLE = "corpus:EMODB uar>0.8 -state:failed tag:paper"
KEYS = "tab completes   ↑ ↓ earlier filters   ⏎ keeps it   esc clears it"


@dataclass(frozen=True, slots=True)
class _Round:
    """What tab goes through in ``text``, and where it is."""

    text: str
    offers: tuple[Candidate, ...]
    place: int = 0

    @property
    def taken(self) -> Candidate:
        return self.offers[self.place]

    @property
    def applied(self) -> str:
        return self.taken.applied(self.text)

    @property
    def cursor(self) -> int:
        return self.taken.start + len(self.taken.text)


class FilterBar(Vertical):
    """``history`` are earlier filters, oldest first; the bar adds to it, and several bars may share one."""

    class Changed(Message):
        """Another filter shall be applied; it can be understood."""

        def __init__(self, bar: FilterBar, text: str) -> None:
            super().__init__()
            self.bar = bar
            self.text = text

    class Left(Message):
        """The user is done typing: the list shall have the focus."""

        def __init__(self, bar: FilterBar) -> None:
            super().__init__()
            self.bar = bar

    DEFAULT_CSS = """
    FilterBar { height: auto; background: $panel; display: none; }
    FilterBar > #filter-line { height: 1; }
    FilterBar #filter-sign { width: 3; padding: 0 1; }
    FilterBar #filter-text, FilterBar #filter-text:focus { width: 1fr; background: $panel; }
    FilterBar #filter-said { width: auto; max-width: 40%; padding: 0 1; }
    FilterBar > #filter-words { display: none; height: 1; padding: 0 3; text-wrap: nowrap; text-overflow: ellipsis; }
    FilterBar.typing > #filter-words { display: block; }
    """

    def __init__(self, history: list[str] | None = None, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name for it
        super().__init__(id=id)
        self._history = [] if history is None else history
        self._place: int | None = None
        self._typed = ""
        self._applied = ""
        self._problem = ""
        self._said = ""
        self._wrong = False
        self._values = Values()
        self._round: _Round | None = None
        self._timer: Timer | None = None

    def compose(self) -> ComposeResult:
        """The line, and below it what could complete it."""
        with Horizontal(id="filter-line"):
            yield Static("/", id="filter-sign", markup=False)
            yield _FilterInput(id="filter-text", placeholder=EXAMPLE, compact=True, select_on_focus=False)
            yield Static(id="filter-said", markup=False)
        yield Static(id="filter-words", markup=False)

    # for the screen

    @property
    def text(self) -> str:
        """The filter that is applied, without blanks around it."""
        return self._applied

    @property
    def typing(self) -> bool:
        """Whether keys go into the filter."""
        return self.screen.focused is self._input  # has_focus tells it a moment later

    def open(self) -> None:
        """Type a filter from now on."""
        self.display = True
        self._place = None
        self.screen.set_focus(self._input)  # now: the next key is the first letter
        if self._input.value and not self._input.value.endswith(" "):
            with self.prevent(Input.Changed):
                self._input.value += " "  # another term begins
        self._input.cursor_position = len(self._input.value)
        self._tell()

    def set(self, text: str) -> None:
        """Show a filter that is in force already."""
        with self.prevent(Input.Changed):
            self._input.value = self._applied = clean(text.strip())
        self._check()
        self.display = bool(self._applied)

    def apply(self, text: str) -> None:
        """Set and apply a filter that was made elsewhere."""
        with self.prevent(Input.Changed):
            self._input.value = clean(text)
        self._check()
        self._apply()
        self._remember()
        self.display = bool(text) or self.typing

    def tell(self, text: str, *, problem: bool = False) -> None:
        """What came of the filter, e.g. how many runs pass; shown while nothing is wrong with what is typed."""
        if (text, problem) != (self._said, self._wrong):
            self._said, self._wrong = text, problem
            self._tell()

    # typing

    @property
    def _input(self) -> Input:
        return self.query_one("#filter-text", Input)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Check it at once, apply it when no key follows."""
        event.stop()
        if self._round is not None and event.value != self._round.applied:
            self._round = None
        self._check()
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(PAUSE, self._apply)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Keep the filter and go back to the list; one that cannot be understood is not left."""
        event.stop()
        self._apply()
        if not self._problem:
            self._remember()
            self._leave()

    def leave_empty(self) -> None:
        """No filter any more."""
        self._remember()
        with self.prevent(Input.Changed):
            self._input.value = ""
        self._check()
        self._apply()
        self._leave()

    def on_descendant_focus(self) -> None:
        """Words are offered while one types."""
        self.add_class("typing")
        self.display = True

    def on_descendant_blur(self) -> None:
        """An empty line takes no room once the focus is elsewhere."""
        self.remove_class("typing")
        self.display = bool(self._applied)

    def _leave(self) -> None:
        self.display = bool(self._applied)
        self.post_message(self.Left(self))

    def _check(self) -> None:
        try:
            parse(self._input.value)
            self._problem = ""
        except BadInput as error:
            self._problem = clean(str(error))
        self._tell()

    def _apply(self) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        text = self._input.value.strip()
        if not self._problem and text != self._applied:
            self._applied = text
            self.post_message(self.Changed(self, text))

    # earlier filters

    def _remember(self) -> None:
        text = self._input.value.strip()
        if text and not self._problem:
            if text in self._history:
                self._history.remove(text)
            self._history.append(text)
            del self._history[:-HISTORY_AT_MOST]
        self._place = None

    def earlier(self, step: int) -> None:
        """Go ``step`` filters back (negative) or forth; past the newest stands what was being typed."""
        if self._place is None:
            self._place, self._typed = len(self._history), self._input.value
        self._place = min(max(0, self._place + step), len(self._history))
        value = self._typed if self._place == len(self._history) else self._history[self._place]
        self._input.value = value
        self._input.cursor_position = len(value)

    # words that fit

    def offer(self, values: Values) -> None:
        """Offer these values from now on."""
        self._values = values
        self._tell()

    def complete(self) -> None:
        """Take the first word that fits; again, the next one. After a field it goes on with what may follow it."""
        if self._round is not None and not self._field_was_taken():
            self._round = replace(self._round, place=(self._round.place + 1) % len(self._round.offers))
        else:
            text, cursor = self._input.value, self._input.cursor_position
            offers = complete(text, cursor, self._values)
            self._round = _Round(text, tuple(offers)) if offers else None
        if self._round is not None:
            self._input.value = self._round.applied
            self._input.cursor_position = self._round.cursor

    def _field_was_taken(self) -> bool:
        taken = self._round.taken.text if self._round is not None else ""
        return taken.endswith(":") or taken in FIELDS

    # what it says

    def _tell(self) -> None:
        """What is wrong, else what came of the filter; below, the words that fit."""
        colours = palette_of(self.app.current_theme)
        text, cursor = self._input.value, self._input.cursor_position
        now = self._round or _Round(text, tuple(complete(text, cursor, self._values)))
        offers, words = now.offers, Text(no_wrap=True, overflow="ellipsis")
        for index, offer in enumerate(offers[now.place :] if self._round else offers):
            chosen = index == 0
            words.append(clean(offer.text), style(colours.accent if chosen else colours.text, bold=chosen)).append("  ")
        said = self._problem if offers or not self._problem else ""
        if not offers:
            words.append(self._problem or KEYS, style(colours.error if self._problem else colours.faint))
        wrong = bool(said) or (self._wrong and not self._problem)
        said = said or ("" if self._problem else self._said)
        line = Text(clean(said), style(colours.error if wrong else colours.faint), no_wrap=True, overflow="ellipsis")
        self.query_one("#filter-said", Static).update(line)
        self.query_one("#filter-words", Static).update(words)
        sign = style(colours.error if self._problem else colours.accent, bold=True)
        self.query_one("#filter-sign", Static).update(Text("/", sign))


class _FilterInput(Input):
    """Keys that mean something to the filter as a whole."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "complete", show=False),
        Binding("up", "earlier(-1)", show=False),
        Binding("down", "earlier(1)", show=False),
        Binding("escape", "leave_empty", show=False),
    ]

    @property
    def bar(self) -> FilterBar:
        """The bar it stands in."""
        bar = self.query_ancestor(FilterBar)
        assert isinstance(bar, FilterBar)
        return bar

    def action_complete(self) -> None:
        """Take the word that is offered."""
        self.bar.complete()

    def action_earlier(self, step: int) -> None:
        """An earlier filter, or a later one."""
        self.bar.earlier(step)

    def action_leave_empty(self) -> None:
        """Clear the filter."""
        self.bar.leave_empty()
