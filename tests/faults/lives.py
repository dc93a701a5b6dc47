"""When the processes of a queue are to die: moments spread over all runs, and over every part of a run's life."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from statistics import median

from timnet.paths import RunPaths
from timnet.records import CHECK_KINDS, EventKind
from timnet.registry import Registry


class Part(StrEnum):
    """A part of a process's life."""

    BEGIN = "begin"
    EPOCHS = "epochs"
    END = "end"


SHARES = {Part.BEGIN: 4, Part.EPOCHS: 13, Part.END: 3}
"""Of twenty kills. One among the epochs may be in a step, in an evaluation, or in any of what is written of each."""


class Found(StrEnum):
    """What a kill has left behind, by which it is known what it has hit."""

    BEGINNING = "while it began"
    EPOCH = "in the first epoch or between steps"
    FILE = "in the middle of a file"
    ROW = "between an epoch's row and its resume point"
    END = "after the last epoch"


@dataclass(frozen=True, slots=True)
class Life:
    """Seconds of an undisturbed process: until its first epoch is recorded, of an epoch, and after the last one."""

    begin: float
    epoch: float
    end: float


@dataclass(frozen=True, slots=True)
class Moment:
    """A process dies when its run has come to ``epoch``, and a ``share`` of this part's seconds is over.

    At the beginning it is of no matter how far the run has come: the next process that begins is meant.
    """

    epoch: int
    part: Part
    share: float


def plan(uids: list[str], kills: int, epochs: int, dice: random.Random) -> dict[str, list[Moment]]:
    """As many moments as there are ``kills``, as evenly among the runs as can be; each run's in their order.

    Those that begin first are killed near and after their last epochs too: should one come to its end before its last
    moment, those that begin later can still take it over.
    """
    parts = [part for part, share in SHARES.items() for _ in range(share)]
    parts = [parts[number * len(parts) // kills] for number in range(kills)]
    dice.shuffle(parts)
    first = [*range((len(uids) + 1) // 2)]
    moments: dict[str, list[Moment]] = {uid: [] for uid in uids}
    for part in sorted(parts, key=lambda one: one is not Part.END):
        fewest = min(first if part is Part.END else range(len(uids)), key=lambda place: len(moments[uids[place]]))
        last = epochs if fewest in first else 3 * epochs // 4
        epoch = epochs if part is Part.END else dice.randrange(last)
        moments[uids[fewest]].append(Moment(epoch, part, dice.random()))
    for mine in moments.values():
        mine.sort(key=lambda one: (one.epoch, dice.random()))
    return moments


def seconds_between(before: str, after: str) -> float:
    return (datetime.fromisoformat(after) - datetime.fromisoformat(before)).total_seconds()


def life_of(registry: Registry) -> Life:
    """How the runs of a queue live that nobody has disturbed, in the middle of them all."""
    begins, epochs, ends = [], [], []
    for run in registry.runs.ls():
        [attempt] = registry.results.attempts(run.id)
        forked = registry.paths.run(run.uid).log.read_text().split()[0]
        times = [event.time for event in registry.results.events(run.id) if event.kind in CHECK_KINDS]
        assert attempt.ended is not None
        begins.append(seconds_between(forked, times[0]))
        epochs.append(seconds_between(times[0], times[-1]) / max(1, len(times) - 1))
        ends.append(seconds_between(times[-1], attempt.ended))
    return Life(median(begins), median(epochs), median(ends))


def found_of(registry: Registry, uid: str, attempt: int, epochs: int) -> Found:
    """What an attempt at a run was doing when it was killed; to be asked before its successor has come far."""
    paths: RunPaths = registry.paths.run(uid)
    if [*paths.folder.rglob(".*.tmp")]:
        return Found.FILE
    points = paths.checkpoints()
    saved = int(points[-1].stem.removeprefix("epoch-")) if points else 0
    [(run_id, epoch)] = registry.db.tuples("SELECT id, epoch FROM runs WHERE uid = ?", (uid,))
    begun = (EventKind.STARTED, EventKind.RESUMED)
    if not any(one.attempt == attempt and one.kind in begun for one in registry.results.events(run_id)):
        return Found.BEGINNING
    if epoch > saved:
        return Found.ROW
    return Found.END if saved == epochs else Found.EPOCH


def in_words(found: Counter[Found]) -> str:
    """``31 while it began, 120 in the first epoch or between steps, ...``."""
    return ", ".join(f"{found[kind]} {kind}" for kind in Found)
