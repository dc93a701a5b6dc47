"""The app: it owns the poller and the newest snapshot, and decides which screen is on top."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, ClassVar

from textual.app import App, SystemCommand
from textual.binding import BindingType
from textual.screen import Screen

from timnet.records import Run
from timnet.settings import Settings
from timnet_tui.actions import Place, at, bindings, keys_of
from timnet_tui.messages import CommandEnded, SnapshotTaken
from timnet_tui.poller import Poller
from timnet_tui.reader import Reader, RegistryReader
from timnet_tui.screens.base import RegistryScreen
from timnet_tui.screens.grid import GridScreen
from timnet_tui.screens.help import Help
from timnet_tui.screens.run import RunScreen
from timnet_tui.snapshot import ExperimentRow, Snapshot, Watch

#: how long a thread that draws or reads may keep the interpreter while the event loop wants it
SWITCH_SECONDS = 0.001
DARK_THEME, LIGHT_THEME = "textual-dark", "textual-light"


class TimnetApp(App[None]):
    """``reader`` and ``clock`` can be replaced, so that tests show snapshots of their own."""

    TITLE = "timnet"
    CSS_PATH = "app.tcss"
    BINDINGS: ClassVar[list[BindingType]] = bindings(Place.ANYWHERE)

    def __init__(
        self,
        db: Path,
        settings: Settings,
        open_experiment: int | None = None,
        *,
        reader: Reader | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self.db = db
        self.settings = settings
        self.clock = clock
        self.snapshot: Snapshot | None = None
        self._open_experiment = open_experiment
        self._grid = GridScreen()
        reader = reader or RegistryReader(db, settings.max_crashes, clock)
        self._poller = Poller(reader, lambda snapshot: self.post_message(SnapshotTaken(snapshot)))

    @property
    def rows(self) -> tuple[ExperimentRow, ...]:
        """The experiments as last seen."""
        return self.snapshot.rows if self.snapshot else ()

    def on_mount(self) -> None:
        """Show the grid and begin to look."""
        self.theme = self.settings.theme if self.settings.theme in self.available_themes else DARK_THEME
        if self.theme != self.settings.theme:
            self.toast(CommandEnded(f"there is no theme {self.settings.theme!r}", failed=True))
        self.push_screen(self._grid)
        self._poller.start()

    def on_unmount(self) -> None:
        """End the poller; training and workers are processes of their own and go on."""
        self._poller.stop()

    # news

    def on_snapshot_taken(self, message: SnapshotTaken) -> None:
        """Keep the newest snapshot and show it on the screen that is on top."""
        if not self.is_running:  # closing: widgets are being taken away
            return
        self.snapshot = message.snapshot
        if self._open_experiment is not None and self.rows and self._grid.ready:
            self._grid.grid.show(self.rows)
            self._grid.grid.move_to(self._open_experiment, 1)
            self._open_experiment = None
        for screen in self.screen_stack:
            if isinstance(screen, RegistryScreen) and screen.ready and self._is_seen(screen):
                screen.show(message.snapshot)

    def _is_seen(self, screen: Screen[Any]) -> bool:
        """Whether ``screen`` is on top, or shows through what lies over it."""
        above = self.screen_stack[self.screen_stack.index(screen) + 1 :]
        return all(one.is_modal for one in above)

    def look_at(self, watch: Watch) -> None:
        """Have the poller look closely at something."""
        self._poller.watch(watch)

    def on_command_ended(self, message: CommandEnded) -> None:
        """Tell how a command ended, and look at once what became of it."""
        self.toast(message)
        self._poller.hurry()

    def toast(self, ended: CommandEnded) -> None:
        """Show an answer as text, never as markup."""
        self.notify(ended.text, severity="warning" if ended.failed else "information", markup=False)

    # screens

    def open_run(self, run_id: int) -> None:
        """Look at one run."""
        self.push_screen(RunScreen(run_id))

    def close_run(self, run: Run | None) -> None:
        """Back to the grid, with ``run`` selected there."""
        self.pop_screen()
        if run is not None:
            self._grid.grid.move_to(run.experiment_id, run.fold)

    # actions

    def action_theme(self) -> None:
        """From dark to light or back; a theme of the user's own is what it returns to."""
        mine = self.settings.theme if self.settings.theme in self.available_themes else DARK_THEME
        want_dark = not self.current_theme.dark
        own_fits = self.available_themes[mine].dark is want_dark
        self.theme = mine if own_fits else (DARK_THEME if want_dark else LIGHT_THEME)

    async def action_help(self) -> None:
        """All keys and signs."""
        if not isinstance(self.screen, Help):
            await self.push_screen(Help())

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """The command palette offers exactly what the keys do here."""
        place = Place.RUN if isinstance(screen, RunScreen) else Place.GRID
        for action in at(place):
            if action.id != "command_palette":
                target = screen if place in action.places else self
                title = f"{action.label} ({keys_of(action)})"
                yield SystemCommand(title, action.help, getattr(target, f"action_{action.id}"))


def run(db: Path, settings: Settings, open_experiment: int | None = None) -> None:
    """Open the terminal interface on a registry, which need not be there yet."""
    sys.setswitchinterval(SWITCH_SECONDS)
    TimnetApp(db, settings, open_experiment).run()
