"""How many runs to train at once: what gives the most epochs a second here, within the memory there is."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from timnet.cores import cores, pinned
from timnet.errors import TimnetError
from timnet.machine.known import PROBE, TRAINING, Entry, Known, Rate
from timnet.machine.shape import WorkShape
from timnet.tasks import run_task

PROBE_SECONDS = 40.0
"""After so long no further measurement is begun. The queue waits meanwhile, once for a shape of work."""

ALIKE = 0.03
"""Rates that differ by less are alike: then fewer runs at once, which need less memory and end sooner."""

MEMORY_SHARE = 0.85
"""Of the memory that is free, what runs may fill."""

BUSY, BUSY_SECONDS = 0.3, 0.5
"""A machine whose cores are in use to more than this share, looked at for so long, shows nothing true."""


@dataclass(frozen=True, slots=True)
class Places:
    """``jobs`` runs at once with ``threads`` each, and why, in one line."""

    jobs: int
    threads: int
    why: str


def candidates(count: int) -> list[tuple[int, int]]:
    """(jobs, threads) worth measuring on ``count`` cores: one run first, as its memory bounds the others.

    Then one run a core, half as many, and so on down. The threads of all runs together fill the cores.
    """
    jobs, found = count, [1]
    while jobs > 1:
        found.append(jobs)
        jobs //= 2
    return [(one, max(1, count // one)) for one in dict.fromkeys(found)]


def decide(entry: Entry, free: int, count: int) -> Places | None:
    """The best of what is known, in ``free`` bytes of memory on ``count`` cores; None where too little is.

    Real training, where it has shown at least two ways, is believed before a probe.
    """
    for source, least in ((TRAINING, 2), (PROBE, 1)):
        rates = [one for one in entry.rates if one.source == source and one.jobs * one.threads <= count]
        if len({one.jobs for one in rates}) >= least:
            return _best(rates, most_in(free, max(one.memory for one in entry.rates)), entry.measured)
    return None


def most_in(free: int, memory: int) -> int | None:
    """How many runs of ``memory`` bytes each fit; None where their memory is not known. At least one is tried."""
    return max(1, int(free * MEMORY_SHARE) // memory) if memory else None


def one_a_core(why: str) -> Places:
    """What is done where nothing is known."""
    return Places(cores(), 1, f"{_runs(cores(), 1)}, one a core ({why})")


def settle(
    shape: WorkShape, known: Known, device: str, say: Callable[[str], None], stop: threading.Event | None = None
) -> Places:
    """The places for ``shape``: from what is known, else measured now. A probe that fails never stops the work."""
    decided = decide(known.of(shape, device), free_memory(), cores())
    if decided is not None:
        return decided
    if busy() > BUSY:
        return one_a_core("other programs keep this machine busy, so nothing is measured now")
    say("measuring how many runs at once are best here; this is done once for a shape of work")
    try:
        with known.measuring():
            entry = known.of(shape, device)
            if decide(entry, free_memory(), cores()) is None:  # else somebody else has measured meanwhile
                entry = known.note_rates(shape, device, probe(shape, device, stop=stop))
    except (TimnetError, OSError) as error:
        return one_a_core(f"it could not be measured: {error}")
    return decide(entry, free_memory(), cores()) or one_a_core("no measurement came to an end")


def probe(
    shape: WorkShape, device: str, seconds: float = PROBE_SECONDS, stop: threading.Event | None = None
) -> tuple[Rate, ...]:
    """Measure :func:`candidates` in a process of its own. Raises :class:`TimnetError` when that dies."""
    question: dict[str, Any] = {
        "shape": shape.to_dict(),
        "device": device,
        "free": free_memory(),
        "ways": candidates(cores()),
        "seconds": seconds,
    }
    found = run_task("timnet.training.probe", ["places", json.dumps(question)], environment=pinned(1), stop=stop)
    return tuple(Rate(**one) for one in found)


def free_memory() -> int:
    """Bytes that new processes may fill."""
    import psutil

    return int(psutil.virtual_memory().available)


def busy() -> float:
    """The share of the machine's cores that are in use."""
    import psutil

    return psutil.cpu_percent(interval=BUSY_SECONDS) / 100


def _best(rates: Sequence[Rate], most: int | None, measured: str) -> Places:
    fitting = [one for one in rates if most is None or one.jobs <= most] or [min(rates, key=lambda one: one.jobs)]
    top = max(one.per_second for one in fitting)
    best = min((one for one in fitting if one.per_second >= top * (1 - ALIKE)), key=lambda one: one.jobs)
    others = "".join(
        f"; {one.jobs} x {one.threads}: {one.per_second:.3g}"
        for one in sorted(rates, key=lambda one: one.jobs)
        if one is not best
    )
    kept = "" if most is None or len(fitting) == len(rates) else f"; no more than {most} fit into the free memory"
    by = "by training" if best.source == TRAINING else "by a probe"
    why = f"{best.per_second:.3g} epochs a second{others}, measured {by} {measured[:10]}{kept}"
    return Places(best.jobs, best.threads, f"{_runs(best.jobs, best.threads)}: {why}")


def _runs(jobs: int, threads: int) -> str:
    return (
        f"{jobs} run{'s' if jobs != 1 else ''} at once, {threads} thread{'s' if threads != 1 else ''}"
        f"{' each' if jobs != 1 else ''}"
    )
