"""What charts tell each other and their screen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from textual.message import Message

if TYPE_CHECKING:
    from textual.widget import Widget

    from timnet_tui.charts.view import View

Drawn = TypeVar("Drawn")


class PictureDrawn(Message, Generic[Drawn]):
    """A thread has drawn what it was asked for, or could not: then ``drawn`` is None."""

    def __init__(self, request: object, drawn: Drawn | None) -> None:
        super().__init__()
        self.request = request
        self.drawn = drawn


class ViewChanged(Message):
    """A user has zoomed, panned or moved the cursor of ``chart``; charts beside it over the same x follow.

    A screen handles it with ``other.set_view(message.view)`` for each of those, which posts nothing again.
    """

    def __init__(self, chart: Widget, view: View) -> None:
        super().__init__()
        self.chart = chart
        self.view = view

    @property
    def control(self) -> Widget:
        """The chart that was moved."""
        return self.chart


class PointRead(Message):
    """The pointer, or a key, has reached a point of a scatter chart: its place among the points, None for none."""

    def __init__(self, chart: Widget, point: int | None) -> None:
        super().__init__()
        self.chart = chart
        self.point = point
