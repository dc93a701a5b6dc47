"""What lists of runs share, the grid among them: the filter, marks, and what is done to all that is marked."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from timnet.records import Run
from timnet_tui import bookkeeping
from timnet_tui.messages import CommandEnded
from timnet_tui.screens.base import RegistryScreen
from timnet_tui.widgets.filter_bar import FilterBar

if TYPE_CHECKING:
    from timnet.registry.completion import Values


class ListingScreen(RegistryScreen):
    """A list of runs with a :class:`FilterBar`. What is marked stays marked when it is filtered out of view."""

    def __init__(self) -> None:
        super().__init__()
        self._marks: dict[int, Run] = {}

    # what subclasses say

    @abstractmethod
    def selected(self) -> Sequence[Run]:
        """The runs at the selection: one, or all of an experiment."""

    @abstractmethod
    def filtered(self, text: str) -> None:
        """Show what passes ``text`` from now on."""

    @abstractmethod
    def show_marks(self) -> None:
        """Show what is marked, as :attr:`marks` has it."""

    @abstractmethod
    def focus_list(self) -> None:
        """Give the list the focus."""

    # marks

    @property
    def marks(self) -> dict[int, Run]:
        """What is marked, by row id."""
        return self._marks

    def targets(self) -> Sequence[Run]:
        """What is marked; the selection where nothing is."""
        return tuple(self._marks.values()) or self.selected()

    def set_marks(self, runs: Iterable[Run]) -> None:
        """Mark these and no others."""
        self._marks = {run.id: run for run in runs}
        self.show_marks()

    def renew_marks(self, runs: Iterable[Run]) -> None:
        """What is marked has been read again."""
        self._marks.update((run.id, run) for run in runs if run.id in self._marks)

    def action_mark(self) -> None:
        """Mark the selection; where all of it is marked, take the marks away."""
        runs = self.selected()
        if all(run.id in self._marks for run in runs):
            self.set_marks(run for run in self._marks.values() if run not in runs)
        else:
            self.set_marks((*self._marks.values(), *runs))

    def action_step_back(self) -> None:
        """Take the marks away; where there are none, clear the filter."""
        if self._marks:
            self.set_marks(())
        elif self.bar.text:
            self.bar.apply("")

    # the filter

    @property
    def bar(self) -> FilterBar:
        """The filter."""
        return self.query_one(FilterBar)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The key of the filter is a sign like others while one types a filter."""
        if action == "filter" and self.ready and self.bar.typing:
            return False
        return super().check_action(action, parameters)

    def action_filter(self) -> None:
        """Type a filter."""
        self.bar.open()
        self.timnet.in_thread(partial(bookkeeping.words, self.timnet.db), self._offer)

    def _offer(self, words: Values | None) -> None:
        if words is not None:
            self.bar.offer(words)

    def on_filter_bar_changed(self, message: FilterBar.Changed) -> None:
        """Another filter."""
        self.filtered(message.text)

    def on_filter_bar_left(self) -> None:
        """Keys belong to the list again."""
        self.focus_list()

    # comparing

    def action_compare(self) -> None:
        """Compare what is marked: runs, or the experiments that they are of."""
        from timnet.export.comparison import FEWEST, MOST
        from timnet_tui.screens.choose import Choice, Choose

        runs, experiments = _sides(self._marks.values())
        fits = [keys for keys in (experiments, runs) if FEWEST <= len(keys) <= MOST]
        if not fits:
            text = (
                f"mark {FEWEST} to {MOST} runs or experiments with space, then compare them; marked: {len(runs)} runs"
            )
            self.timnet.toast(CommandEnded(text, failed=True))
        elif len(fits) == 1 or _whole(self._marks.values()):
            self.open_comparison(fits[0])
        else:
            choices = [
                Choice("experiments", f"{len(experiments)} experiments", "all their folds, means with bands"),
                Choice("runs", f"{len(runs)} runs", "each by itself"),
            ]
            answer: Callable[[str | None], None] = lambda key: (  # noqa: E731 - it has to be typed
                self.open_comparison(experiments if key == "experiments" else runs) if key else None
            )
            self.app.push_screen(Choose("Compare", choices), answer)

    def open_comparison(self, keys: Sequence[str]) -> None:
        """Set these side by side."""
        from timnet_tui.screens.compare import CompareScreen

        self.app.push_screen(CompareScreen(tuple(keys)))

    # what is kept of experiments

    def _experiments(self) -> tuple[int, ...]:
        return tuple(dict.fromkeys(run.experiment_id for run in self.targets()))

    def _for_experiments(self, then: Callable[[tuple[int, ...]], None]) -> None:
        ids = self._experiments()
        if ids:
            then(ids)
        else:
            self.timnet.toast(CommandEnded("no run is selected", failed=True))

    def action_tags(self) -> None:
        """Ask for tags to add and to take away."""
        self._for_experiments(self._ask_tags)

    def _ask_tags(self, ids: tuple[int, ...]) -> None:
        from timnet_tui.screens.type import TypeLine

        now = sorted({tag for run in self.targets() for tag in run.tags})
        told = f"Words to add; with a minus in front, to take away: paper -old\nNow: {' '.join(now) or 'none'}"
        line = TypeLine(f"Tags of {bookkeeping.named(ids)}", told, check=bookkeeping.tags_of)
        self.app.push_screen(line, lambda text: self.in_thread(partial(bookkeeping.tag, self.timnet.db, ids, text))
                             if text else None)  # fmt: skip

    def action_note(self) -> None:
        """Ask for a note; one experiment's own stands there already."""
        self._for_experiments(self._ask_note)

    def _ask_note(self, ids: tuple[int, ...]) -> None:
        def ask(note: str) -> None:
            from timnet_tui.screens.type import TypeLine

            line = TypeLine(f"Note on {bookkeeping.named(ids)}", "An empty one removes it.", note)
            self.app.push_screen(line, lambda text: None if text is None else self.in_thread(
                partial(bookkeeping.note, self.timnet.db, ids, text)))  # fmt: skip

        self.timnet.in_thread(partial(bookkeeping.note_of, self.timnet.db, ids), ask)

    def action_pin(self) -> None:
        """Pin; where all are pinned, unpin."""
        pinned = all(run.pinned for run in self.targets())
        self._for_experiments(
            lambda ids: self.in_thread(partial(bookkeeping.pin, self.timnet.db, ids, pinned=not pinned))
        )

    def action_delete(self) -> None:
        """Remove whole experiments after a question; they can be brought back."""
        self._for_experiments(self._ask_delete)

    def _ask_delete(self, ids: tuple[int, ...]) -> None:
        def ask(question: tuple[str, str]) -> None:
            self.ask(question, "Remove", partial(self.in_thread, partial(bookkeeping.remove, self.timnet.db, ids)))

        self.timnet.in_thread(partial(bookkeeping.remove_question, self.timnet.db, ids), ask)

    def action_copy(self) -> None:
        """Copy the ids through the terminal (OSC 52)."""
        keys = [run.key for run in self.targets()]
        if keys:
            self.app.copy_to_clipboard(" ".join(keys))
            what = keys[0] if len(keys) == 1 else f"{len(keys)} ids"
            self.timnet.toast(CommandEnded(f"copied {what}"))


def _sides(runs: Iterable[Run]) -> tuple[list[str], list[str]]:
    """The ids of runs, the oldest first, and of experiments where several runs of one are among them."""
    keys = [run.key for run in sorted(runs, key=lambda run: (run.experiment_id, run.fold))]
    experiments = list(dict.fromkeys(key.partition(".")[0] for key in keys))
    return keys, experiments if len(experiments) < len(keys) else []


def _whole(runs: Iterable[Run]) -> bool:
    """Whether of each experiment all folds are among them."""
    folds: dict[int, int] = {}
    for run in (runs := list(runs)):
        folds[run.experiment_id] = folds.get(run.experiment_id, 0) + 1
    return all(folds[run.experiment_id] >= run.folds for run in runs)
