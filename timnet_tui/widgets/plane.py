"""The t-SNE of a run's or an experiment's test utterances; computed off the event loop, and only once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from textual.message import Message

from timnet.errors import Stopped
from timnet.records import Experiment, Run, RunState
from timnet.registry import Registry
from timnet.tasks import Progress
from timnet.text import clean
from timnet_tui.charts.scatter import Point, Scatter
from timnet_tui.charts.scatter_widget import ScatterChart

if TYPE_CHECKING:
    from timnet.export.placed import Placed

#: what a picture is of: the experiment, the fold (0 for all), and the runs that it is drawn from
Key = tuple[int, int, tuple[tuple[int, int], ...]]


def key_of(experiment: Experiment, run: Run | None, folds: tuple[Run, ...]) -> Key | None:
    """What the picture of a fold, or with ``run`` None of all finished ones, is; None where none is finished."""
    done = [one for one in ([run] if run is not None else folds) if one.state is RunState.DONE]
    if not done:
        return None
    return experiment.id, run.fold if run is not None else 0, tuple((one.id, one.attempt) for one in done)


def compute(db: Path, key: Key, report: Callable[[Progress], None], stop: threading.Event) -> Scatter:
    """Read the places, or have a child process compute them. Raises :class:`timnet.errors.TimnetError`."""
    from timnet.export.placed import placed_apart

    with Registry.open_read_only(db) as registry:
        experiment = registry.experiments.get(key[0])
        found = placed_apart(registry, experiment, key[1] or None, report, stop)
        names = [utterance.path for utterance in registry.corpora.utterances(experiment.corpus_id)]
    return scatter_of(key, found, names)


def scatter_of(key: Key, found: Placed, names: list[str]) -> Scatter:
    """What the chart shows; ``names`` are the corpus's utterances by item."""
    of = found.embedded
    rows = zip(
        found.places.tolist(), of.truth.tolist(), of.predicted.tolist(), of.item.tolist(), of.fold.tolist(), strict=True
    )
    points = tuple(
        Point(x, y, truth, predicted, names[item] if of.folds == 1 else f"{names[item]} (fold {fold})")
        for (x, y), truth, predicted, item, fold in rows
    )
    several = f", {of.folds} folds" if of.folds > 1 else ""
    note = f"perplexity {found.perplexity:.3g}, axes have no unit"
    if of.folds > 1:
        note += f"; {of.folds} networks brought together: distances between folds are approximate"
    return Scatter(key, f"t-SNE of {len(points)} test utterances{several}", of.classes, points, note)


class Plane(ScatterChart, can_focus=True):
    """Shows the picture of one key at a time. Nothing is computed before :meth:`want` is called."""

    class Computed(Message):
        """A picture is there, or cannot be: then ``problem`` says why."""

        def __init__(self, key: Key, scatter: Scatter | None, problem: str = "") -> None:
            super().__init__()
            self.key = key
            self.scatter = scatter
            self.problem = problem

    class Progressed(Message):
        """It has begun to be computed."""

        def __init__(self, key: Key, text: str) -> None:
            super().__init__()
            self.key = key
            self.text = text

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's own name for it
        super().__init__(id=id)
        self._wanted: Key | None = None
        self._stop = threading.Event()

    def want(self, db: Path, key: Key | None) -> None:
        """Show the picture of ``key``, computing it where it is another than before."""
        if key is None:
            self._end()
            self._wanted = None
            self.show(None, "no result yet: t-SNE comes when a fold is finished")
        elif key != self._wanted:
            self._end()
            self._wanted = key
            self.show(None, "reading the embeddings …")
            self.run_worker(partial(self._work, db, key, self._stop), thread=True, group="plane", exit_on_error=False)

    def _end(self) -> None:
        """What is being computed is not wanted any more."""
        self._stop.set()
        self._stop = threading.Event()

    def on_unmount(self) -> None:
        """The child process ends with the screen."""
        self._stop.set()

    def _work(self, db: Path, key: Key, stop: threading.Event) -> None:
        """In the thread."""

        def report(progress: Progress) -> None:
            self.post_message(self.Progressed(key, progress.text))

        try:
            self.post_message(self.Computed(key, compute(db, key, report, stop)))
        except Stopped:
            return
        except Exception as error:  # told in place of the picture; the screen must stay up
            self.post_message(self.Computed(key, None, clean(str(error) or type(error).__name__)))

    def on_plane_progressed(self, message: Progressed) -> None:
        """Say that it takes a while."""
        message.stop()
        if message.key == self._wanted and self._scatter is None:
            self.show(None, f"{message.text}: this takes some seconds, and is kept …")

    def on_plane_computed(self, message: Computed) -> None:
        """Take the picture, if it is still wanted."""
        message.stop()
        if message.key == self._wanted:
            self.show(message.scatter, message.problem)
