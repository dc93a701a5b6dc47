"""What finished folds answered for their test utterances. A finished run does not change, so each is read once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from timnet.errors import TimnetError
from timnet.records import Run, RunState
from timnet.registry import Registry

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from timnet.evaluation.statistics import PooledScores


@dataclass(frozen=True, slots=True)
class Answered:
    """``scores`` of the finished folds together, None where there are none yet; ``problem`` says what is wrong."""

    scores: PooledScores | None = None
    problem: str = ""


class AnsweredReader:
    """Keeps the confusion matrices it has read. Belongs to the poller's thread."""

    def __init__(self) -> None:
        self._matrices: dict[tuple[int, int], NDArray[np.int64] | None] = {}
        self._known: tuple[tuple[int, int], ...] | None = None
        self._told = Answered()

    def read(self, registry: Registry, runs: Sequence[Run], classes: tuple[str, ...]) -> Answered:
        """The answers of those of ``runs`` that are done; the same object while there are no others."""
        done = [run for run in runs if run.state is RunState.DONE]
        wanted = tuple((run.id, run.attempt) for run in done)
        if wanted != self._known:
            self._told = self._read(registry, done, classes)
            self._known = wanted
        return self._told

    def _read(self, registry: Registry, done: Sequence[Run], classes: tuple[str, ...]) -> Answered:
        if not done:
            return Answered(problem="no result yet: it comes when a fold is finished")
        from timnet.evaluation.statistics import pooled_scores

        try:
            found = [(run.fold, matrix) for run in done if (matrix := self._matrix(registry, run, classes)) is not None]
            if not found:
                return Answered(problem="no predictions were kept, so there is nothing to show")
            return Answered(pooled_scores(classes, found))
        except TimnetError as error:
            return Answered(problem=str(error))

    def _matrix(self, registry: Registry, run: Run, classes: tuple[str, ...]) -> NDArray[np.int64] | None:
        from timnet.export.confusion import confusion_of

        key = (run.id, run.attempt)
        if key not in self._matrices:
            self._matrices[key] = confusion_of(registry, run, classes)
        return self._matrices[key]
