"""The most that a run has in memory: a fold with all its rows, some steps and an evaluation, in a fresh process."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from benchmarks.bench import ONE_THREAD, Bench, Row, Subject, compared
from benchmarks.figures.training import LEGACY
from benchmarks.shapes import SHAPES

MOST_MB = 2500.0
TURNS = 3
"""Memory hardly varies, and each sample is a process of its own."""


def measure(bench: Bench) -> Iterator[Row]:
    """Megabytes, on EMODB's and IEMOCAP's shapes."""
    for shape in ("EMODB",) if bench.quick else ("EMODB", "IEMOCAP"):
        one = SHAPES[shape]
        given = {"shape": shape, "rows": one.train, "test": one.test, "folder": str(bench.scratch)}
        found: list[list[float]] = [[], []]
        for _ in range(min(TURNS, bench.turns)):
            subjects = [
                Subject("timnet", "benchmarks.ours.run:subject", given, ONE_THREAD),
                Subject(LEGACY, "benchmarks.peers.run:subject", given, ONE_THREAD, peer=True),
            ]
            with bench.children(subjects) as children:
                for child, peaks in zip(children, found, strict=True):
                    peaks.append(child.ask("run").peak)
        yield compared("memory", f"peak memory of a run, {shape}", "MB", found, LEGACY, asked=1.0)
        if shape == "IEMOCAP":
            ours = median(found[0])
            yield Row("memory", f"peak memory of a run, {shape}", "MB", ours, most=MOST_MB, n=len(found[0]))
