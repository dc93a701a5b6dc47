"""``python -m tests.fuzz --inputs 1000000``: every reader against mutations of valid files, for as long as it takes.

Inputs are numbered, so each can be had again: ``python -m tests.fuzz --only NAME --show NUMBER``. They are read in
child processes with a limit on memory and on the processor time of one input: a hang, a bomb and a crash of a library
end the child, not the search. What is found lies in ``build/fuzz``, one file for each kind of fault, ready to become a
regression in ``tests/fuzz/regressions/NAME``.
"""

from __future__ import annotations

import argparse
import json
import mmap
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tests.fuzz.reader import Fault, Reader, fault_of
from tests.fuzz.readers import READERS
from tests.support import REPOSITORY

SECONDS_AN_INPUT = 10.0
MEMORY_LIMIT = 6 * 2**30
AT_ONCE = 4000
FOUND = REPOSITORY / "build" / "fuzz"
#: what a child says to its parent, in shared memory: the number of the input that it is at
_PLACE = 8


@dataclass
class Tally:
    """How many inputs a reader has had, and the faults by kind with how often."""

    inputs: int = 0
    faults: Counter[str] = field(default_factory=Counter)


def main() -> int:
    """Parse the command line and search; the status is 1 where something was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=1_000_000, help="in all")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="stop after so long")
    parser.add_argument("--seed", type=int, default=1, help="other inputs")
    parser.add_argument("--only", action="append", choices=sorted(READERS), help="these readers alone")
    parser.add_argument("--show", type=int, metavar="NUMBER", help="write this input to standard output")
    parser.add_argument("--child", nargs=3, metavar=("FIRST", "COUNT", "FILE"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    chosen = [READERS[name] for name in asked.only or READERS]
    if asked.show is not None:
        sys.stdout.buffer.write(chosen[0].input(asked.seed, asked.show))
        return 0
    if asked.child:
        first, count, file = asked.child
        return _child(chosen[0], asked.seed, int(first), int(count), Path(file))
    return _search(chosen, asked.seed, asked.inputs, asked.minutes * 60)


# the parent


def _search(readers: list[Reader], seed: int, inputs: int, seconds: float) -> int:
    """Give each reader its share in turns, so that a search that is stopped early has seen all of them."""
    whole = sum(one.share for one in readers)
    wanted = {one.name: -(-int(inputs * one.share) // int(whole)) if whole >= 1 else inputs for one in readers}
    tallies = {one.name: Tally() for one in readers}
    started = time.monotonic()
    rounds = max(1, -(-inputs // (AT_ONCE * 10)))
    for turn in range(rounds):
        for one in readers:
            tally = tallies[one.name]
            until = wanted[one.name] * (turn + 1) // rounds
            while tally.inputs < until and time.monotonic() - started < seconds:
                _chunk(one, seed, tally, min(AT_ONCE, until - tally.inputs))
        _print(tallies, time.monotonic() - started)
        if time.monotonic() - started >= seconds:
            break
    return 1 if any(tally.faults for tally in tallies.values()) else 0


def _chunk(reader: Reader, seed: int, tally: Tally, count: int) -> None:
    """Some inputs in a child; where one ends the child, the next child goes on behind it."""
    with tempfile.NamedTemporaryFile() as shared:
        shared.write(b"\0" * _PLACE)
        shared.flush()
        words = [sys.executable, "-m", "tests.fuzz", "--only", reader.name, f"--seed={seed}"]
        child = subprocess.Popen(
            [*words, "--child", str(tally.inputs), str(count), shared.name],
            cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace",
        )  # fmt: skip
        out, err = child.communicate()
        done = int.from_bytes(Path(shared.name).read_bytes(), "little")
    for line in out.splitlines():
        if line.startswith("{"):
            told = json.loads(line)
            _keep(reader, seed, told["number"], Fault(told["kind"], told["text"]), tally)
    if child.returncode:
        kind = {-signal.SIGPROF: "hang", -signal.SIGKILL: "killed"}.get(
            child.returncode, f"ended with {child.returncode}"
        )
        _keep(reader, seed, tally.inputs + done, Fault(kind, err[-4000:]), tally)
        done += 1
    tally.inputs += done


def _keep(reader: Reader, seed: int, number: int, fault: Fault, tally: Tally) -> None:
    tally.faults[fault.kind] += 1
    if tally.faults[fault.kind] > 1:
        return
    name = "".join(one if one.isalnum() else "-" for one in fault.kind)[:80]
    folder = FOUND / reader.name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(reader.input(seed, number))
    (folder / f"{name}.txt").write_text(f"seed {seed}, input {number}\n{fault.kind}\n\n{fault.text}\n")
    print(f"{reader.name}: {fault.kind} (seed {seed}, input {number}), kept in {folder / name}", flush=True)


def _print(tallies: dict[str, Tally], seconds: float) -> None:
    inputs = sum(tally.inputs for tally in tallies.values())
    kinds = sum(len(tally.faults) for tally in tallies.values())
    each = ", ".join(f"{name} {tally.inputs}" for name, tally in tallies.items())
    print(f"{inputs} inputs in {seconds:.0f} s, {kinds} kinds of faults; {each}", flush=True)


# the child


def _child(reader: Reader, seed: int, first: int, count: int, file: Path) -> int:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    memory = Path("/dev/shm")
    scratch = Path(tempfile.mkdtemp(dir=memory if memory.is_dir() else None))
    os.environ.update({f"XDG_{kind}_HOME": str(scratch / kind) for kind in ("CONFIG", "CACHE", "STATE", "DATA")})
    try:
        for data in reader.seeds():  # what is imported and made once, is imported and made now
            fault_of(reader, data, scratch)
        for data in reader.seeds():
            if fault := fault_of(reader, data, scratch):
                print(json.dumps({"number": first, "kind": f"valid: {fault.kind}", "text": fault.text}), flush=True)
        with file.open("r+b") as stream, mmap.mmap(stream.fileno(), _PLACE) as place:
            for done in range(count):
                place[:] = done.to_bytes(_PLACE, "little")
                data = reader.input(seed, first + done)
                signal.setitimer(signal.ITIMER_PROF, SECONDS_AN_INPUT)
                fault = fault_of(reader, data, scratch)
                signal.setitimer(signal.ITIMER_PROF, 0)
                if fault is not None:
                    told = {"number": first + done, "kind": fault.kind, "text": fault.text}
                    print(json.dumps(told), flush=True)
            place[:] = count.to_bytes(_PLACE, "little")
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
