"""One field of a form: a label, what is typed, and below it what is wrong or could follow."""

from __future__ import annotations

from collections.abc import Callable

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.suggester import Suggester
from textual.widgets import Input, Static

from timnet.text import clean
from timnet_tui.palette import palette_of
from timnet_tui.render import style

Complete = Callable[[str, int], tuple[str, ...]]
OFFERS_AT_MOST = 8


class Field(Vertical):
    """``complete`` gives the words that fit at the cursor; the first is shown and taken with the right arrow."""

    DEFAULT_CSS = """
    Field { height: auto; }
    Field > Horizontal { height: 1; }
    Field .label { width: 11; }
    Field Input, Field Input:focus { width: 1fr; }
    Field > .said { height: auto; max-height: 3; padding-left: 11; display: none; }
    """

    def __init__(self, label: str, placeholder: str, *, id: str, complete: Complete | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._label, self._placeholder, self._complete = label, placeholder, complete
        self._problem = ""
        self._said: tuple[str, object] = ("", "")

    def compose(self) -> ComposeResult:
        """Label and line, and the line below."""
        with Horizontal():
            yield Static(self._label, classes="label", markup=False)
            yield Input(
                placeholder=self._placeholder,
                compact=True,
                select_on_focus=False,
                suggester=None if self._complete is None else _Words(self._complete),
            )
        yield Static(classes="said", markup=False)

    @property
    def line(self) -> Input:
        """What is typed."""
        return self.query_one(Input)

    @property
    def value(self) -> str:
        """The text as it stands."""
        return self.line.value

    def fill(self, text: str) -> None:
        """Put another text there; its author may be a stranger."""
        self.line.value = clean(text)

    def hint(self, placeholder: str) -> None:
        """What an empty field stands for."""
        if self.line.placeholder != placeholder:
            self.line.placeholder = placeholder

    def complain(self, problem: str) -> None:
        """Say what is wrong, or with an empty text that nothing is."""
        self._problem = problem
        self._tell()

    def on_input_changed(self) -> None:
        """The words that fit are other ones now."""
        self._tell()

    def on_descendant_blur(self) -> None:
        """Offers are for who is typing."""
        self._tell()

    def _tell(self) -> None:
        colours = palette_of(self.app.current_theme)
        offers = self._offers()
        said = Text(" ".join(offers), style(colours.faint)) if offers else Text()
        if self._problem and not offers:
            said = Text(clean(self._problem), style(colours.error))
        if (said.plain, said.style) != self._said:  # a new layout costs the whole screen
            self._said = (said.plain, said.style)
            line = self.query_one(".said", Static)
            line.update(said)
            line.display = bool(said)

    def _offers(self) -> tuple[str, ...]:
        line = self.line
        if self._complete is None or not line.has_focus or not line.value or line.value.endswith(" "):
            return ()
        found = self._complete(line.value, line.cursor_position)
        return (*found[:OFFERS_AT_MOST], "…") if len(found) > OFFERS_AT_MOST else found


class _Words(Suggester):
    """Shows how the last word would go on."""

    def __init__(self, complete: Complete) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._complete = complete

    async def get_suggestion(self, value: str) -> str | None:
        word = value.rpartition(" ")[2]
        found = self._complete(value, len(value)) if word else ()
        return f"{value.removesuffix(word)}{found[0]}=" if found else None
