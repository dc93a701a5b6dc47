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
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from timnet.errors import BadInput, TimnetError
from timnet.evaluation.tsne import PERPLEXITY, fitting_perplexity, library_for, standardised, tsne
from timnet.export.gather import Embedded, embedded, embedded_by, finished_runs
from timnet.files import write_bytes
from timnet.records import Experiment
from timnet.registry import Registry
from timnet.tasks import Progress, run_task, serve_task

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Placing:
    """How utterances are placed. ``seed`` None: the experiment's.

    ``scaled``: each value of the embedding is first brought to mean 0 and standard deviation 1. ``everything``: all
    utterances by the network of one fold, instead of each by the network that tested it.
    """

    perplexity: float = PERPLEXITY
    seed: int | None = None
    scaled: bool = False
    everything: bool = False

    @property
    def suffix(self) -> str:
        """What a file's name says of it: ``-all-scaled-perplexity10-seed1``; nothing of the usual way."""
        parts = ["all"] if self.everything else []
        parts += ["scaled"] if self.scaled else []
        parts += [] if self.perplexity == PERPLEXITY else [f"perplexity{self.perplexity:g}"]
        parts += [] if self.seed is None else [f"seed{self.seed}"]
        return "".join(f"-{part}" for part in parts)


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """Utterances in the plane: ``places`` float32 ``[n, 2]``, without a unit; ``embedded`` says whose they are.

    ``perplexity`` is what was used, and ``library`` which placed them.
    """

    embedded: Embedded
    places: NDArray[np.float32]
    perplexity: float
    library: str = ""
    scaled: bool = False


USUAL = Placing()


def placed(registry: Registry, experiment: Experiment, fold: int | None = None, placing: Placing = USUAL) -> Placed:
    """The places of all finished folds' test utterances, or of one ``fold``'s: those kept, or computed now.

    Only what is placed in the usual way is kept. Raises :class:`BadInput` as :func:`timnet.export.gather.embedded`
    and :func:`timnet.evaluation.tsne.tsne` do, and where everything is asked for without a fold.
    """
    if placing != USUAL:
        return _placed_otherwise(registry, experiment, fold, placing)
    found = embedded(registry, experiment, fold)
    path = _path(registry, experiment, fold)
    places = _kept(path, found, experiment.seed)
    if places is None:
        places = tsne(found.vectors, experiment.seed)
        with suppress(OSError, TimnetError):  # a disk that is full or read-only only means to compute it again
            _keep(path, _key(found, experiment.seed), places)
    return _usual(found, places)


def _usual(found: Embedded, places: NDArray[np.float32]) -> Placed:
    return Placed(found, places, fitting_perplexity(len(places)), library_for(len(places))[0])


def _placed_otherwise(registry: Registry, experiment: Experiment, fold: int | None, placing: Placing) -> Placed:
    if placing.everything and fold is None:
        raise BadInput("to show all utterances by one network, name its fold")
    by_one = placing.everything and fold is not None
    found = embedded_by(registry, experiment, fold or 0) if by_one else embedded(registry, experiment, fold)
    return place(found, found.vectors, experiment, placing)


def place(found: Embedded, vectors: NDArray[np.float32], experiment: Experiment, placing: Placing) -> Placed:
    """The utterances of ``found`` by ``vectors``, float32 ``[n, d]``, whatever these are. Raises :class:`BadInput`."""
    seed = experiment.seed if placing.seed is None else placing.seed
    if placing.seed is not None and not 0 <= placing.seed < 2**32:
        raise BadInput(f"a seed is a number from 0 to {2**32 - 1}, not {placing.seed}")
    places = tsne(standardised(vectors) if placing.scaled else vectors, seed, placing.perplexity)
    used = fitting_perplexity(len(places), placing.perplexity)
    return Placed(found, places, used, library_for(len(places))[0], placing.scaled)


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
    return _usual(found, places)


def _path(registry: Registry, experiment: Experiment, fold: int | None) -> Path:
    first = finished_runs(registry, experiment, fold)[0]
    return registry.paths.run(first.uid).places(whole=fold is None)


def _key(found: Embedded, seed: int) -> str:
    """What decides the picture: the vectors, the seed, the perplexity and the library."""
    digest = hashlib.sha256(found.vectors.tobytes())
    perplexity = fitting_perplexity(len(found.vectors))
    digest.update(f"{found.vectors.shape} {seed} {perplexity!r} {' '.join(library_for(len(found.vectors)))}".encode())
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
