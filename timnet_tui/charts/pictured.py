"""A widget whose picture is drawn in a thread. While one is drawn, only the newest request waits."""

from __future__ import annotations

from abc import abstractmethod
from typing import Generic, Protocol, Self, TypeVar

from textual.widget import Widget

from timnet_tui.charts.inks import Ink
from timnet_tui.charts.messages import PictureDrawn
from timnet_tui.palette import palette_of

#: seconds between two pictures of what changes all the time by itself; the eye needs no more
REST = 0.25


class Request(Protocol):
    """Everything that a picture depends on; compared to tell whether one is still wanted."""

    def may_show(self, wanted: Self) -> bool:
        """Whether this picture may stand until the wanted one is there: it shows the same thing in the same room."""
        ...

    def fits(self, wanted: Self) -> bool:
        """Whether it differs from the wanted one by newer data at most, so that there is no hurry."""
        ...


Asked = TypeVar("Asked", bound=Request)
Drawn = TypeVar("Drawn")


class Pictured(Widget, Generic[Asked, Drawn]):
    """Says by :meth:`request` what it wants, has :meth:`picture` draw that in a thread, and shows ``drawn``."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name for it
        super().__init__(id=id)
        #: what the widget shows, and what that was drawn from
        self.drawn: Drawn | None = None
        self._shown: Asked | None = None
        self._drawing = False
        self._resting = False
        self._outdated = False

    @abstractmethod
    def request(self) -> Asked | None:
        """What is wanted now; None where there is nothing to draw."""

    @abstractmethod
    def picture(self, request: Asked) -> Drawn:
        """Draw. Runs in a thread: pure, and no widget is touched."""

    @property
    def settled(self) -> bool:
        """Whether what is shown is what is wanted."""
        return not self._drawing and self.request() == self._shown

    def instead(self, empty: str) -> str:
        """What is said where no picture is: ``empty`` where there is nothing to draw, or that drawing failed."""
        return empty if self._shown is None else "this could not be drawn"

    @property
    def ink(self) -> Ink:
        """The colours and signs of this terminal."""
        ascii_only = bool(getattr(self.app, "ascii_only", False))  # an app of Textual's own does not know
        return Ink(palette_of(self.app.current_theme), self.app.no_color, ascii_only)

    def forget(self) -> None:
        """Show no picture until another is drawn."""
        self.drawn = self._shown = None

    def redraw(self) -> None:
        """Ask for a new picture, or for one more after the one that is being drawn."""
        self.refresh()
        if self._drawing or not self.is_attached:
            self._outdated = True
            return
        wanted = self.request()
        if wanted is None or wanted == self._shown:
            return
        if self._resting and self._shown is not None and self._shown.fits(wanted):
            self._outdated = True
            return
        self._drawing, self._outdated = True, False
        # a closure, not a partial: a worker is described by its job's repr, which would spell out every epoch
        self.run_worker(lambda: self._draw(wanted), thread=True, group="charts", exit_on_error=False)

    def _draw(self, wanted: Asked) -> None:
        """In the thread: draw, and post the result whatever it is, so that the next may begin."""
        drawn: Drawn | None = None
        try:
            drawn = self.picture(wanted)
        finally:
            self.post_message(PictureDrawn(wanted, drawn))

    def on_picture_drawn(self, message: PictureDrawn[Drawn]) -> None:
        """Take the picture unless something else, or another room, is wanted meanwhile."""
        message.stop()
        self._drawing = False
        wanted: Asked | None = self.request()
        asked: Asked = message.request  # type: ignore[assignment]  # it is what redraw asked for
        if wanted is not None and asked.may_show(wanted):
            self.drawn, self._shown = message.drawn, asked
            self.refresh()
            self._resting = True
            self.set_timer(REST, self._rested)
            if asked.fits(wanted):
                return
        self.redraw()

    def _rested(self) -> None:
        self._resting = False
        if self._outdated:
            self.redraw()

    def on_resize(self) -> None:
        """Another room needs another picture."""
        self.redraw()

    def on_mount(self) -> None:
        """Colours change with the theme."""
        self.app.theme_changed_signal.subscribe(self, lambda _theme: self.redraw())
