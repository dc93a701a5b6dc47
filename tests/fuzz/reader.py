"""What a reader of foreign bytes is to the fuzzers, and what it must never do."""

from __future__ import annotations

import resource
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tests.fuzz.mutate import mutated
from tests.fuzz.watch import watching
from timnet.errors import TimnetError

MEMORY = 768 * 2**20
"""Bytes by which a reader may make the process larger: the largest that one takes by design, and room."""
LONGEST_LINE = 4000


@dataclass(frozen=True, slots=True)
class Reader:
    """``read(data, folder)`` reads ``data`` as a user would have it read; its files lie below ``folder``.

    ``seeds`` are valid inputs, ``words`` the format's own, ``change`` how to change a seed where bytes alone would not
    get far. ``share`` of the inputs of a long run, in per cent.
    """

    name: str
    make_seeds: Callable[[], Sequence[bytes]]
    read: Callable[[bytes, Path], object]
    words: tuple[bytes, ...] = ()
    change: Callable[[bytes, Random, Reader], bytes] | None = None
    share: float = 1.0

    def seeds(self) -> Sequence[bytes]:
        """The valid inputs, made once."""
        if self.name not in _seeds:
            _seeds[self.name] = self.make_seeds()
        return _seeds[self.name]

    def input(self, seed: int, number: int) -> bytes:
        """The input of this number."""
        random = Random(f"{self.name} {seed} {number}")
        data = random.choice(self.seeds())
        if self.change is not None:
            return self.change(data, random, self)
        return mutated(data, random, self.words, self.seeds())


_seeds: dict[str, Sequence[bytes]] = {}


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that a reader did and must not. ``kind`` is the same for what is probably the same defect."""

    kind: str
    text: str


def fault_of(reader: Reader, data: bytes, folder: Path) -> Fault | None:
    """Let the reader read; None where it did, or said in one line why it does not."""
    _forget_the_most()
    before = _memory()
    with watching(folder) as seen:
        found = _read(reader, data, folder)
    if found is None and seen:
        found = Fault(f"did {seen[0].split(' ')[0]}", "\n".join(seen))
    grown = _memory() - before
    if found is None and grown > MEMORY:
        found = Fault("memory", f"the process grew by {grown / 2**20:.0f} MiB")
    return found


def _read(reader: Reader, data: bytes, folder: Path) -> Fault | None:
    try:
        reader.read(data, folder)
    except TimnetError as error:
        if len(str(error)) > LONGEST_LINE:
            return Fault("endless line", f"{type(error).__name__} of {len(str(error))} characters: {str(error)[:500]}")
    except Exception as error:
        places = traceback.extract_tb(error.__traceback__)
        ours = [one for one in places if "/timnet" in one.filename and "/tests/" not in one.filename] or places
        where = f"{Path(ours[-1].filename).name}:{ours[-1].name}"
        return Fault(f"{type(error).__name__} in {where}", traceback.format_exc()[-6000:])
    return None


def _memory() -> int:
    """The most memory that this process has held since :func:`_forget_the_most`, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _forget_the_most() -> None:
    """Have Linux count anew, so that what one input took does not hide what a later one takes."""
    with suppress(OSError), Path("/proc/self/clear_refs").open("wb", buffering=0) as file:
        file.write(b"5")
