"""What an epoch's records cost: a fenced row, weights and an exact resume point, beside Keras's files."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.bench import ONE_THREAD, Bench, Row, Subject, compared
from benchmarks.peers.logger import EPOCHS

CALLBACKS = "`CSVLogger`, `ModelCheckpoint`"


def measure(bench: Bench) -> Iterator[Row]:
    """Milliseconds an epoch."""
    given = {"folder": str(bench.scratch)}
    subjects = [
        Subject("timnet", "benchmarks.ours.logger:subject", given, ONE_THREAD),
        Subject(CALLBACKS, "benchmarks.peers.logger:subject", given, ONE_THREAD, peer=True),
    ]
    with bench.children(subjects) as children:
        found = bench.in_turn(children, "epochs")
    for part, name in (("cpu", "CPU time"), ("wall", "wall time")):
        both = [[getattr(one, part) / EPOCHS * 1e3 for one in each] for each in found]
        yield compared("logging", f"records of an epoch, {name}", "ms", both, CALLBACKS)
