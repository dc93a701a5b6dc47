"""t-SNE of a corpus of IEMOCAP's size: what timnet takes for so many points, beside scikit-learn's."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.bench import ONE_THREAD, Bench, Row, Subject, compared

POINTS, FEWER = 5531, 3200
TURNS = 2
"""Half a minute each."""
SKLEARN = "scikit-learn"


def measure(bench: Bench) -> Iterator[Row]:
    """CPU seconds for embeddings of 39 values."""
    points = FEWER if bench.quick else POINTS
    subjects = [
        Subject("timnet", "benchmarks.ours.placing:subject", {"points": points}, ONE_THREAD),
        Subject(SKLEARN, "benchmarks.ours.placing:sklearn", {"points": points}, ONE_THREAD),
    ]
    found: list[list[float]] = [[], []]
    with bench.children(subjects) as children:
        for child in children:
            child.ask("warm")
        for _ in range(min(TURNS, bench.turns)):
            for child, seconds in zip(children, found, strict=True):
                seconds.append(child.ask("place").cpu)
    yield compared("placing", f"t-SNE of {points} x 39 (openTSNE), CPU time", "s", found, SKLEARN)
