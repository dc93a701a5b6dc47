"""What the grid and the run view share: news from the poller, and what users ask of the queue."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, cast

from textual.screen import Screen

from timnet.records import Run, RunState
from timnet.states import Command
from timnet_tui import commands, wording
from timnet_tui.messages import CommandEnded
from timnet_tui.screens.confirm import Confirm
from timnet_tui.snapshot import Detail, Snapshot, Watch

if TYPE_CHECKING:
    from timnet_tui.app import TimnetApp


class RegistryScreen(Screen[None]):
    """A screen over snapshots. Subclasses say what is shown, watched and acted on."""

    @property
    def timnet(self) -> TimnetApp:
        """The app, by its own type."""
        return cast("TimnetApp", self.app)

    #: whether the widgets are there: news may come before
    ready = False
    #: what is shown of the watched run
    _detail: Detail | None = None

    def on_mount(self) -> None:
        """From now on there are widgets."""
        self.ready = True
        self.app.theme_changed_signal.subscribe(self, lambda _theme: self.repaint())

    def repaint(self) -> None:
        """Show everything again, in the colours of another theme."""
        self._detail = None
        if self.timnet.snapshot is not None:
            self.show(self.timnet.snapshot)

    @abstractmethod
    def show(self, snapshot: Snapshot) -> None:
        """Bring the widgets up to date."""

    @abstractmethod
    def watching(self) -> Watch:
        """What the poller shall look at closely while this screen is on top."""

    @abstractmethod
    def targets(self) -> Sequence[Run]:
        """The runs that an action on the queue applies to."""

    def on_screen_resume(self) -> None:
        """Catch up with what came while another screen was on top."""
        if self.ready:
            self.rewatch()
            if self.timnet.snapshot is not None:
                self.show(self.timnet.snapshot)

    def rewatch(self) -> None:
        """Tell the poller what to look at now."""
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
        self._ask(question, "Cancel it" if len(keys) == 1 else "Cancel them", partial(self._send, Command.CANCEL, keys))

    def action_start_worker(self) -> None:
        """Start a worker, after a question where one works already."""
        snapshot = self.timnet.snapshot
        if snapshot is None or not snapshot.count(RunState.QUEUED):
            self.timnet.toast(CommandEnded("nothing waits, so a worker would end at once", failed=True))
            return
        count = sum(worker.want is None for worker in snapshot.workers)
        jobs = self.timnet.settings.jobs_here
        question = None
        if count:
            works = "A worker works" if count == 1 else f"{count} workers work"
            question = ("Start another worker?", f"{works} already; the new one would run {jobs} more at once.")
        self._ask(question, "Start it", partial(self._in_thread, partial(commands.start_worker, self.timnet.db, jobs)))

    def _command(self, command: Command) -> None:
        self._send(command, [run.key for run in self.targets()])

    def _send(self, command: Command, keys: Sequence[str]) -> None:
        if not keys:
            self.timnet.toast(CommandEnded("no run is selected", failed=True))
            return
        self._in_thread(partial(commands.apply, self.timnet.db, command, keys))

    def _ask(self, question: tuple[str, str] | None, yes: str, then: Callable[[], None]) -> None:
        if question is None:
            then()
        else:
            self.app.push_screen(Confirm(*question, yes=yes), lambda agreed: then() if agreed else None)

    def _in_thread(self, job: Callable[[], CommandEnded]) -> None:
        """Run ``job`` off the event loop and hand its answer to the app."""
        self.app.run_worker(lambda: self.app.post_message(job()), thread=True, group="commands", exit_on_error=False)
