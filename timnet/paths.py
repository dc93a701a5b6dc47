"""Every path timnet writes, in one place.

Beside the registry ``runs.db`` (and SQLite's own ``-wal`` and ``-shm``) stand ``runs.db-gate``, the lock
that lines writers up, and the folder ``runs/``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Self

from timnet.errors import RegistryError
from timnet.files import in_fence
from timnet.text import clean

WORKERS = "workers"
"""Where workers keep their files, among the folders of runs."""

KEPT_POINTS = 2
"""Resume points that are kept, with the best weights that they name: the newest, should it be broken the one before."""


def plain(uid: str, whose: str) -> str:
    """``uid`` where it can be the name of a file or folder of its own, and of no other.

    Raises :class:`RegistryError` where it cannot: what lies at such paths is written to and deleted.
    """
    if not uid or uid in (".", "..", WORKERS) or "/" in uid or "\0" in uid or len(uid.encode("utf-8", "replace")) > 200:
        raise RegistryError(
            f"a {whose} has the uid {clean(uid)[:80]!r}, which cannot be the name of its files; "
            "no timnet has written that row: do not trust this registry"
        )
    return uid


#: bytes of a name that every filesystem takes
LONGEST = 255


def drop_all_but(files: list[Path], newest: Path, kept: int) -> None:
    """Remove ``files`` (oldest first) but for ``newest`` and those just before it, ``kept`` in all.

    What lies after ``newest`` goes too: it is left of a history that was damaged and begun anew.
    """
    keep = [path for path in files if path.name <= newest.name][-kept:]
    with in_fence():
        for path in files:
            if path not in keep:
                path.unlink(missing_ok=True)


def epoch_of(path: Path) -> int:
    """The epoch that a resume point's, or best weights', name tells. Raises :class:`ValueError` for another file."""
    return int(path.stem.rpartition("-")[2])


@dataclass(frozen=True, slots=True)
class RunPaths:
    """The files of one run, under ``runs/<uid>/``."""

    folder: Path

    @property
    def lock(self) -> Path:
        """Held (``flock``) by whoever executes the run; the proof that it is alive."""
        return self.folder / "lock"

    @property
    def log(self) -> Path:
        """What the training process printed, all attempts, in order."""
        return self.folder / "log.txt"

    def checkpoint(self, epoch: int) -> Path:
        """The exact resume point after ``epoch``."""
        return self.folder / "checkpoints" / f"epoch-{epoch:06d}.npz"

    def checkpoints(self) -> list[Path]:
        """The resume points there are, oldest first."""
        return sorted((self.folder / "checkpoints").glob("epoch-*.npz"))

    def best_weights(self, epoch: int) -> Path:
        """Network weights at the best check, which was of ``epoch``.

        The epoch is in the name because the file is written before the resume point that names it: until
        then, the best weights before it must still be there.
        """
        return self.folder / f"best-{epoch:06d}.npz"

    def drop_unfinished(self) -> None:
        """Remove what a killed process was writing. Only for whoever holds the run's lock."""
        with in_fence():
            for path in self.folder.rglob(".*.tmp"):
                path.unlink(missing_ok=True)

    def drop_old_best(self, epoch: int) -> None:
        """Remove all best weights but those of ``epoch`` and the ones before: the two resume points name no others."""
        drop_all_but(self.best(), self.best_weights(epoch), KEPT_POINTS)

    def for_going_on(self) -> list[Path]:
        """Resume points and best weights: what the run needs to go on, and what no finished run's scores rest on."""
        return [*self.checkpoints(), *self.best()]

    def best(self) -> list[Path]:
        """The best weights there are, oldest first: of the two newest resume points."""
        return sorted(self.folder.glob("best-*.npz"))

    @property
    def final_weights(self) -> Path:
        """Network weights that the run's scores were computed with."""
        return self.folder / "final.npz"

    @property
    def embeddings(self) -> Path:
        """Penultimate layer of every utterance of the corpus, float32 ``[n, filters]``; row i is item i."""
        return self.folder / "embeddings.npy"

    def places(self, *, whole: bool) -> Path:
        """Where t-SNE has put this run's test utterances, or for a ``whole`` experiment those of all its folds."""
        return self.folder / ("tsne-experiment.npz" if whole else "tsne.npz")

    @property
    def confusion(self) -> Path:
        """The confusion matrix of a run whose single predictions are not known, as JSON (``timnet/imports``)."""
        return self.folder / "confusion.json"


@dataclass(frozen=True, slots=True)
class AttemptPaths:
    """The folder of one attempt on another machine (:mod:`timnet.remote`), ``<shared>/<run's uid>-a<attempt>/``.

    The head writes ``parcel`` and ``want``, the job all else. Head and job may see it on one file system, or each have
    a folder of their own that the engine keeps equal.
    """

    folder: Path

    @classmethod
    def of(cls, shared: Path, uid: str, attempt: int) -> Self:
        """The folder of one attempt at the run ``uid``. Raises as :func:`plain` does."""
        return cls(shared / f"{plain(uid, 'run')}-a{attempt}")

    @property
    def shared(self) -> Path:
        """The folder that holds a folder for each attempt, and the features that they train on."""
        return self.folder.parent

    @property
    def features(self) -> Path:
        """The folder of features (:class:`timnet.features.cache.FeatureCache`), which the head makes first of all."""
        return self.shared / "features"

    @property
    def is_shared(self) -> bool:
        """Whether the shared folder is there now, and not unmounted. Raises :class:`OSError`."""
        return self.features.is_dir()

    @property
    def parcel(self) -> Path:
        """All that the job has to know, as JSON (:class:`timnet.remote.parcel.Parcel`)."""
        return self.folder / "parcel.json"

    @property
    def want(self) -> Path:
        """What a user wants of the job: empty, or one of ``pause``, ``cancel``, ``stop``, ``withdrawn``.

        It is there from the beginning, as a network file system remembers for a while that a file was not.
        """
        return self.folder / "want"

    def spool(self, start: int) -> Path:
        """The journal of the job's ``start``-th process (from 1): an engine may start a job again by itself."""
        return self.folder / f"spool-{start:04d}.jsonl"

    def spools(self) -> list[Path]:
        """The journals there are, oldest first."""
        return sorted(self.folder.glob("spool-[0-9][0-9][0-9][0-9].jsonl"))

    def starts(self) -> list[int]:
        """The numbers of the journals there are, in order."""
        return [int(path.stem.rpartition("-")[2]) for path in self.spools()]

    @property
    def outcome(self) -> Path:
        """How the latest training process ended, as JSON, written by who started it (:mod:`timnet.remote.carrier`)."""
        return self.folder / "outcome.json"

    @property
    def log(self) -> Path:
        """What the job's training processes printed, in order."""
        return self.folder / "log.txt"

    @property
    def run(self) -> RunPaths:
        """The run's own files, as they are beside a registry."""
        return RunPaths(self.folder / "run")

    @property
    def engine(self) -> Path:
        """A folder for what the engine itself keeps of the job."""
        return self.folder / "engine"


@dataclass(frozen=True, slots=True)
class RegistryPaths:
    """The registry and what lies beside it."""

    db: Path

    @property
    def gate(self) -> Path:
        """The file whose lock a writer holds."""
        return self.db.with_name(self.db.name + "-gate")

    @property
    def runs(self) -> Path:
        """The folder that holds a folder for each run."""
        return self.db.parent / "runs"

    @property
    def presets(self) -> Path:
        """The user's own presets, of this registry (:mod:`timnet.preset_file`)."""
        return self.db.with_name("presets.toml")

    @property
    def tuning(self) -> Path:
        """Optuna's studies, of this registry (:mod:`timnet.tuning`)."""
        return self.db.with_name("tuning.db")

    def tuning_lock(self, study: str) -> Path:
        """Held by whoever tunes ``study``."""
        return self.db.parent / "tuning" / f"{study}.lock"

    def tuning_report(self, study: str) -> Path:
        """Where the report of ``study`` is written, without its suffix."""
        return self.db.parent / "tuning" / study

    @property
    def code(self) -> Path:
        """The folder of what was changed in timnet's checkout when experiments were queued."""
        return self.db.parent / "code"

    def diff(self, digest: str) -> Path:
        """The changes whose text has this SHA-256 (:mod:`timnet.provenance`), for all experiments queued with them."""
        return self.code / f"{digest}.diff"

    def run(self, uid: str) -> RunPaths:
        """The paths of the run ``uid``. Raises as :func:`plain` does."""
        return RunPaths(self.runs / plain(uid, "run"))

    @property
    def cluster(self) -> Path:
        """Where attempts on other machines keep their folders, unless another place is named."""
        return self.db.parent / "cluster"

    def head_lock(self, engine: str) -> Path:
        """Held by the one head of ``engine``."""
        return self.runs / WORKERS / f"head-{plain(engine, 'engine')}.head"

    def worker_lock(self, uid: str) -> Path:
        """Held by the worker ``uid`` while it lives. Raises as :func:`plain` does."""
        return self.runs / WORKERS / f"{plain(uid, 'worker')}.lock"

    def worker_locks(self) -> list[Path]:
        """The locks of all workers there have been, until somebody clears them away."""
        return sorted((self.runs / WORKERS).glob("*.lock"))

    def worker_log(self, uid: str) -> Path:
        """What a detached worker printed. Raises as :func:`plain` does."""
        return self.runs / WORKERS / f"{plain(uid, 'worker')}.log"

    def relative(self, path: Path) -> str:
        """``path`` as the registry stores it: relative to the registry's folder, so that both can move."""
        return path.relative_to(self.db.parent).as_posix()

    def resolve(self, stored: str) -> Path:
        """The inverse of :meth:`relative`.

        Raises :class:`RegistryError` for a path that leads out of the registry's folder, or that is longer than a
        file's path may be: no timnet writes such rows.
        """
        parts = PurePosixPath(stored).parts
        # what asks whether it is there would be refused
        long = len(parts) > 9 or any(len(part.encode("utf-8", "replace")) > LONGEST for part in parts)
        if not parts or long or stored.startswith("/") or ".." in parts or "\0" in stored:
            raise RegistryError(
                f"a row names the file {clean(stored)[:80]!r}, which is not below the registry's folder; "
                "no timnet has written that row: do not trust this registry"
            )
        return self.db.parent / stored
