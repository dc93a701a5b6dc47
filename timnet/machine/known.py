"""What was measured on this machine, remembered: ``machine.json`` in the cache folder.

Entries hold for one machine, one set of versions and one shape of work; whatever else they say is not asked for. A
file that cannot be read is taken for empty: all of it can be measured again.
"""

from __future__ import annotations

import fcntl
import json
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from timnet.bounded import read_json
from timnet.clock import now
from timnet.cores import cores
from timnet.files import write_text
from timnet.machine.shape import WorkShape

PROBE, TRAINING = "probe", "training"
ENTRIES_KEPT = 200


@dataclass(frozen=True, slots=True)
class Rate:
    """``jobs`` runs at once of ``threads`` each made ``per_second`` epochs a second, all together.

    ``source`` is :data:`PROBE` or :data:`TRAINING`; ``memory``: the peak bytes of one run, 0 where unknown.
    """

    jobs: int
    threads: int
    per_second: float
    source: str
    memory: int = 0


@dataclass(frozen=True, slots=True)
class DeviceSpeed:
    """A step took ``ms`` milliseconds on ``device`` (``cpu`` or ``gpu``) in ``precision``; ``memory`` in bytes."""

    device: str
    precision: str
    threads: int
    ms: float
    memory: int


@dataclass(frozen=True, slots=True)
class Entry:
    """All that is known of one shape of work; ``measured`` is UTC, ISO 8601."""

    rates: tuple[Rate, ...] = ()
    devices: tuple[DeviceSpeed, ...] = ()
    measured: str = ""


class Known:
    """The memory in ``cache``, a folder that need not be there yet."""

    def __init__(self, cache: Path) -> None:
        self.path = cache / "machine.json"

    def of(self, shape: WorkShape, device: str = "cpu") -> Entry:
        """What is known of ``shape`` here, with ``device`` as the user has set it."""
        found = self._read().get(_key(shape, device), {})
        try:
            return Entry(
                tuple(Rate(**one) for one in found.get("rates", ())),
                tuple(DeviceSpeed(**one) for one in found.get("devices", ())),
                str(found.get("measured", "")),
            )
        except (TypeError, AttributeError):
            return Entry()

    def note_rates(self, shape: WorkShape, device: str, rates: tuple[Rate, ...]) -> Entry:
        """Remember rates; one of the same jobs, threads and source takes the place of the one before."""
        with self._changing() as entries:
            before = self.of(shape, device)
            kept = {(one.jobs, one.threads, one.source): one for one in (*before.rates, *rates)}
            after = replace(before, rates=tuple(kept.values()), measured=now())
            self._put(entries, shape, device, after)
        return after

    def note_devices(self, shape: WorkShape, device: str, speeds: tuple[DeviceSpeed, ...]) -> Entry:
        """Remember how fast each device is, instead of what was remembered of that."""
        with self._changing() as entries:
            after = replace(self.of(shape, device), devices=speeds, measured=now())
            self._put(entries, shape, device, after)
        return after

    @contextmanager
    def measuring(self) -> Iterator[None]:
        """Held by whoever measures: two at a time would measure each other. Waits for its turn."""
        with self._locked(self.path.with_name("machine.measuring")):
            yield

    def _read(self) -> dict[str, Any]:
        try:
            found = read_json(self.path)
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) and all(isinstance(one, dict) for one in found.values()) else {}

    @contextmanager
    def _changing(self) -> Iterator[dict[str, Any]]:
        with self._locked(self.path.with_name("machine.lock")):
            yield self._read()

    def _put(self, entries: dict[str, Any], shape: WorkShape, device: str, entry: Entry) -> None:
        entries.pop(_key(shape, device), None)
        entries[_key(shape, device)] = asdict(entry)
        newest = dict(list(entries.items())[-ENTRIES_KEPT:])
        write_text(self.path, json.dumps(newest, indent=1) + "\n")

    @staticmethod
    @contextmanager
    def _locked(path: Path) -> Iterator[None]:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


@cache
def this_machine() -> str:
    """What an entry holds for beside its shape: the machine, and the versions that decide its speed."""
    import psutil

    engines = []
    for name in ("tensorflow", "tensorflow-macos", "keras", "numpy"):
        try:
            engines.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    memory = round(psutil.virtual_memory().total / 2**30)
    machine = f"{platform.node()}, {platform.system()} {platform.machine()}, {cores()} cores, {memory} GiB"
    return f"{machine}; {', '.join(engines)}"


def _key(shape: WorkShape, device: str) -> str:
    return f"{this_machine()}; device {device}; {shape.text}"
