"""``timnet registry gc``: what may go, why, and removing it.

Kept in any case: every file of a run that is not done, as it can go on or be tried again; of one that is done the
weights its scores are of and its best ones, its log and its embeddings; and every file that timnet does not know.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from timnet.care.weights_files import why_unreadable
from timnet.errors import TimnetError
from timnet.files import left_behind, unfinished_of
from timnet.paths import RegistryPaths, RunPaths
from timnet.queue.liveness import is_held, try_lock, unlock
from timnet.registry import Registry
from timnet.registry.copies import copies
from timnet.registry.files import Files, Finished, known_beside

OLD_SECONDS = 3600.0
"""What was touched within the last hour may be at work, whatever else speaks against it."""

KEPT_BACKUPS = 3

#: ``runs/<uid>``: the experiment's uid and the fold
_RUN_FOLDER = re.compile(r"[a-z0-9][\w.-]*-f\d{2,}", re.ASCII)
_OF_A_RUN = re.compile(
    r"lock|log\.txt|final\.npz|best-\d+\.npz|embeddings\.npy|tsne(-experiment)?\.npz|confusion\.json|checkpoints/epoch-\d+\.npz",
    re.ASCII,
)
#: ``cluster/<uid>-a<attempt>``
_ATTEMPT_FOLDER = re.compile(rf"{_RUN_FOLDER.pattern}-a\d+", re.ASCII)
_CHANGES = re.compile(r"[0-9a-f]{64}\.diff", re.ASCII)


class Why(StrEnum):
    """Why something may go."""

    HALF_WRITTEN = "half-written file"
    WORKER_LOCK = "lock of a dead worker"
    RESUME = "resume point of a done run"
    SUPERSEDED = "superseded best weights"
    ORPHAN = "folder of a run that no registry here knows"
    CHANGES = "changes that no experiment here was queued with"
    ATTEMPT = "folder of an attempt elsewhere that is over"
    CACHE = "stale features"
    SHIPPED = "features for runs elsewhere, where none is out"
    BACKUP = "old automatic backup"


#: what a process that was killed leaves behind, and nobody can ask for
PLAIN = frozenset({Why.HALF_WRITTEN, Why.WORKER_LOCK})


@dataclass(frozen=True, slots=True)
class Leftover:
    """Something that may go. ``key`` is the run's, or the cache's, where it has one."""

    why: Why
    path: Path
    bytes: int
    detail: str = ""
    run_id: int = 0
    key: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        why = self.why.value
        return {"why": why, "path": str(self.path), "bytes": self.bytes, "detail": self.detail or None}


@dataclass(frozen=True, slots=True)
class Clearing:
    """What may go, and what was left out for a reason that somebody should know."""

    leftovers: tuple[Leftover, ...]
    notes: tuple[str, ...] = ()

    @property
    def bytes(self) -> int:
        """How much room it takes."""
        return sum(one.bytes for one in self.leftovers)


def leftovers(registry: Registry, cache: Path, *, features: bool = False, kept_backups: int = KEPT_BACKUPS) -> Clearing:
    """Everything that may go; nothing is changed. Stale ``features`` only if asked: registries share the cache."""
    notes: list[str] = []
    unknown = list(orphans(registry.paths, notes))
    within = {one.path for one in unknown}
    found = [
        *(one for one in plain(registry.paths, cache) if not within.intersection(one.path.parents)),
        *_done_runs(registry, notes),
        *unknown,
        *_changes(registry.paths, notes),
        *_attempts(registry.paths, notes, features=features),
        *(_stale_features(registry, cache) if features else ()),
        *_backups(registry.paths.db, kept_backups),
    ]
    return Clearing(tuple(found), tuple(notes))


def plain(paths: RegistryPaths, cache: Path) -> list[Leftover]:
    """What killed processes left behind (:data:`PLAIN`)."""
    return [*_half_written(paths, cache), *_worker_locks(paths)]


def remove(registry: Registry, cache: Path, found: Sequence[Leftover]) -> tuple[list[Leftover], list[str]]:
    """Remove leftovers, each after another look: what has come into use since stays.

    Returns what is gone, and for what could not be removed a line each.
    """
    gone, problems = [], []
    steps: dict[Why, Callable[[Leftover], bool]] = {
        Why.HALF_WRITTEN: _unlink_old,
        Why.WORKER_LOCK: _unlink_free,
        Why.RESUME: lambda one: _unlink_of_done(registry, one, "last"),
        Why.SUPERSEDED: lambda one: _unlink_of_done(registry, one, "best"),
        Why.ORPHAN: lambda one: _remove_orphan(registry, one),
        Why.CHANGES: lambda one: _remove_changes(registry, one),
        Why.ATTEMPT: lambda one: _remove_attempt(registry, one),
        Why.CACHE: lambda one: _remove_features(cache, one),
        Why.SHIPPED: lambda one: not Files(registry.db).attempts_out() and _unlink_old(one),
        Why.BACKUP: _unlink,
    }
    for one in found:
        try:
            if steps[one.why](one):
                gone.append(one)
        except (OSError, TimnetError) as error:
            problems.append(f"{one.path} was not removed ({error})")
    return gone, problems


# what may go


def _half_written(paths: RegistryPaths, cache: Path) -> Iterator[Leftover]:
    folder = paths.db.parent
    own = {paths.presets.name, paths.tuning.name}
    for path in _files(folder, deep=False):
        name = unfinished_of(path)
        if name and (name in own or name.startswith(paths.db.name)):
            yield from _if_left(path, name)
    for path in _files(paths.code, deep=False):
        name = unfinished_of(path)
        if name and _CHANGES.fullmatch(name):
            yield from _if_left(path, name)
    for place in (paths.runs, folder / "tuning", folder / "exports", cache / "features", paths.cluster / "features"):
        for path in _files(place):
            name = unfinished_of(path)
            if name and not _in_use(paths, path):
                yield from _if_left(path, name)


def _if_left(path: Path, name: str) -> Iterator[Leftover]:
    if _is_old(path) and left_behind([path]):
        yield Leftover(Why.HALF_WRITTEN, path, _size(path), f"of {name}")


def _in_use(paths: RegistryPaths, path: Path) -> bool:
    """Whether ``path`` belongs to a run that a process holds."""
    if not path.is_relative_to(paths.runs):
        return False
    return is_held(paths.run(path.relative_to(paths.runs).parts[0]).lock)


def _worker_locks(paths: RegistryPaths) -> Iterator[Leftover]:
    for path in paths.worker_locks():
        if _is_old(path) and not is_held(path):
            yield Leftover(Why.WORKER_LOCK, path, _size(path))


def _done_runs(registry: Registry, notes: list[str]) -> Iterator[Leftover]:
    for run in Files(registry.db).finished():
        if not _RUN_FOLDER.fullmatch(run.uid) or is_held(registry.paths.run(run.uid).lock):
            continue
        files = list(_superfluous(registry, run))
        if files and not _keeps_its_result(registry, run):
            notes.append(f"run {run.run}: its resume points stay, as its final weights or its rows are not whole")
        else:
            yield from files


def _superfluous(registry: Registry, run: Finished) -> Iterator[Leftover]:
    """What a done run needs no more: all resume points, and best weights but the best."""
    paths = registry.paths.run(run.uid)
    for path in paths.checkpoints():
        yield Leftover(Why.RESUME, path, _size(path), f"run {run.run}", run.run_id, run.run)
    best = sorted(path for path in _files(paths.folder, deep=False) if re.fullmatch(r"best-\d+\.npz", path.name))
    named = registry.paths.resolve(run.best) if run.best else None
    keep = named if named in best else next(reversed(best), None)
    for path in best:
        if path != keep:
            yield Leftover(Why.SUPERSEDED, path, _size(path), f"run {run.run}", run.run_id, run.run)


def _keeps_its_result(registry: Registry, run: Finished) -> bool:
    """Whether all that a done run found can be read without its resume points."""
    if run.final is None or not run.whole:
        return False
    final = registry.paths.resolve(run.final)
    return final == registry.paths.run(run.uid).final_weights and not why_unreadable(final)


def orphans(paths: RegistryPaths, notes: list[str]) -> Iterator[Leftover]:
    """Folders of runs that neither this registry nor any other in its folder, backups too, knows."""
    if not paths.runs.is_dir():
        return
    known, silent = known_beside(paths.db, Files.uids)
    if silent:
        names = ", ".join(file.name for file in silent)
        notes.append(f"folders of unknown runs stay: their registry may be {names}, which cannot be read")
        return
    for folder in sorted(paths.runs.iterdir()):
        if folder.name in known or not _RUN_FOLDER.fullmatch(folder.name) or folder.is_symlink() or not folder.is_dir():
            continue
        files = list(_files(folder))
        if not all(map(_is_old, [folder, *files])) or is_held(RunPaths(folder).lock):
            continue
        ours = [path for path in files if _is_of_a_run(folder, path)]
        if len(ours) < len(files):
            notes.append(f"{folder}: {len(files) - len(ours)} files in it that timnet does not know stay")
        if ours or not files:
            yield Leftover(Why.ORPHAN, folder, sum(map(_size, ours)), f"{len(ours)} files", key=folder.name)


def _changes(paths: RegistryPaths, notes: list[str]) -> Iterator[Leftover]:
    """Texts of changes that neither this registry nor any other in its folder, backups too, names."""
    there = [path for path in _files(paths.code, deep=False) if _CHANGES.fullmatch(path.name)]
    if not there:
        return
    known, silent = known_beside(paths.db, Files.diffs)
    if silent:
        notes.append(f"changes in {paths.code.name} stay: {silent[0].name} cannot be read, and may name them")
        return
    for path in there:
        if path.stem not in known and _is_old(path):
            yield Leftover(Why.CHANGES, path, _size(path))


def _attempts(paths: RegistryPaths, notes: list[str], *, features: bool) -> Iterator[Leftover]:
    """In ``cluster/``: folders of attempts that no registry beside it waits for, and features that nobody trains on."""
    if not paths.cluster.is_dir():
        return
    out, silent = known_beside(paths.db, Files.attempts_out)
    if silent:
        notes.append(f"{paths.cluster.name}/ stays as it is: {silent[0].name} cannot be read, and may have runs there")
        return
    for folder in sorted(paths.cluster.iterdir()):
        if folder.name in out or not _ATTEMPT_FOLDER.fullmatch(folder.name) or folder.is_symlink():
            continue
        files = list(_files(folder))
        if folder.is_dir() and all(map(_is_old, [folder, *files])):
            yield Leftover(Why.ATTEMPT, folder, sum(map(_size, files)), f"{len(files)} files", key=folder.name)
    for path in _files(paths.cluster / "features", deep=False) if features and not out else ():
        if path.suffix == ".npy" and not unfinished_of(path) and _is_old(path):
            yield Leftover(Why.SHIPPED, path, _size(path))


def _is_of_a_run(folder: Path, path: Path) -> bool:
    name = path.relative_to(folder).as_posix()
    return bool(_OF_A_RUN.fullmatch(name) or unfinished_of(path))


def _stale_features(registry: Registry, cache: Path) -> Iterator[Leftover]:
    from timnet.features.cache import FeatureCache
    from timnet.features.shelf import key_wanted, shelf

    corpora = [registry.corpora.by_id(one.id) for one in registry.corpora.ls()]
    # an experiment of an older version of its corpus may still have runs to train
    needed = {key_wanted(registry.corpora.by_id(one)) for one in Files(registry.db).corpora_to_train()}
    for one in shelf(cache, corpora):
        if one.stale and one.entry.key not in needed:
            path = FeatureCache(cache).path_of(one.entry.key)
            yield Leftover(Why.CACHE, path, one.entry.bytes, f"{one.entry.corpus}, {one.use}", key=one.entry.key)


def _backups(db: Path, kept: int) -> Iterator[Leftover]:
    automatic = [one for one in copies(db) if one.automatic]
    for one in automatic[kept:]:
        yield Leftover(Why.BACKUP, one.path, one.bytes, f"the newest {kept} stay" if kept else "")


# removing it


def _unlink(one: Leftover) -> bool:
    one.path.unlink()
    return True


def _unlink_old(one: Leftover) -> bool:
    return _is_old(one.path) and _unlink(one)


def _unlink_free(one: Leftover) -> bool:
    return not is_held(one.path) and _unlink(one)


def _unlink_of_done(registry: Registry, one: Leftover, kind: str) -> bool:
    """Under the run's lock, so that nobody can begin to train it; and only if it is done still."""
    files = Files(registry.db)
    lock = try_lock(registry.paths.run(files.uid(one.run_id)).lock)
    if lock is None:
        return False
    try:
        if not files.is_done(one.run_id):
            return False
        files.forget(one.run_id, kind, registry.paths.relative(one.path))
        return _unlink(one)
    finally:
        unlock(lock)


def _remove_orphan(registry: Registry, one: Leftover) -> bool:
    if one.path.name in Files(registry.db).uids():
        return False
    lock = try_lock(RunPaths(one.path).lock)
    if lock is None:
        return False
    try:
        files = list(_files(one.path))
        for path in sorted(files, key=lambda path: path == RunPaths(one.path).lock):  # the lock last
            if _is_of_a_run(one.path, path):
                path.unlink()
    finally:
        unlock(lock)
    for folder in (one.path / "checkpoints", one.path):
        with suppress(OSError):  # something of somebody else's is in it
            folder.rmdir()
    return True


def _remove_changes(registry: Registry, one: Leftover) -> bool:
    return one.path.stem not in Files(registry.db).diffs() and _unlink_old(one)


def _remove_attempt(registry: Registry, one: Leftover) -> bool:
    if one.key in Files(registry.db).attempts_out():
        return False
    shutil.rmtree(one.path)
    return True


def _remove_features(cache: Path, one: Leftover) -> bool:
    from timnet.features.cache import FeatureCache

    FeatureCache(cache).remove(one.key)
    return True


def _files(folder: Path, *, deep: bool = True) -> Iterator[Path]:
    """The files below ``folder``, links among them but never what these lead to."""
    for place, folders, names in os.walk(folder):
        folders.sort()
        yield from (Path(place, name) for name in sorted(names))
        if not deep:
            return


def _is_old(path: Path) -> bool:
    """Whether nobody touched it for long; a time to come, after the clock was set back, is none."""
    try:
        return time.time() - path.lstat().st_mtime > OLD_SECONDS
    except FileNotFoundError:
        return False


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except FileNotFoundError:
        return 0
