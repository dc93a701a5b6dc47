"""The confusion matrix of a run, wherever the run left it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from timnet.bounded import read_json
from timnet.errors import BadInput
from timnet.records import Run
from timnet.registry import Registry

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ARTIFACT = "confusion"


def confusion_of(registry: Registry, run: Run, classes: tuple[str, ...]) -> NDArray[np.int64] | None:
    """How often each true class was called what: int64 ``[classes, classes]``, rows are the truth.

    From the run's predictions; for a run whose single predictions nobody knows (imported from a log), from the
    matrix that was imported with it. None where there is neither. Raises :class:`BadInput` for a damaged file.
    """
    from timnet.evaluation.scores import confusion

    predictions = registry.results.predictions(run.id)
    if len(predictions.item):
        return confusion(predictions.truth, predictions.predicted, len(classes))
    files = [artifact for artifact in registry.results.artifacts(run.id) if artifact.kind == ARTIFACT]
    return _read(registry, run, classes, files[0].path) if files else None


def _read(registry: Registry, run: Run, classes: tuple[str, ...], stored: str) -> NDArray[np.int64]:
    path = registry.paths.resolve(stored)
    try:
        return matrix_of(read_json(path), classes)
    except FileNotFoundError:
        raise BadInput(f"the confusion matrix of run {run.key} is gone from {path}; import its log again") from None
    except (BadInput, OSError, ValueError) as error:
        raise BadInput(f"cannot read the confusion matrix of run {run.key} from {path}: {error}") from None


def matrix_of(about: Any, classes: tuple[str, ...]) -> NDArray[np.int64]:
    """The matrix in the JSON of such a file. Raises :class:`BadInput` where it is none of a corpus of ``classes``."""
    import numpy as np

    try:
        matrix = np.array(about["matrix"], np.int64)
        labels = tuple(about["labels"])
    except (ValueError, TypeError, LookupError, OverflowError) as error:
        raise BadInput(f"it holds no matrix of counts ({type(error).__name__})") from None
    if labels != classes or matrix.shape != (len(classes), len(classes)) or (matrix < 0).any():
        raise BadInput("it does not hold a confusion matrix of its corpus's classes")
    return matrix
