"""The measured side: a child process that makes something ready once and then does it again each time it is told to.

``python -m benchmarks.subject MODULE:FUNCTION '{"argument": 1}'``. The function returns what it can do, by name.
A line ``NAME`` on standard input does it once; the answer is a line of JSON: ``wall`` and ``cpu`` in seconds (all
threads of this process), ``peak`` in MB (what it has had in memory at most), and ``value``, what it returned.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import sys
import time
from typing import TextIO

MEGABYTE = 1e6
KILOBYTE = 1 if sys.platform == "darwin" else 1024  # the unit of ru_maxrss, in bytes


def main() -> int:
    """Serve until standard input ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print belongs into the log
    module, _, function = sys.argv[1].partition(":")
    abilities = getattr(importlib.import_module(module), function)(**json.loads(sys.argv[2]))
    _tell(answers, sorted(abilities))
    for line in sys.stdin:
        wall, cpu = time.perf_counter(), time.process_time()
        value = abilities[line.strip()]()
        sample = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu, "value": value}
        _tell(answers, sample | {"peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KILOBYTE / MEGABYTE})
    return 0


def _tell(answers: TextIO, what: object) -> None:
    answers.write(json.dumps(what) + "\n")
    answers.flush()


if __name__ == "__main__":
    sys.exit(main())
