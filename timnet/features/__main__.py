"""``python -m timnet.features``: extract a corpus's features, or check them, in a process of its own."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from timnet.cores import pinned
from timnet.features.compare import compare
from timnet.features.extract import Order, extract, read_utterances
from timnet.features.recipe import MfccRecipe
from timnet.tasks import Progress, serve_task

# One thread a process: with more, the small products of this work only get in each other's way (3 to 8
# times slower on a busy machine). Read when numpy is first imported, which happens inside ``extract``.
ONE_THREAD = pinned(1)


def main() -> int:
    """Do one order; progress and the array's path go to standard output as :mod:`timnet.tasks` says."""
    parser = argparse.ArgumentParser(prog="python -m timnet.features")
    parser.add_argument("--corpus", default="")
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--utterances", type=Path, required=True, help="JSON list of utterances, in row order")
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--signal-length", type=int, required=True)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--check", action="store_true", help="compare what is cached with librosa's own call")
    a = parser.parse_args()
    os.environ.update(ONE_THREAD)
    # An end asked for politely unwinds as an exception does, so that nothing half-written stays behind.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    return serve_task(lambda report: _check(a, report) if a.check else _extract(a, report))


def _extract(a: argparse.Namespace, report: Callable[[Progress], None]) -> str:
    recipe = MfccRecipe(a.signal_length)
    return str(extract(Order(a.corpus, a.folder, read_utterances(a.utterances), recipe, a.cache, a.jobs), report))


def _check(a: argparse.Namespace, report: Callable[[Progress], None]) -> dict[str, Any]:
    return compare(a.folder, read_utterances(a.utterances), MfccRecipe(a.signal_length), a.cache, report)


if __name__ == "__main__":
    sys.exit(main())
