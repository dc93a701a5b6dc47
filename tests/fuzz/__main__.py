"""``python -m tests.fuzz --inputs 1000000``: every reader against mutations of valid files, for as long as it takes.

Inputs are numbered, so each can be had again: ``python -m tests.fuzz --only NAME --show NUMBER`` (for readers whose
valid files carry times or random names, one much like it; what was found is kept as it was read). They are read in
child processes with a limit on memory and on the time of one input: a hang, a bomb and a crash of a library end the
child, not the search. What is found lies in ``build/fuzz``, one file for each kind of fault, ready to become a
regression in ``tests/fuzz/regressions/NAME``.
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from tests.fuzz.reader import Fault, Reader, fault_of
from tests.fuzz.readers import READERS
from tests.fuzz.watch import unclean
from tests.support import REPOSITORY
from timnet.registry import database, filesystem

#: of the processor, for one input
SECONDS_AN_INPUT = 10.0
#: of the clock, where an input waits for something that never comes: much, as the machine may be busy
WAIT_AN_INPUT = 600.0
MEMORY_LIMIT = 6 * 2**30
#: inputs after which the next reader has its turn, all readers together
A_TURN = 200_000
FOUND = REPOSITORY / "build" / "fuzz"
#: bytes of a child's standard error that are kept
KEPT = 2**20


@dataclass
class Tally:
    """How many inputs a reader has had, the processor's seconds they took, and the faults by kind with how often."""

    inputs: int = 0
    seconds: float = 0.0
    faults: Counter[str] = field(default_factory=Counter)


def main() -> int:
    """Parse the command line and search; the status is 1 where something was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=1_000_000, help="in all")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="stop after so long")
    parser.add_argument("--seed", type=int, default=1, help="other inputs")
    parser.add_argument("--only", action="append", choices=sorted(READERS), help="these readers alone")
    parser.add_argument("--show", type=int, metavar="NUMBER", help="write this input to standard output")
    parser.add_argument("--child", nargs=4, metavar=("FIRST", "COUNT", "UNTIL", "FOLDER"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    chosen = [READERS[name] for name in asked.only or READERS]
    if asked.show is not None:
        sys.stdout.buffer.write(chosen[0].input(asked.seed, asked.show))
        return 0
    if asked.child:
        first, count, until, folder = asked.child
        return child(chosen[0], asked.seed, range(int(first), int(first) + int(count)), float(until), Path(folder))
    return _search(chosen, asked.seed, asked.inputs, time.monotonic() + asked.minutes * 60)


# the parent


def _search(readers: list[Reader], seed: int, inputs: int, until: float) -> int:
    """Give each reader its share in turns, so that a search that is stopped early has seen all of them."""
    whole = sum(one.share for one in readers)
    tallies = {one.name: Tally() for one in readers}
    started = time.monotonic()
    turns = max(1, -(-inputs // A_TURN))
    for turn in range(1, turns + 1):
        for one in readers:
            tally = tallies[one.name]
            goal = -(-int(inputs * one.share * turn) // int(whole * turns))
            while tally.inputs < goal and time.monotonic() < until:
                _chunk(one, seed, tally, goal - tally.inputs, until)
        _print(tallies, time.monotonic() - started)
    return 1 if any(tally.faults for tally in tallies.values()) else 0


def _chunk(reader: Reader, seed: int, tally: Tally, count: int, until: float) -> None:
    """Some inputs in a child; where one ends the child, the next child goes on behind it."""
    memory = Path("/dev/shm")
    before = _of_children()
    with (
        tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as place,
        tempfile.TemporaryFile() as said,
    ):
        folder = Path(place)
        words = [sys.executable, "-m", "tests.fuzz", "--only", reader.name, f"--seed={seed}"]
        child = subprocess.run(
            [*words, "--child", str(tally.inputs), str(count), str(until), place],
            cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=said, text=True, errors="replace", check=False,
        )  # fmt: skip
        for line in child.stdout.splitlines():
            if line.startswith("{"):
                told = json.loads(line)
                data = (folder / str(told["number"])).read_bytes()
                _keep(reader, seed, told["number"], data, Fault(told["kind"], told["text"]), tally)
        done, data = reached(folder)
        if child.returncode:
            said.seek(0)
            if not (folder / "input").exists():
                sys.exit(f"{reader.name} did not begin to read:\n{said.read().decode('utf-8', 'replace')}")
            names = {-signal.SIGPROF: "hang", -signal.SIGALRM: "waits", -signal.SIGKILL: "killed"}
            kind = names.get(child.returncode, f"ended with {child.returncode}")
            text = said.read().decode("utf-8", "replace")[-4000:]
            _keep(reader, seed, tally.inputs + done, data, Fault(kind, text), tally)
            done += 1
    tally.inputs += done
    tally.seconds += _of_children() - before


def reached(folder: Path) -> tuple[int, bytes]:
    """How many inputs a child has read, and the one that it is at."""
    held = (folder / "input").read_bytes() if (folder / "input").exists() else bytes(16)
    size = int.from_bytes(held[8:16], "little")
    return int.from_bytes(held[:8], "little"), held[16 : 16 + size]


def _of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _keep(reader: Reader, seed: int, number: int, data: bytes, fault: Fault, tally: Tally) -> None:
    tally.faults[fault.kind] += 1
    if tally.faults[fault.kind] > 1:
        return
    name = "".join(one if one.isalnum() else "-" for one in fault.kind)[:80]
    folder = FOUND / reader.name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)
    (folder / f"{name}.txt").write_text(f"seed {seed}, input {number}\n{fault.kind}\n\n{fault.text}\n")
    print(f"{reader.name}: {fault.kind} (seed {seed}, input {number}), kept in {folder / name}", flush=True)


def _print(tallies: dict[str, Tally], seconds: float) -> None:
    inputs = sum(tally.inputs for tally in tallies.values())
    kinds = [f"{name}: {kind} x {often}" for name, tally in tallies.items() for kind, often in tally.faults.items()]
    processor = sum(tally.seconds for tally in tallies.values())
    each = ", ".join(f"{name} {tally.inputs} in {tally.seconds:.0f} s" for name, tally in tallies.items())
    took = f"{inputs} inputs in {seconds:.0f} s ({processor:.0f} s of the processor)"
    print(f"{took}, {len(kinds)} kinds of faults; {each}", *kinds, sep="\n", flush=True)


# the child


def child(reader: Reader, seed: int, numbers: range, until: float, folder: Path) -> int:
    """Read the inputs; faults go to standard output, and each input to ``folder``, where it is what ended the child."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    faulthandler.enable()
    scratch, here = folder / "scratch", folder / "here"
    scratch.mkdir()
    here.mkdir()
    os.environ.update({f"XDG_{kind}_HOME": str(scratch / kind) for kind in ("CONFIG", "CACHE", "STATE", "DATA")})
    vars(database)["network_filesystem"] = cache(filesystem.network_filesystem)  # a tenth of the time, and no reading
    seeds = reader.seeds()
    os.chdir(here)  # what is written to a name without a folder is seen

    def tell(number: int, data: bytes, fault: Fault) -> None:
        (folder / str(number)).write_bytes(data)
        print(json.dumps({"number": number, "kind": fault.kind, "text": fault.text}), flush=True)

    for data in seeds:  # what is imported and made once, is imported and made now
        fault_of(reader, data, scratch)
    told = _listener()
    for data in seeds:
        if fault := fault_of(reader, data, scratch):
            tell(numbers[0], data, Fault(f"valid: {fault.kind}", fault.text))
    place = os.open(folder / "input", os.O_RDWR | os.O_CREAT, 0o600)
    for done, number in enumerate(numbers):
        data = reader.input(seed, number)
        os.pwrite(place, b"".join((done.to_bytes(8, "little"), len(data).to_bytes(8, "little"), data)), 0)
        if time.monotonic() > until:
            return 0
        signal.setitimer(signal.ITIMER_PROF, SECONDS_AN_INPUT)
        signal.setitimer(signal.ITIMER_REAL, WAIT_AN_INPUT)
        fault = fault_of(reader, data, scratch)
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.setitimer(signal.ITIMER_PROF, 0)
        if fault is None and os.listdir(here):  # noqa: PTH208 - thousands of times a second
            fault = Fault("a file where it was started", str(sorted(here.iterdir())))
        if fault is None and (bad := unclean(told().replace("\t", " "))):
            fault = Fault("steers the terminal", f"on standard error: {bad!r}")
        if fault is not None:
            tell(number, data, fault)
    os.pwrite(place, len(numbers).to_bytes(8, "little"), 0)
    return 0


def _listener() -> Callable[[], str]:
    """What has been said on standard error, a file, since the last call, by libraries too."""
    heard = os.fstat(2).st_size

    def told() -> str:
        nonlocal heard
        size = os.fstat(2).st_size
        if size <= heard:
            return ""
        sys.stderr.flush()
        text = os.pread(2, size - heard, heard).decode("utf-8", "surrogateescape")
        heard = size
        if size > KEPT:
            os.ftruncate(2, 0)
            heard = os.lseek(2, 0, os.SEEK_SET)
        return text

    return told


if __name__ == "__main__":
    sys.exit(main())
