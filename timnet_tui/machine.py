"""How busy this machine is, for the strip: processors, memory, and a graphics card where one can be asked."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Machine:
    """Shares between 0 and 1, None where unknown. ``gpu`` is the busiest card's share, ``gpu_memory`` its memory's."""

    cpu: float | None = None
    memory: float | None = None
    gpu: float | None = None
    gpu_memory: float | None = None


#: looks between two questions to the graphics card, which start a process
GPU_EVERY = 5
_QUERY = ("--query-gpu=utilization.gpu,memory.used,memory.total", "--format=csv,noheader,nounits")


class MachineReader:
    """Asks once a second. Belongs to the poller's thread."""

    def __init__(self) -> None:
        self._smi = shutil.which("nvidia-smi")
        self._looks = 0
        self._gpu: tuple[float | None, float | None] = (None, None)

    def read(self) -> Machine:
        """How busy the machine was since the last look."""
        import psutil

        if self._smi and self._looks % GPU_EVERY == 0:
            self._gpu = gpu_of(_ask(self._smi))
        self._looks += 1
        # rounded: a strip that changes with every thousandth would be drawn for nothing
        return Machine(
            round(psutil.cpu_percent() / 100, 2), round(psutil.virtual_memory().percent / 100, 2), *self._gpu
        )


def gpu_of(answer: str) -> tuple[float | None, float | None]:
    """The shares of time and of memory in use of the busiest card in nvidia-smi's ``answer``, which may be cut."""
    busiest: tuple[float | None, float | None] = (None, None)
    for line in answer.splitlines():
        try:
            share, used, total = (float(part) for part in line.split(","))
        except ValueError:
            continue
        if busiest[0] is None or share / 100 > busiest[0]:
            busiest = share / 100, used / total if total else None
    return busiest


def _ask(smi: str) -> str:
    try:
        asked = subprocess.run([smi, *_QUERY], capture_output=True, text=True, timeout=2, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return asked.stdout if asked.returncode == 0 else ""
