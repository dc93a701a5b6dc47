"""How a training process ended, in words, with what to do about it."""

from __future__ import annotations

import os
import re
import signal
from contextlib import suppress
from pathlib import Path

from timnet.text import clean

TAIL_BYTES = 1 << 13
LONGEST = 200
LESS = "train fewer runs at once (--jobs) or with a smaller batch_size"

_NO_MEMORY = re.compile(r"MemoryError|ResourceExhausted|RESOURCE_EXHAUSTED|bad_alloc|\bOOM\b|[Oo]ut of memory")
_OWN_LINE = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z ")


def in_words(status: int, log: Path, log_from: int, *, memory_ran_out: bool) -> str:
    """What is to be told of a process that ended with ``status`` (negative for a signal) and did not say why.

    Its last words stand in ``log`` behind ``log_from`` bytes. ``memory_ran_out``: the kernel has just killed for lack
    of memory, which leaves no last words.
    """
    if status == -signal.SIGKILL and memory_ran_out:
        return f"its process was killed by SIGKILL while the machine ran out of memory; {LESS}"
    what = f"was killed by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
    said = _tail(log, log_from)
    last = next((line for line in reversed(said) if line.strip()), "")
    if _NO_MEMORY.search("\n".join(said)):
        return f"its process {what}, as memory ran out; {LESS}"
    if status < 0:
        return f"its process {what}"
    told = "" if not last or _OWN_LINE.match(last) else f" ({_short(clean(last.strip()))})"
    return f"its process {what}{told}; see its log"


class MemoryKills:
    """Whether the kernel has killed a process for lack of memory in the last two looks, as far as Linux tells."""

    def __init__(self) -> None:
        self._older = self._newer = _count()

    def look(self) -> None:
        """To be called about once a second."""
        self._older, self._newer = self._newer, _count()

    def rising(self) -> bool:
        """Whether there was such a kill since the look before the last one."""
        return _count() > self._older


def _count() -> int:
    """Kills for lack of memory since the machine was started; 0 where nobody counts them."""
    with suppress(OSError, ValueError):
        for line in Path("/proc/vmstat").read_text().splitlines():
            name, _, number = line.partition(" ")
            if name == "oom_kill":
                return int(number)
    return 0


def _tail(log: Path, log_from: int) -> list[str]:
    with suppress(OSError), log.open("rb") as stream:
        stream.seek(max(log_from, stream.seek(0, os.SEEK_END) - TAIL_BYTES))
        return stream.read(TAIL_BYTES).decode(errors="replace").splitlines()
    return []


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
