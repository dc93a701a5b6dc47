"""``python -m tests.registry.crew``: writers that line up at a gate one after another, each in a process of its own.

Arguments: the registry, how many, and the file in which each writes its number while it is inside. Prints the pid of
each when it stands in line, then "ready"; ends when all have ended.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from timnet.paths import RegistryPaths
from timnet.registry import line
from timnet.registry.gate import Gate

PATIENCE = 120.0


def write(db: Path, number: int, turns: Path) -> None:
    with Gate(RegistryPaths(db)).held(PATIENCE), turns.open("a") as stream:
        stream.write(f"{number}\n")


def main() -> None:
    db, count, turns = Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    if sys.argv[4:] == ["strict"]:
        line.ABREAST = 1
        line.A_MOMENT = line.COURTESY = PATIENCE  # else a machine that is slow enough looks like a sleeper
    looking = line.Place(db, set())
    for number in range(count):
        pid = os.fork()
        if not pid:
            write(db, number, turns)
            os._exit(0)
        while len(looking.line()) <= number:
            time.sleep(0.002)
        sys.stdout.write(f"{pid}\n")
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for _ in range(count):
        os.wait()


if __name__ == "__main__":
    main()
