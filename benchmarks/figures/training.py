"""A step and an epoch, beside the published network in legacy Keras and in PyTorch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchmarks.bench import ONE_THREAD, Bench, Child, Row, Sample, Subject, compared, others_busy
from benchmarks.shapes import BATCH, SHAPES
from timnet.cores import cores

STEPS = {"EMODB": 8, "SAVEE": 6, "IEMOCAP": 3}
"""Steps in a sample."""
IEMOCAP_SHARE = 10
"""An epoch of IEMOCAP's shape is measured on a tenth of its rows."""
ASKED = {("EMODB", 0): 1.8, ("SAVEE", 0): 1.65, ("IEMOCAP", 0): 1.65, ("EMODB", 1): 2.0}
TORCH_ASKED = 3.0
LEGACY, TORCH = "legacy Keras, `fit`", "PyTorch, eager"


def measure(bench: Bench) -> Iterator[Row]:
    """Rows for each shape, with all threads and with one; and for one of them while others use the machine as well."""
    for shape in SHAPES:
        for threads in (0, 1):
            if bench.quick and (shape, threads) != ("EMODB", 1):
                continue
            yield from _of(bench, shape, threads)
    if not bench.quick:
        with others_busy():
            yield from _of(bench, "EMODB", 0, busy=True)


def _of(bench: Bench, shape: str, threads: int, *, busy: bool = False) -> Iterator[Row]:
    rows = SHAPES[shape].train // (IEMOCAP_SHARE if shape == "IEMOCAP" else 1)
    common = {"shape": shape, "rows": rows, "steps": STEPS[shape]}
    files = {**common, "folder": str(bench.scratch)}
    where = ONE_THREAD if threads else {}
    ours = {**files, "threads": threads or cores()}
    subjects = [
        Subject("timnet", "benchmarks.ours.training:subject", ours, where),
        Subject(LEGACY, "benchmarks.peers.legacy:subject", {**files, "threads": threads}, where, peer=True),
    ]
    if shape == "EMODB":
        torch = {**common, "threads": threads}
        subjects.append(Subject(TORCH, "benchmarks.peers.eager:subject", torch, where, peer=True))
    how = ("1 thread" if threads else "all threads") + (", others busy" if busy else "")
    with bench.children(subjects) as children:
        found = bench.in_turn(children, "steps")
        yield from _rows(f"step, {shape}, {how}", children, found, STEPS[shape], ASKED.get((shape, threads)))
        if not (threads or busy):
            both = children[:2]
            share = f", {rows} rows" if shape == "IEMOCAP" else ""
            yield from _rows(f"epoch, {shape}{share}, {how}", both, bench.in_turn(both, "epoch"), 1, None)


def _rows(
    what: str, children: Sequence[Child], found: list[list[Sample]], steps: int, asked: float | None
) -> Iterator[Row]:
    own = found[0]
    for child, theirs in zip(children[1:], found[1:], strict=True):
        wanted = TORCH_ASKED if child.subject.name == TORCH else asked
        for part, name in (("cpu", "CPU time"), ("wall", "wall time")):
            milliseconds = [[getattr(one, part) / steps * 1e3 for one in samples] for samples in (own, theirs)]
            yield compared(
                "training", f"{what}, {name}", "ms", milliseconds, child.subject.name,
                asked=wanted if part == "cpu" else None, note=f"batch {BATCH}",
            )  # fmt: skip
