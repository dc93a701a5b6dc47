"""A pane whose lines are made for its width and colours: a matrix, bars, settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.text import Text

from timnet_tui.palette import Palette, palette_of
from timnet_tui.widgets.lines import Lines

#: makes the lines for a width
Build = Callable[[int, Palette], Sequence[Text]]


class Sheet(Lines[Text]):
    """Lines that are made again when the room or the theme changes. It begins at the top."""

    def __init__(self, title: str, empty: str, *, id: str) -> None:  # noqa: A002 - Textual's own name for it
        super().__init__(title, lambda line, _colours: line, empty, id=id, follows=False)
        self._build: Build | None = None
        self._of: object = None

    def draw(self, of: object, build: Build | None, subtitle: str = "", empty: str | None = None) -> None:
        """Show what ``build`` makes, again only where ``of``, which says what it is made of, is another."""
        if of == self._of and (build is None) == (self._build is None) and subtitle == self._subtitle:
            return
        self._build, self._of, self._subtitle = build, of, subtitle
        self._empty = self._empty if empty is None else empty
        self.rebuild()

    def rebuild(self) -> None:
        """Make the lines for the room and the colours of now."""
        lines: Sequence[Text] = ()
        if self._build is not None and self.size.width:
            lines = self._build(self.size.width, palette_of(self.app.current_theme))
        self.show(tuple(lines), self._subtitle)
        self.refresh()

    def on_resize(self) -> None:
        """Another width needs other lines."""
        self.rebuild()

    def on_mount(self) -> None:
        """Other colours need other lines."""
        self.app.theme_changed_signal.subscribe(self, lambda _theme: self.rebuild())
