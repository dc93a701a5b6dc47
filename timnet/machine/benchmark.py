"""``timnet doctor --benchmark``: this machine's devices and places, measured now and remembered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from timnet.cores import cores
from timnet.machine import places
from timnet.machine.device import BOTH, measure
from timnet.machine.known import DeviceSpeed, Known, Rate
from timnet.machine.shape import EMODB, WorkShape
from timnet.settings import Settings

ALL_PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")


@dataclass(frozen=True, slots=True)
class Benchmark:
    """``speeds``: a step, by device, precision and threads. ``rates``: epochs a second, by runs at once.

    ``busy`` is the share of the cores that other programs kept in use just before.
    """

    shape: WorkShape
    speeds: tuple[DeviceSpeed, ...]
    rates: tuple[Rate, ...]
    places: str
    busy: float

    def to_dict(self) -> dict[str, Any]:
        """Plain values: milliseconds, bytes, epochs a second, fractions."""
        return asdict(self)


def benchmark(settings: Settings, say: Callable[[str], None]) -> Benchmark:
    """Measure steps on each device and in each precision, then runs at once, for EMODB as published.

    What it finds takes the place of what was remembered, unless other programs kept the machine busy. Raises
    :class:`timnet.errors.TimnetError` where TensorFlow cannot be used.
    """
    shape, known, device = EMODB, Known(settings.cache), settings.device
    busy = places.busy()
    devices = BOTH if device == "auto" else (device,)
    with known.measuring():
        speeds: tuple[DeviceSpeed, ...] = ()
        for threads in dict.fromkeys((1, cores())):
            say(f"timing steps, {threads} thread{'s' if threads > 1 else ''}")
            asked = ALL_PRECISIONS if threads == 1 else ALL_PRECISIONS[:1]
            speeds += measure(shape, devices if threads == 1 else ("cpu",), threads, asked)
        say("timing runs at once")
        rates = places.probe(shape, device)
    if busy <= places.BUSY:
        known.note_devices(shape, device, speeds)
        known.note_rates(shape, device, rates)
    decided = places.decide(known.of(shape, device), places.free_memory(), cores())
    return Benchmark(shape, speeds, rates, (decided or places.one_a_core("nothing is known yet")).why, busy)
