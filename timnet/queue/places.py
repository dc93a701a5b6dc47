"""How many runs a worker trains at once, where that is left to it, and what its training shows of the machine."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace

from timnet.errors import TimnetError
from timnet.machine import places
from timnet.machine.known import Known
from timnet.machine.meter import Meter
from timnet.machine.shape import WorkShape, shape_of
from timnet.records import Run
from timnet.registry import Registry
from timnet.settings import AUTO, Settings


class PlacesHere:
    """One worker's view of its machine. ``stop`` ends a measurement that is under way."""

    def __init__(self, registry: Registry, settings: Settings, say: Callable[[str], None]) -> None:
        self.stop = threading.Event()
        self._registry = registry
        self._settings = settings
        self._say = say
        self._known = Known(settings.cache)
        self._open = settings.jobs == AUTO
        self._shapes: dict[int, WorkShape] = {}
        self._meters: dict[WorkShape, Meter] = {}

    def settle(self) -> Settings | None:
        """The settings with the best places for the run that waits first; None where nothing is to be settled now."""
        waiting = self._registry.runs.ls("state:queued", limit=1) if self._open else []
        if not waiting:
            return None
        self._open = False
        try:
            shape = self._shape(waiting[0])
            found = places.settle(shape, self._known, self._settings.device, self._say, self.stop)
        except TimnetError as error:  # what is wrong with the run will be told when it starts
            found = places.one_a_core(str(error))
        self._say(f"{waiting[0].corpus}: {found.why}")
        self._settings = replace(self._settings, jobs=found.jobs, threads=found.threads)
        return self._settings

    def look(self, runs: Sequence[Run]) -> None:
        """Learn from ``runs``, which train now: only those of one shape together tell of a rate."""
        try:
            shapes = {self._shape(run) for run in runs}
        except TimnetError:  # deleted meanwhile
            return
        for shape in shapes:
            meter = self._meters.setdefault(shape, Meter(self._settings.threads))
            meter.look(runs if len(shapes) == 1 else ())

    def close(self) -> None:
        """Remember what was learned. Where that fails nothing is lost but that."""
        for shape, meter in self._meters.items():
            if meter.rates():
                try:
                    self._known.note_rates(shape, self._settings.device, meter.rates())
                except (OSError, TimnetError) as error:
                    self._say(f"cannot remember how fast this machine trained: {error}")

    def _shape(self, run: Run) -> WorkShape:
        if run.experiment_id not in self._shapes:
            experiment = self._registry.experiments.get(run.experiment_id)
            corpus = self._registry.corpora.by_id(experiment.corpus_id)
            self._shapes[run.experiment_id] = shape_of(corpus, experiment)
        return self._shapes[run.experiment_id]
