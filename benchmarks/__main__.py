"""``make bench``: measure every figure, keep the numbers, and put the table into docs/performance.md."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.bench import PEERS, Bench, Row
from benchmarks.figures import FIGURES
from benchmarks.report import keep, line, machine, put_into_page, table

PEER_LIBRARIES = ("tf-keras", "torch")


def main() -> int:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", action="append", choices=list(FIGURES), help="this figure; may be given again")
    parser.add_argument("--turns", type=int, default=5, help="how often each is measured (5)")
    parser.add_argument("--quick", action="store_true", help="fewer sizes and two turns: does it all work?")
    parser.add_argument("--list", action="store_true", help="name the figures and leave")
    arguments = parser.parse_args()
    if arguments.list:
        sys.stdout.write("\n".join(FIGURES) + "\n")
        return 0
    if not PEERS.exists():
        sys.stderr.write("the peers' environment is not there; make it with: make bench-peers\n")
        return 2
    about = machine(_peer_versions())
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="timnet-bench-") as scratch:
        for name in arguments.only or FIGURES:
            started = time.perf_counter()
            folder = Path(scratch) / name
            folder.mkdir()
            bench = Bench(folder, turns=2 if arguments.quick else arguments.turns, quick=arguments.quick)
            for row in FIGURES[name](bench):
                rows.append(row)
                sys.stderr.write(line(row))  # at once: a figure takes minutes, and may be stopped
            sys.stderr.write(f"{name}: {time.perf_counter() - started:.0f} s\n")
    text = table(rows, about)
    sys.stdout.write(text)
    sys.stderr.write(f"kept in {keep(rows, about)}\n")
    if not arguments.only and not arguments.quick:
        put_into_page(text)
    return 0


def _peer_versions() -> dict[str, str]:
    """The versions of the peers, as their own interpreter knows them."""
    program = "import importlib.metadata as m, sys; print(*(m.version(n) for n in sys.argv[1:]))"
    words = [str(PEERS), "-c", program, *PEER_LIBRARIES]
    found = subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()
    return dict(zip(PEER_LIBRARIES, found, strict=True))


if __name__ == "__main__":
    sys.exit(main())
