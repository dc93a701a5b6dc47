"""t-SNE's places of an experiment's test utterances, computed once and kept beside the runs they are of.

Placing some thousands of points takes a minute, so what was computed is kept: in the run's folder, or for a whole
experiment in that of its first finished fold. A key over everything that decides the picture tells whether it still
holds. Where nothing can be written, the places are computed again each time.

``python -m timnet.export.placed DB EXPERIMENT [--fold F]`` computes them in a process of its own, as
:mod:`timnet.tasks` says, for whoever must not load scikit-learn.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from timnet.errors import TimnetError
from timnet.evaluation.tsne import fitting_perplexity, tsne
from timnet.export.gather import Embedded, embedded, finished_runs
from timnet.files import write_bytes
from timnet.records import Experiment
from timnet.registry import Registry
from timnet.tasks import Progress, run_task, serve_task

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """Test utterances in the plane: ``places`` float32 ``[n, 2]``, without a unit; ``embedded`` says whose they are."""

    embedded: Embedded
    places: NDArray[np.float32]
    perplexity: float


def placed(registry: Registry, experiment: Experiment, fold: int | None = None) -> Placed:
    """The places of all finished folds' test utterances, or of one ``fold``'s: those kept, or computed now.

    Raises :class:`BadInput` as :func:`timnet.export.gather.embedded` and :func:`timnet.evaluation.tsne.tsne` do.
    """
    found = embedded(registry, experiment, fold)
    path = _path(registry, experiment, fold)
    places = _kept(path, found, experiment.seed)
    if places is None:
        places = tsne(found.vectors, experiment.seed)
        with suppress(OSError, TimnetError):  # a disk that is full or read-only only means to compute it again
            _keep(path, _key(found, experiment.seed), places)
    return Placed(found, places, fitting_perplexity(len(places)))


def placed_apart(
    registry: Registry,
    experiment: Experiment,
    fold: int | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    stop: threading.Event | None = None,
) -> Placed:
    """The same as :func:`placed`, but what must be computed is computed in a child process.

    The caller's process loads numpy, never scikit-learn. ``on_progress`` hears when the computing begins. ``stop``
    ends the child; :class:`timnet.errors.Stopped` is raised then.
    """
    import numpy as np

    found = embedded(registry, experiment, fold)
    places = _kept(_path(registry, experiment, fold), found, experiment.seed)
    if places is None:
        if on_progress is not None:
            on_progress(Progress(0, len(found.truth), "placing"))
        asked = [str(registry.db.path), str(experiment.id), *(["--fold", str(fold)] if fold else [])]
        places = np.array(run_task("timnet.export.placed", asked, on_progress, stop=stop), np.float32).reshape(-1, 2)
    return Placed(found, places, fitting_perplexity(len(places)))


def _path(registry: Registry, experiment: Experiment, fold: int | None) -> Path:
    first = finished_runs(registry, experiment, fold)[0]
    return registry.paths.run(first.uid).places(whole=fold is None)


def _key(found: Embedded, seed: int) -> str:
    """What decides the picture: the vectors, the seed, the perplexity and the library."""
    digest = hashlib.sha256(found.vectors.tobytes())
    perplexity = fitting_perplexity(len(found.vectors))
    digest.update(f"{found.vectors.shape} {seed} {perplexity!r} {version('scikit-learn')}".encode())
    return digest.hexdigest()


def _kept(path: Path, found: Embedded, seed: int) -> NDArray[np.float32] | None:
    """The places that are kept in ``path``; None where there are none, or of other vectors, or damaged ones."""
    import numpy as np

    try:
        with np.load(path, allow_pickle=False) as kept:
            key, places = str(kept["key"]), np.asarray(kept["places"], np.float32)
    except Exception:  # whatever is wrong with it, it can be computed again
        return None
    right = places.shape == (len(found.vectors), 2) and bool(np.isfinite(places).all())
    return places if right and key == _key(found, seed) else None


def _keep(path: Path, key: str, places: NDArray[np.float32]) -> None:
    import numpy as np

    stream = BytesIO()
    np.savez(stream, key=np.array(key), places=places)
    write_bytes(path, stream.getvalue())


def main() -> int:
    """Place one experiment's utterances; the result is the list of places."""
    parser = argparse.ArgumentParser(prog="python -m timnet.export.placed")
    parser.add_argument("db", type=Path)
    parser.add_argument("experiment", type=int)
    parser.add_argument("--fold", type=int)
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    os.nice(5)  # whoever watches, or trains, goes first
    return serve_task(lambda report: _serve(asked, report))


def _serve(asked: argparse.Namespace, report: Callable[[Progress], None]) -> list[Any]:
    with Registry.open_read_only(asked.db) as registry:
        experiment = registry.experiments.get(asked.experiment)
        report(Progress(0, 1, "computing t-SNE"))
        places: list[Any] = placed(registry, experiment, asked.fold).places.tolist()
        return places


if __name__ == "__main__":
    sys.exit(main())
