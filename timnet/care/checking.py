"""``timnet registry check``: the registry's rows, the files they name, and the runs whose process is gone."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

from timnet.care.weights_files import why_unreadable
from timnet.errors import RegistryError
from timnet.paths import RegistryPaths
from timnet.provenance import read_diff
from timnet.queue.liveness import is_held
from timnet.registry import Registry
from timnet.registry.about import newest_schema
from timnet.registry.check import Check, Finding, Kind
from timnet.registry.copies import copies
from timnet.registry.database import Database, refuse_missing
from timnet.registry.files import Files, NamedFile


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check looked at and found. ``schema`` is None where the registry could not be opened.

    ``files`` were looked at; ``busy`` runs were left out, because a process is writing theirs.
    """

    path: Path
    schema: int | None = None
    runs: int = 0
    files: int = 0
    busy: int = 0
    findings: tuple[Finding, ...] = ()
    newest_backup: Path | None = None
    quick: bool = False
    notes: tuple[str, ...] = field(default=())

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings

    @property
    def reparable(self) -> tuple[Finding, ...]:
        """The findings that a repair does something about."""
        return tuple(one for one in self.findings if one.repair)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for ``timnet registry check --json``."""
        return {
            "path": str(self.path),
            "ok": self.ok,
            "schema": self.schema,
            "newest_schema": newest_schema(),
            "runs": self.runs,
            "files": self.files,
            "busy": self.busy,
            "quick": self.quick,
            "findings": [one.to_dict() for one in self.findings],
            "notes": list(self.notes),
            "newest_backup": str(self.newest_backup) if self.newest_backup else None,
        }


def check(path: Path, *, quick: bool = False) -> Checked:
    """Look at all of the registry at ``path``; nothing is changed.

    ``quick``: files are asked for their size alone, and smoothed values are believed. Raises :class:`RegistryError`
    where there is no registry; one that cannot be opened is a finding.
    """
    path = path.absolute()
    refuse_missing(path)
    newest = next((one.path for one in copies(path)), None)
    try:
        with Database.open_read_only(path, older=True) as database:
            return _check(database, newest, quick=quick)
    except RegistryError as error:
        return Checked(path, findings=(Finding(Kind.FILE, str(error)),), newest_backup=newest, quick=quick)


def _check(database: Database, newest: Path | None, *, quick: bool) -> Checked:
    checks = Check(database)
    found = checks.all(quick=quick)
    version = checks.version
    if version < newest_schema():
        note = f"it is of an older timnet (schema {version} of {newest_schema()}); any command that writes migrates it"
        return Checked(database.path, version, findings=tuple(found), newest_backup=newest, quick=quick, notes=(note,))
    if any(one.kind is Kind.INTEGRITY and not one.repair for one in found):  # what its rows say cannot be believed
        return Checked(database.path, version, findings=tuple(found), newest_backup=newest, quick=quick)
    registry = Registry(database)
    dead, busy = check_runs(registry)
    found += dead
    files = [one for one in Files(database).named() if one.uid not in busy]
    found += [finding for one in _by_run(files) for finding in _about_files(registry, one, quick=quick)]
    found += _about_changes(registry)
    runs = database.number("SELECT count(*) FROM runs")
    return Checked(database.path, version, runs, len(files), len(busy), tuple(found), newest, quick)


def check_runs(registry: Registry) -> tuple[list[Finding], set[str]]:
    """The runs whose process is gone without a word, and the folders of those that a process has, here or elsewhere."""
    dead, busy = [], set()
    for run in registry.runs.running():
        if run.engine != "local" or run.host != socket.gethostname():
            busy.add(run.uid)
            continue
        try:
            held = is_held(registry.paths.run(run.uid).lock)
        except OSError:  # somebody else's folder
            held = True
        if held:
            busy.add(run.uid)
        else:
            text = f"it is running since attempt {run.attempt}, and its process is gone"
            dead.append(Finding(Kind.DEAD, text, "back in the queue, or where a user wanted it", run.key, run.id))
    return dead, busy


def _about_changes(registry: Registry) -> Iterator[Finding]:
    """The texts of changes that experiments were queued with are there, and are what they are called."""
    for digest, experiment_id in Files(registry.db).diffs().items():
        if read_diff(registry.paths, digest) is None:
            path = registry.paths.diff(digest)
            there = path.exists()
            text = "is another" if there else "cannot be found"
            named = registry.paths.relative(path)
            yield Finding(
                Kind.DAMAGED if there else Kind.MISSING,
                f"what experiment {experiment_id} was queued with beside its commit {text}: {named}",
                file=named,
            )


def _by_run(files: list[NamedFile]) -> Iterator[list[NamedFile]]:
    for _, some in groupby(files, lambda one: one.run_id):
        yield list(some)


def _about_files(registry: Registry, files: list[NamedFile], *, quick: bool) -> Iterator[Finding]:
    """What is wrong with the files that one run's rows name."""
    for one in files:
        what = f"its {one.kind} weights" if one.checkpoint else f"its {one.kind}"
        what = "its resume point" if one.checkpoint and one.kind == "last" else what
        problem = _problem(registry.paths, one, quick=quick)
        if problem is not None:
            kind, text = problem
            yield Finding(kind, f"{what} {text}: {one.path}", _repair_of(one), one.run, one.run_id, one.path)


def _repair_of(one: NamedFile) -> str:
    if one.checkpoint and one.kind != "final":
        return "the one before it is named, where there is one" if one.kind == "last" else "it is no longer named"
    return ""


def _problem(paths: RegistryPaths, one: NamedFile, *, quick: bool) -> tuple[Kind, str] | None:
    """What is wrong with one file, in words that fit behind "its final weights" as behind "its resume point"."""
    outside = Kind.DAMAGED, "must lie in the registry's folder"
    try:
        path = paths.resolve(one.path)
    except RegistryError:
        return outside
    if not path.resolve().is_relative_to(paths.db.parent.resolve()):
        return outside
    try:
        there = path.stat().st_size
    except OSError:
        return Kind.MISSING, "cannot be found"
    if there != one.bytes:
        return Kind.DAMAGED, f"should have {one.bytes} bytes, the file has {there}"
    why = "" if quick else why_unreadable(path)
    return (Kind.DAMAGED, f"cannot be read ({why})") if why else None


def newest_readable(registry: Registry, uid: str) -> tuple[int, Path] | None:
    """The newest resume point of a run that can be read, with its epoch."""
    for path in reversed(registry.paths.run(uid).checkpoints()):
        with suppress(ValueError):
            if not why_unreadable(path):
                return int(path.stem.removeprefix("epoch-")), path
    return None
