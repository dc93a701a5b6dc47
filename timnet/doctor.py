"""A look at the installation: what is installed, where things are kept, whether there is room, who works, what is left.

Nothing is changed unless it is asked for, and no engine library is loaded: their versions are read from their
metadata. TensorFlow's devices can be asked for; a child process then loads it.
"""

from __future__ import annotations

import platform
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from timnet import __version__
from timnet.errors import TimnetError
from timnet.queue.waiting import start_head
from timnet.registry.about import about, newest_schema, sqlite_defects, sqlite_version
from timnet.registry.copies import copies
from timnet.settings import Settings

if TYPE_CHECKING:
    from timnet.care.condition import Condition

LIBRARIES = (
    "h5py", "keras", "librosa", "matplotlib", "numpy", "plotext", "rich", "scikit-learn", "scipy", "soundfile", "soxr",
    "sqlite-utils", "tensorflow", "tensorflow-macos", "textual", "textual-plotext", "typer",
)  # fmt: skip
ONE_OF = ("tensorflow", "tensorflow-macos")
LITTLE_ROOM = 2**30
"""Bytes; below this, features and checkpoints may soon not fit."""


@dataclass(frozen=True, slots=True)
class Examination:
    """What was found. ``problems`` are lines that say what is wrong and what to do; all is well without any.

    ``notes`` are worth knowing; ``fixed`` says what was set right before the look.
    """

    facts: dict[str, Any]
    problems: tuple[str, ...]
    notes: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values for ``timnet doctor --json``: times and names as text, sizes in bytes."""
        told = {"problems": list(self.problems), "notes": list(self.notes)}
        return {**self.facts, **told, "fixed": list(self.fixed)}


def examine(settings: Settings, *, devices: bool = False, fix: bool = False) -> Examination:
    """Look at everything; ``devices`` also asks TensorFlow, in a child process, which devices it sees.

    ``fix`` first sets right what is safe: dead runs go back to the queue, dead workers are noted as ended, and what
    killed processes left half-written is removed.
    """
    problems: list[str] = []
    fixed = _fix(settings, problems) if fix else []
    registry = _registry(settings, problems)
    found = _condition(settings) if registry["schema"] is not None else None
    notes = sqlite_defects()
    if found is not None:
        problems += _unwell(found)
        notes += _worth_knowing(found)
    facts: dict[str, Any] = {
        "timnet": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "sqlite": sqlite_version(),
        "libraries": _libraries(problems),
        "registry": registry,
        "condition": None if found is None else found.to_dict(),
        "cache": _cache(settings),
        "disk": [_room(name, path, problems) for name, path in _places(settings)],
        "workers": _workers(settings),
        "jobs": settings.jobs_asked,
        "threads": settings.threads,
        "device": settings.device,
        "places": _places_known(settings),
    }
    if devices:
        facts["devices"] = _devices(problems)
    return Examination(facts, tuple(problems), tuple(notes), tuple(fixed))


def _fix(settings: Settings, problems: list[str]) -> list[str]:
    from timnet.care.condition import fix
    from timnet.registry import Registry

    if not settings.db.exists():
        return []
    try:
        with Registry.open(settings.db) as registry:
            return fix(registry, settings.cache, settings.max_crashes)
    except TimnetError as error:
        problems.append(f"nothing was fixed: {error}")
        return []


def _condition(settings: Settings) -> Condition | None:
    from timnet.care.condition import condition
    from timnet.registry import Registry

    try:
        with Registry.open_read_only(settings.db) as registry:
            return condition(registry, settings.cache)
    except TimnetError:  # the registry's own problem is told already
        return None


def _unwell(found: Condition) -> list[str]:
    """What of the registry's condition needs somebody."""
    lines = [found.gate] if found.gate else []
    if found.unsound:
        more = f" and {len(found.unsound) - 1} more" if len(found.unsound) > 1 else ""
        lines.append(f"the registry is damaged: {found.unsound[0]}{more}; see: timnet registry check")
    return lines


def _worth_knowing(found: Condition) -> list[str]:
    """What heals by itself, or does no harm."""
    fix = "set right: timnet doctor --fix"
    lines = []
    if found.dead_runs:
        lines.append(f"runs whose process is gone: {_some(found.dead_runs)}; {fix}")
    if found.dead_workers:
        lines.append(f"workers that are gone without a word: {_some(found.dead_workers)}; {fix}")
    if found.leftovers:
        lines.append(f"{len(found.leftovers)} files that killed processes left half-written; {fix}")
    if found.orphans:
        lines.append(f"{len(found.orphans)} folders of runs that no registry here knows; list them: timnet registry gc")
    for engine, count in found.without_head:
        lines.append(f"{count} runs go on in {engine}, and no head brings in what they do: {start_head(engine)}")
    if found.unsound is None:
        lines.append("the registry is large; read it from end to end with: timnet registry check")
    return lines


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _libraries(problems: list[str]) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    missing = [name for name, number in found.items() if number is None and name not in ONE_OF]
    missing += ["tensorflow"] if all(found[name] is None for name in ONE_OF) else []
    problems += [f"{name} is not installed; install timnet again" for name in missing]
    return {name: number for name, number in found.items() if number is not None or name in missing}


def _registry(settings: Settings, problems: list[str]) -> dict[str, Any]:
    found = about(settings.db)
    if found.error is not None:
        problems.append(found.error)
    elif not found.path.parent.is_dir():
        problems.append(f"no folder {found.path.parent} to keep {found.path.name} in; create it or use --db")
    return {
        "path": str(found.path),
        "exists": found.exists,
        "schema": found.schema,
        "newest_schema": newest_schema(),
        "bytes": found.bytes,
        "backups": [str(one.path) for one in copies(found.path)] if found.exists else [],
    }


def _cache(settings: Settings) -> dict[str, Any]:
    from timnet.features.cache import FeatureCache

    cache = FeatureCache(settings.cache)
    entries = cache.entries()
    return {
        "path": str(settings.cache.absolute()),
        "entries": len(entries),
        "bytes": sum(entry.bytes for entry in entries),
        "unfinished": len(list(cache.folder.glob(".*.tmp"))),
    }


def _places(settings: Settings) -> list[tuple[str, Path]]:
    return [("registry", settings.db.absolute().parent), ("cache", settings.cache.absolute())]


def _room(name: str, path: Path, problems: list[str]) -> dict[str, Any]:
    """Room on the disk that holds ``path``, or will hold it."""
    there = next(place for place in (path, *path.parents) if place.exists())
    usage = shutil.disk_usage(there)
    if usage.free < LITTLE_ROOM:
        problems.append(f"only {usage.free / 2**20:.0f} MiB are free for the {name} at {path}; free some room")
    return {"for": name, "path": str(path), "free": usage.free, "total": usage.total}


def _workers(settings: Settings) -> list[dict[str, Any]]:
    from timnet.queue.liveness import workers
    from timnet.registry import Registry

    if not settings.db.exists():
        return []
    try:
        with Registry.open_read_only(settings.db) as registry:
            alive = workers(registry)
    except TimnetError:  # the registry's own problem is told already
        return []
    return [
        {"pid": one.pid, "engine": one.engine, "host": one.host, "jobs": one.jobs, "running": list(one.running)}
        for one in alive
    ]


def _places_known(settings: Settings) -> str:
    """What is known of runs at once for work like EMODB's; nothing is measured here."""
    from timnet.cores import cores
    from timnet.machine import places
    from timnet.machine.known import Known
    from timnet.machine.shape import EMODB

    decided = places.decide(Known(settings.cache).of(EMODB, settings.device), places.free_memory(), cores())
    return decided.why if decided else "not measured yet; measure it: timnet doctor --benchmark"


def _devices(problems: list[str]) -> list[str] | None:
    from timnet.tasks import run_task

    try:
        return list(run_task("timnet.training.devices", []))
    except TimnetError as error:
        problems.append(f"TensorFlow cannot be used: {error}")
        return None
