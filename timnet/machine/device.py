"""Which device trains fastest: timed once for each machine, versions and shape of work, then remembered."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from timnet.cores import pinned
from timnet.errors import TimnetError
from timnet.machine.known import DeviceSpeed, Known
from timnet.machine.shape import WorkShape
from timnet.tasks import Progress, run_task

BOTH = ("cpu", "gpu")
TRAINED = "float32"
"""The precision that runs train in. Others are measured for ``timnet doctor --benchmark`` alone."""


def chosen(shape: WorkShape, known: Known, threads: int, usual: str, say: Callable[[str], None]) -> str:
    """``cpu`` or ``gpu``, whichever is faster for ``shape``; ``usual`` where that cannot be measured."""
    speeds = known.of(shape, "auto").devices
    if not covers(speeds, threads):
        say("measuring which device is faster; this is done once for a shape of work")
        try:
            with known.measuring():
                speeds = known.of(shape, "auto").devices
                if not covers(speeds, threads):  # else another run has measured meanwhile
                    speeds = measure(shape, BOTH, threads, (TRAINED,))
                    known.note_devices(shape, "auto", speeds)
        except (TimnetError, OSError) as error:
            say(f"that could not be measured ({error}); taking the {usual.upper()}")
            return usual
    best = fastest(speeds)
    if best is None:
        return usual
    told = ", ".join(f"{one.device.upper()} {one.ms:.3g} ms" for one in speeds if one.precision == TRAINED)
    say(f"a step takes: {told}; training on the {best.upper()}")
    return best


def fastest(speeds: Sequence[DeviceSpeed]) -> str | None:
    """The device whose steps in the precision of training took least; None where nothing was measured."""
    timed = [one for one in speeds if one.precision == TRAINED]
    return min(timed, key=lambda one: one.ms).device if timed else None


def covers(speeds: Sequence[DeviceSpeed], threads: int) -> bool:
    """Whether ``speeds`` tell of both devices, the CPU with so many threads."""
    timed = {(one.device, one.threads) for one in speeds if one.precision == TRAINED}
    return all((device, threads) in timed for device in BOTH)


def measure(
    shape: WorkShape,
    devices: Sequence[str],
    threads: int,
    precisions: Sequence[str],
    on_progress: Callable[[Progress], None] | None = None,
) -> tuple[DeviceSpeed, ...]:
    """Time steps on ``devices`` in a process of its own; what does not work there is left out.

    Raises :class:`TimnetError` when it dies.
    """
    question = {"shape": shape.to_dict(), "devices": list(devices), "threads": threads, "precisions": list(precisions)}
    found = run_task("timnet.training.probe", ["devices", json.dumps(question)], on_progress, pinned(threads))
    return tuple(DeviceSpeed(**one) for one in found)
