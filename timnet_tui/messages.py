"""The messages that travel between threads, widgets and screens."""

from __future__ import annotations

from textual.message import Message
from textual.strip import Strip

from timnet_tui.snapshot import Snapshot


class SnapshotTaken(Message):
    """The poller has news. Only the newest one waiting counts."""

    def __init__(self, snapshot: Snapshot) -> None:
        super().__init__()
        self.snapshot = snapshot

    def can_replace(self, message: Message) -> bool:
        """A later snapshot says everything an earlier one did."""
        return isinstance(message, SnapshotTaken)


class CommandEnded(Message):
    """A command to the queue has been carried out, or could not be."""

    def __init__(self, text: str, *, failed: bool = False) -> None:
        super().__init__()
        self.text = text
        self.failed = failed


class ChartDrawn(Message):
    """A chart's picture is ready. ``key`` tells what it shows, ``size`` for which room it was drawn."""

    def __init__(self, key: object, size: tuple[int, int], strips: list[Strip]) -> None:
        super().__init__()
        self.key = key
        self.size = size
        self.strips = strips


class CellChosen(Message):
    """Another cell of the grid is selected: fold 0 is the whole experiment."""

    def __init__(self, experiment_id: int, fold: int) -> None:
        super().__init__()
        self.experiment_id = experiment_id
        self.fold = fold


class CellOpened(Message):
    """A user wants to see the selected cell closely."""
