"""Long work that a user started: it runs in a thread, tells how far it is, and can be stopped.

Jobs of one :class:`Jobs` run one after the other, so that two cores are not shared by six extractions. Nobody
waits for a thread when the interface closes; what needs to end with it (a child process) is ended by ``stop``.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from timnet.errors import Stopped, TimnetError
from timnet.tasks import Progress
from timnet.text import clean

Report = Callable[[Progress], None]
Work = Callable[[Report, threading.Event], Any]


class Job:
    """``work(report, stop)`` under a title. ``subject`` is what it is about, such as a corpus.

    Once it has ``ended`` it is ``done`` with a ``result``, or there is a ``problem``, or it was stopped.
    ``work`` is called in a thread. It may pass ``stop`` on; ``report`` raises :class:`Stopped` once that is set.
    """

    def __init__(self, title: str, work: Work, subject: str = "") -> None:
        self.title = title
        self.subject = subject
        self.work = work
        self.progress: Progress | None = None
        self.stop = threading.Event()
        self.begun = self.ended = self.done = False
        self.result: Any = None
        self.problem = ""

    @property
    def stopped(self) -> bool:
        """Whether a user wants it to end; it may be ``done`` all the same."""
        return self.stop.is_set()

    def run(self) -> None:
        """Do the work; whatever comes of it is kept here."""
        try:
            if not self.stopped:
                self.begun = True
                self.result = self.work(self._report, self.stop)
                self.done = True
        except Stopped:
            self.stop.set()
        except TimnetError as error:
            self.problem = clean(str(error))
        except Exception as error:  # told to the user like any other failure; it must not end the interface
            self.problem = clean(f"{type(error).__name__}: {error}")
        finally:
            self.ended = True

    def _report(self, progress: Progress) -> None:
        if self.stopped:
            raise Stopped("stopped")
        self.progress = progress


class Jobs:
    """Runs jobs in the order in which they came. ``ended`` is called in the thread, once for each."""

    def __init__(self, ended: Callable[[Job], object]) -> None:
        self._told = ended
        self._lock = threading.Lock()
        self._waiting: deque[Job] = deque()
        self._current: Job | None = None
        self._thread: threading.Thread | None = None

    @property
    def all(self) -> tuple[Job, ...]:
        """The one at work, then those that wait."""
        with self._lock:
            return (*((self._current,) if self._current else ()), *self._waiting)

    def add(self, job: Job) -> None:
        """Do this as well."""
        with self._lock:
            self._waiting.append(job)
            if self._thread is None:
                self._thread = threading.Thread(target=self._loop, name="jobs", daemon=True)
                self._thread.start()

    def stop(self, job: Job) -> None:
        """End a job; one that waits never begins."""
        job.stop.set()

    def close(self, patience: float = 2.0) -> None:
        """End all, and wait a little for what must be cleared up."""
        with self._lock:
            thread, jobs = self._thread, (*self._waiting, *((self._current,) if self._current else ()))
            self._waiting.clear()
        for job in jobs:
            job.stop.set()
        if thread is not None:
            thread.join(patience)

    def _loop(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._thread = self._current = None
                    return
                job = self._current = self._waiting.popleft()
            job.run()
            with self._lock:
                self._current = None
            self._told(job)
