"""What dialogs share that do one piece of long work at a time: a bar, a way to stop it, a place to say how it ended."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar, TypeVar, cast

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen
from textual.widgets import Static

from timnet.text import clean
from timnet_tui.jobs import Job, Jobs, Work
from timnet_tui.palette import palette_of
from timnet_tui.render import style
from timnet_tui.widgets.job_lines import JobEnded, JobLines

if TYPE_CHECKING:
    from timnet_tui.app import TimnetApp

Result = TypeVar("Result")


class WorkingDialog(ModalScreen[Result]):
    """Its form has a :class:`JobLines` and a ``#said``; what comes of its work goes to :meth:`finished`.

    It is ``busy`` until a job's end has been seen *here*, not only in the thread: a second Enter just then would
    begin the same work again, and a click on what the first one offers would come to nothing.
    """

    CSS_PATH = "form.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "leave")]
    #: seconds that closing waits for work that has something to clear up, such as a child process
    PATIENCE: ClassVar[float] = 2.0
    #: what is said of work that was stopped
    STOPPED: ClassVar[str] = "stopped"

    def __init__(self) -> None:
        super().__init__()
        self.jobs = Jobs(lambda job: self.post_message(JobEnded(job)))
        self._at: Job | None = None

    @property
    def timnet(self) -> TimnetApp:
        """The app, by its own type."""
        return cast("TimnetApp", self.app)

    @property
    def busy(self) -> bool:
        """Whether something is at work."""
        return self._at is not None

    def job_lines(self) -> JobLines:
        """The bar, for the form: its line is there all the time, so that no button moves as work begins and ends."""
        return JobLines(self.jobs, "esc", keeps_room=True, id="jobs")

    def begin(self, title: str, work: Work, kind: str = "") -> None:
        """Do this, unless something is at work."""
        if not self.busy:
            self._at = Job(title, work, kind)
            self.jobs.add(self._at)
            self.query_one(JobLines).look()

    def on_job_ended(self, event: JobEnded) -> None:
        """Go on, or tell how it ended."""
        event.stop()
        self._at = None
        self.query_one(JobLines).look()
        if event.job.problem:
            self.say(event.job.problem, wrong=True)
        elif not event.job.done:
            self.say(self.STOPPED)
        else:
            self.finished(event.job)

    @abstractmethod
    def finished(self, job: Job) -> None:
        """Something came of it: its ``result``."""

    def say(self, text: str, *, wrong: bool = False) -> None:
        """One answer, in place of the one before."""
        colours = palette_of(self.app.current_theme)
        self.query_one("#said", Static).update(Text(clean(text), style(colours.error if wrong else colours.text)))

    def action_leave(self) -> None:
        """Stop what is at work, or close."""
        if self._at is not None:
            self.jobs.stop(self._at)
        else:
            self.dismiss(None)

    def on_unmount(self) -> None:
        """Nothing goes on without it."""
        self.jobs.close(self.PATIENCE)
