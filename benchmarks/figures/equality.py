"""The same function: float64 outputs and gradients beside the plain build's; float32 errors of both."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.bench import Bench, Row, Subject
from benchmarks.shapes import SHAPES

NEAR = 1e-7
PLAIN = "plain legacy Keras"


def measure(bench: Bench) -> Iterator[Row]:
    """Largest differences, relative to the largest value of each array; nothing here is a time."""
    shapes = ("EMODB",) if bench.quick else tuple(SHAPES)
    for shape in shapes:
        subject = Subject("both", "benchmarks.peers.equal:subject", {"shape": shape}, peer=True)
        with bench.children([subject]) as (child,):
            found = child.ask("compare").value
        for what, largest in (("outputs", found["forward64"]), ("gradients", found["gradients64"])):
            yield Row("equality", f"float64 {what}, {shape}", "relative", largest, peer_name=PLAIN, most=NEAR)
        yield Row(
            "equality", f"float32 error, {shape}", "relative", found["ours32"], found["plain32"], PLAIN,
            found["plain32"] / found["ours32"], asked=0.5,
            note="largest of outputs and gradients against float64; both are rounding, a factor of two is chance",
        )  # fmt: skip
