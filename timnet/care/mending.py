"""``timnet registry check --repair``: what can safely be put right, after a backup, with a word on each thing done."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from timnet.care.checking import Checked, check, newest_readable
from timnet.care.weights_files import history_of
from timnet.errors import BadInput
from timnet.queue.liveness import reap, try_lock, unlock
from timnet.records import EpochRecord
from timnet.registry import Registry
from timnet.registry.backup import keep
from timnet.registry.check import Finding, Kind
from timnet.registry.files import Files
from timnet.registry.repair import Best, Repair
from timnet.training.rule import BestSoFar, judge

_OF_EPOCHS = {Kind.EPOCHS, Kind.DERIVED}


@dataclass(frozen=True, slots=True)
class Repaired:
    """What a repair did. ``backup`` is None where there was nothing to repair; ``left`` is the check after it."""

    backup: Path | None
    done: tuple[str, ...]
    left: Checked

    def to_dict(self) -> dict[str, Any]:
        """Plain values for ``timnet registry check --repair --json``."""
        return {
            **self.left.to_dict(),
            "backup": str(self.backup) if self.backup else None,
            "repaired": list(self.done),
        }


def repair(path: Path, max_crashes: int, *, quick: bool = False) -> Repaired:
    """Check the registry at ``path`` and put right what can be computed anew or is decided by what is there.

    Runs that a process holds are left alone. Everything else stays for a human to decide.
    """
    found = check(path, quick=quick)
    if not found.reparable:
        return Repaired(None, (), found)
    backup = keep(path, "repair")
    with Registry.open(path) as registry:
        done = _repair(registry, found, max_crashes)
    return Repaired(backup, tuple(done), check(path, quick=quick))


def _repair(registry: Registry, found: Checked, max_crashes: int) -> list[str]:
    done: list[str] = []
    if any(one.kind in (Kind.INTEGRITY, Kind.SCHEMA) for one in found.reparable):
        missing = Repair(registry.db).indexes()
        done.append(f"indexes built anew{f', {len(missing)} of them missing before' if missing else ''}")
    done += requeue_dead(registry, max_crashes)
    of_runs = sorted((one for one in found.reparable if one.run_id), key=lambda one: one.run_id)
    for run_id, some in groupby(of_runs, lambda one: one.run_id):
        done += _Mending(registry, run_id, list(some)).lines()
    return done


def requeue_dead(registry: Registry, max_crashes: int) -> list[str]:
    """Put the runs whose process is gone where they belong; a line for each."""
    return [f"run {run.key}: its process is gone; it is {state} now" for run, state in reap(registry, max_crashes)]


class _Mending:
    """One run's repair, under its lock."""

    def __init__(self, registry: Registry, run_id: int, findings: list[Finding]) -> None:
        self._registry = registry
        self._repair = Repair(registry.db)
        self._run_id = run_id
        self._key = findings[0].run
        self._findings = findings
        self._uid = Files(registry.db).uid(run_id)

    def lines(self) -> list[str]:
        """Do it; a line for each thing done."""
        kinds = {one.kind for one in self._findings}
        steps: list[tuple[bool, Callable[[], Iterator[str]]]] = [
            (bool(kinds & {Kind.MISSING, Kind.DAMAGED}), self._files),
            (Kind.EPOCHS in kinds, self._heal),
            (bool(kinds & _OF_EPOCHS), self._derive),
            (Kind.ATTEMPT in kinds, self._attempts),
        ]
        with self._locked() as mine:
            if not mine:
                return [f"run {self._key}: left alone, a process holds it"]
            return [f"run {self._key}: {line}" for wanted, step in steps if wanted for line in step()]

    @contextmanager
    def _locked(self) -> Iterator[bool]:
        lock = try_lock(self._registry.paths.run(self._uid).lock)
        try:
            yield lock is not None
        finally:
            if lock is not None:
                unlock(lock)

    def _files(self) -> Iterator[str]:
        """Rows that name resume points or best weights that cannot be used."""
        for one in Files(self._registry.db).named_by(self._run_id):
            broken = any(finding.file == one.path for finding in self._findings)
            if not (one.checkpoint and one.kind != "final" and broken):
                continue
            before = newest_readable(self._registry, self._uid) if one.kind == "last" else None
            if before is not None:
                self._repair.point_to(self._run_id, "last", *before)
                yield f"its resume point is now that of epoch {before[0]}"
            else:
                Files(self._registry.db).forget(self._run_id, one.kind, one.path)
                yield f"the registry names no {one.kind} weights of it any more"

    def _history(self) -> tuple[EpochRecord, ...]:
        newest = newest_readable(self._registry, self._uid)
        return (history_of(newest[1]) or ()) if newest else ()

    def _heal(self) -> Iterator[str]:
        healed = self._repair.heal(self._run_id, self._history())
        if healed:
            yield f"{len(healed)} epoch{'' if len(healed) == 1 else 's'} brought back from its resume point"

    def _derive(self) -> Iterator[str]:
        history = self._history()
        if self._repair.derive(self._run_id, self._best(), history[-1].metrics.epoch if history else 0):
            yield "its last, best and smoothed values computed anew from its epochs"

    def _best(self) -> Best | None:
        """The best epoch, as the checkpoint rule finds it; None where another program has chosen it."""
        try:
            experiment = Files(self._registry.db).experiment_of(self._run_id)
        except (ValueError, BadInput):  # its settings cannot be read
            return None
        if experiment.source not in ("trained", "bundle"):
            return None
        best = BestSoFar()
        for metrics in self._registry.results.epochs(self._run_id):
            best = judge(experiment.config, best, metrics).best
        return best.epoch, best.value

    def _attempts(self) -> Iterator[str]:
        self._repair.end_attempts(self._run_id)
        yield "its attempts that were left open are ended"
