"""The messages that travel between threads, widgets and screens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from textual.message import Message

from timnet_tui.snapshot import Snapshot


class SnapshotTaken(Message):
    """The poller has news. Only the newest one waiting counts."""

    def __init__(self, snapshot: Snapshot) -> None:
        super().__init__()
        self.snapshot = snapshot

    def can_replace(self, message: Message) -> bool:
        """A later snapshot says everything an earlier one did."""
        return isinstance(message, SnapshotTaken)


@dataclass(frozen=True)
class Undo:
    """How to take something back: ``job`` runs in a thread. ``label`` says what it brings back."""

    label: str
    job: Callable[[], CommandEnded]


class CommandEnded(Message):
    """A command has been carried out, or could not be. ``undo`` takes it back where that is possible."""

    def __init__(self, text: str, *, failed: bool = False, undo: Undo | None = None) -> None:
        super().__init__()
        self.text = text
        self.failed = failed
        self.undo = undo


class CellChosen(Message):
    """Another cell of the grid is selected: fold 0 is the whole experiment."""

    def __init__(self, experiment_id: int, fold: int) -> None:
        super().__init__()
        self.experiment_id = experiment_id
        self.fold = fold


class CellOpened(Message):
    """A user wants to see the selected cell closely."""


class WindowMoved(Message):
    """Other experiments than before shall be at hand."""


class PlaceChosen(Message):
    """A main screen is chosen with the mouse, by its action's id."""

    def __init__(self, action: str) -> None:
        super().__init__()
        self.action = action
