"""How near a step is to what one core could do, and where its time goes."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.bench import ONE_THREAD, Bench, Row, Subject, middle
from benchmarks.shapes import SHAPES

SHOWN = 8


def measure(bench: Bench) -> Iterator[Row]:
    """CPU milliseconds of a step with one thread, beside its operations and its bytes over the measured peaks."""
    for shape in ("EMODB",) if bench.quick else tuple(SHAPES):
        steps = 2
        given = {"shape": shape, "threads": 1, "rows": 128, "steps": steps, "folder": str(bench.scratch)}
        trainer = Subject("timnet", "benchmarks.ours.training:subject", given, ONE_THREAD)
        counter = Subject("roofline", "benchmarks.ours.roofline:subject", {"shape": shape}, ONE_THREAD)
        with bench.children([trainer, counter]) as (ours, roof):
            samples = bench.in_turn([ours], "steps")[0]
            own = middle(samples, "cpu") / steps
            counted, peaks, profile = (roof.ask(what).value for what in ("count", "peaks", "profile"))
        yield from _rows(shape, own, len(samples), counted, peaks)
        if shape == "EMODB":
            total = sum(seconds for _, seconds in profile)
            for kind, seconds in profile[:SHOWN]:
                yield Row("roofline", f"profile of a step, {shape}: {kind}", "% of the time", 100 * seconds / total)


def _rows(shape: str, own: float, n: int, counted: dict[str, float], peaks: dict[str, float]) -> Iterator[Row]:
    flops, moved = counted["flops"], counted["bytes"]
    products, passes = flops / peaks["flops"], moved / peaks["cached"]
    note = f"{flops / 1e9:.1f} GFLOP at {peaks['flops'] / 1e9:.0f} GFLOP/s"
    yield Row("roofline", f"step over its products, {shape}", "ms", own * 1e3, products * 1e3, "products at peak",
              products / own, n=n, note=note)  # fmt: skip
    note = f"{moved / 1e9:.1f} GB at {peaks['cached'] / 1e9:.0f} GB/s in cache ({peaks['memory'] / 1e9:.0f} in memory)"
    yield Row("roofline", f"step over its traffic, {shape}", "ms", own * 1e3, passes * 1e3, "each operation a copy",
              passes / own, n=n, note=note)  # fmt: skip
