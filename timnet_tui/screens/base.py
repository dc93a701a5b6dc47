"""What all screens over the registry share: news from the poller, and commands that run off the event loop."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, ClassVar, TypeVar, cast

from textual.app import ComposeResult
from textual.screen import Screen

from timnet.records import Run
from timnet.states import Command
from timnet_tui import commands, wording
from timnet_tui.actions import Place
from timnet_tui.messages import CommandEnded
from timnet_tui.screens.confirm import Confirm
from timnet_tui.snapshot import Snapshot
from timnet_tui.watch import Watch
from timnet_tui.widgets.key_line import KeyLine
from timnet_tui.widgets.status import StatusStrip
from timnet_tui.widgets.tabs import PlaceTabs

if TYPE_CHECKING:
    from timnet_tui.app import TimnetApp
    from timnet_tui.screens.export import Subject

Answer = TypeVar("Answer")


class RegistryScreen(Screen[None]):
    """A screen over snapshots, between the tabs with the strip and the footer.

    Subclasses say what is shown (:meth:`body`, :meth:`show`), what is watched, and which runs actions are for.
    """

    #: which actions are offered here
    PLACE: ClassVar[Place]

    #: whether the widgets are there: news may come before
    ready = False

    def compose(self) -> ComposeResult:
        """The tabs and the strip, the screen's own widgets, the footer."""
        yield PlaceTabs(self.PLACE)
        yield StatusStrip(self.timnet.clock)
        yield from self.body()
        yield KeyLine()

    @abstractmethod
    def body(self) -> ComposeResult:
        """The widgets between strip and footer."""

    @abstractmethod
    def show(self, snapshot: Snapshot) -> None:
        """Bring the widgets up to date."""

    @abstractmethod
    def watching(self) -> Watch:
        """What the poller shall look at closely while this screen is on top."""

    def targets(self) -> Sequence[Run]:
        """The runs that an action on the queue applies to."""
        return ()

    def remembered(self) -> Mapping[str, object]:
        """What this screen wants to find again the next time: values that JSON can hold; empty for nothing now.

        It asks for them with ``self.timnet.memory.get(self.PLACE, name, kind)`` when it is made or mounted.
        """
        return {}

    @property
    def timnet(self) -> TimnetApp:
        """The app, by its own type."""
        return cast("TimnetApp", self.app)

    def answer(self, kind: type[Answer]) -> Answer | None:
        """The newest answer, where it is of this kind."""
        found = self.timnet.snapshot.answer if self.timnet.snapshot else None
        return found if isinstance(found, kind) else None

    def on_mount(self) -> None:
        """From now on there are widgets."""
        self.ready = True
        self.app.theme_changed_signal.subscribe(self, lambda _theme: self.repaint())

    def take(self, snapshot: Snapshot) -> None:
        """News: for the strip, and for the screen itself."""
        self.query_one(StatusStrip).show(snapshot)
        self.show(snapshot)

    def repaint(self) -> None:
        """Show everything again, in the colours of another theme."""
        self.catch_up()

    def catch_up(self) -> None:
        """Show the newest snapshot, where there is one."""
        if self.ready and self.timnet.snapshot is not None:
            self.take(self.timnet.snapshot)

    def on_screen_resume(self) -> None:
        """Catch up with what came while another screen was on top."""
        self.rewatch()
        self.catch_up()

    def rewatch(self) -> None:
        """Tell the poller what to look at now; only the screen on top has a say."""
        if self.ready and self.app.screen is self:
            self.timnet.look_at(self.watching())

    # what users ask of the queue

    def action_pause(self) -> None:
        """Pause the targets."""
        self._command(Command.PAUSE)

    def action_resume(self) -> None:
        """Resume the targets."""
        self._command(Command.RESUME)

    def action_retry(self) -> None:
        """Queue failed and cancelled targets again."""
        self._command(Command.RETRY)

    def action_cancel(self) -> None:
        """Cancel the targets, after a question where training would be lost."""
        targets = self.targets()
        keys = [run.key for run in targets]
        question = wording.cancel_question(targets)
        self.ask(question, "Cancel it" if len(keys) == 1 else "Cancel them", partial(self.send, Command.CANCEL, keys))

    def action_start_worker(self) -> None:
        """Start a worker, after a question where one works already."""
        workers = self.timnet.snapshot.workers if self.timnet.snapshot else ()
        count = sum(worker.want is None for worker in workers)
        jobs = self.timnet.settings.jobs_asked
        question = None
        if count:
            works = "A worker works" if count == 1 else f"{count} workers work"
            more = wording.at_once(jobs, more=True)
            question = ("Start another worker?", f"{works} already; the new one would train {more}.")
        self.ask(question, "Start it", partial(self.in_thread, partial(commands.start_worker, self.timnet.db, jobs)))

    def action_again(self) -> None:
        """Ask for the experiment of the selected run once more, with other settings."""
        targets = self.targets()
        if targets:
            self.timnet.open_new(targets[0].experiment_id)
        else:
            self.timnet.toast(CommandEnded("no run is selected", failed=True))

    def exporting(self) -> Subject:
        """What would be exported from here: the targets, or everything where nothing is selected."""
        from timnet_tui.screens.export import Subject

        runs = self.targets()
        experiments = tuple(dict.fromkeys(run.experiment_id for run in runs))
        if len(runs) == 1:
            return Subject(f"run {runs[0].key}", experiments, runs[0].fold, what="curves")
        named = f"experiment{'' if len(experiments) == 1 else 's'} {', '.join(map(str, experiments[:4]))}"
        return Subject(named if experiments else "everything", experiments, what="curves")

    def action_import_results(self) -> None:
        """Ask for what was trained elsewhere."""
        from timnet_tui.screens.import_results import ImportDialog

        self.app.push_screen(ImportDialog())

    def action_export(self) -> None:
        """Choose what to write, and where to."""
        from timnet_tui.screens.export import ExportDialog

        self.app.push_screen(ExportDialog(self.exporting()))

    def _command(self, command: Command) -> None:
        self.send(command, [run.key for run in self.targets()])

    def send(self, command: Command, keys: Sequence[str]) -> None:
        """Ask the queue for something, off the event loop."""
        if not keys:
            self.timnet.toast(CommandEnded("no run is selected", failed=True))
            return
        self.in_thread(partial(commands.apply, self.timnet.db, command, keys))

    def ask(self, question: tuple[str, str] | None, yes: str, then: Callable[[], None]) -> None:
        """Do ``then`` once the user agrees; at once where there is no ``question`` (title and text)."""
        if question is None:
            then()
        else:
            self.app.push_screen(Confirm(*question, yes=yes), lambda agreed: then() if agreed else None)

    def in_thread(self, job: Callable[[], CommandEnded]) -> None:
        """Run ``job`` off the event loop and hand its answer to the app."""
        self.timnet.in_thread(job, self.app.post_message)
