"""The app: it owns the poller and the newest snapshot, and decides which screen is on top."""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.css.query import NoMatches
from textual.notifications import SeverityLevel
from textual.screen import Screen

from timnet.settings import Settings
from timnet_tui import clipboard, signs, themes
from timnet_tui.actions import Place, at, bindings, key_name
from timnet_tui.attempts import failed
from timnet_tui.keymap import keymap_of
from timnet_tui.memory import Memory
from timnet_tui.messages import CommandEnded, PlaceChosen, SnapshotTaken, Undo
from timnet_tui.news import TOASTS_AT_MOST, News, osc9
from timnet_tui.poller import Poller
from timnet_tui.reader import Reader, RegistryReader
from timnet_tui.screens.base import RegistryScreen
from timnet_tui.screens.help import Help
from timnet_tui.snapshot import Snapshot
from timnet_tui.stylesheet import KeptStylesheet
from timnet_tui.terminal import end_with_terminal
from timnet_tui.watch import Watch

Answer = TypeVar("Answer")
#: why something was not done takes longer to read than that it was done
COMPLAINT_SECONDS = 10.0
#: how long a thread that draws or reads may keep the interpreter while the event loop wants it
SWITCH_SECONDS = 0.001
#: the main screens, loaded when they are first gone to
MAIN_SCREENS = {
    Place.GRID: ("timnet_tui.screens.grid", "GridScreen"),
    Place.RUNS: ("timnet_tui.screens.runs", "RunsScreen"),
    Place.QUEUE: ("timnet_tui.screens.queue", "QueueScreen"),
    Place.RESULTS: ("timnet_tui.screens.results", "ResultsScreen"),
    Place.CORPORA: ("timnet_tui.screens.corpora", "CorporaScreen"),
}
UNDO_AT_MOST = 20
#: seconds between two looks at what is to be remembered of the screens
REMEMBER_SECONDS = 2.0


def _screen(module: str, name: str) -> RegistryScreen:
    made: RegistryScreen = getattr(import_module(module), name)()
    return made


class TimnetApp(App[None]):
    """``reader`` and ``clock`` can be replaced, so that tests show snapshots of their own.

    ``open_experiment`` is selected in the grid as soon as it is there.
    """

    TITLE = "timnet"
    CSS_PATH = "app.tcss"
    BINDINGS: ClassVar[list[BindingType]] = bindings(Place.ANYWHERE)
    MODES: ClassVar[dict[str, Any]] = {place: partial(_screen, *where) for place, where in MAIN_SCREENS.items()}

    def __init__(
        self,
        db: Path,
        settings: Settings,
        open_experiment: int | None = None,
        *,
        reader: Reader | None = None,
        clock: Callable[[], float] = time.monotonic,
        memory: Memory | None = None,
    ) -> None:
        super().__init__()
        self.db = db
        self.memory = memory or Memory(db, keep=False)
        self.settings = settings
        self.clock = clock
        self.ascii_only = signs.ascii_only(settings.glyphs)
        self.keymap = keymap_of(settings.keys, words=self.ascii_only)
        self.set_keymap(self.keymap.for_textual())
        if self.ascii_only:
            self._filters.append(signs.AsciiSigns.for_choice(settings.glyphs))
        for theme in themes.themes():
            self.register_theme(theme)
        # before anything is parsed, so that it is parsed in these colours alone
        self.set_reactive(App.theme, self._first_theme())
        self.stylesheet = KeptStylesheet(variables=self.get_css_variables())
        self.snapshot: Snapshot | None = None
        #: what the grid shall select as soon as it can: an experiment and a fold
        self.wanted_cell: tuple[int, int] | None = None if open_experiment is None else (open_experiment, 1)
        self._undo: list[Undo] = []
        #: the filters that were typed, on whichever screen, oldest first
        self.filters: list[str] = []
        self._told = 0
        reader = reader or RegistryReader(db, settings.max_crashes, clock, settings.notify.on)
        self._poller = Poller(reader, lambda snapshot: self.post_message(SnapshotTaken(snapshot)))

    def on_mount(self) -> None:
        """Show the grid and begin to look."""
        self.mutate_reactive(App.theme)
        if self.settings.theme not in self.available_themes:
            self.toast(CommandEnded(f"there is no theme {self.settings.theme!r}", failed=True))
        for complaint in self.keymap.complaints:
            self.toast(CommandEnded(complaint, failed=True))
        place = self.memory.get("app", "place", str)
        self.switch_mode(place if place in MAIN_SCREENS and self.wanted_cell is None else Place.GRID)
        self._poller.start()
        self.set_interval(REMEMBER_SECONDS, self.remember)

    def on_unmount(self) -> None:
        """End the poller; training and workers are processes of their own and go on."""
        self._poller.stop()
        self.memory.close()

    def _first_theme(self) -> str:
        """The settings' theme, or the one gone to with ``t`` since the settings said so."""
        wanted = self.settings.theme if self.settings.theme in self.available_themes else themes.DEFAULT
        chosen = self.memory.get("app", "theme", str)
        unchanged = self.memory.get("app", "theme_of_settings", str) == self.settings.theme
        return chosen if unchanged and chosen in self.available_themes else wanted

    def remember(self) -> None:
        """Note where the user is. Cheap where nothing changed; the file is written by a thread."""
        place = self.current_mode if self.current_mode in MAIN_SCREENS else Place.GRID
        theme = {"theme": self.theme, "theme_of_settings": self.settings.theme}
        self.memory.put("app", {"place": str(place), **theme})
        for screen in self.screen_stack:
            if isinstance(screen, RegistryScreen) and screen.ready:
                with suppress(NoMatches):  # it is closing: its widgets are being taken away
                    values = screen.remembered()
                    if values:
                        self.memory.put(screen.PLACE, values)

    async def action_quit(self) -> None:
        """Close the view, and remember where it was."""
        self.remember()
        await super().action_quit()

    # news

    def on_snapshot_taken(self, message: SnapshotTaken) -> None:
        """Keep the newest snapshot and show it on the screen that is on top."""
        if not self.is_running:  # closing: widgets are being taken away
            return
        self.snapshot = message.snapshot
        self._tell(message.snapshot.news)
        for screen in self.screen_stack:
            if isinstance(screen, RegistryScreen) and screen.ready and self._is_seen(screen):
                screen.take(message.snapshot)

    def _tell(self, news: Sequence[News]) -> None:
        """Toasts for what happened; the terminal's bell and notification where the user wants them."""
        new = [one for one in news if one.number > self._told]
        if not new:
            return
        self._told = new[-1].number
        for one in new[:TOASTS_AT_MOST]:
            good = one.notice.occasion in ("finish", "run")
            self.notify(one.notice.text, severity="information" if good else "warning", markup=False)
        more = len(new) - TOASTS_AT_MOST
        if more > 0:
            self.notify(f"and {more} more", markup=False)
        if self.settings.notify.bell:
            self.bell()
        if self.settings.notify.osc9 and self._driver is not None and not self.is_web:
            self._driver.write(osc9(new[-1].notice.text))

    def _is_seen(self, screen: Screen[Any]) -> bool:
        """Whether ``screen`` is on top, or shows through what lies over it."""
        above = self.screen_stack[self.screen_stack.index(screen) + 1 :]
        return all(one.is_modal for one in above)

    def look_at(self, watch: Watch) -> None:
        """Have the poller look closely at something."""
        self._poller.watch(watch)

    def in_thread(self, job: Callable[[], Answer], then: Callable[[Answer], object]) -> None:
        """Run ``job`` off the event loop and hand its answer to ``then`` on it; a job that fails is told as a toast.

        It is the app's, not a screen's: in a thread a screen that was left meanwhile no longer knows its app.
        """

        def work() -> None:
            try:
                answer = job()
            except Exception as error:  # told to the user; it must not end the interface
                self.post_message(failed(error))
            else:
                self.call_later(then, answer)

        self.run_worker(work, thread=True, group="commands", exit_on_error=False)

    def on_command_ended(self, message: CommandEnded) -> None:
        """Tell how a command ended, and look at once what became of it."""
        if message.undo is not None:
            self._undo = [*self._undo, message.undo][-UNDO_AT_MOST:]
        self.toast(message)
        self._poller.hurry()

    def toast(self, ended: CommandEnded) -> None:
        """Show an answer as text, never as markup."""
        text = f"{ended.text}\nu takes it back" if ended.undo else ended.text
        severity: SeverityLevel = "warning" if ended.failed else "information"
        self.notify(text, severity=severity, timeout=COMPLAINT_SECONDS if ended.failed else None, markup=False)

    def copy_to_clipboard(self, text: str) -> None:
        """Copy through the terminal, and through tmux where it stands between (:mod:`timnet_tui.clipboard`)."""
        problem = clipboard.problem_of(text)
        if problem is not None:
            self.toast(CommandEnded(problem, failed=True))
            return
        super().copy_to_clipboard(text)
        if clipboard.in_tmux() and not (self.is_web or self.is_headless):
            self.run_worker(partial(clipboard.load_tmux, text), thread=True, group="clipboard", exit_on_error=False)

    # screens

    def go_to(self, place: Place) -> None:
        """Go to one of the main screens; what was opened over it before is there again."""
        if self.current_mode != place:
            self.switch_mode(place)

    def on_place_chosen(self, message: PlaceChosen) -> None:
        """A tab was clicked."""
        self.run_worker(self.run_action(message.action), exit_on_error=False)

    def open_run(self, run_id: int, *, whole: bool = False) -> None:
        """Look at one run, or at the whole experiment that it belongs to."""
        from timnet_tui.screens.run import RunScreen

        self.push_screen(RunScreen(run_id, whole=whole))

    def open_new(self, again: int | None = None) -> None:
        """The form for new experiments, empty or filled in with what experiment ``again`` was."""
        from timnet_tui.screens.new import NewScreen

        self.push_screen(NewScreen(again))

    # actions

    def action_new(self) -> None:
        """Queue new experiments."""
        if getattr(self.screen, "PLACE", None) is not Place.NEW:
            self.open_new()

    def action_show_grid(self) -> None:
        """Experiments by folds."""
        self.go_to(Place.GRID)

    def action_show_runs(self) -> None:
        """All runs."""
        self.go_to(Place.RUNS)

    def action_show_results(self) -> None:
        """Ours beside what was published."""
        self.go_to(Place.RESULTS)

    def action_show_corpora(self) -> None:
        """What experiments are made of."""
        self.go_to(Place.CORPORA)

    def action_show_queue(self) -> None:
        """What trains, what waits, and the workers."""
        self.go_to(Place.QUEUE)

    def action_undo(self) -> None:
        """Take back the last thing that can be taken back."""
        if not self._undo:
            self.toast(CommandEnded("nothing to take back", failed=True))
            return
        undo = self._undo.pop()
        self.in_thread(undo.job, self.post_message)

    def action_theme(self) -> None:
        """The next of our themes, and one of Textual's where that is the user's own."""
        own = [self.settings.theme] if self.settings.theme in self.available_themes else []
        self.theme = themes.after(self.theme, list(dict.fromkeys([*own, *themes.MEANT_FOR])))

    def action_choose_theme(self, name: str) -> None:
        """One theme, by its name."""
        self.theme = name

    async def action_help(self) -> None:
        """All keys and signs."""
        if not isinstance(self.screen, Help):
            await self.push_screen(Help())

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """The command palette offers exactly what the keys do here."""
        place = screen.PLACE if isinstance(screen, RegistryScreen) else Place.ANYWHERE
        for action in at(place):
            if action.id != "command_palette":
                target = screen if place in action.places else self
                title = f"{action.label} ({self.keymap.shown(action, place)})"
                yield SystemCommand(title, action.help, getattr(target, f"action_{action.id}"))
        for name, meant_for in themes.MEANT_FOR.items():
            yield SystemCommand(f"theme {name}", meant_for, partial(self.action_choose_theme, name))

    def get_key_display(self, binding: Binding) -> str:
        """A key as people write it, in the footer."""
        shown = binding.key_display or key_name(binding.key)
        return binding.key if self.ascii_only and not shown.isascii() else shown


def run(db: Path, settings: Settings, open_experiment: int | None = None) -> None:
    """Open the terminal interface on a registry, which need not be there yet."""
    sys.setswitchinterval(SWITCH_SECONDS)
    # what has been loaded stays: to look through it in every full collection would stop the screen for 0.1 s
    gc.freeze()
    gc.enable()
    end_with_terminal()
    TimnetApp(db, settings, open_experiment, memory=Memory(db)).run()
